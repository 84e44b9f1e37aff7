package moved

import (
	"slices"

	"tienda/internal/money"
	"tienda/services/orders/internal/order"
)

// Abroad gives the document that an order is for another system, whether it was moved in or made
// here: as Of gives it, but in that system's words. One of which a part was shipped is
// confirmed, a payment that a card has not given yet is due, and one by an exchange is by
// invoice. Of one that was made here lines cost what they cost after their discounts, with the
// tax where tax_included says so, and its payment is the provider's, by its reference.
func Abroad(o *order.Order) Order {
	here := *o
	switch {
	case here.Moved == nil:
		here.Moved = &order.Moved{Given: order.Given{TaxIncluded: true}}
	case here.Moved.Made != nil: // what the card has given by now counts
		as, made := *here.Moved, *here.Moved.Made
		made.Said = nil
		as.Made, here.Moved = &made, &as
	}
	if c := o.Payment.Card; c != nil && here.Payment.Reference == "" {
		here.Payment.Reference = c.Authorisation().Reference
	}
	d := Of(&here)
	if o.Moved == nil || o.Moved.Made != nil && !hasLinesAsCame(o) {
		for i := range d.Lines {
			d.Lines[i].sold(o, o.Lines[i])
		}
		d.left(o)
	}
	if d.Status == order.PartiallyShipped {
		d.Status = order.Confirmed
	}
	switch d.Payment.Status {
	case order.PaymentPending, order.Authorised:
		d.Payment.Status = order.Due
	case order.Due, order.Paid, order.PartiallyRefunded, order.Refunded, order.Void:
	}
	if d.Payment.Method == order.ByExchange {
		d.Payment.Method = order.Invoice
	}
	return d
}

// sold says what the line of an order costs that was made here.
func (l *Line) sold(o *order.Order, from order.Line) {
	total, tax := from.Cost()
	if !o.Totals.TaxIncluded {
		total -= tax
	}
	l.Total = o.Money(total)
	l.Tax = &money.Money{Amount: tax, Currency: o.Currency}
}

// left leaves out lines of which nothing is left, unless that are all.
func (d *Order) left(o *order.Order) {
	if !slices.ContainsFunc(d.Lines, func(l Line) bool { return l.Quantity > 0 }) {
		for i, l := range o.Lines {
			d.Lines[i].Quantity = l.Quantity
		}
		return
	}
	d.Lines = slices.DeleteFunc(d.Lines, func(l Line) bool { return l.Quantity == 0 })
}
