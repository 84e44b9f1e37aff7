package statestore

import (
	"context"
	"time"

	"tienda/internal/state"
	"tienda/services/orders/internal/cart"
	"tienda/services/orders/internal/shopper"
)

var (
	userCarts  = state.Collection[cart.Cart]{Prefix: "cart:", TTL: cart.CustomerLife}
	guestCarts = state.Collection[cart.Cart]{Prefix: "cart:", TTL: cart.GuestLife}
)

func cartsOf(o shopper.Owner) state.Collection[cart.Cart] {
	if o.UserID() == "" {
		return guestCarts
	}
	return userCarts
}

// Carts is the store of carts.
type Carts struct{ db *state.DB }

// NewCarts gives the store of carts in db.
func NewCarts(db *state.DB) *Carts { return &Carts{db: db} }

// Update implements cart.Store. State: 1 get (of both carts where a guest's
// may join), and 1 save, or 1 transaction where a guest's has joined; at the first
// change of a customer's on a day 1 get more, and the save is a transaction.
func (s *Carts) Update(ctx context.Context, who shopper.Shopper, fn func(*cart.Cart) error) (joined bool, err error) {
	err = s.db.Update(ctx, func(tx *state.Tx) error {
		own, guest, err := openCart(tx, who)
		if err != nil {
			return err
		}
		joined = guest.Changed()
		if err := fn(own); err != nil {
			return err
		}
		return putCarts(tx, who, own, guest)
	})
	return joined && err == nil, err
}

// openCart reads the shopper's cart and lets the guest's join it.
func openCart(tx *state.Tx, who shopper.Shopper, more ...string) (own, guest *cart.Cart, err error) {
	keys := append([]string{userCarts.Key(string(who.Owner()))}, more...)
	if g := who.Joining(); g != "" {
		keys = append(keys, userCarts.Key(string(g)))
	}
	if err := tx.Load(keys...); err != nil {
		return nil, nil, err
	}
	if own, err = getCart(tx, who.Owner()); err != nil {
		return nil, nil, err
	}
	guest = &cart.Cart{}
	if g := who.Joining(); g != "" {
		if guest, err = getCart(tx, g); err != nil {
			return nil, nil, err
		}
		own.Join(guest, time.Now().UTC())
	}
	return own, guest, nil
}

// getCart gives an empty cart for none.
func getCart(tx *state.Tx, owner shopper.Owner) (*cart.Cart, error) {
	c, _, err := userCarts.Get(tx, string(owner))
	if err != nil {
		return nil, err
	}
	c.Version, err = userCarts.Version(tx, string(owner))
	return &c, err
}

func putCarts(tx *state.Tx, who shopper.Shopper, own, guest *cart.Cart) error {
	if err := putCart(tx, who.Owner(), own); err != nil {
		return err
	}
	return putCart(tx, who.Joining(), guest)
}

func putCart(tx *state.Tx, owner shopper.Owner, c *cart.Cart) error {
	if !c.Changed() {
		return nil
	}
	if err := noteChanged(tx, owner, c); err != nil {
		return err
	}
	return cartsOf(owner).Put(tx, string(owner), *c)
}
