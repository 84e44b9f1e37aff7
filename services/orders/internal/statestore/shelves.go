package statestore

import (
	"context"

	"tienda/internal/state"
	"tienda/services/orders/internal/cart"
	"tienda/services/orders/internal/shopper"
)

var shelves = state.Collection[cart.Shelf]{Prefix: "saved-carts:"}

// Shelf implements cart.Shelves. State: 1 get.
func (s *Carts) Shelf(ctx context.Context, userID string) (shelf cart.Shelf, err error) {
	err = s.db.View(ctx, func(tx *state.Tx) error {
		shelf, _, err = shelves.Get(tx, userID)
		return err
	})
	return shelf, err
}

// UpdateShelf implements cart.Shelves. State: 1 bulk get, and 1 save if it changed.
func (s *Carts) UpdateShelf(ctx context.Context, userID string, fn func(*cart.Cart, *cart.Shelf) error) error {
	owner := shopper.User(userID)
	return s.db.Update(ctx, func(tx *state.Tx) error {
		if err := tx.Load(userCarts.Key(string(owner)), shelves.Key(userID)); err != nil {
			return err
		}
		c, err := getCart(tx, owner)
		if err != nil {
			return err
		}
		shelf, _, err := shelves.Get(tx, userID)
		if err != nil {
			return err
		}
		if err := fn(c, &shelf); err != nil || !shelf.Changed() {
			return err
		}
		return shelves.Put(tx, userID, shelf)
	})
}
