package statestore

import (
	"errors"
	"reflect"

	"tienda/internal/fault"
	"tienda/internal/origin"
	"tienda/internal/origin/intake"
	"tienda/internal/state"
	"tienda/services/support/internal/rma"
)

// MovedReturns is how returns are kept that are moved in; check holds their JSON to the
// contract. A batch reads the returns of their orders and the lists of their customers
// in 1 call, and writes them in 1; one with returns that are gone, or that now are of
// another order or customer, reads once more.
func MovedReturns(db *state.DB, check func([]byte) []fault.Field) intake.Kind[rma.Moved] {
	return intake.Kind[rma.Moved]{
		Name: kindReturns, DB: db, Check: check,
		Keys: func(id string, m *rma.Moved) []string {
			keys := []string{orderOfReturn.Key(id)}
			if m != nil {
				keys = append(keys, returnsOfOrder.Key(m.OrderID))
			}
			if m != nil && m.CustomerID != "" {
				keys = append(keys, movedReturnsOf.lists.Key(m.CustomerID))
			}
			return keys
		},
		More: intake.ByID[rma.Moved](func(tx *state.Tx, id string) ([]string, error) {
			o, ok, err := orderOfReturn.Get(tx, id)
			if err != nil || !ok {
				return nil, err
			}
			keys := returnsOfOrder.Keys(append([]string{o.OrderID}, o.Left...)...)
			if o.CustomerID != "" {
				keys = append(keys, movedReturnsOf.lists.Key(o.CustomerID))
			}
			return keys, nil
		}),
		Held: func(tx *state.Tx, id string) (*origin.Source, error) {
			_, o, err := ordersReturns(tx, id)
			return o.Held(id), err
		},
		Put: moveReturnIn, Remove: moveReturnOut, Own: ownReturns(),
		GetKeys: func(id string) []string { return orderOfReturn.Keys(id) },
		GetMore: func(tx *state.Tx, id string) ([]string, error) {
			o, ok, err := orderOfReturn.Get(tx, id)
			if err != nil || !ok {
				return nil, err
			}
			return returnsOfOrder.Keys(o.OrderID), nil
		},
		Get: func(tx *state.Tx, id string) (intake.Document[rma.Moved], bool, error) {
			_, o, err := ordersReturns(tx, id)
			if err != nil {
				return intake.Document[rma.Moved]{}, false, err
			}
			from := o.Held(id)
			if from == nil {
				return intake.Document[rma.Moved]{}, false, nil
			}
			r, err := o.Find(id)
			return intake.Document[rma.Moved]{ID: id, Source: *from, Value: r.Moved()}, true, err
		},
	}
}

// ordersReturns gives where a return is and the returns of its order; none: it is not there.
func ordersReturns(tx *state.Tx, id string) (at orderOf, o rma.OfOrder, err error) {
	at, ok, err := orderOfReturn.Get(tx, id)
	if err != nil || !ok {
		return at, o, err
	}
	o, _, err = returnsOfOrder.Get(tx, at.OrderID)
	return at, o, err
}

func moveReturnIn(tx *state.Tx, d intake.Document[rma.Moved]) error {
	was, o, err := ordersReturns(tx, d.ID)
	if err != nil {
		return err
	}
	held, err := o.Find(d.ID)
	there := err == nil
	if there && held.Origin == nil && (!d.Adopt || held.OrderID != d.Value.OrderID) {
		return rma.ErrMadeHere
	}
	is := orderOf{OrderID: d.Value.OrderID}
	if was.OrderID != is.OrderID {
		if o, _, err = returnsOfOrder.Get(tx, is.OrderID); err != nil {
			return err
		}
	}
	o.OrderID = is.OrderID
	if err := o.MoveIn(d.ID, d.Value, d.Source, d.Adopt); err != nil {
		return err
	}
	r, err := o.Find(d.ID)
	if err != nil {
		return err
	}
	if !r.MadeHere {
		is.CustomerID = d.Value.CustomerID
	}
	if there && held.MadeHere && !r.MadeHere {
		if err := unlistReturn(tx, held); err != nil {
			return err
		}
	}
	if is.Left, err = leave(tx, was, is.OrderID, d.ID); err != nil {
		return err
	}
	if was.CustomerID != "" && (was.CustomerID != is.CustomerID || was.OrderID != is.OrderID) {
		if err := movedReturnsOf.remove(tx, was.CustomerID, entryOf(was.OrderID, d.ID)); err != nil {
			return err
		}
	}
	if is.CustomerID != "" {
		if err := movedReturnsOf.add(tx, is.CustomerID, listed{entryOf(is.OrderID, d.ID), d.Value.CreatedAt}); err != nil {
			return err
		}
	}
	if !reflect.DeepEqual(was, is) {
		if err := orderOfReturn.Put(tx, d.ID, is); err != nil {
			return err
		}
	}
	return returnsOfOrder.Put(tx, o.OrderID, o)
}

// unlistReturn takes a return out of the lists of what was made here. State: as unlistTicket.
func unlistReturn(tx *state.Tx, r rma.Return) error {
	err := allReturns.Remove(tx, entry(r))
	if r.CustomerID != "" {
		err = errors.Join(err, returnsOf(r.CustomerID).Remove(tx, entry(r)))
	}
	return err
}

// leave takes a return out of the orders that it was of, but for the one that it is of
// now ("": none), and gives those that had it: whether they still do, the next write sees.
func leave(tx *state.Tx, was orderOf, is, id string) (had []string, err error) {
	for _, orderID := range append([]string{was.OrderID}, was.Left...) {
		if orderID == "" || orderID == is {
			continue
		}
		o, _, err := returnsOfOrder.Get(tx, orderID)
		if err != nil {
			return nil, err
		}
		switch {
		case !o.MoveOut(id):
			continue
		case len(o.Returns) == 0:
			err = returnsOfOrder.Delete(tx, orderID)
		default:
			err = returnsOfOrder.Put(tx, orderID, o)
		}
		if err != nil {
			return nil, err
		}
		had = append(had, orderID)
	}
	return had, nil
}

// moveReturnOut leaves behind of which order the return was: a store that keeps halves
// may have kept it there. That goes when it is taken away once more.
func moveReturnOut(tx *state.Tx, id string) error {
	was, o, err := ordersReturns(tx, id)
	if err != nil || was.OrderID == "" {
		return err
	}
	if r, err := o.Find(id); err == nil && r.Origin == nil {
		return nil // made here
	} else if err == nil && r.MadeHere {
		if err := unlistReturn(tx, r); err != nil {
			return err
		}
	}
	had, err := leave(tx, was, "", id)
	if err != nil {
		return err
	}
	if was.CustomerID != "" {
		if err := movedReturnsOf.remove(tx, was.CustomerID, entryOf(was.OrderID, id)); err != nil {
			return err
		}
	}
	if len(had) == 0 {
		return orderOfReturn.Delete(tx, id)
	}
	return orderOfReturn.Put(tx, id, orderOf{OrderID: had[0], Left: had[1:]})
}

// findReturns gives the entries of returns that were moved in, and when they were asked for,
// but for those that are listed with what was made here.
func findReturns(tx *state.Tx, ids []string) ([]listed, error) {
	if err := tx.Load(orderOfReturn.Keys(ids...)...); err != nil {
		return nil, err
	}
	entries := make([]string, 0, len(ids))
	for _, id := range ids {
		at, ok, err := orderOfReturn.Get(tx, id)
		if err != nil {
			return nil, err
		}
		if ok {
			entries = append(entries, entryOf(at.OrderID, id))
		}
	}
	found, err := loadReturns(tx, entries)
	if err != nil {
		return nil, err
	}
	out := make([]listed, 0, len(entries))
	for _, e := range entries {
		if r, ok := found[e]; ok && !r.MadeHere {
			out = append(out, listed{e, r.CreatedAt})
		}
	}
	return out, nil
}
