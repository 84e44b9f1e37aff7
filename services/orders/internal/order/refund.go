package order

import (
	"fmt"
	"slices"
	"time"

	"tienda/internal/fault"
)

// RefundLine is pieces of one SKU that came back.
type RefundLine struct {
	SKU      string `json:"sku"`
	Quantity int    `json:"quantity"`
	Restock  bool   `json:"restock"` // they can be sold again
}

// Refund is what was refunded for one return.
type Refund struct {
	ReturnID  string       `json:"return_id"`
	Amount    int64        `json:"amount"` // minor units of the order's currency
	Lines     []RefundLine `json:"lines"`
	CreatedAt time.Time    `json:"created_at"`
}

// Refund refunds lines of a delivered order at the order's own prices, once
// for each return: a repeat gives the refund that was made. Of what was paid
// it is paid back, of what is still due the rest due is lowered.
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
	amount, err := o.refundable(lines)
	if err != nil {
		return Refund{}, err
	}
	r := Refund{ReturnID: returnID, Amount: amount, Lines: lines, CreatedAt: now}
	o.Refunds = append(o.Refunds, r)
	o.Payment.refund(amount)
	o.happened(Fact{Kind: WasRefunded, Refund: r})
	return r, nil
}

// refundable gives what lines are worth. Over all refunds no line may come
// back more often than it was bought, so that the sum cannot pass the total.
func (o *Order) refundable(lines []RefundLine) (amount int64, err error) {
	left := make(map[string]int, len(o.Lines))
	price := make(map[string]int64, len(o.Lines))
	for _, l := range o.Lines {
		left[l.SKU], price[l.SKU] = l.Quantity, l.UnitPrice.Amount
	}
	for _, r := range o.Refunds {
		for _, l := range r.Lines {
			left[l.SKU] -= l.Quantity
		}
	}
	var fields []fault.Field
	for i, l := range lines {
		switch had, bought := left[l.SKU]; {
		case !bought:
			fields = append(fields, fault.Field{Name: fmt.Sprintf("/lines/%d/sku", i), Reason: "is not in the order"})
		case l.Quantity > had:
			fields = append(fields, fault.Field{Name: fmt.Sprintf("/lines/%d/quantity", i), Reason: fmt.Sprintf("only %d are left to refund", max(had, 0))})
		}
		left[l.SKU] -= l.Quantity
		amount += price[l.SKU] * int64(l.Quantity)
	}
	if len(fields) > 0 {
		e := fault.New(fault.Unprocessable, "quantity_exceeded", "More would come back than was bought.")
		e.Fields = fields
		return 0, e
	}
	return amount, nil
}

func (p *Payment) refund(amount int64) {
	fromDue := min(amount, p.Due)
	p.Due -= fromDue
	p.Refunded += amount
	switch {
	case p.Due > 0:
		p.Status = Due
	case p.Refunded >= p.Paid: // always so for an invoice that was never paid
		p.Status = Refunded
	default:
		p.Status = PartiallyRefunded
	}
}
