// Package export gives all of a catalog out, part by part: each product, whatever
// its status, with the stock of its SKUs.
package export

import (
	"context"

	"tienda/services/catalog/internal/inventory"
	"tienda/services/catalog/internal/product"
)

// Item is a product with the stock of each of its SKUs that has any.
type Item struct {
	Product product.Product
	Stock   map[string]*inventory.Stock
}

// Source reads the catalog.
type Source interface {
	// Parts is in how many parts the catalog is read. What is in a part stays there.
	Parts() int
	// Read gives the products of a part, from 0, some at a time, by their IDs. An
	// error of give ends it.
	Read(ctx context.Context, part int, give func([]Item) error) error
}

// Read gives the products of one part or, below 0, of all. Each product is as it
// is stored when it is read; nothing holds the catalog still meanwhile.
func Read(ctx context.Context, from Source, part int, give func([]Item) error) error {
	if part >= 0 {
		return from.Read(ctx, part, give)
	}
	for n := range from.Parts() {
		if err := from.Read(ctx, n, give); err != nil {
			return err
		}
	}
	return nil
}
