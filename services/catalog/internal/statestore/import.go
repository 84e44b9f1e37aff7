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
// batch that says nothing new is not written. The categories and the parts of
// the index are decoded once a batch: of a large catalog they are large.
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
		all, _, err := categories.Get(tx, allCategories) // after the buckets (category.go)
		if err != nil {
			return err
		}
		into := &importing{tx: tx, categories: all, touched: touched}
		for i, in := range batch {
			err := into.take(in, func(held *product.Product) (*product.Product, error) { return decide(i, held) })
			if err != nil && !isRefusal(err) {
				return err
			}
			refused[i] = err
		}
		return markAll(tx, into.marks, true)
	})
	return refused, err
}

// importing is one attempt to store a batch.
type importing struct {
	tx         *state.Tx
	categories product.Categories
	touched    map[string]bool // products that this or an earlier attempt has written
	marks      []string        // products whose marks change
}

// take stores one product, and the stock of those SKUs that have none yet.
func (i *importing) take(in product.Imported, decide func(*product.Product) (*product.Product, error)) error {
	tx, id := i.tx, in.ID()
	var before *product.Product
	held, ok, err := find(tx, id)
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
	if next == nil {
		if i.touched[id] { // an attempt was kept in part: the category may have gone since
			if err := i.ensureCategory(in); err != nil {
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
		if err := i.ensureCategory(in); err != nil {
			return err
		}
		i.touched[id] = true
		if err := writeUnmarked(tx, before, *next); err != nil {
			return err
		}
		i.marks = append(i.marks, id)
		announce := events.ProductCreated
		if before != nil {
			announce = events.ProductUpdated
		}
		tx.Emit(products.Key(id), announce(*next))
	}
	added, err := firstStock(tx, in)
	if err == nil && next == nil && (added || i.touched[id]) {
		i.marks = append(i.marks, id)
	}
	return err
}

// ensureCategory adds the category if it is not there and stops its deletion.
func (i *importing) ensureCategory(in product.Imported) error {
	if i.categories.Takes(in.Category) == nil {
		return nil
	}
	if at := i.categories.Find(in.Category); at >= 0 {
		i.categories[at].Closing = ""
	} else if _, err := i.categories.Add(product.Category{Slug: in.Category, Name: cmp.Or(in.CategoryName, in.Category)}); err != nil {
		return err
	}
	return categories.Put(i.tx, allCategories, i.categories)
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
