package moved

import (
	"tienda/internal/money"
	"tienda/services/orders/internal/order"
)

// Of gives the document that an order which was moved in is now. What was changed here
// since differs from what came: its status and payment, the address, and of lines that
// were cancelled in part the pieces that are left.
func Of(o *order.Order) Order {
	g, in := o.Moved.Given, o.Money
	opt := func(given bool, n int64) *money.Money {
		if !given && n == 0 {
			return nil
		}
		m := in(n)
		return &m
	}
	t, p := o.Totals, o.Payment
	d := Order{
		Number: o.Number, CustomerID: o.Owner.UserID(), Email: o.Email, Language: o.Language, Currency: o.Currency, Status: o.Status,
		Lines: linesOf(o),
		Totals: Totals{
			Goods: in(t.Items), Discount: opt(g.Discount, t.Discount), Shipping: opt(g.Shipping, t.Shipping), Tax: opt(g.Tax, t.Tax), Total: in(o.Total),
		},
		Payment: Payment{Method: p.Method, Status: p.Status, Paid: in(p.Paid), Refunded: in(p.Refunded), Reference: p.Reference},
		Note:    o.Note, Tracking: o.Tracking, CancelReason: o.CancelReason,
		CreatedAt: o.CreatedAt, ShippedAt: o.ShippedAt, DeliveredAt: o.DeliveredAt, CancelledAt: o.CancelledAt,
	}
	if g.TaxIncluded {
		included := t.TaxIncluded
		d.TaxIncluded = &included
	}
	if m := o.Moved.Made; m != nil {
		d.say(o, m)
	}
	if o.Address != (order.Address{}) {
		a := Address(o.Address)
		d.Address = &a
	}
	return d
}

func linesOf(o *order.Order) []Line {
	var out []Line
	if hasLinesAsCame(o) {
		for _, l := range o.Moved.Lines {
			line := Line{
				SKU: l.SKU, ProductID: l.ProductID, Name: l.Name, VariantName: l.VariantName, Quantity: l.Quantity,
				UnitPrice: o.Money(l.UnitPrice), Total: o.Money(l.Total),
			}
			if l.Tax != nil {
				tax := o.Money(*l.Tax)
				line.Tax = &tax
			}
			out = append(out, line)
		}
		return out
	}
	for _, l := range o.Lines {
		line := Line{
			SKU: l.SKU, ProductID: l.ProductID, Name: l.Name, VariantName: l.VariantName, Quantity: l.Left(), UnitPrice: *l.UnitPrice, Total: *l.LineTotal,
		}
		if l.MovedTax != nil {
			tax := o.Money(*l.MovedTax)
			line.Tax = &tax
		}
		out = append(out, line)
	}
	return out
}

// hasLinesAsCame says whether the lines are still those that the order came with.
func hasLinesAsCame(o *order.Order) bool {
	cancelled := 0
	for _, l := range o.Lines {
		cancelled += l.Cancelled
	}
	return o.Moved.Lines != nil && cancelled == o.Moved.Cancelled
}
