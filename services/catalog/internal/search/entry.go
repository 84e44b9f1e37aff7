// Package search is what the shop shows: all published products in memory, in
// every replica, kept fresh from the store.
package search

import (
	"sync"
	"sync/atomic"

	"tienda/services/catalog/internal/inventory"
	"tienda/services/catalog/internal/product"
)

// Entry is one product as it is shown. It never changes; a new one takes its
// place.
type Entry struct {
	Product product.Product
	InStock map[string]bool               // by SKU; what is not there is not in stock
	Low     map[string]bool               // by SKU
	Waits   map[string]inventory.Waitable // by SKU; what is not there cannot be waited for

	details *details
}

// AnyInStock says whether some variant can be bought.
func (e *Entry) AnyInStock() bool {
	for _, v := range e.Product.Variants {
		if e.InStock[v.SKU] {
			return true
		}
	}
	return false
}

// PriceFrom gives the lowest price in minor units; false: none in the currency.
func (e *Entry) PriceFrom(currency string) (amount int64, ok bool) {
	for _, v := range e.Product.Variants {
		if p, has := v.Price(currency); has && (!ok || p.Amount < amount) {
			amount, ok = p.Amount, true
		}
	}
	return amount, ok
}

// entry makes the entry of a product.
func (m *Model) entry(l Loaded) *Entry {
	e := &Entry{Product: l.Product, InStock: l.InStock, Low: l.Low, Waits: l.Waits}
	e.details = m.newDetails(&e.Product)
	return e
}

// slot is the place of a product.
type slot struct{ entry atomic.Pointer[Entry] }

// places are products by a key. Reading takes no lock.
type places struct{ slots sync.Map }

func (p *places) at(key string) *slot {
	if at, ok := p.slots.Load(key); ok {
		return at.(*slot)
	}
	return nil
}

func (p *places) put(key string, at *slot) { p.slots.Store(key, at) }

// former are the slugs that products had, and by which they are still found.
type former struct {
	mu    sync.RWMutex
	slugs map[string]map[string]product.FormerSlug // by former slug and product ID: its slug of now
}

// set notes the former slugs of a product in place of those of before; nil: the
// product is not shown.
func (f *former) set(id string, before, now *product.Product) {
	if (before == nil || len(before.Former) == 0) && (now == nil || len(now.Former) == 0) {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if before != nil {
		for _, old := range before.Former {
			if delete(f.slugs[old.Slug], id); len(f.slugs[old.Slug]) == 0 {
				delete(f.slugs, old.Slug)
			}
		}
	}
	if now == nil {
		return
	}
	for _, old := range now.Former {
		if f.slugs == nil {
			f.slugs = map[string]map[string]product.FormerSlug{}
		}
		if f.slugs[old.Slug] == nil {
			f.slugs[old.Slug] = map[string]product.FormerSlug{}
		}
		f.slugs[old.Slug][id] = product.FormerSlug{Slug: now.Slug, Until: old.Until}
	}
}

// of gives the slug that the product has now which had a slug last.
func (f *former) of(slug string) (now string, ok bool) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	var last product.FormerSlug
	for _, one := range f.slugs[slug] {
		if !ok || one.Until.After(last.Until) {
			last, ok = one, true
		}
	}
	return last.Slug, ok
}

// free gives a key up, unless another product has it by now.
func (p *places) free(key string, at *slot) { p.slots.CompareAndDelete(key, at) }
