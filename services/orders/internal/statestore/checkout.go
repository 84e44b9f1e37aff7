package statestore

import (
	"context"
	"errors"
	"slices"
	"strings"

	"tienda/internal/mail/mailroom"
	"tienda/internal/state"
	"tienda/services/orders/internal/cart"
	"tienda/services/orders/internal/checkout"
	"tienda/services/orders/internal/order"
	"tienda/services/orders/internal/shopper"
)

// maxUnsettled is how many orders one turn of the recovery takes on.
const maxUnsettled = 100

var unsettled = state.Index{Name: "unsettled"}

// Checkouts is the store of the checkout saga.
type Checkouts struct{ *Orders }

// NewCheckouts gives the store of the saga in db.
func NewCheckouts(db *state.DB) *Checkouts { return &Checkouts{Orders: NewOrders(db)} }

// Begin implements checkout.Store. State: 1 bulk get, 1 transaction; 1 bulk
// get more at every 16th checkout of a cart, to see which of them are settled.
func (s *Checkouts) Begin(ctx context.Context, who shopper.Shopper, orderID string, fn func(*order.Order, *cart.Cart) (checkout.Begun, error)) error {
	index := ordersOf(who.Owner())
	return s.db.Update(ctx, func(tx *state.Tx) error {
		own, guest, err := openCart(tx, who, orders.Key(orderID), index.Key())
		if err != nil {
			return err
		}
		existing, err := getOrder(tx, orderID)
		if err != nil && !errors.Is(err, order.ErrMissing) {
			return err
		}
		if err := forgetSettled(tx, own); err != nil {
			return err
		}
		begun, err := fn(existing, own)
		if err != nil {
			return err
		}
		if begun.Put == nil && begun.Refused == nil {
			return nil
		}
		if err := putCarts(tx, who, own, guest); err != nil {
			return err
		}
		if begun.Refused != nil {
			return orders.Put(tx, orderID, *begun.Refused)
		}
		if err := index.Append(tx, orderID); err != nil {
			return err
		}
		// If this replica dies before the order is settled, another one is told.
		tx.Unfinished(orders.Key(orderID))
		return orders.Put(tx, orderID, *begun.Put)
	})
}

// forgetSettled makes room in a cart that can remember no further checkout.
func forgetSettled(tx *state.Tx, c *cart.Cart) error {
	if !c.Crowded() {
		return nil
	}
	found, err := presentOrders(tx, c.Taken)
	if err != nil {
		return err
	}
	// A refused order stays as well: that it is still in the cart means that its
	// lines are not back yet.
	c.Forget(func(id string) bool {
		return slices.ContainsFunc(found, func(o order.Order) bool { return o.ID == id && (o.Status == order.Pending || o.Refused()) })
	})
	return nil
}

// OnLeft has note told of orders whose replica died between Begin and the end
// of the checkout, and list of letters that a replica had not sent when it died.
// Call it once, before the service starts.
func (s *Checkouts) OnLeft(note func(ctx context.Context, orderID string) error, list func(ctx context.Context, letters ...string) error) {
	s.db.OnUnfinished(func(ctx context.Context, key string) error {
		if id, letter := mailroom.Is(key); letter {
			return list(ctx, id)
		}
		return note(ctx, strings.TrimPrefix(key, orders.Prefix))
	})
}

// Confirm implements checkout.Store. State: 1 get, 1 save.
func (s *Checkouts) Confirm(ctx context.Context, orderID string, fn func(*order.Order) error) (*order.Order, error) {
	return s.Update(ctx, orderID, fn)
}

// Return implements checkout.Store. State: 2 gets, 1 transaction; a checkout
// comes here only when it has failed.
func (s *Checkouts) Return(ctx context.Context, orderID string, fn func(*order.Order, *cart.Cart) error) (*order.Order, error) {
	var o *order.Order
	err := s.db.Update(ctx, func(tx *state.Tx) (err error) {
		if o, err = getOrder(tx, orderID); err != nil {
			return err
		}
		c, err := getCart(tx, o.Owner)
		if err != nil {
			return err
		}
		if err := fn(o, c); err != nil {
			return err
		}
		if err := putCart(tx, o.Owner, c); err != nil {
			return err
		}
		return s.putChanged(tx, o)
	})
	return o, err
}

// Replacement implements checkout.Store. State: 1 bulk get, 1 transaction; of one that
// is settled 1 bulk get. A store that does not roll back may have kept one of both
// writes of an earlier try: the other one is made again.
func (s *Checkouts) Replacement(ctx context.Context, r *order.Order) (there *order.Order, err error) {
	index := ordersOf(r.Owner)
	err = s.db.Update(ctx, func(tx *state.Tx) error {
		if err := tx.Load(orders.Key(r.ID), index.Key()); err != nil {
			return err
		}
		there, err = getOrder(tx, r.ID)
		switch {
		case errors.Is(err, order.ErrMissing):
			there = r
		case err != nil:
			return err
		case there.Status != order.Pending:
			return nil
		}
		if err := index.Append(tx, r.ID); err != nil {
			return err
		}
		there.Version++
		return orders.Put(tx, r.ID, *there)
	})
	return there, err
}

// Gave implements checkout.Store. State: 2 gets.
func (s *Checkouts) Gave(ctx context.Context, orderID string) (o *order.Order, gave bool, err error) {
	err = s.db.View(ctx, func(tx *state.Tx) error {
		if o, err = getOrder(tx, orderID); err != nil {
			return err
		}
		c, err := getCart(tx, o.Owner)
		gave = err == nil && c.Gave(orderID)
		return err
	})
	return o, gave, err
}

// Finished implements checkout.Store.
func (s *Checkouts) Finished(orderID string, version int64) {
	s.db.FinishAt(orders.Key(orderID), version)
}

// MarkUnsettled implements checkout.Store. The list is written even if the order is on
// it: whoever has read it to take the order off has to look again.
func (s *Checkouts) MarkUnsettled(ctx context.Context, orderID string) error {
	noted := s.db.NotedAt(orders.Key(orderID))
	err := s.db.Update(ctx, func(tx *state.Tx) error { return unsettled.Renew(tx, orderID) })
	if err == nil { // from here on it is this note that counts
		s.db.FinishAt(orders.Key(orderID), noted)
	}
	return err
}

// UnmarkUnsettled implements checkout.Store. Since the caller has read the order, it may
// have come to owe something, and have been listed for that: the list is read first, so
// that an order which is listed later makes this a conflict, and one that was listed
// before is seen to be owing. State: 2 gets, 1 save.
func (s *Checkouts) UnmarkUnsettled(ctx context.Context, orderID string) error {
	return s.db.Update(ctx, func(tx *state.Tx) error {
		if err := tx.Load(unsettled.Key()); err != nil {
			return err
		}
		o, err := getOrder(tx, orderID)
		switch {
		case errors.Is(err, order.ErrMissing):
		case err != nil:
			return err
		case o.Status == order.Pending || o.Owing():
			return nil
		}
		return unsettled.Remove(tx, orderID)
	})
}

// Unsettled implements checkout.Store. State: 1 get.
func (s *Checkouts) Unsettled(ctx context.Context) (ids []string, err error) {
	err = s.db.View(ctx, func(tx *state.Tx) error {
		ids, _, err = unsettled.List(tx, state.Position{}, maxUnsettled)
		return err
	})
	return ids, err
}
