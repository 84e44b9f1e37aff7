package statestore

import (
	"context"
	"time"

	"tienda/internal/state"
	"tienda/services/orders/internal/order"
	"tienda/services/orders/internal/promotion"
	"tienda/services/orders/internal/terms"
)

var (
	books    = state.Collection[promotion.Book]{Prefix: "promotions:"}
	uses     = state.Collection[promotion.Uses]{Prefix: "promotion-uses:"}
	userUses = state.Collection[promotion.UserUses]{Prefix: "promotion-uses-of:"}
)

// bookID is the ID of the one book.
const bookID = "book"

func userKey(k promotion.UserKey) string { return k.Promotion + ":" + k.User }

// Promotions is the store of promotions, their uses, and the terms.
type Promotions struct{ db *state.DB }

// NewPromotions gives the store of promotions in db.
func NewPromotions(db *state.DB) *Promotions { return &Promotions{db: db} }

// Book implements promotion.Store. State: 1 get.
func (s *Promotions) Book(ctx context.Context) (*promotion.Book, error) {
	var b promotion.Book
	err := s.db.View(ctx, func(tx *state.Tx) (err error) {
		b, _, err = books.Get(tx, bookID)
		return err
	})
	return &b, err
}

// Change implements promotion.Store. State: 1 get, 1 save.
func (s *Promotions) Change(ctx context.Context, fn func(*promotion.Book) error) error {
	return s.db.Update(ctx, func(tx *state.Tx) error {
		b, _, err := books.Get(tx, bookID)
		if err != nil {
			return err
		}
		if err := fn(&b); err != nil {
			return err
		}
		return books.Put(tx, bookID, b)
	})
}

// Uses implements promotion.Store. State: 1 bulk get.
func (s *Promotions) Uses(ctx context.Context, ids ...string) (out map[string]*promotion.Uses, err error) {
	err = s.db.View(ctx, func(tx *state.Tx) error {
		out, err = getUses(tx, ids)
		return err
	})
	return out, err
}

func getUses(tx *state.Tx, ids []string) (map[string]*promotion.Uses, error) {
	out := make(map[string]*promotion.Uses, len(ids))
	if err := tx.Load(uses.Keys(ids...)...); err != nil {
		return nil, err
	}
	for _, id := range ids {
		u, _, err := uses.Get(tx, id)
		if err != nil {
			return nil, err
		}
		out[id] = &u
	}
	return out, nil
}

// Ledger implements promotion.Store. State: 1 bulk get, and 1 transaction if fn
// changes something.
//
// The update writes several documents, each of which may stand alone on a store that
// does not roll back: a use is taken by order ID, so that the next run finds what this
// one has written, and what is given back is not there to be given back again. Only a
// use that is folded would be lost: it is of one document.
func (s *Promotions) Ledger(ctx context.Context, promotions []string, users []promotion.UserKey, ids []string, fn func(*promotion.Ledger) error) error {
	keys := append(uses.Keys(promotions...), orders.Keys(ids...)...)
	for _, k := range users {
		keys = append(keys, userUses.Key(userKey(k)))
	}
	return s.db.Update(ctx, func(tx *state.Tx) error {
		if err := tx.Load(keys...); err != nil {
			return err
		}
		l := &promotion.Ledger{
			Mine: map[promotion.UserKey]*promotion.UserUses{}, ChangedUses: map[string]bool{}, ChangedMine: map[promotion.UserKey]bool{},
			Orders: func(ids ...string) (map[string]*order.Order, error) { return getOrders(tx, ids) },
		}
		var err error
		if l.Uses, err = getUses(tx, promotions); err != nil {
			return err
		}
		for _, k := range users {
			u, _, err := userUses.Get(tx, userKey(k))
			if err != nil {
				return err
			}
			l.Mine[k] = &u
		}
		if err := fn(l); err != nil {
			return err
		}
		for _, id := range promotions {
			if l.ChangedUses[id] {
				if err := uses.Put(tx, id, *l.Uses[id]); err != nil {
					return err
				}
			}
		}
		for _, k := range users {
			if l.ChangedMine[k] {
				if err := userUses.Put(tx, userKey(k), *l.Mine[k]); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func getOrders(tx *state.Tx, ids []string) (map[string]*order.Order, error) {
	found, err := presentOrders(tx, ids)
	out := make(map[string]*order.Order, len(found))
	for i := range found {
		out[found[i].ID] = &found[i]
	}
	return out, err
}

// Load implements terms.Source. State: 1 bulk get; 1 more if a promotion counts its
// uses.
func (s *Promotions) Load(ctx context.Context) (*terms.Terms, error) {
	var t terms.Terms
	err := s.db.View(ctx, func(tx *state.Tx) error {
		if err := tx.Load(taxes.Key(taxID), shippings.Key(shippingID), payments.Key(paymentsID), books.Key(bookID)); err != nil {
			return err
		}
		b, _, err := books.Get(tx, bookID)
		if err != nil {
			return err
		}
		t.Book = &b
		if t.Tax, err = getTax(tx); err != nil {
			return err
		}
		if t.Shipping, err = getShipping(tx); err != nil {
			return err
		}
		if t.Payments, err = getPayments(tx); err != nil {
			return err
		}
		counted := b.Counted(time.Now())
		if len(counted) == 0 {
			return nil
		}
		t.Uses, err = getUses(tx, counted)
		return err
	})
	return &t, err
}
