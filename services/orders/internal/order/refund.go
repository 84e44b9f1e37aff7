package order

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"tienda/internal/fault"
	"tienda/services/orders/internal/pricing"
)

// RefundLine is pieces of one SKU that came back.
type RefundLine struct {
	SKU      string `json:"sku"`
	Quantity int    `json:"quantity"`
	Restock  bool   `json:"restock"` // they can be sold again
	// Deduction is how much of what was paid for them is kept, in percent, for the
	// reason that is given with it.
	Deduction int    `json:"deduction_percent,omitempty"`
	Reason    string `json:"deduction_reason,omitempty"`
	// Exchange is the SKU that is to be sent for them; "": they are refunded.
	Exchange string `json:"exchange_sku,omitempty"`
}

// Refund is what was refunded for one return.
type Refund struct {
	ReturnID  string       `json:"return_id"`
	Amount    int64        `json:"amount"`             // minor units of the order's currency
	Tax       int64        `json:"tax,omitempty"`      // in it
	Shipping  int64        `json:"shipping,omitempty"` // in it
	Deducted  int64        `json:"deducted,omitempty"` // from what was paid, not in the amount
	Lines     []RefundLine `json:"lines"`
	Exchange  *Exchange    `json:"exchange,omitempty"` // what is replaced; its value is not in the amount
	CreatedAt time.Time    `json:"created_at"`
}

// Refund refunds lines of a delivered order with what was paid for them, after
// discounts and with tax, less what is deducted for the state they came in, rounded
// down, and once for each return: a repeat gives the refund that was
// made. The pieces of a line have shares that add up to it. Shipping is refunded with
// the return that brings the last piece of the order back, and by no other: who keeps
// a part of what was sent has had it sent. Of what was paid it is paid back, of what is
// still due the rest due is lowered. Pieces that are exchanged are replaced, not
// refunded; who has something for them keeps it, as far as shipping goes.
func (o *Order) Refund(returnID string, lines []RefundLine, now time.Time) (Refund, error) {
	if i := slices.IndexFunc(o.Refunds, func(r Refund) bool { return r.ReturnID == returnID }); i >= 0 {
		if !slices.Equal(o.Refunds[i].Lines, lines) {
			return Refund{}, fault.New(fault.Conflict, "return_id_reused", "Other lines were refunded for this return.")
		}
		return o.Refunds[i], nil
	}
	if o.Status != Delivered {
		return Refund{}, fault.New(fault.Conflict, "order_not_delivered", "Only a delivered order can be refunded.")
	}
	if err := distinct(lines); err != nil {
		return Refund{}, err
	}
	r, err := o.refundable(lines)
	if err != nil {
		return Refund{}, err
	}
	if err := o.covers(r); err != nil {
		return Refund{}, err
	}
	r.ReturnID, r.Lines, r.CreatedAt = returnID, lines, now
	if r.Exchange != nil {
		r.Exchange.OrderID = ReplacementID(o.ID, len(o.Refunds))
	}
	o.Refunds = append(o.Refunds, r)
	if err := o.payBack(r.Amount, now); err != nil {
		return Refund{}, err
	}
	o.happened(Fact{Kind: WasRefunded, Refund: r})
	return r, nil
}

// refundable gives what lines are worth. Over all refunds no line may come
// back more often than it was bought and not cancelled, so that the sum cannot pass the
// total.
func (o *Order) refundable(lines []RefundLine) (r Refund, err error) {
	back := make(map[string]int, len(o.Lines)) // pieces
	bought := make(map[string]Line, len(o.Lines))
	left, swapped := 0, false // pieces with the buyer; something was exchanged before
	for _, l := range o.Lines {
		bought[l.SKU] = l
		back[l.SKU] = l.Cancelled // the first shares are of what was cancelled
		left += l.Left()
	}
	for _, f := range o.Refunds {
		swapped = swapped || f.Exchange != nil && f.Exchange.Status != ExchangeRefused
		for _, l := range f.Lines {
			back[l.SKU] += l.Quantity
			left -= l.Quantity
		}
	}
	var fields []fault.Field
	for i, l := range lines {
		had, known := bought[l.SKU]
		from := back[l.SKU]
		back[l.SKU] += l.Quantity
		left -= l.Quantity
		switch {
		case !known:
			fields = append(fields, fault.Field{Name: fmt.Sprintf("/lines/%d/sku", i), Reason: "is not in the order"})
		case back[l.SKU] > had.Quantity:
			fields = append(fields, fault.Field{Name: fmt.Sprintf("/lines/%d/quantity", i), Reason: fmt.Sprintf("only %d are left to refund", max(had.Quantity-from, 0))})
		case l.exchanged():
			err = errors.Join(err, r.swap(had, from, back[l.SKU], l.Exchange))
		default:
			err = errors.Join(err, r.add(had, from, back[l.SKU], l.Deduction))
		}
	}
	if len(fields) > 0 {
		e := fault.New(fault.Unprocessable, "quantity_exceeded", "More would come back than was bought.")
		e.Fields = fields
		return Refund{}, e
	}
	if left == 0 && o.Shipping != nil && !swapped && r.Exchange == nil {
		r.Shipping = o.Shipping.Total
		r.Amount += r.Shipping
		r.Tax += o.Shipping.Tax
	}
	return r, err
}

// add adds the share of pieces from..to of a line, less a deduction in percent.
func (r *Refund) add(l Line, from, to, deduction int) error {
	total, tax := l.Cost()
	amount, err := pricing.Share(total, from, to, l.Quantity)
	if err != nil {
		return err
	}
	kept := part(amount, deduction)
	r.Amount += amount - kept
	r.Deducted += kept
	taxed, err := pricing.Share(tax, from, to, l.Quantity)
	r.Tax += taxed - part(taxed, deduction)
	return err
}

// part gives so many percent of an amount of minor units, rounded down.
func part(amount int64, percent int) int64 {
	p := int64(percent)
	return amount/100*p + amount%100*p/100
}

// payBack counts an amount as refunded, and has the card given what is its of that.
func (o *Order) payBack(amount int64, now time.Time) error {
	err := o.giveBack(amount, now)
	o.Payment.refund(amount)
	return err
}

// refund counts an amount that the card was asked to give back, where there is one.
func (p *Payment) refund(amount int64) {
	fromDue := min(amount, p.Due)
	p.Due -= fromDue
	p.Refunded += amount
	switch {
	case p.Due > 0:
		p.Status = Due
	case p.kept() <= 0: // always so for an invoice that was never paid
		p.Status = Refunded
	default:
		p.Status = PartiallyRefunded
	}
}
