package order

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"tienda/internal/fault"
	"tienda/internal/money"
	"tienda/services/orders/internal/pricing"
)

// ExchangeStatus is how far an exchange has come.
type ExchangeStatus string

// The statuses of an exchange. Owed ends as one of the others, once.
const (
	ExchangeOwed    ExchangeStatus = "owed"    // the replacement is neither bought nor refused yet
	ExchangePlaced  ExchangeStatus = "placed"  // the replacement is an order
	ExchangeRefused ExchangeStatus = "refused" // it cannot be had: the value was refunded
)

// Swap is pieces of one SKU that are sent for pieces that came back.
type Swap struct {
	For      string `json:"for"` // the SKU that came back
	SKU      string `json:"sku"`
	Quantity int    `json:"quantity"`
	Value    int64  `json:"value"`         // what was paid for the pieces that came back, with tax, in minor units
	Tax      int64  `json:"tax,omitempty"` // in it
	Rate     int64  `json:"rate,omitempty"`
}

// Exchange is what of a refund is not paid back but replaced: at its value, so that no
// money moves.
type Exchange struct {
	OrderID string         `json:"order_id"` // of the replacement, be it there or not
	Status  ExchangeStatus `json:"status"`
	Swaps   []Swap         `json:"swaps"` // no SKU is sent twice
	Value   int64          `json:"value"` // of all swaps
	Tax     int64          `json:"tax,omitempty"`
	// Of a refused one: what was refunded, and why.
	Refunded  int64     `json:"refunded,omitempty"` // shipping included
	RefundTax int64     `json:"refund_tax,omitempty"`
	Shipping  int64     `json:"shipping,omitempty"` // in it, where nothing of the order is left with the buyer
	Reason    string    `json:"reason,omitempty"`   // code of the refusal
	SettledAt time.Time `json:"settled_at,omitzero"`
}

// ReplacementID gives the ID of the order that replaces what came back with a refund,
// the nth of its order from 0. Because it is derived, whoever takes the exchange up finds
// what others have made.
func ReplacementID(orderID string, n int) string {
	return uuid.NewSHA1(namespace, []byte("replacement\n"+orderID+"\n"+strconv.Itoa(n))).String()
}

// exchanged says whether the pieces are replaced: those of which something is deducted
// are refunded, less the deduction.
func (l RefundLine) exchanged() bool { return l.Exchange != "" && l.Deduction == 0 }

// distinct refuses what would send one SKU for pieces of two: the lines of the
// replacement are taxed as what they are sent for.
func distinct(lines []RefundLine) error {
	of := map[string]string{}
	for i, l := range lines {
		if was, ok := of[l.Exchange]; ok && was != l.SKU && l.exchanged() {
			return fault.New(fault.Unprocessable, "duplicate_sku", "A SKU is sent for one line.").
				At(fmt.Sprintf("/lines/%d/exchange_sku", i), "is sent for another line, too")
		}
		if l.exchanged() {
			of[l.Exchange] = l.SKU
		}
	}
	return nil
}

// swap adds the share of pieces from..to of a line to what is exchanged.
func (r *Refund) swap(l Line, from, to int, sku string) error {
	total, tax := l.Cost()
	value, err := pricing.Share(total, from, to, l.Quantity)
	if err != nil {
		return err
	}
	taxed, err := pricing.Share(tax, from, to, l.Quantity)
	if err != nil {
		return err
	}
	if r.Exchange == nil {
		r.Exchange = &Exchange{Status: ExchangeOwed}
	}
	x := r.Exchange
	x.Value += value
	x.Tax += taxed
	i := slices.IndexFunc(x.Swaps, func(s Swap) bool { return s.SKU == sku })
	if i < 0 {
		s := Swap{For: l.SKU, SKU: sku}
		if l.Charge != nil {
			s.Rate = l.Charge.Rate
		}
		x.Swaps, i = append(x.Swaps, s), len(x.Swaps)
	}
	s := &x.Swaps[i]
	s.Quantity += to - from
	s.Value += value
	s.Tax += taxed
	return nil
}

// keeps says whether the buyer keeps something of the order, or something for it,
// other than by the exchange of a refund.
func (o *Order) keeps(refundID string) bool {
	left := o.Quantity()
	for _, f := range o.Refunds {
		for _, l := range f.Lines {
			left -= l.Quantity
		}
		if f.ReturnID != refundID && f.Exchange != nil && f.Exchange.Status != ExchangeRefused {
			return true
		}
	}
	return left > 0
}

// OwedExchange gives a refund whose exchange is owed; false: there is none.
func (o *Order) OwedExchange() (Refund, bool) {
	i := slices.IndexFunc(o.Refunds, func(r Refund) bool { return r.Exchange != nil && r.Exchange.Status == ExchangeOwed })
	if i < 0 {
		return Refund{}, false
	}
	return o.Refunds[i], true
}

// Owing says whether somebody other than a checkout has to go on with the order: it owes
// a replacement, or the payment provider is to be asked for something.
func (o *Order) Owing() bool {
	_, owed := o.OwedExchange()
	return owed || o.Owes()
}

// RefundOf gives the refund of an ID; false: there is none.
func (o *Order) RefundOf(refundID string) (Refund, bool) {
	i := slices.IndexFunc(o.Refunds, func(r Refund) bool { return r.ReturnID == refundID })
	if i < 0 {
		return Refund{}, false
	}
	return o.Refunds[i], true
}

// Replacement gives the order that an exchange of this one owes, pending: nothing of it
// is reserved yet. It goes where this one went; its shipping is free.
func (o *Order) Replacement(x Exchange, now time.Time) *Order {
	out := &Order{
		ID: x.OrderID, Number: NumberFor(x.OrderID), Owner: o.Owner, Replaces: o.ID, Status: Pending,
		Email: o.Email, Language: o.Language, Currency: o.Currency, Address: o.Address, Forgotten: o.Forgotten,
		Payment: Payment{Method: ByExchange, Status: Due}, CreatedAt: now,
	}
	for _, s := range x.Swaps {
		out.Lines = append(out.Lines, Line{SKU: s.SKU, Quantity: s.Quantity})
	}
	return out
}

// Replace makes a pending replacement a purchase that is paid for by what came back:
// got are its lines as they were reserved, whose prices of today do not count. The
// price of a piece is rounded down, that of a line is exact.
func (o *Order) Replace(got []Line, x Exchange, now time.Time) error {
	if done, err := o.move(Confirmed, 0); done || err != nil {
		return err
	}
	lines, err := o.Sold(got)
	if err != nil {
		return err
	}
	for i, s := range x.Swaps {
		l := &lines[i]
		unit, total := money.New(s.Value/int64(s.Quantity), o.Currency), o.Money(s.Value)
		l.UnitPrice, l.LineTotal = &unit, &total
		l.Charge = &pricing.Charge{List: s.Value, Net: s.Value - s.Tax, Rate: s.Rate, Tax: s.Tax, Total: s.Value}
	}
	o.Lines = lines
	o.Totals = pricing.Totals{Items: x.Value, Tax: x.Tax, Total: x.Value, TaxIncluded: true}
	o.Total, o.ConfirmedAt = x.Value, now
	o.Payment.Status, o.Payment.Paid = Paid, x.Value
	o.happened(Fact{Kind: WasConfirmed})
	return nil
}

// SettleExchange notes what became of the replacement that a refund owes. One that was
// bought counts, whatever becomes of it later. For one that was refused its value is
// refunded, and shipping, if nothing is left with the buyer. A repeat changes nothing.
func (o *Order) SettleExchange(refundID string, replacement *Order, now time.Time) error {
	i := slices.IndexFunc(o.Refunds, func(r Refund) bool { return r.ReturnID == refundID })
	if i < 0 || o.Refunds[i].Exchange == nil {
		return fault.Missing("exchange")
	}
	r := &o.Refunds[i]
	if r.Exchange.Status != ExchangeOwed || replacement.Status == Pending {
		return nil
	}
	x := *r.Exchange
	x.Status, x.SettledAt = ExchangePlaced, now
	if replacement.Refused() {
		x.Status, x.Reason, x.Refunded, x.RefundTax = ExchangeRefused, replacement.Refusal.Code, x.Value, x.Tax
		if o.Shipping != nil && !o.keeps(refundID) {
			x.Shipping = o.Shipping.Total
			x.Refunded += x.Shipping
			x.RefundTax += o.Shipping.Tax
		}
	}
	r.Exchange = &x
	o.happened(Fact{Kind: WasExchanged, Refund: *r})
	if x.Status == ExchangePlaced {
		return nil
	}
	return o.payBack(x.Refunded, now)
}
