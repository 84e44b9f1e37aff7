package moved

import (
	"fmt"
	"slices"

	"tienda/internal/fault"
	"tienda/internal/money"
	"tienda/internal/origin"
	"tienda/services/orders/internal/order"
	"tienda/services/orders/internal/pricing"
	"tienda/services/orders/internal/shopper"
)

// maxQuantity is how many pieces of an SKU an order may have over all its lines.
const maxQuantity = 1000

// ErrMadeHere refuses a document under the ID of an order that was made here.
var ErrMadeHere = fault.New(fault.Conflict, "order_made_here", "An order of this ID was made here and not moved in.")

// Make gives the order of a document. held is what is kept under its ID, nil: nothing.
// What support has said of its returns and what was refunded here stays; shipments and
// cancelled lines of here go, as the document says how the order stands. Who was forgotten
// stays forgotten. A document that breaks a rule of orders is refused with a *fault.Error.
func Make(id string, from origin.Source, d Order, held *order.Order) (*order.Order, error) {
	if held != nil && held.Origin == nil {
		return nil, ErrMadeHere
	}
	return d.make(id, from, held)
}

// make gives the order over what was held, which was moved in.
func (d Order) make(id string, from origin.Source, held *order.Order) (*order.Order, error) {
	if err := d.check(held != nil && held.Moved.Made != nil); err != nil {
		return nil, err
	}
	o := &order.Order{
		ID: id, Number: d.Number, Owner: order.MovedGuest(id), Status: d.Status, Email: d.Email, Language: d.Language, Currency: d.Currency,
		Total: d.Totals.Total.Amount, Totals: d.totals(), Payment: d.payment(), Note: d.Note, Tracking: d.Tracking, CancelReason: d.CancelReason,
		CreatedAt: d.CreatedAt, ConfirmedAt: d.CreatedAt, ShippedAt: d.ShippedAt, DeliveredAt: d.DeliveredAt, CancelledAt: d.CancelledAt,
		Origin: &from, Moved: &order.Moved{
			Refunded: d.Payment.Refunded.Amount, Given: d.given(),
		},
	}
	o.Moved.Refundable = max(0, o.Payment.Paid+o.Payment.Due-o.Payment.Refunded)
	if d.CustomerID != "" {
		o.Owner = shopper.User(d.CustomerID)
	}
	if d.Address != nil {
		o.Address = order.Address(*d.Address)
	}
	if err := d.sell(o); err != nil {
		return nil, err
	}
	if held != nil {
		o.Version, o.Moved.Left = held.Version, held.Moved.Left
		o.Refunds, o.Returns = held.Refunds, held.Returns
		if held.Moved.Made != nil {
			d.keep(o, held)
		}
		if held.Forgotten {
			o.Forget()
		}
	}
	return o, nil
}

// check refuses what the schema cannot say. Of an order that was made here more may be
// refunded than was paid: that has lowered what is due.
func (d Order) check(made bool) error {
	var bad []fault.Field
	in := func(at string, m *money.Money) {
		if m != nil && m.Currency != d.Currency {
			bad = append(bad, fault.Field{Name: at + "/currency", Reason: "is not the currency of the order"})
		}
	}
	t, p := &d.Totals, &d.Payment
	in("/totals/goods", &t.Goods)
	in("/totals/discount", t.Discount)
	in("/totals/shipping", t.Shipping)
	in("/totals/tax", t.Tax)
	in("/totals/total", &t.Total)
	in("/payment/paid", &p.Paid)
	in("/payment/refunded", &p.Refunded)
	pieces := map[string]int{}
	for i, l := range d.Lines {
		at := fmt.Sprintf("/lines/%d", i)
		in(at+"/unit_price", &l.UnitPrice)
		in(at+"/total", &l.Total)
		in(at+"/tax", l.Tax)
		if pieces[l.SKU] += l.Quantity; pieces[l.SKU] > maxQuantity {
			bad = append(bad, fault.Field{Name: at + "/quantity", Reason: "makes more than 1000 of the SKU"})
		}
	}
	if p.Refunded.Amount > p.Paid.Amount && !made {
		bad = append(bad, fault.Field{Name: "/payment/refunded", Reason: "is more than was paid"})
	}
	if len(bad) == 0 {
		return nil
	}
	e := fault.New(fault.Unprocessable, "order_inconsistent", "The order's amounts do not fit each other.")
	e.Fields = bad
	return e
}

func amount(m *money.Money) int64 {
	if m == nil {
		return 0
	}
	return m.Amount
}

func (d Order) taxIncluded() bool { return d.TaxIncluded != nil && *d.TaxIncluded }

func (d Order) totals() pricing.Totals {
	t := d.Totals
	return pricing.Totals{
		Items: t.Goods.Amount, Discount: amount(t.Discount), Shipping: amount(t.Shipping), Tax: amount(t.Tax), Total: t.Total.Amount,
		TaxIncluded: d.taxIncluded(),
	}
}

func (d Order) given() order.Given {
	return order.Given{
		Discount: d.Totals.Discount != nil, Shipping: d.Totals.Shipping != nil, Tax: d.Totals.Tax != nil, TaxIncluded: d.TaxIncluded != nil,
	}
}

// payment gives the payment: what of the total was not paid is due where the document says
// that something is, unless the order was cancelled.
func (d Order) payment() order.Payment {
	p := order.Payment{
		Method: d.Payment.Method, Status: d.Payment.Status, Paid: d.Payment.Paid.Amount, Refunded: d.Payment.Refunded.Amount,
		Reference: d.Payment.Reference,
	}
	if p.Status == order.Due && d.Status != order.Cancelled {
		p.Due = max(0, d.Totals.Total.Amount-p.Paid)
	}
	return p
}

// sell gives the order its lines, each SKU once, and what was paid for each and for
// shipping: together the total, whatever the lines say, so that all that comes back is
// never worth more. Where lines and total do not agree, as with a discount on the whole,
// the total is parted over the lines in proportion.
func (d Order) sell(o *order.Order) error {
	var all []pricing.Charge
	for _, l := range d.Lines {
		c := pricing.Charge{List: l.Total.Amount, Tax: amount(l.Tax), Total: l.Total.Amount}
		if !d.taxIncluded() {
			c.Total += c.Tax
		}
		i := slices.IndexFunc(o.Lines, func(had order.Line) bool { return had.SKU == l.SKU })
		if i < 0 {
			o.Lines = append(o.Lines, lineOf(l))
			all = append(all, c)
			continue
		}
		o.Lines[i].Quantity += l.Quantity
		o.Lines[i].LineTotal.Amount += l.Total.Amount
		all[i].List += c.List
		all[i].Tax += c.Tax
		all[i].Total += c.Total
	}
	if len(o.Lines) < len(d.Lines) {
		o.Moved.Lines = d.kept()
	}
	goods := o.Total
	if shipping := min(o.Totals.Shipping, o.Total); shipping > 0 {
		goods -= shipping
		o.Shipping = &pricing.Shipped{Charge: pricing.Charge{List: shipping, Net: shipping, Total: shipping}}
	}
	if err := part(goods, all, o.Lines); err != nil {
		return err
	}
	for i := range all {
		all[i].Tax = min(all[i].Tax, all[i].Total)
		all[i].Net = all[i].Total - all[i].Tax
		o.Lines[i].Charge = &all[i]
	}
	return nil
}

func lineOf(l Line) order.Line {
	unit, total := l.UnitPrice, l.Total
	return order.Line{
		SKU: l.SKU, ProductID: l.ProductID, Name: l.Name, VariantName: l.VariantName, Quantity: l.Quantity, UnitPrice: &unit, LineTotal: &total,
		MovedTax: stated(l.Tax),
	}
}

// stated gives an amount that may be left out.
func stated(m *money.Money) *int64 {
	if m == nil {
		return nil
	}
	n := m.Amount
	return &n
}

// part makes the totals of charges add up to an amount.
func part(goods int64, all []pricing.Charge, lines []order.Line) error {
	weights, sum := make([]int64, len(all)), int64(0)
	for i, c := range all {
		weights[i] = c.Total
		sum += c.Total
	}
	if sum == goods {
		return nil
	}
	if sum == 0 {
		for i, l := range lines {
			weights[i] = int64(l.Quantity)
		}
	}
	parts, err := pricing.Allocate(goods, weights)
	if err != nil {
		return fmt.Errorf("part the total: %w", err)
	}
	for i, p := range parts {
		all[i].Total = p
	}
	return nil
}

// kept gives the lines as they came.
func (d Order) kept() []order.MovedLine {
	out := make([]order.MovedLine, len(d.Lines))
	for i, l := range d.Lines {
		out[i] = order.MovedLine{
			SKU: l.SKU, ProductID: l.ProductID, Name: l.Name, VariantName: l.VariantName, Quantity: l.Quantity,
			UnitPrice: l.UnitPrice.Amount, Total: l.Total.Amount, Tax: stated(l.Tax),
		}
	}
	return out
}
