package statestore

import (
	"cmp"
	"context"
	"time"

	"tienda/internal/state"
	"tienda/services/catalog/internal/events"
	"tienda/services/catalog/internal/inventory"
	"tienda/services/catalog/internal/product"
)

// Import implements product.Store: 2 gets and 1 transaction for the whole
// batch, 1 more get where a product loses a slug or SKUs or meets a claim. A
// batch that says nothing new is not written.
func (s *Products) Import(ctx context.Context, batch []product.Imported, decide func(int, *product.Product) (*product.Product, error)) (refused []error, err error) {
	touched := map[string]bool{} // over all attempts: one may have been kept in part
	err = s.db.Update(ctx, func(tx *state.Tx) error {
		refused = make([]error, len(batch))
		var keys []string
		for _, in := range batch {
			keys = append(keys, keysOf(in.ID(), in.Details)...)
		}
		if err := tx.Load(keys...); err != nil {
			return err
		}
		for i, in := range batch {
			err := take(tx, in, touched, func(held *product.Product) (*product.Product, error) { return decide(i, held) })
			if err != nil && !isRefusal(err) {
				return err
			}
			refused[i] = err
		}
		return nil
	})
	return refused, err
}

// take stores one product, and the stock of those SKUs that have none yet.
func take(tx *state.Tx, in product.Imported, touched map[string]bool, decide func(*product.Product) (*product.Product, error)) error {
	var before *product.Product
	held, ok, err := find(tx, in.ID())
	if err != nil {
		return err
	}
	if ok {
		before = &held
	}
	next, err := decide(before)
	if err != nil {
		return err
	}
	id := in.ID()
	if next == nil {
		if touched[id] { // an attempt was kept in part: the category may have gone since
			if err := ensureCategory(tx, in); err != nil {
				return err
			}
		}
		if err := claimAll(tx, held); err != nil {
			return err
		}
	} else {
		if err := checkClaims(tx, *next); err != nil {
			return err
		}
		if err := ensureCategory(tx, in); err != nil {
			return err
		}
		touched[id] = true
		if err := write(tx, before, *next); err != nil {
			return err
		}
		announce := events.ProductCreated
		if before != nil {
			announce = events.ProductUpdated
		}
		tx.Emit(products.Key(id), announce(*next))
	}
	added, err := firstStock(tx, in)
	if err != nil || next != nil || !added && !touched[id] {
		return err
	}
	return mark(tx, id, true)
}

// ensureCategory adds the category if it is not there and stops its deletion.
func ensureCategory(tx *state.Tx, in product.Imported) error {
	all, _, err := categories.Get(tx, allCategories)
	if err != nil || all.Takes(in.Category) == nil {
		return err
	}
	if i := all.Find(in.Category); i >= 0 {
		all[i].Closing = ""
	} else if _, err := all.Add(product.Category{Slug: in.Category, Name: cmp.Or(in.CategoryName, in.Category)}); err != nil {
		return err
	}
	return categories.Put(tx, allCategories, all)
}

func firstStock(tx *state.Tx, in product.Imported) (added bool, err error) {
	for _, sku := range in.SKUs() {
		_, ok, err := stocks.Get(tx, sku)
		if err != nil {
			return false, err
		}
		if ok {
			continue
		}
		n := in.Stock[sku]
		if err := stocks.Put(tx, sku, inventory.Stock{SKU: sku, ProductID: in.ID(), OnHand: n, Initial: n, Opened: time.Now().Unix()}); err != nil {
			return false, err
		}
		added = true
	}
	return added, nil
}
