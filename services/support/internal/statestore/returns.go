package statestore

import (
	"context"
	"slices"
	"strings"

	"tienda/internal/page"
	"tienda/internal/state"
	"tienda/services/support/internal/events"
	"tienda/services/support/internal/rma"
)

// orderOf is the extra key of a return: where to find it, and of one that was moved in
// whose list it is in.
type orderOf struct {
	OrderID    string `json:"order_id"`
	CustomerID string `json:"customer_id,omitempty"`
	// Left are orders that it was of before. A store that keeps halves may have kept it
	// there: they are looked at until they have it no more.
	Left []string `json:"left,omitempty"`
}

var (
	returnsOfOrder = state.Collection[rma.OfOrder]{Prefix: "returns-of-order:"}
	orderOfReturn  = state.Collection[orderOf]{Prefix: "return:"}
	allReturns     = state.Index{Name: "returns"}
	unrefunded     = state.Index{Name: "returns-unrefunded"}
)

func returnsOf(customerID string) state.Index { return state.Index{Name: "returns-of:" + customerID} }

// The entries of the indexes name the order too, which saves a list the call
// that would look it up.
func entry(r rma.Return) string { return entryOf(r.OrderID, r.ID) }

func entryOf(orderID, id string) string { return orderID + "/" + id }

func split(entry string) (orderID, id string) {
	orderID, id, _ = strings.Cut(entry, "/")
	return orderID, id
}

// Returns is the rma.Store over a state store.
type Returns struct{ db *state.DB }

// NewReturns gives the store of returns.
func NewReturns(db *state.DB) *Returns { return &Returns{db: db} }

// Change implements rma.Store with 2 calls (3 for a new return, whose other
// keys are known only then), 1 where nothing changes. An attempt that was kept
// in part may have left the document written and its other keys not: what it
// has changed is filed again.
func (s *Returns) Change(ctx context.Context, orderID string, change func(*rma.OfOrder) error) (rma.OfOrder, error) {
	return s.change(ctx, orderID, func(_ *state.Tx, o *rma.OfOrder) error { return change(o) })
}

// Open implements rma.Store with 3 calls: the policies are read along with the
// returns.
func (s *Returns) Open(ctx context.Context, orderID string, open func(*rma.OfOrder, rma.Policies) error) (rma.OfOrder, error) {
	return s.change(ctx, orderID, func(tx *state.Tx, o *rma.OfOrder) error {
		p, err := getPolicies(tx)
		if err != nil {
			return err
		}
		return open(o, p)
	}, policies.Key(""))
}

// InTrace implements rma.Store. State: 1 get where spans are made, else nothing.
func (s *Returns) InTrace(ctx context.Context, orderID, what string, do func(context.Context) error) error {
	ctx, span := s.db.Resume(ctx, returnsOfOrder.Key(orderID), what)
	err := do(ctx)
	span.EndWith(err)
	return err
}

func (s *Returns) change(ctx context.Context, orderID string, change func(*state.Tx, *rma.OfOrder) error, along ...string) (o rma.OfOrder, err error) {
	var tried []rma.Return
	err = s.db.Update(ctx, func(tx *state.Tx) error {
		if err := tx.Load(append(along, returnsOfOrder.Key(orderID), unrefunded.Key())...); err != nil {
			return err
		}
		if o, _, err = returnsOfOrder.Get(tx, orderID); err != nil {
			return err
		}
		o.OrderID = orderID
		for _, r := range tried {
			if is, err := o.Find(r.ID); err == nil && is.Version == r.Version {
				if err := file(tx, r); err != nil {
					return err
				}
			}
		}
		if err := change(tx, &o); err != nil {
			return err
		}
		for _, c := range o.Changes() {
			tried = append(tried, c.Return)
		}
		if len(o.Changes()) == 0 {
			return nil
		}
		for _, c := range o.Changes() {
			if err := file(tx, c.Return); err != nil {
				return err
			}
			if !c.Silent {
				tx.Emit(returnsOfOrder.Key(orderID), events.OfReturn(c))
			}
		}
		return returnsOfOrder.Put(tx, orderID, o)
	})
	return o, err
}

// file keeps the extra keys in step with the status that a return has entered.
func file(tx *state.Tx, r rma.Return) error {
	switch {
	case r.Version == 1: // new
		lists := []state.Index{allReturns}
		if r.CustomerID != "" {
			lists = append(lists, returnsOf(r.CustomerID))
		}
		keys := []string{orderOfReturn.Key(r.ID)}
		for _, x := range lists {
			keys = append(keys, x.Key())
		}
		if err := tx.Load(keys...); err != nil {
			return err
		}
		for _, x := range lists {
			if err := x.Append(tx, entry(r)); err != nil {
				return err
			}
		}
		return orderOfReturn.Put(tx, r.ID, orderOf{OrderID: r.OrderID})
	case r.Status == rma.Approved, r.Status == rma.Rejected:
		return nil
	default:
		if r.Owes() {
			return unrefunded.Append(tx, entry(r))
		}
		return unrefunded.Remove(tx, entry(r))
	}
}

// OrderOf implements rma.Store with 1 call.
func (s *Returns) OrderOf(ctx context.Context, id string) (orderID string, err error) {
	err = s.db.View(ctx, func(tx *state.Tx) error {
		orderID, err = findOrder(tx, id)
		return err
	})
	return orderID, err
}

func findOrder(tx *state.Tx, id string) (string, error) {
	o, ok, err := orderOfReturn.Get(tx, id)
	if err == nil && !ok {
		err = rma.ErrMissing
	}
	return o.OrderID, err
}

// Get implements rma.Store with 2 calls.
func (s *Returns) Get(ctx context.Context, id string) (r rma.Return, err error) {
	err = s.db.View(ctx, func(tx *state.Tx) error {
		orderID, err := findOrder(tx, id)
		if err != nil {
			return err
		}
		o, _, err := returnsOfOrder.Get(tx, orderID)
		if err != nil {
			return err
		}
		r, err = o.Find(id)
		return err
	})
	return r, err
}

// List implements rma.Store; package list says with how many calls.
func (s *Returns) List(ctx context.Context, q rma.Query, cursor string, limit int) (out page.Of[rma.Return], err error) {
	x := sequence{made: allReturns, moved: allMoved{kind: kindReturns, find: findReturns}}
	if q.CustomerID != "" {
		x = sequence{made: returnsOf(q.CustomerID), moved: movedReturnsOf.of(q.CustomerID)}
	}
	err = s.db.View(ctx, func(tx *state.Tx) error {
		load := func(entries []string) (map[string]rma.Return, error) { return loadReturns(tx, entries) }
		out, err = list(tx, x, cursor, page.Limit(limit), q.Filters(), load, q.Match)
		return err
	})
	return out, err
}

// loadReturns reads the returns of index entries in 1 call.
func loadReturns(tx *state.Tx, entries []string) (map[string]rma.Return, error) {
	orderIDs := make([]string, len(entries))
	for i, e := range entries {
		orderIDs[i], _ = split(e)
	}
	found, err := returnsOfOrder.GetAll(tx, orderIDs...)
	if err != nil {
		return nil, err
	}
	out := make(map[string]rma.Return, len(entries))
	for _, o := range found {
		for _, r := range o.Returns {
			out[entry(r)] = r
		}
	}
	return out, nil
}

// Unrefunded implements rma.Store with 1 call while nothing waits, 2 otherwise,
// and 1 more for each 100 returns that wait. It gives the oldest 100. Entries of returns that do not wait any more are taken out on the way; a
// store that writes the keys of a transaction apart can leave such.
func (s *Returns) Unrefunded(ctx context.Context) (waiting []rma.Return, err error) {
	err = s.db.Update(ctx, func(tx *state.Tx) error {
		waiting = nil
		entries, err := oldest(tx, unrefunded)
		if err != nil || len(entries) == 0 {
			return err
		}
		found, err := loadReturns(tx, entries)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if r, ok := found[e]; ok && r.Owes() {
				waiting = append(waiting, r)
			} else if err := unrefunded.Remove(tx, e); err != nil {
				return err
			}
		}
		return nil
	})
	return waiting, err
}

// oldest gives the last 100 entries of an index, oldest first. The index is
// read from its newest end, so all of it is.
func oldest(tx *state.Tx, x state.Index) ([]string, error) {
	var entries []string
	for at := (&state.Position{}); at != nil; {
		batch, next, err := x.List(tx, *at, filterBatch)
		if err != nil {
			return nil, err
		}
		entries, at = append(entries, batch...), next
	}
	entries = entries[max(0, len(entries)-filterBatch):]
	slices.Reverse(entries)
	return entries, nil
}
