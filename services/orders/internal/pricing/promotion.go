package pricing

import (
	"cmp"
	"slices"
)

// Kind is what a promotion does.
type Kind string

// The kinds.
const (
	Percentage   Kind = "percentage"    // Rate off the goods
	FixedAmount  Kind = "fixed_amount"  // Amount off the goods
	FreeShipping Kind = "free_shipping" // all of shipping
	BuyGet       Kind = "buy_x_get_y"   // Rate off GetQuantity pieces for each BuyQuantity bought
)

// Promotion is a rule that takes something off.
type Promotion struct {
	ID, Code, Label string
	Priority        int // the higher, the earlier
	Exclusive       bool
	Minimum         int64 // of the goods before discounts
	Kind            Kind
	Rate            int64 // parts per 100,000; of BuyGet what is off, Whole for free pieces
	Amount          int64 // of FixedAmount
	For             Set   // the goods; of BuyGet those to buy
	// Of BuyGet. Without a Get the pieces that are given are of For as well: buy 2,
	// get 1 then takes 3 pieces. A piece of both sets counts as one to get.
	Get                      *Set
	BuyQuantity, GetQuantity int
	Most                     int // times that BuyGet is given in an order; 0: as often as it fits
}

// Set is goods. The empty Set is all goods.
type Set struct {
	SKUs       []string `json:"skus,omitempty"`
	Products   []string `json:"products,omitempty"`
	Categories []string `json:"categories,omitempty"`
}

// Has says whether a line is in the set.
func (s Set) Has(l Line) bool {
	if len(s.SKUs)+len(s.Products)+len(s.Categories) == 0 {
		return true
	}
	return slices.Contains(s.SKUs, l.SKU) || slices.Contains(s.Products, l.ProductID) || slices.Contains(s.Categories, l.Category)
}

// Reason is why a promotion gives nothing.
type Reason string

// The reasons that lie in the goods and in other promotions.
const (
	MinimumNotMet Reason = "minimum_not_met"
	NoGoods       Reason = "no_matching_articles" // none, not enough, or nothing of their price is left
	NoShipping    Reason = "no_shipping_to_pay"
	NotCombinable Reason = "not_combinable" // one of them is exclusive, and the other has come before it
)

// Rejection is a promotion that gives nothing.
type Rejection struct {
	Promotion, Code string
	Reason          Reason
}

// before is the order in which promotions are applied.
func before(a, b Promotion) int {
	automatic := func(p Promotion) int {
		if p.Code == "" {
			return 1
		}
		return 0
	}
	return cmp.Or(cmp.Compare(b.Priority, a.Priority), cmp.Compare(automatic(a), automatic(b)), cmp.Compare(a.ID, b.ID))
}

// discount applies promotions: the highest priority first, of equals those with a
// code, then by ID. An exclusive one that comes first is the only one; one that
// comes after another gives nothing.
func (w *work) discount(promotions []Promotion) error {
	for _, p := range slices.SortedFunc(slices.Values(promotions), before) {
		reason, err := w.apply(p)
		if err != nil {
			return err
		}
		if reason != "" {
			w.refused = append(w.refused, Rejection{Promotion: p.ID, Code: p.Code, Reason: reason})
			continue
		}
		w.applied = append(w.applied, p.ID)
		w.exclusive = w.exclusive || p.Exclusive
	}
	return nil
}

func (w *work) apply(p Promotion) (Reason, error) {
	switch {
	case w.items < p.Minimum:
		return MinimumNotMet, nil
	case len(w.applied) > 0 && (w.exclusive || p.Exclusive):
		return NotCombinable, nil
	case p.Rate < 0 || p.Rate > Whole || p.Amount < 0:
		return "", ErrInput
	}
	switch p.Kind {
	case FreeShipping:
		if w.delivery == 0 {
			return NoShipping, nil
		}
		w.shipping = append(w.shipping, Discount{Promotion: p.ID, Code: p.Code, Label: p.Label, Amount: w.delivery})
		w.delivery = 0
		return "", nil
	case BuyGet:
		return w.give(p)
	case Percentage, FixedAmount:
		return w.takeOff(p)
	default:
		return "", ErrInput
	}
}

// takeOff takes a percentage or an amount off the goods of a promotion.
func (w *work) takeOff(p Promotion) (Reason, error) {
	weights := make([]int64, len(w.lines))
	for i, l := range w.lines {
		if p.For.Has(l) {
			weights[i] = w.left[i]
		}
	}
	base, err := add(weights...)
	if err != nil {
		return "", err
	}
	off := min(p.Amount, base)
	if p.Kind == Percentage {
		if off, err = share(base, p.Rate, Whole, HalfUp); err != nil {
			return "", err
		}
	}
	if off == 0 {
		return NoGoods, nil
	}
	parts, err := Allocate(off, weights)
	if err != nil {
		return "", err
	}
	w.take(p, parts)
	return "", nil
}

// give gives pieces for others that are bought, the cheapest first, of equals by
// SKU.
func (w *work) give(p Promotion) (Reason, error) {
	if p.BuyQuantity < 1 || p.GetQuantity < 1 || p.Most < 0 {
		return "", ErrInput
	}
	buy, get := 0, 0
	for _, l := range w.lines {
		switch {
		case p.gives(l):
			get += l.Quantity
		case p.For.Has(l):
			buy += l.Quantity
		}
	}
	times := buy / p.BuyQuantity
	if p.Get == nil {
		times = get / (p.BuyQuantity + p.GetQuantity)
	}
	if p.Most > 0 {
		times = min(times, p.Most)
	}
	parts, err := w.cheapest(p, min(times*p.GetQuantity, get))
	if err != nil {
		return "", err
	}
	if off, err := add(parts...); err != nil || off == 0 {
		return NoGoods, err
	}
	w.take(p, parts)
	return "", nil
}

// gives says whether a line is one of those to get.
func (p Promotion) gives(l Line) bool {
	if p.Get == nil {
		return p.For.Has(l)
	}
	return p.Get.Has(l)
}

// cheapest gives what is off each line if n of the cheapest pieces are given.
func (w *work) cheapest(p Promotion, n int) ([]int64, error) {
	parts := make([]int64, len(w.lines))
	order := make([]int, len(w.lines))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(w.lines[a].Unit, w.lines[b].Unit) })
	for _, i := range order {
		l := w.lines[i]
		if n == 0 || l.Quantity == 0 || !p.gives(l) {
			continue
		}
		pieces := min(n, l.Quantity)
		n -= pieces
		worth, err := Share(w.left[i], 0, pieces, l.Quantity)
		if err != nil {
			return nil, err
		}
		if parts[i], err = share(worth, p.Rate, Whole, HalfUp); err != nil {
			return nil, err
		}
	}
	return parts, nil
}

// take takes parts off the lines.
func (w *work) take(p Promotion, parts []int64) {
	for i, part := range parts {
		if part > 0 {
			w.left[i] -= part
			w.discounts[i] = append(w.discounts[i], Discount{Promotion: p.ID, Code: p.Code, Label: p.Label, Amount: part})
		}
	}
}
