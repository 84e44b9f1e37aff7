package statestore

import (
	"log/slog"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/event"
	"tienda/internal/state"
	"tienda/internal/state/statetest"
	"tienda/services/catalog/internal/product"
	"tienda/services/catalog/internal/search"
	"tienda/tests/bench/goods"
)

// BenchmarkReady is what a replica's start costs the replica itself: 100,000
// products with 300,000 SKUs are read from a store in memory and indexed. What
// the sidecar and the store take is not in it: tests/bench has that.
func BenchmarkReady(b *testing.B) {
	const size, commit = 100_000, 2000
	store := statetest.NewMemory()
	open := func() *state.DB {
		return state.Open(store, &event.Memory{}, slog.New(slog.DiscardHandler))
	}
	loader := NewProducts(open())
	var batch []product.Imported
	load := func() {
		_, err := product.NewService(loader, search.New(NewShelf(loader.db), nil)).Import(b.Context(), batch)
		require.NoError(b, err)
		batch = batch[:0]
	}
	for p := range goods.Make(7, size) {
		if batch = append(batch, imported(p)); len(batch) == commit {
			load()
		}
	}
	var before, after runtime.MemStats
	for b.Loop() {
		runtime.GC()
		runtime.ReadMemStats(&before)
		m := search.New(NewShelf(open()), nil)
		for m.Ready(b.Context()) != nil {
			_ = m.Refresh(b.Context()) // a turn may end before all is read; the next goes on
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/1e6, "MB")
		require.NotNil(b, m.Detail("goods-0"))
	}
}

func imported(p goods.Product) product.Imported {
	in := product.Imported{ExternalID: p.ExternalID, CategoryName: p.CategoryName, Stock: map[string]int{}, Details: product.Details{
		Slug: p.Slug, Name: p.Name, Description: p.Description, Category: p.Category, Status: product.Status(p.Status),
		Images: p.Images, Attributes: p.Attributes,
	}}
	for _, v := range p.Variants {
		in.Stock[v.SKU] = v.Stock
		in.Variants = append(in.Variants, product.Variant{SKU: v.SKU, Name: v.Name, Options: v.Options, Prices: v.Prices})
	}
	return in
}
