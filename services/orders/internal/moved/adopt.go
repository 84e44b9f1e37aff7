package moved

import (
	"slices"

	"tienda/internal/origin"
	"tienda/services/orders/internal/order"
)

// Adopt gives the order of a document that may take the place of one that was made here
// and written to the other system. It stays the order that it is as far as the document has
// no word for it: who sees it, its card, its shipments, what was cancelled and refunded. One
// that was never bought is refused with ErrMadeHere.
func Adopt(id string, from origin.Source, d Order, held *order.Order) (*order.Order, error) {
	if held == nil || held.Origin != nil {
		return Make(id, from, d, held)
	}
	if held.ConfirmedAt.IsZero() {
		return nil, ErrMadeHere
	}
	as := *held
	as.Moved = &order.Moved{Made: &order.Made{Owner: held.Owner, Whole: true}}
	return d.make(id, from, &as)
}

// keep lays the document's order over one that was made here.
func (d Order) keep(o, held *order.Order) {
	made := *held.Moved.Made
	o.Moved.Made = &made
	if made.Guest = d.CustomerID == "" && made.Owner.UserID() != ""; d.CustomerID == "" {
		o.Owner = made.Owner
	}
	o.Request, o.Attempt, o.Asked, o.Redeemed, o.Replaces = held.Request, held.Attempt, held.Asked, held.Redeemed, held.Replaces
	if !held.ConfirmedAt.IsZero() {
		o.ConfirmedAt = held.ConfirmedAt
	}
	lines, paid := !held.Gone && d.hasLines(held), !held.Gone && d.isPaid(held)
	made.Whole = made.Whole && lines && paid
	if lines {
		o.Lines, o.Shipping = slices.Clone(held.Lines), held.Shipping
		o.Shipments, o.Cancellations = held.Shipments, held.Cancellations
		o.Moved.Lines = d.kept()
		for _, l := range o.Lines {
			o.Moved.Cancelled += l.Cancelled
		}
		if o.Status == order.Confirmed && len(o.Shipments) > 0 {
			o.Status = order.PartiallyShipped
		}
	}
	d.pay(o, held, paid)
	o.Moved.Refundable = max(0, o.Payment.Paid+o.Payment.Due-o.Payment.Refunded) + o.GivenBack()
	o.Moved.Made.Said = &order.Said{
		Method: d.Payment.Method, Status: d.Payment.Status, Paid: d.Payment.Paid.Amount, Refunded: d.Payment.Refunded.Amount,
		Reference: d.Payment.Reference, Here: o.GivenBack(),
	}
}

// hasLines says whether the document has the lines of the order, and its total, as they
// were told.
func (d Order) hasLines(held *order.Order) bool {
	told := Abroad(held)
	return d.Totals.Total == told.Totals.Total && slices.EqualFunc(d.Lines, told.Lines, func(a, b Line) bool {
		return a.SKU == b.SKU && a.Quantity == b.Quantity && a.Total == b.Total
	})
}

// isPaid says whether the payment is as it was told, or as the other system had it before.
func (d Order) isPaid(held *order.Order) bool {
	p := d.Payment
	if s := held.Moved.Made.Said; s != nil && p.Method == s.Method && p.Status == s.Status && p.Paid.Amount == s.Paid && p.Refunded.Amount == s.Refunded {
		return true
	}
	return p.Paid.Amount == held.Payment.Paid && p.Refunded.Amount == held.Payment.Refunded
}

// pay gives the order its payment: the one that it has here, or what the document says
// otherwise with the card of here, of which nothing is forgotten that was taken.
func (d Order) pay(o, held *order.Order, same bool) {
	p := &o.Payment
	if card := held.Payment.Card; !same {
		p.Card, p.AtOnce = card, held.Payment.AtOnce
		if card != nil && card.Captured() > p.Paid {
			p.Paid = card.Captured()
			p.Due = max(0, p.Due-card.Captured())
		}
		return
	}
	*p = held.Payment
	p.Reference = d.Payment.Reference
	if o.Status == order.Cancelled {
		if p.Due = 0; p.Paid == 0 {
			p.Status = order.Void
		}
	}
}

// say puts into the document of an order that was made here what the other system says of it.
func (d *Order) say(o *order.Order, m *order.Made) {
	if m.Guest {
		d.CustomerID = ""
	}
	if d.Status == order.PartiallyShipped {
		d.Status = order.Confirmed
	}
	if s := m.Said; s != nil && s.Here == o.GivenBack() {
		d.Payment = Payment{Method: s.Method, Status: s.Status, Paid: o.Money(s.Paid), Refunded: o.Money(s.Refunded), Reference: s.Reference}
	}
}
