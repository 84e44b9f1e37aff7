package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"tienda/internal/state"
	"tienda/tests/bench/goods"
	"tienda/tests/shop"
)

// The floor of an import: how many products, and how many documents a
// transaction has.
const (
	floorProducts = 4000
	floorBatch    = 1000
)

// importFloor writes to a sidecar, without an app, documents as many and as
// large as an import writes: for each product itself with the event in it, its
// slug, and for each SKU the claim and the stock.
func importFloor(ctx context.Context, c *Catalog, dir string) error {
	stores, err := shop.OpenStores(ctx, c.Profile, dir)
	if err != nil {
		return err
	}
	defer stores.Close()
	side, err := shop.StartSidecar(ctx, "orders", dir, stores.Resources)
	if err != nil {
		return err
	}
	defer side.Stop()
	store := state.Dapr(side.Sidecar, "orders-state")
	var ops []state.Op
	var took time.Duration
	written, cpu := 0, processSeconds(side.PID())
	write := func() error {
		began := time.Now()
		err := store.Commit(ctx, ops...)
		took += time.Since(began)
		written, ops = written+len(ops), ops[:0]
		return err
	}
	n := min(floorProducts, c.Products)
	for p := range goods.Make(largeSeed, n) {
		if ops = append(ops, floorDocuments(p)...); len(ops) >= floorBatch {
			if err := write(); err != nil {
				return err
			}
		}
	}
	if err := write(); err != nil {
		return err
	}
	c.Floor = Filled{Lines: n, PerSecond: float64(n) / took.Seconds(), Documents: float64(written) / took.Seconds(),
		Sidecar: (processSeconds(side.PID()) - cpu) * 1000 / float64(n)}
	return nil
}

func floorDocuments(p goods.Product) []state.Op {
	create := func(key string, size int) state.Op {
		return state.Op{Key: key, Value: fmt.Appendf(nil, `{"filler":%q}`, strings.Repeat("x", size))}
	}
	b, _ := json.Marshal(p)                                                               // of strings and numbers: never fails
	ops := []state.Op{create("product:"+p.Slug, len(b)+450), create("slug:"+p.Slug, 110)} // with envelope and event
	for _, v := range p.Variants {
		ops = append(ops, create("sku:"+v.SKU, 110), create("stock:"+v.SKU, 200))
	}
	return ops
}
