package statestore

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"tienda/internal/fault"
	"tienda/internal/state"
	"tienda/services/catalog/internal/events"
	"tienda/services/catalog/internal/product"
)

// Products implements product.Store.
type Products struct{ db *state.DB }

// NewProducts gives the store over a database.
func NewProducts(db *state.DB) *Products { return &Products{db: db} }

// Find implements product.Store: 1 get by ID, 2 by slug.
func (s *Products) Find(ctx context.Context, ref string) (p product.Product, err error) {
	err = s.db.View(ctx, func(tx *state.Tx) error {
		id := ref
		if uuid.Validate(ref) != nil {
			c, ok, err := slugs.Get(tx, ref)
			if err != nil {
				return err
			}
			if !ok {
				return product.ErrMissing
			}
			id = c.ProductID
		}
		var ok bool
		if p, ok, err = find(tx, id); err != nil {
			return err
		}
		if !ok || id != ref && !slices.Contains(p.Slugs(), ref) {
			return product.ErrMissing
		}
		return nil
	})
	return p, err
}

// FindSKU implements product.Store: 2 gets.
func (s *Products) FindSKU(ctx context.Context, sku string) (p product.Product, err error) {
	err = s.db.View(ctx, func(tx *state.Tx) error {
		c, ok, err := skus.Get(tx, sku)
		if err != nil {
			return err
		}
		if ok {
			p, ok, err = find(tx, c.ProductID)
		}
		if err == nil && (!ok || !slices.Contains(p.SKUs(), sku)) {
			return product.ErrMissingSKU
		}
		return err
	})
	return p, err
}

// Create implements product.Store: 2 gets, 1 transaction.
func (s *Products) Create(ctx context.Context, p product.Product) (product.Product, error) {
	var refused error
	err := s.db.Update(ctx, func(tx *state.Tx) error {
		refused = nil
		if err := tx.Load(keysOf(p.ID, p.Details)...); err != nil {
			return err
		}
		// The ID is new: what is there is of an attempt that was kept in part.
		held, kept, err := find(tx, p.ID)
		if err != nil {
			return err
		}
		if err := save(tx, nil, p); err != nil {
			if !kept || !isRefusal(err) {
				return err
			}
			refused = err
			return remove(tx, held)
		}
		p.Version = held.Version + 1
		tx.Emit(products.Key(p.ID), events.ProductCreated(p))
		return nil
	})
	if err == nil {
		err = refused
	}
	return p, err
}

// Update implements product.Store: 2 gets, 1 transaction; 1 more get where the one
// before changed a price. An attempt that was
// kept in part is not taken for another writer's: what it changed is done
// again over the product as it was, or taken back if it is now refused.
func (s *Products) Update(ctx context.Context, id string, change func(*product.Product) error) (after product.Product, err error) {
	var refused error
	var before product.Product
	attempts := 0
	err = s.db.Update(ctx, func(tx *state.Tx) error {
		refused = nil
		if err := tx.Load(append(placeOf(id).keys(), products.Key(id))...); err != nil {
			return err
		}
		held, ok, err := find(tx, id)
		if err != nil {
			return err
		}
		if !ok {
			return product.ErrMissing
		}
		kept := attempts > 0 && held.Version == after.Version && held.UpdatedAt.Equal(after.UpdatedAt) && held.Equal(after.Details)
		if !kept {
			before = held
		}
		attempts++
		after = before
		if err := change(&after); err != nil {
			return err
		}
		if kept { // it is the same change, which may be in the histories of prices already
			after.UpdatedAt = held.UpdatedAt
		}
		keys := append(keysOf(id, after.Details), keysOf(id, before.Details)...)
		if err := tx.Load(append(keys, categories.Key(allCategories))...); err != nil {
			return err
		}
		if err := save(tx, &before, after); err != nil {
			if !kept || !isRefusal(err) {
				return err
			}
			refused, after = err, before
			if err := write(tx, &held, before); err != nil {
				return err
			}
		}
		after.Version = held.Version + 1
		tx.Emit(products.Key(id), events.ProductUpdated(after))
		return nil
	})
	if err == nil {
		err = refused
	}
	return after, err
}

// Delete implements product.Store: 2 gets, 1 transaction; 1 more get where the
// product has had other slugs.
func (s *Products) Delete(ctx context.Context, id string, allow func(product.Product) error) error {
	return s.db.Update(ctx, func(tx *state.Tx) error {
		p, ok, err := find(tx, id)
		if err != nil {
			return err
		}
		if !ok {
			return product.ErrMissing
		}
		if err := allow(p); err != nil {
			return err
		}
		if err := tx.Load(keysOf(id, p.Details)...); err != nil {
			return err
		}
		return remove(tx, p)
	})
}

// save claims what is new of a product, frees what it no longer has, and
// writes it. All refusals come before the first write.
func save(tx *state.Tx, before *product.Product, p product.Product) error {
	if err := checkCategory(tx, p.Category); err != nil {
		return err
	}
	if err := checkClaims(tx, p); err != nil {
		return err
	}
	return write(tx, before, p)
}

// write also repairs: an attempt that was kept in part may have left the
// product without some of its claims. The product goes before its bucket, so
// that whoever finds the bucket written finds the product.
func write(tx *state.Tx, before *product.Product, p product.Product) error {
	if err := writeUnmarked(tx, before, p); err != nil {
		return err
	}
	return mark(tx, p.ID, true)
}

func writeUnmarked(tx *state.Tx, before *product.Product, p product.Product) error {
	return rewrite(tx, before, p, releaseSKUs)
}

// rewrite is writeUnmarked; release frees the SKUs that the product no longer has.
func rewrite(tx *state.Tx, before *product.Product, p product.Product, release releaser) error {
	if before != nil {
		for _, slug := range without(before.Slugs(), p.Slugs()) {
			if err := releaseSlug(tx, p.ID, slug); err != nil {
				return err
			}
		}
		if err := release(tx, p.ID, without(before.SKUs(), p.SKUs())); err != nil {
			return err
		}
		if err := handOn(tx, before); err != nil {
			return err
		}
		noteChanges(before, &p)
	}
	if err := claimAll(tx, p); err != nil {
		return err
	}
	return products.Put(tx, p.ID, p)
}

// releaser frees SKUs of a product, by its ID.
type releaser func(tx *state.Tx, id string, gone []string) error

// remove takes a product away with all that is its own, and says so.
func remove(tx *state.Tx, p product.Product) error {
	if err := drop(tx, p, releaseSKUs); err != nil {
		return err
	}
	tx.Emit(products.Key(p.ID), events.ProductDeleted(p))
	return nil
}

// drop takes a product away. release frees its SKUs.
func drop(tx *state.Tx, p product.Product, release releaser) error {
	if err := tx.Load(slugs.Keys(p.Slugs()...)...); err != nil {
		return err
	}
	for _, slug := range p.Slugs() {
		if err := releaseSlug(tx, p.ID, slug); err != nil {
			return err
		}
	}
	if err := release(tx, p.ID, p.SKUs()); err != nil {
		return err
	}
	if err := handOn(tx, &p); err != nil {
		return err
	}
	if err := unmark(tx, p.ID); err != nil {
		return err
	}
	return products.Delete(tx, p.ID)
}

// isRefusal tells a rule that is broken from a failure.
func isRefusal(err error) bool {
	k := fault.KindOf(err)
	return k != fault.Internal && k != fault.Unavailable
}
