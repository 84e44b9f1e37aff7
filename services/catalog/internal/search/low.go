package search

import (
	"maps"
	"slices"
	"sync"

	"tienda/services/catalog/internal/inventory"
)

// standing says how a SKU of the product stands.
func (e *Entry) availability(sku string) inventory.Availability {
	return inventory.Availability{InStock: e.InStock[sku], Low: e.Low[sku], Wait: e.Waits[sku]}
}

// stands says whether the entry shows the stock that was loaded.
func (e *Entry) stands(l Loaded) bool {
	for _, v := range l.Product.Variants {
		if e.availability(v.SKU) != (inventory.Availability{InStock: l.InStock[v.SKU], Low: l.Low[v.SKU], Wait: l.Waits[v.SKU]}) {
			return false
		}
	}
	return true
}

// with gives a copy of what is known of SKUs in which one of them is so; a zero
// value is left out.
func with[T comparable](known map[string]T, sku string, so T) map[string]T {
	if known[sku] == so {
		return known
	}
	next := maps.Clone(known)
	if next == nil {
		next = map[string]T{}
	}
	if next[sku] = so; so == *new(T) {
		delete(next, sku)
	}
	return next
}

// lowSKUs are the SKUs of what is shown that are low.
type lowSKUs struct {
	mu  sync.RWMutex
	all map[string]bool
}

// set has those of a product in the place of those that it had; nil: it is new, or
// gone.
func (l *lowSKUs) set(before, now *Entry) {
	if (before == nil || len(before.Low) == 0) && (now == nil || len(now.Low) == 0) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if before != nil {
		for sku := range before.Low {
			delete(l.all, sku)
		}
	}
	if now == nil {
		return
	}
	if l.all == nil {
		l.all = map[string]bool{}
	}
	for _, v := range now.Product.Variants {
		if now.Low[v.SKU] {
			l.all[v.SKU] = true
		}
	}
}

// Low implements inventory.Offers.
func (m *Model) Low(after string, limit int) []string {
	m.low.mu.RLock()
	defer m.low.mu.RUnlock()
	out := make([]string, 0, limit+1)
	for sku := range m.low.all {
		if sku <= after {
			continue
		}
		i, _ := slices.BinarySearch(out, sku)
		if i == limit {
			continue
		}
		out = slices.Insert(out, i, sku)
		out = out[:min(len(out), limit)]
	}
	return out
}
