package statestore

import (
	"reflect"
	"slices"
	"time"

	"tienda/internal/fault"
	"tienda/internal/origin"
	"tienda/internal/origin/intake"
	"tienda/internal/state"
	"tienda/services/orders/internal/events"
	"tienda/services/orders/internal/history"
	"tienda/services/orders/internal/moved"
	"tienda/services/orders/internal/order"
	"tienda/services/orders/internal/shopper"
)

// Sync takes over orders from the system that the shop is moved off. Nothing is announced
// of them: rows of the history and the customers' lists are written with the orders. One batch
// is stored at a time: two would meet at the lists, and write most of it twice. check
// names what of a document does not fit its schema. State: 1 bulk get, 1 transaction for
// a batch; 1 bulk get more where an order is listed elsewhere from now on, or is deleted, and
// 1 get more where its card is to be charged or freed.
func Sync(db *state.DB, check func(doc []byte) []fault.Field) intake.Kind[moved.Order] {
	return intake.Kind[moved.Order]{
		Name: "orders", DB: db, Check: check,
		Keys: func(id string, d *moved.Order) []string {
			keys := []string{orders.Key(id)}
			if d != nil && d.CustomerID != "" {
				keys = append(keys, ordersOf(shopper.User(d.CustomerID)).Key())
			}
			return keys
		},
		New: func(id string, _ *moved.Order) []string { return orders.Keys(id) },
		PartKeys: func(part string, d *moved.Order) []string {
			page := movedPage(part, *d)
			return []string{historyPageDocs.Key(page), historyDayDocs.Key(dayOf(page))}
		},
		Room: make(chan struct{}, 1), More: morePlaces, Held: heldOrigin,
		Begin: func(tx *state.Tx) intake.Run[moved.Order] {
			r := &movedRun{tx: tx, held: map[string]*order.Order{}, leaves: map[string]order.Place{}, bypassed: map[string]bypassed{}}
			return intake.Run[moved.Order]{Put: r.put, Remove: r.bury, Leave: r.leave, Finish: r.list}
		},
		GetKeys: func(id string) []string { return orders.Keys(id) },
		Get:     getMoved, Own: ownOrders(time.Now),
	}
}

// movedPage gives the page of the history that has the row of an order: one for each part
// of the index and day, so that batches of two parts do not want the same page.
func movedPage(part string, d moved.Order) string {
	return d.CreatedAt.UTC().Format(history.DayFormat) + ":m-" + part
}

// heldOrder gives what is kept under an ID, also what is buried; nil: nothing.
func heldOrder(tx *state.Tx, id string) (*order.Order, error) {
	o, ok, err := orders.Get(tx, id)
	if err != nil || !ok {
		return nil, err
	}
	o.Version, err = orders.Version(tx, id)
	return &o, err
}

func heldOrigin(tx *state.Tx, id string) (*origin.Source, error) {
	o, err := heldOrder(tx, id)
	if err != nil || o == nil {
		return nil, err
	}
	return o.Origin, nil
}

// morePlaces gives the documents where the orders of a batch are listed as yet, and will
// not be.
func morePlaces(tx *state.Tx, docs []intake.Document[moved.Order]) (keys []string, err error) {
	for _, d := range docs {
		o, err := heldOrder(tx, d.ID)
		if err != nil {
			return nil, err
		}
		if o == nil || o.Moved == nil && (!d.Adopt || o.Page == "") {
			continue
		}
		places := []order.Place{o.Place()}
		if o.Moved != nil {
			places = append(places, o.Moved.Left...)
		}
		for _, p := range places {
			keys = append(keys, historyPageDocs.Key(p.Page))
			if p.Owner.UserID() != "" {
				keys = append(keys, ordersOf(p.Owner).Key())
			}
		}
	}
	return keys, nil
}

// movedRun stores the orders of one transaction.
type movedRun struct {
	tx       *state.Tx
	held     map[string]*order.Order // that were put or buried, by ID, as they are kept now
	leaves   map[string]order.Place  // where they have been listed until now
	bypassed map[string]bypassed     // that were not stored, by ID
}

// bypassed is an order that is not stored: what is held instead, if anything, and where the
// state that came would have been listed.
type bypassed struct {
	held  *order.Order
	place order.Place
}

func (r *movedRun) put(d intake.Document[moved.Order]) error {
	held, err := heldOrder(r.tx, d.ID)
	if err != nil {
		return err
	}
	take := moved.Make
	if d.Adopt {
		take = moved.Adopt
	}
	o, err := take(d.ID, d.Source, d.Value, held)
	if err != nil {
		return err
	}
	if held != nil && held.Origin == nil {
		held.HandOver()
		for _, f := range held.Facts() {
			r.tx.Emit(orders.Key(d.ID), events.Of(held, f))
		}
	}
	if err := o.Follow(time.Now().UTC()); err != nil {
		return err
	}
	o.Page = movedPage(d.Part, d.Value)
	if held != nil {
		o.Leave(held.Place())
		r.leaves[d.ID] = held.Place()
	}
	o.Version++
	r.held[d.ID] = o
	return r.keep(o)
}

// leave sees to it that an order which is not stored, as something newer is held, is listed as that
// is: a run before this one may have landed in part. What is listed anew is written with its
// order, lest that becomes another one meanwhile.
func (r *movedRun) leave(d intake.Document[moved.Order]) error {
	held, err := heldOrder(r.tx, d.ID)
	if err != nil {
		return err
	}
	came := order.Place{Page: movedPage(d.Part, d.Value), Owner: shopper.User(d.Value.CustomerID)}
	r.bypassed[d.ID] = bypassed{held, came}
	if held == nil || held.Moved == nil || held.Gone || r.held[d.ID] != nil {
		return nil
	}
	if fine, err := listedAsHeld(r.tx, held); err != nil || fine {
		return err
	}
	held.Version++
	r.held[d.ID] = held
	return r.keep(held)
}

// listedAsHeld says whether the lists that an order is in have it as it is.
func listedAsHeld(tx *state.Tx, o *order.Order) (bool, error) {
	p, _, err := historyPageDocs.Get(tx, o.Page)
	row := history.RowOf(o)
	if err != nil || !slices.ContainsFunc(p.Rows, func(is history.Row) bool { return reflect.DeepEqual(is, row) }) {
		return false, err
	}
	if o.Owner.UserID() == "" || o.InListOf(o.Owner) {
		return true, nil
	}
	all, err := ordersOf(o.Owner).Dated(tx)
	return slices.ContainsFunc(all, func(is state.Dated) bool { return is.ID == o.ID && is.At.Equal(o.CreatedAt) }), err
}

// keep writes an order. What its card is to do is left to the recovery.
func (r *movedRun) keep(o *order.Order) error {
	if o.Owing() {
		if err := unsettled.Renew(r.tx, o.ID); err != nil {
			return err
		}
	}
	return orders.Put(r.tx, o.ID, *o)
}

// bury takes an order away that was moved in. What is left of it says where it was listed.
func (r *movedRun) bury(id string) error {
	o, err := heldOrder(r.tx, id)
	if err != nil || o == nil || o.Moved == nil {
		return err
	}
	r.held[id] = o
	if o.Gone {
		return nil
	}
	o.Bury(time.Now().UTC())
	return r.keep(o)
}

func getMoved(tx *state.Tx, id string) (d intake.Document[moved.Order], ok bool, err error) {
	o, err := heldOrder(tx, id)
	if err != nil || o == nil || o.Origin == nil || o.Gone {
		return d, false, err
	}
	return intake.Document[moved.Order]{ID: id, Source: *o.Origin, Value: moved.Of(o)}, true, nil
}
