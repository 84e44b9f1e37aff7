package statestore

import (
	"maps"
	"slices"
	"time"

	"tienda/internal/origin"
	"tienda/internal/origin/intake"
	"tienda/internal/state"
	"tienda/services/catalog/internal/product"
)

// movedProducts keeps products under the IDs of their documents. State: 2 bulk gets (the second is
// of the categories, see category.go) and 1 transaction a batch; 1 more in a large catalog, and where one of them loses a
// slug or SKUs, is deleted, or has changed its prices before, and for each that meets a claim.
func movedProducts() intake.Kind[product.Moved] {
	return intake.Kind[product.Moved]{
		Name: "products",
		Keys: func(id string, m *product.Moved) []string {
			bucket := buckets.Key(placeOf(id).bucket)
			if m == nil {
				return []string{bucket, products.Key(id)}
			}
			return append(unplaced(id, product.Details{Slug: m.Slug, Variants: variantsOf(m)}), bucket)
		},
		New:     func(id string, _ *product.Moved) []string { return products.Keys(id) },
		More:    moreKeys,
		GetKeys: func(id string) []string { return products.Keys(id) },
		Held: func(tx *state.Tx, id string) (*origin.Source, error) {
			p, _, err := products.Get(tx, id)
			return p.Origin, err
		},
		Begin: func(tx *state.Tx) intake.Run[product.Moved] {
			r := &productRun{tx: tx, marks: map[string]bool{}}
			return intake.Run[product.Moved]{Put: r.put, Remove: r.remove, Finish: r.finish}
		},
		Get: func(tx *state.Tx, id string) (intake.Document[product.Moved], bool, error) {
			p, ok, err := find(tx, id)
			if err != nil || !ok || p.Origin == nil {
				return intake.Document[product.Moved]{}, false, err
			}
			return intake.Document[product.Moved]{ID: id, Source: *p.Origin, Value: p.Moved()}, true, nil
		},
	}
}

func variantsOf(m *product.Moved) []product.Variant {
	out := make([]product.Variant, len(m.Variants))
	for i, v := range m.Variants {
		out[i].SKU = v.SKU
	}
	return out
}

// moreKeys are what the products of a batch are touched with besides, and where they are in the index
// of a large catalog.
func moreKeys(tx *state.Tx, docs []intake.Document[product.Moved]) ([]string, error) {
	ids := make([]string, len(docs))
	for i, d := range docs {
		ids[i] = d.ID
	}
	keys, err := partKeys(tx, ids)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		held, err := heldKeys(tx, id)
		if err != nil {
			return nil, err
		}
		keys = append(keys, held...)
	}
	return keys, nil
}

// heldKeys are what a product that is held is touched with, when it is stated anew or goes.
func heldKeys(tx *state.Tx, id string) ([]string, error) {
	p, ok, err := products.Get(tx, id)
	if err != nil || !ok {
		return nil, err
	}
	keys := append(unplaced(id, p.Details), slugs.Keys(p.Slugs()...)...)
	return append(keys, priceLogs.Keys(slices.Collect(maps.Keys(p.Changes))...)...), nil
}

// productRun stores the products of one transaction.
type productRun struct {
	tx         *state.Tx
	categories product.Categories
	read       bool            // the categories are
	marks      map[string]bool // products whose marks change
}

func (r *productRun) put(d intake.Document[product.Moved]) error {
	held, ok, err := find(r.tx, d.ID)
	if err != nil {
		return err
	}
	var before *product.Product
	if ok {
		before = &held
		if held.Origin == nil && !d.Adopt {
			return product.ErrMadeHere
		}
	}
	next, err := d.Value.MoveIn(before, d.ID, d.Source, time.Now().UTC())
	if err != nil {
		return err
	}
	ours, err := r.tx.Ours(products.Key(d.ID))
	if err != nil {
		return err
	}
	if err := r.takes(next.Category); err != nil && (!isRefusal(err) || !ours) {
		return err // a half that has landed stays: its category has just gone
	}
	if err := checkClaims(r.tx, next); err != nil {
		if ours && isRefusal(err) && held.Version == 1 { // a half of one that cannot be
			return r.undo(held, err)
		}
		return err
	}
	r.marks[d.ID] = true
	return rewrite(r.tx, before, next, leaveSKUs)
}

// takes refuses a category that is not there. It is read after the buckets (category.go).
func (r *productRun) takes(category string) (err error) {
	if !r.read {
		if r.categories, _, err = categories.Get(r.tx, allCategories); err != nil {
			return err
		}
		r.read = true
	}
	return r.categories.Takes(category)
}

func (r *productRun) undo(held product.Product, refused error) error {
	delete(r.marks, held.ID)
	if err := drop(r.tx, held, leaveSKUs); err != nil {
		return err
	}
	return refused
}

func (r *productRun) remove(id string) error {
	held, ok, err := find(r.tx, id)
	if err != nil || ok && held.Origin == nil {
		return err
	}
	delete(r.marks, id)
	if !ok { // it may be that its mark was left
		return unmark(r.tx, id)
	}
	return drop(r.tx, held, leaveSKUs)
}

func (r *productRun) finish() error {
	return markAll(r.tx, slices.Sorted(maps.Keys(r.marks)), true)
}

// leaveSKUs is releaseSKUs, but for stock that was moved in: that comes and goes by documents of
// its own. It waits for the product that the SKU has next.
func leaveSKUs(tx *state.Tx, id string, gone []string) error {
	for _, sku := range gone {
		c, ok, err := skus.Get(tx, sku)
		if err != nil {
			return err
		}
		stock, there, err := stocks.Get(tx, sku)
		if err != nil {
			return err
		}
		if !ok || c.ProductID != id || !there || stock.Origin == nil {
			if err := releaseSKUs(tx, id, []string{sku}); err != nil {
				return err
			}
			continue
		}
		if err := skus.Delete(tx, sku); err != nil {
			return err
		}
		stock.ProductID = ""
		if err := stocks.Put(tx, sku, stock); err != nil {
			return err
		}
	}
	return nil
}
