package moved

import (
	"tienda/internal/money"
	"tienda/services/orders/internal/order"
)

// Abroad gives the document that an order is for another system, whether it was moved in or made
// here: as Of gives it, but in that system's words. One of which a part was shipped is
// confirmed, a payment that a card has not given yet is due, and one by an exchange is by
// invoice. Of one that was made here lines cost what they cost after their discounts, with the
// tax where tax_included says so.
func Abroad(o *order.Order) Order {
	here := *o
	if here.Moved == nil {
		here.Moved = &order.Moved{Given: order.Given{TaxIncluded: true}}
	}
	d := Of(&here)
	if o.Moved == nil {
		for i := range d.Lines {
			d.Lines[i].sold(o, o.Lines[i])
		}
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
