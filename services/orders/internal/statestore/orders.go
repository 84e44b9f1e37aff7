// Package statestore keeps carts and orders in the service's state store.
//
//	cart:<owner>              a cart; a guest's for 30 days after its last change
//	order:<order ID>          an order
//	index:orders-of:<owner>   the IDs of an owner's orders
//	mail:<order>:<fact>       a letter to the buyer that is not sent yet
//	mail-list:<0..15>         letters whose sending has failed
//	index:unsettled           the IDs of orders whose checkout was left midway
//	settings:tax, :shipping, :payments   what an admin has decided
//	promotions:book           the promotions
//	promotion-uses:<ID>       the uses of one that is limited
//	promotion-uses-of:<ID>:<user ID>  those of one user, where there is a limit for each
package statestore

import (
	"context"

	"tienda/internal/page"
	"tienda/internal/state"
	"tienda/services/orders/internal/events"
	"tienda/services/orders/internal/order"
	"tienda/services/orders/internal/shopper"
)

var orders = state.Collection[order.Order]{Prefix: "order:"}

func ordersOf(owner shopper.Owner) state.Index {
	return state.Index{Name: "orders-of:" + string(owner)}
}

// Orders is the store of orders.
type Orders struct{ db *state.DB }

// NewOrders gives the store of orders in db.
func NewOrders(db *state.DB) *Orders { return &Orders{db: db} }

// Get implements order.Store. State: 1 get.
func (s *Orders) Get(ctx context.Context, id string) (o *order.Order, err error) {
	err = s.db.View(ctx, func(tx *state.Tx) error {
		o, err = getOrder(tx, id)
		return err
	})
	return o, err
}

// GetAll implements order.Store. State: 1 bulk get.
func (s *Orders) GetAll(ctx context.Context, ids []string) (out []*order.Order, err error) {
	err = s.db.View(ctx, func(tx *state.Tx) error {
		found, err := orders.GetAll(tx, ids...)
		for i := range found {
			out = append(out, &found[i])
		}
		return err
	})
	return out, err
}

// Update implements order.Store. State: 1 get, and 1 save if fn changes it.
func (s *Orders) Update(ctx context.Context, id string, fn func(*order.Order) error) (*order.Order, error) {
	var o *order.Order
	err := s.db.Update(ctx, func(tx *state.Tx) (err error) {
		if o, err = getOrder(tx, id); err != nil {
			return err
		}
		if err := fn(o); err != nil {
			return err
		}
		return putChanged(tx, o)
	})
	if err != nil {
		return nil, err
	}
	return o, nil
}

// List implements order.Store. State: 1 get of the index, 1 bulk get of the
// orders; more only where the page spans two pages of the index.
func (s *Orders) List(ctx context.Context, owner shopper.Owner, cursor string, limit int) (out []*order.Order, next string, err error) {
	var from state.Position
	if err := page.Decode(cursor, &from); err != nil {
		return nil, "", err
	}
	err = s.db.View(ctx, func(tx *state.Tx) error {
		ids, after, err := ordersOf(owner).List(tx, from, limit)
		if err != nil {
			return err
		}
		found, err := orders.GetAll(tx, ids...)
		if err != nil {
			return err
		}
		for i := range found {
			if o := &found[i]; !o.Refused() {
				out = append(out, o)
			}
		}
		if after != nil {
			next = page.Encode(after)
		}
		return nil
	})
	return out, next, err
}

// getOrder gives order.ErrMissing for none.
func getOrder(tx *state.Tx, id string) (*order.Order, error) {
	o, ok, err := orders.Get(tx, id)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, order.ErrMissing
	}
	o.Version, err = orders.Version(tx, id)
	return &o, err
}

// putChanged writes an order that has changed, announces what happened to it,
// and gives it the version that it has after the commit.
func putChanged(tx *state.Tx, o *order.Order) error {
	if !o.Changed() {
		return nil
	}
	// Whatever it owes, to the payment provider or in exchange, another replica is told
	// of if this one dies; and a pending order stays the one's who drives it.
	if unfinished(o) {
		tx.Unfinished(orders.Key(o.ID))
	}
	for _, f := range o.Facts() {
		tx.Emit(orders.Key(o.ID), events.Of(o, f))
	}
	o.Version++
	return orders.Put(tx, o.ID, *o)
}

// unfinished says whether somebody has to go on with an order.
func unfinished(o *order.Order) bool {
	return o.Owing() || o.Payment.Card != nil && o.Status == order.Pending
}
