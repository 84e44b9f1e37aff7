package rma

import (
	"fmt"
	"slices"
	"time"
)

// Order is what a return needs to know of its order.
type Order struct {
	ID          string
	UserID      string // "": a guest's
	Delivered   bool
	DeliveredAt time.Time
	Currency    string          // ISO 4217
	Bought      map[string]int  // pieces by SKU
	Sold        map[string]Sold // the same lines
}

// Sold is what a return needs to know of a line of its order.
type Sold struct {
	Category string // slug; "" in old orders
	Paid     int64  // for all its pieces, after discounts and with tax, in minor units
}

// OfOrder is the document: all returns of one order, oldest first.
type OfOrder struct {
	OrderID string   `json:"order_id"`
	Returns []Return `json:"returns"`

	changes []Change
}

// Change is a return after a change of it.
type Change struct {
	Return
	Receipt  *Receipt // that came with it, if one did
	Labelled bool     // it has got a label, or another one
	Silent   bool     // announced to nobody
}

// Changes gives what has become of returns since the document was read, each as
// it was then; none: there is nothing to write.
func (o *OfOrder) Changes() []Change { return o.changes }

// Find gives a return of the order, or ErrMissing.
func (o *OfOrder) Find(id string) (Return, error) {
	r, err := o.find(id)
	if err != nil {
		return Return{}, err
	}
	return *r, nil
}

func (o *OfOrder) find(id string) (*Return, error) {
	if i := slices.IndexFunc(o.Returns, func(r Return) bool { return r.ID == id }); i >= 0 {
		return &o.Returns[i], nil
	}
	return nil, ErrMissing
}

// Request adds a return, if what it asks for was bought and is not on its way
// back already. The errors name the lines. One that is there changes nothing:
// its ID is new, so it is what is left of a write that was kept in part.
func (o *OfOrder) Request(r Return, bought map[string]int) error {
	return o.add(r, bought, Requested)
}

func (o *OfOrder) add(r Return, bought map[string]int, status Status) error {
	if _, err := o.find(r.ID); err == nil {
		return nil
	}
	if len(o.Returns) >= MaxPerOrder {
		return ErrTooMany
	}
	left := o.returnable(bought)
	var bad refusal
	refuse := func(code, detail string, line int, field, reason string) {
		bad.refuse(code, detail, fmt.Sprintf("/lines/%d/%s", line, field), reason)
	}
	seen := map[string]bool{}
	for i, l := range r.Lines {
		switch {
		case bought[l.SKU] == 0:
			refuse("unknown_sku", "The order does not have this.", i, "sku", "is not in the order")
		case seen[l.SKU]:
			refuse("duplicate_sku", "Each SKU stands once.", i, "sku", "stands twice")
		case l.Quantity > left[l.SKU]:
			refuse("quantity_exceeded", "More than can still be returned.", i, "quantity",
				fmt.Sprintf("is more than the %d that can still be returned", left[l.SKU]))
		}
		seen[l.SKU] = true
	}
	if err := bad.error(); err != nil {
		return err
	}
	r.Status, r.Version = status, 1
	o.Returns = append(o.Returns, r)
	o.changes = append(o.changes, Change{Return: r})
	return nil
}

func (o *OfOrder) returnable(bought map[string]int) map[string]int {
	left := make(map[string]int, len(bought))
	for sku, n := range bought {
		left[sku] = n
	}
	for _, r := range o.Returns {
		for _, l := range r.Lines {
			left[l.SKU] -= r.claims(l)
		}
	}
	for sku, n := range left {
		left[sku] = max(n, 0)
	}
	return left
}

// Label is what the goods of a return are sent under.
type Label struct {
	Carrier   string // "": not said
	Reference string // "": none
}

// Approve lets the customer send the goods, under a label that may be none; a
// repeat changes nothing.
func (o *OfOrder) Approve(id string, version int64, l Label, now time.Time) error {
	return o.enter(id, version, Approved, now, func(r *Return) { r.Carrier, r.Label = l.Carrier, l.Reference })
}

// SetLabel gives a return that is on its way a label, or another one; a repeat
// changes nothing.
func (o *OfOrder) SetLabel(id string, version int64, l Label, now time.Time) error {
	r, err := o.find(id)
	switch {
	case err != nil:
		return err
	case r.Label == l.Reference && r.Carrier == l.Carrier:
		return nil
	case version != 0 && version != r.Version:
		return ErrVersion
	case r.Status != Approved && r.Status != PartiallyReceived:
		return ErrStatus
	}
	r.Carrier, r.Label = l.Carrier, l.Reference
	o.record(r, Change{Labelled: true}, r.Status, now)
	return nil
}

// Reject refuses a return; a repeat changes nothing.
func (o *OfOrder) Reject(id string, version int64, reason string, now time.Time) error {
	return o.enter(id, version, Rejected, now, func(r *Return) { r.Rejection = reason })
}

// enter moves a return along the table of transitions; one that is there
// already is left as it is, whatever version the repeat of a request names.
func (o *OfOrder) enter(id string, version int64, to Status, now time.Time, apply func(*Return)) error {
	r, err := o.find(id)
	if err != nil {
		return err
	}
	switch {
	case r.Status == to:
		return nil
	case version != 0 && version != r.Version:
		return ErrVersion
	case !r.Status.may(to):
		return ErrStatus
	}
	apply(r)
	o.record(r, Change{}, to, now)
	return nil
}

// record notes a change that leaves a return in a status.
func (o *OfOrder) record(r *Return, c Change, to Status, now time.Time) {
	if to == Received { // a refund that failed is tried again
		r.Failure = ""
	}
	r.Status, r.UpdatedAt, r.Resumed = to, now, r.Origin != nil
	r.Version++
	c.Return = *r
	o.changes = append(o.changes, c)
}
