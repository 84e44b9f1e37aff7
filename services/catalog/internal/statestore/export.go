package statestore

import (
	"context"
	"slices"
	"strconv"

	"tienda/internal/state"
	"tienda/services/catalog/internal/export"
	"tienda/services/catalog/internal/inventory"
)

// exportAtOnce is how many products are read, and held in memory, at a time.
const exportAtOnce = 100

// Exports implements export.Source.
type Exports struct{ db *state.DB }

// NewExports gives the source over a database.
func NewExports(db *state.DB) *Exports { return &Exports{db: db} }

// Parts implements export.Source: the buckets of the index of products.
func (s *Exports) Parts() int { return Buckets }

// Read implements export.Source: 1 get for a part, 1 more of a large catalog, and 2 bulk gets for each 100
// products.
func (s *Exports) Read(ctx context.Context, part int, give func([]export.Item) error) error {
	var ids []string
	err := s.db.View(ctx, func(tx *state.Tx) (err error) {
		_, ids, err = listed(tx, strconv.Itoa(part))
		return err
	})
	if err != nil {
		return err
	}
	for some := range slices.Chunk(ids, exportAtOnce) {
		items, err := s.items(ctx, some)
		if err != nil {
			return err
		}
		if err := give(items); err != nil {
			return err
		}
	}
	return nil
}

// items reads products, those that are gone left out.
func (s *Exports) items(ctx context.Context, ids []string) (out []export.Item, err error) {
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
				out = append(out, export.Item{Product: p, Stock: map[string]*inventory.Stock{}})
				keys = append(keys, stocks.Keys(p.SKUs()...)...)
			}
		}
		if err := tx.Load(keys...); err != nil {
			return err
		}
		for _, it := range out {
			for _, sku := range it.Product.SKUs() {
				stock, err := read(tx, sku)
				if err != nil {
					return err
				}
				if stock.Version > 0 {
					it.Stock[sku] = &stock
				}
			}
		}
		return nil
	})
	return out, err
}
