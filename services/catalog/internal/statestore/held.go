package statestore

import (
	"context"
	"slices"
	"strconv"

	"tienda/internal/state"
	"tienda/services/catalog/internal/inventory"
)

// sold is of a product what has to be known of it here: most of it is its texts.
var sold = state.Collection[struct {
	Variants []struct {
		SKU string `json:"sku"`
	} `json:"variants"`
}]{Prefix: products.Prefix}

// Parts implements inventory.HeldStore: the buckets of the index of products.
func (s *Stocks) Parts() int { return Buckets }

// lookBatch is how many products Look reads at once: all of a part would keep the sidecar
// from others for a tenth of a second in a large catalog.
const lookBatch = 100

// Look implements inventory.HeldStore: 1 get, 1 bulk get more of a large catalog, and 2
// bulk gets for each 100 products. There is no list of the SKUs that hold something, since
// a sale would have to write it: all of them are read in turn, which costs no sale
// anything. What a product that is gone has left is not found; nothing of it can be sold
// any more.
func (s *Stocks) Look(ctx context.Context, part int, at func(*inventory.Stock)) error {
	var productIDs []string
	err := s.db.View(ctx, func(tx *state.Tx) (err error) {
		_, productIDs, err = listed(tx, strconv.Itoa(part))
		return err
	})
	for some := range slices.Chunk(productIDs, lookBatch) {
		if err != nil {
			return err
		}
		err = s.lookAt(ctx, some, at)
	}
	return err
}

func (s *Stocks) lookAt(ctx context.Context, productIDs []string, at func(*inventory.Stock)) error {
	return s.db.View(ctx, func(tx *state.Tx) error {
		all, err := sold.GetAll(tx, productIDs...)
		if err != nil {
			return err
		}
		var ids []string
		for _, p := range all {
			for _, v := range p.Variants {
				ids = append(ids, v.SKU)
			}
		}
		found, err := stocks.GetAll(tx, ids...)
		if err != nil {
			return err
		}
		for i := range found {
			at(&found[i])
		}
		return nil
	})
}
