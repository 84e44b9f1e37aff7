package statestore

import (
	"context"
	"slices"
	"strconv"
	"sync"

	"tienda/internal/state"
	"tienda/services/catalog/internal/inventory"
	"tienda/services/catalog/internal/product"
	"tienda/services/catalog/internal/search"
)

// Shelf implements search.Source. It keeps the buckets that it has decoded,
// since most of them are the same at the next call.
type Shelf struct {
	db *state.DB

	mu      sync.Mutex
	buckets [Buckets]search.Bucket
}

// NewShelf gives the source over a database.
func NewShelf(db *state.DB) *Shelf { return &Shelf{db: db} }

var indexKeys = func() []string {
	keys := []string{categories.Key(allCategories)}
	for i := range Buckets {
		keys = append(keys, buckets.Key(strconv.Itoa(i)))
	}
	return keys
}()

// Index implements search.Source: 1 bulk get.
func (s *Shelf) Index(ctx context.Context) (all []search.Bucket, c product.Categories, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	err = s.db.View(ctx, func(tx *state.Tx) error {
		if err := tx.Load(indexKeys...); err != nil {
			return err
		}
		for i := range s.buckets {
			id := strconv.Itoa(i)
			version, err := buckets.Version(tx, id)
			if err != nil {
				return err
			}
			if version == s.buckets[i].Version {
				continue
			}
			b, _, err := buckets.Get(tx, id)
			if err != nil {
				return err
			}
			s.buckets[i] = search.Bucket{Version: version, Marks: b.Marks}
		}
		c, _, err = categories.Get(tx, allCategories)
		return err
	})
	return slices.Clone(s.buckets[:]), c, err
}

// Load implements search.Source: 2 bulk gets.
func (s *Shelf) Load(ctx context.Context, ids []string) (out []search.Loaded, err error) {
	err = s.db.View(ctx, func(tx *state.Tx) error {
		if err := tx.Load(products.Keys(ids...)...); err != nil {
			return err
		}
		var keys []string
		for _, id := range ids {
			p, ok, err := find(tx, id)
			if err != nil {
				return err
			}
			if ok {
				out = append(out, search.Loaded{Product: p, InStock: map[string]bool{}, Low: map[string]bool{}, Waits: map[string]inventory.Waitable{}})
				keys = append(keys, stocks.Keys(p.SKUs()...)...)
			}
		}
		if err := tx.Load(keys...); err != nil {
			return err
		}
		for _, l := range out {
			for _, sku := range l.Product.SKUs() {
				stock, err := read(tx, sku)
				if err != nil {
					return err
				}
				now := stock.Availability()
				if now.InStock {
					l.InStock[sku] = true
				}
				if now.Low {
					l.Low[sku] = true
				}
				if now.Wait.Allowed {
					l.Waits[sku] = now.Wait
				}
			}
		}
		return nil
	})
	return out, err
}

// OwnersOf implements search.Source: 1 bulk get.
func (s *Shelf) OwnersOf(ctx context.Context, ids []string) (owners []string, err error) {
	err = s.db.View(ctx, func(tx *state.Tx) error {
		claims, err := skus.GetAll(tx, ids...)
		if err != nil {
			return err
		}
		for _, c := range claims {
			if !slices.Contains(owners, c.ProductID) {
				owners = append(owners, c.ProductID)
			}
		}
		return nil
	})
	return owners, err
}
