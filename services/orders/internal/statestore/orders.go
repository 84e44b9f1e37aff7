// Package statestore keeps carts and orders in the service's state store.
//
//	cart:<owner>              a cart; for 90 days after its last change, a guest's for 30
//	carts-changed:<day>:<0..15>   customers who changed their carts on a day
//	saved-carts:<user ID>     the carts that a customer keeps
//	order:<order ID>          an order
//	index:orders-of:<owner>   the IDs of an owner's orders; those that were moved in by their time
//	history-page:<day>:<some> rows of orders that were made on a day (history.Row)
//	history-page:<day>:m-<part>   the same of orders that were moved in
//	moved:orders, :orders:<part>  the IDs of those
//	history-day:<day>         the pages of the day
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
	"slices"

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
type Orders struct {
	db    *state.DB
	pages *pages
}

// NewOrders gives the store of orders in db.
func NewOrders(db *state.DB) *Orders { return &Orders{db: db, pages: &pages{}} }

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
		found, err := presentOrders(tx, ids)
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
		return s.putChanged(tx, o)
	})
	if err != nil {
		return nil, err
	}
	return o, nil
}

// getOrder gives order.ErrMissing for none. One that is gone is found until its card is freed.
func getOrder(tx *state.Tx, id string) (*order.Order, error) {
	o, ok, err := orders.Get(tx, id)
	if err != nil {
		return nil, err
	}
	if !ok || o.Gone && !o.Owing() {
		return nil, order.ErrMissing
	}
	o.Version, err = orders.Version(tx, id)
	return &o, err
}

// presentOrders gives those of the orders that there are.
func presentOrders(tx *state.Tx, ids []string) ([]order.Order, error) {
	found, err := orders.GetAll(tx, ids...)
	return slices.DeleteFunc(found, func(o order.Order) bool { return o.Gone }), err
}

// putChanged writes an order that has changed, announces what happened to it,
// and gives it the version that it has after the commit.
func (s *Orders) putChanged(tx *state.Tx, o *order.Order) error {
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
	if o.Page == "" && o.Status != order.Pending && !o.Refused() {
		o.Page = s.pages.next(o)
	}
	o.Version++
	return orders.Put(tx, o.ID, *o)
}

// InTrace implements checkout.Store. State: 1 get where spans are made, else nothing.
func (s *Orders) InTrace(ctx context.Context, orderID, what string, do func(context.Context) error) error {
	ctx, span := s.db.Resume(ctx, orders.Key(orderID), what)
	err := do(ctx)
	span.EndWith(err)
	return err
}

// unfinished says whether somebody has to go on with an order.
func unfinished(o *order.Order) bool {
	return o.Owing() || o.Payment.Card != nil && o.Status == order.Pending
}
