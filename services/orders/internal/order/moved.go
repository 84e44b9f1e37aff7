package order

import (
	"slices"
	"time"

	"tienda/internal/fault"
	"tienda/services/orders/internal/shopper"
)

// Moved is what an order that was moved in has besides. Its payment was made elsewhere:
// there is no Card, and what is given back of it is given back by hand. One that was made
// here and is moved in since (Made) keeps its Card: see Follow.
type Moved struct {
	// Refundable is what can be given back here over all, in minor units: what was paid
	// and is due, less what was given back before.
	Refundable int64 `json:"refundable"`
	Refunded   int64 `json:"refunded,omitempty"` // before it was moved in
	// Given says which amounts of zero were stated.
	Given Given `json:"given,omitzero"`
	// Lines are those that it came with, where an SKU stands in more than one of them; the
	// order's own have each SKU once.
	Lines []MovedLine `json:"lines,omitempty"`
	// Cancelled is how many pieces of the order's own lines were cancelled before it came.
	Cancelled int     `json:"cancelled,omitempty"`
	Left      []Place `json:"left,omitempty"` // where it was listed before, and may still be
	Made      *Made   `json:"made,omitempty"` // it was made here; nil: it was not
}

// Given says which optional parts of an order came with it.
type Given struct {
	Discount    bool `json:"discount,omitempty"`
	Shipping    bool `json:"shipping,omitempty"`
	Tax         bool `json:"tax,omitempty"`
	TaxIncluded bool `json:"tax_included,omitempty"`
}

// MovedLine is a line as it came. Amounts are minor units.
type MovedLine struct {
	SKU         string `json:"sku"`
	ProductID   string `json:"product_id,omitempty"`
	Name        string `json:"name"`
	VariantName string `json:"variant_name,omitempty"`
	Quantity    int    `json:"quantity"`
	UnitPrice   int64  `json:"unit_price"`
	Total       int64  `json:"total"`
	Tax         *int64 `json:"tax,omitempty"`
}

// Place is where an order is listed: on a page of the history, and under its owner.
type Place struct {
	Page  string        `json:"page"`
	Owner shopper.Owner `json:"owner"`
}

// Place gives where the order is listed.
func (o *Order) Place() Place { return Place{o.Page, o.Owner} }

// MovedGuest gives the owner of an order of a guest that was moved in. No token is that
// of this owner, so that only the shop's staff sees the order.
func MovedGuest(orderID string) shopper.Owner { return shopper.Owner("guest:" + orderID) }

// Bury leaves of an order that was moved in and is deleted only where it is listed, lest
// that is forgotten when a write lands in part. Whoever reads it finds no order. One whose
// card is to be freed stays as it was until that is done.
func (o *Order) Bury(now time.Time) {
	if o.freed(now) {
		o.Status, o.Gone = Cancelled, true
		return
	}
	*o = Order{ID: o.ID, Owner: o.Owner, Page: o.Page, CreatedAt: o.CreatedAt, Origin: o.Origin, Moved: &Moved{Left: o.Moved.Left, Made: o.Moved.Made}, Gone: true, Version: o.Version}
}

// InListOf says whether an order stands in the list of an owner because it was made here
// for it, whoever has it now.
func (o *Order) InListOf(owner shopper.Owner) bool {
	return o.Moved != nil && o.Moved.Made != nil && o.Moved.Made.Owner == owner
}

// Leave notes that the order was listed elsewhere.
func (o *Order) Leave(p Place) {
	if p != o.Place() && !slices.Contains(o.Moved.Left, p) {
		o.Moved.Left = append(o.Moved.Left, p)
	}
}

// covers refuses a refund of more than is left of what was paid for an order that was moved
// in: what was given back before counts, and it is not known for which lines.
func (o *Order) covers(r Refund) error {
	if left := o.atMost(r.worth()); left < r.worth() {
		return fault.New(fault.Conflict, "refund_exceeds_paid", "Of what was paid, only "+o.Money(left).String()+" is left to refund.")
	}
	return nil
}

// atMost gives how much of an amount can be given back.
func (o *Order) atMost(amount int64) int64 {
	if o.Moved == nil || o.Moved.Made != nil && o.Moved.Made.Whole {
		return amount
	}
	return max(0, min(amount, o.Moved.Refundable-o.GivenBack()))
}

// GivenBack is what was given here for what came back and for what was cancelled of lines.
func (o *Order) GivenBack() (sum int64) {
	for _, r := range o.Refunds {
		sum += r.worth()
	}
	for _, c := range o.Cancellations {
		sum += c.Amount
	}
	return sum
}

// worth is what a refund gives for what came back: money, and what is exchanged.
func (r Refund) worth() int64 {
	switch x := r.Exchange; {
	case x == nil:
		return r.Amount
	case x.Status == ExchangeRefused:
		return r.Amount + x.Refunded
	default:
		return r.Amount + x.Value
	}
}
