// Package pricing reckons what a cart costs: promotions, tax and shipping, line by
// line. It is a pure function over integers in minor units of one currency.
//
// The rules, in this order:
//
//  1. A line costs its unit price times its quantity: its list price.
//  2. Promotions are applied one after the other, the highest priority first, each
//     to what the ones before have left of the goods it is for. What a promotion
//     gives is rounded once and allocated over its lines by largest remainder.
//  3. Tax is reckoned for each line from what is left of it, and rounded there.
//  4. Shipping is priced, discounted and taxed like a line.
//
// The totals are the sums of the lines and of shipping.
package pricing

import (
	"cmp"
	"slices"
)

// Line is pieces of one SKU.
type Line struct {
	SKU, ProductID, Category string
	TaxClass                 string // "": Standard
	Quantity                 int
	Unit                     int64 // price of one
	Weight                   int64 // of one, in grams
}

// Delivery is a way of shipping with its price for this order.
type Delivery struct {
	Method, Name, TaxClass string
	Price                  int64
}

// Request is what is to be priced.
type Request struct {
	Lines      []Line // no SKU twice
	To         *Destination
	Promotions []Promotion
	Delivery   *Delivery // nil: nothing is asked for shipping
	Tax        Tax
}

// Discount is what a promotion takes off a line or off shipping.
type Discount struct {
	Promotion string `json:"promotion_id"`
	Code      string `json:"code,omitempty"` // "": it is automatic
	Label     string `json:"label"`
	Amount    int64  `json:"amount"`
}

// Charge is what a line or shipping costs: List − discounts is the total where
// prices are with tax, else net, to which tax is added. Net + tax is the total.
type Charge struct {
	List      int64      `json:"list"`
	Discounts []Discount `json:"discounts,omitempty"`
	Net       int64      `json:"net"`
	Rate      int64      `json:"rate"` // of the tax, in parts per 100,000
	Tax       int64      `json:"tax"`
	Total     int64      `json:"total"`
}

// Discount gives what all discounts take off.
func (c Charge) Discount() (sum int64) {
	for _, d := range c.Discounts {
		sum += d.Amount
	}
	return sum
}

// Priced is a line with what it costs.
type Priced struct {
	SKU      string
	Quantity int
	Charge
}

// Shipped is shipping with what it costs.
type Shipped struct {
	Method string `json:"method"`
	Name   string `json:"name"`
	Charge
}

// Totals are the sums: Items and Shipping before discounts; Items + Shipping −
// Discount is Total where prices are with tax, else Tax is added to it.
type Totals struct {
	Items       int64 `json:"items"`
	Discount    int64 `json:"discount"`
	Shipping    int64 `json:"shipping"`
	Tax         int64 `json:"tax"`
	Total       int64 `json:"total"`
	TaxIncluded bool  `json:"tax_included"`
}

// Breakdown is what everything costs, and why.
type Breakdown struct {
	Lines    []Priced // in the order of the request
	Shipping *Shipped
	Totals   Totals
	Applied  []string    // IDs of the promotions that gave something, in the order in which they did
	Refused  []Rejection // the others
}

// Price prices a request. The same lines in another order give the same.
func Price(r Request) (Breakdown, error) {
	w, err := newWork(r)
	if err != nil {
		return Breakdown{}, err
	}
	if err := w.discount(r.Promotions); err != nil {
		return Breakdown{}, err
	}
	return w.charge(r)
}

// work is a request in a fixed order of its lines.
type work struct {
	lines     []Line // by SKU
	list      []int64
	left      []int64 // of each list price, after the discounts so far
	discounts [][]Discount
	items     int64 // sum of list

	delivery  int64 // left of its price
	shipping  []Discount
	applied   []string
	refused   []Rejection
	exclusive bool // an exclusive promotion was applied
}

func newWork(r Request) (*work, error) {
	w := &work{lines: slices.Clone(r.Lines)}
	slices.SortFunc(w.lines, func(a, b Line) int { return cmp.Compare(a.SKU, b.SKU) })
	w.list = make([]int64, len(w.lines))
	w.discounts = make([][]Discount, len(w.lines))
	for i, l := range w.lines {
		if l.Quantity < 0 || l.Unit < 0 || i > 0 && w.lines[i-1].SKU == l.SKU {
			return nil, ErrInput
		}
		var err error
		if w.list[i], _, err = divide(l.Unit, int64(l.Quantity), 1); err != nil {
			return nil, err
		}
	}
	var err error
	if w.items, err = add(w.list...); err != nil {
		return nil, err
	}
	w.left = slices.Clone(w.list)
	if r.Delivery != nil {
		if w.delivery = r.Delivery.Price; w.delivery < 0 {
			return nil, ErrInput
		}
	}
	return w, nil
}

// charge adds tax and sums up.
func (w *work) charge(r Request) (Breakdown, error) {
	b := Breakdown{Lines: make([]Priced, len(r.Lines)), Applied: w.applied, Refused: w.refused}
	b.Totals = Totals{TaxIncluded: r.Tax.Included}
	for i, l := range r.Lines {
		at, _ := slices.BinarySearchFunc(w.lines, l.SKU, func(l Line, sku string) int { return cmp.Compare(l.SKU, sku) })
		c, err := r.Tax.charge(w.list[at], w.discounts[at], r.Tax.of(r.To, cmp.Or(l.TaxClass, Standard)))
		if err != nil {
			return Breakdown{}, err
		}
		b.Lines[i] = Priced{SKU: l.SKU, Quantity: l.Quantity, Charge: c}
		if err := b.Totals.add(&b.Totals.Items, c); err != nil {
			return Breakdown{}, err
		}
	}
	if d := r.Delivery; d != nil {
		c, err := r.Tax.charge(d.Price, w.shipping, r.Tax.of(r.To, cmp.Or(d.TaxClass, Standard)))
		if err != nil {
			return Breakdown{}, err
		}
		b.Shipping = &Shipped{Method: d.Method, Name: d.Name, Charge: c}
		if err := b.Totals.add(&b.Totals.Shipping, c); err != nil {
			return Breakdown{}, err
		}
	}
	return b, nil
}

// add adds a charge to the sums; list is the one that its list price belongs to.
func (t *Totals) add(list *int64, c Charge) (err error) {
	for _, sum := range []struct {
		to   *int64
		what int64
	}{{list, c.List}, {&t.Discount, c.Discount()}, {&t.Tax, c.Tax}, {&t.Total, c.Total}} {
		if *sum.to, err = add(*sum.to, sum.what); err != nil {
			return err
		}
	}
	return nil
}
