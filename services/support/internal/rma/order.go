package rma

import (
	"fmt"
	"slices"
	"time"

	"tienda/internal/fault"
	"tienda/internal/money"
)

// Order is what a return needs to know of its order.
type Order struct {
	ID        string
	UserID    string // "": a guest's
	Delivered bool
	Bought    map[string]int // pieces by SKU
}

// OfOrder is the document: all returns of one order, oldest first.
type OfOrder struct {
	OrderID string   `json:"order_id"`
	Returns []Return `json:"returns"`

	changes []Return
}

// Changes gives the returns that have entered a status since the document was
// read, as they were then; none: there is nothing to write.
func (o *OfOrder) Changes() []Return { return o.changes }

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
	if _, err := o.find(r.ID); err == nil {
		return nil
	}
	if len(o.Returns) >= MaxPerOrder {
		return ErrTooMany
	}
	left := o.returnable(bought)
	var refusal *fault.Error
	refuse := func(code, detail string, line int, field, reason string) {
		if refusal == nil {
			refusal = fault.New(fault.Unprocessable, code, detail)
		}
		refusal = refusal.At(fmt.Sprintf("/lines/%d/%s", line, field), reason)
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
	if refusal != nil {
		return refusal
	}
	r.Status, r.Version = Requested, 1
	o.Returns = append(o.Returns, r)
	o.changes = append(o.changes, r)
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

// Approve lets the customer send the goods; a repeat changes nothing.
func (o *OfOrder) Approve(id string, version int64, now time.Time) error {
	return o.enter(id, version, Approved, now, func(*Return) error { return nil })
}

// Reject refuses a return; a repeat changes nothing.
func (o *OfOrder) Reject(id string, version int64, reason string, now time.Time) error {
	return o.enter(id, version, Rejected, now, func(r *Return) error {
		r.Rejection = reason
		return nil
	})
}

// Receive notes what came back; nil means all of it, fit to be sold again. A
// repeat changes nothing, unless it tells of other lines: ErrReceived. A
// return whose refund failed is received once more, with the lines that are
// given now; nil then means those that it had.
func (o *OfOrder) Receive(id string, version int64, came []Came, now time.Time) error {
	r, err := o.find(id)
	if err != nil {
		return err
	}
	if r.Status.Back() && r.Status != RefundFailed {
		if came != nil && !sameLines(r.CameBack(), came) {
			return ErrReceived
		}
		return nil
	}
	return o.enter(id, version, Received, now, func(r *Return) error { return r.take(came) })
}

// take writes what came back into the lines.
func (r *Return) take(came []Came) error {
	if r.Status == RefundFailed {
		if r.Failure = ""; came == nil {
			return nil
		}
	}
	if came == nil {
		for i := range r.Lines {
			r.Lines[i].Received, r.Lines[i].Restock = r.Lines[i].Quantity, true
		}
		return nil
	}
	lines := slices.Clone(r.Lines)
	for i := range lines {
		lines[i].Received, lines[i].Restock = 0, false
	}
	seen := map[string]bool{}
	for n, c := range came {
		bad := func(code, field, reason string) error {
			return fault.New(fault.Unprocessable, code, "The return does not have this.").At(fmt.Sprintf("/lines/%d/%s", n, field), reason)
		}
		i := slices.IndexFunc(lines, func(l Line) bool { return l.SKU == c.SKU })
		switch {
		case i < 0:
			return bad("unknown_sku", "sku", "is not in the return")
		case seen[c.SKU]:
			return bad("duplicate_sku", "sku", "stands twice")
		case c.Quantity > lines[i].Quantity:
			return bad("quantity_exceeded", "quantity", fmt.Sprintf("is more than the %d of the return", lines[i].Quantity))
		}
		seen[c.SKU] = true
		lines[i].Received, lines[i].Restock = c.Quantity, c.Restock
	}
	r.Lines = lines
	return nil
}

// Refunded notes that orders has refunded the return; a repeat changes nothing.
func (o *OfOrder) Refunded(id string, amount money.Money, now time.Time) error {
	return o.enter(id, 0, Refunded, now, func(r *Return) error {
		r.Refund, r.Failure = &amount, ""
		return nil
	})
}

// RefundRefused notes why orders will not refund the return. One that was
// refunded meanwhile stays so.
func (o *OfOrder) RefundRefused(id, why string, now time.Time) error {
	if r, err := o.find(id); err != nil || r.Status == Refunded {
		return err
	}
	return o.enter(id, 0, RefundFailed, now, func(r *Return) error {
		r.Failure = why
		return nil
	})
}

// enter moves a return along the table of transitions; one that is there
// already is left as it is, whatever version the repeat of a request names.
func (o *OfOrder) enter(id string, version int64, to Status, now time.Time, apply func(*Return) error) error {
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
	if err := apply(r); err != nil {
		return err
	}
	r.Status, r.UpdatedAt = to, now
	r.Version++
	o.changes = append(o.changes, *r)
	return nil
}

func sameLines(a, b []Came) bool {
	bySKU := func(x, y Came) int {
		if x.SKU < y.SKU {
			return -1
		}
		return 1
	}
	return slices.Equal(slices.SortedFunc(slices.Values(a), bySKU), slices.SortedFunc(slices.Values(b), bySKU))
}
