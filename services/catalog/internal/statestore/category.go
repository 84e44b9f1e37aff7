package statestore

import (
	"context"
	"slices"
	"strconv"
	"sync"

	"tienda/internal/state"
	"tienda/services/catalog/internal/product"
)

// A category is deleted while products are saved in other replicas. The delete
//
//	D1  marks the category as closing in the categories document,
//	D2  writes every bucket of the index again, each under the ETag with which
//	    it read the bucket's products and found none published in the category,
//	D3  removes the category if it still carries the mark of D1;
//
// and a save, which writes its product's bucket anyhow,
//
//	S1  reads the bucket,
//	S2  reads the categories, and is refused by one that is closing or gone,
//	S3  commits the product, and the bucket under the ETag of S1.
//
// S2 after D1: refused. S2 before D1: then S1 was before D2, too. Either S3
// came before D2 read the bucket, and D2 finds the product; or between D2's
// read and its write, which fails and is made again, and finds it; or after
// D2, when S3's ETag is stale: the save runs again and is refused by S2. So
// saves contend on no document that they did not write before, and S1 must
// not come after S2: the two are never read in one call.
//
// In a store that does not roll back, S3 may leave its product behind while
// its bucket is refused; the save that runs again then takes it back
// (Create, Update). An import puts the category back instead (ensureCategory):
// it writes the categories document, so that D3 fails or the category returns.
// If the replica dies before it could, a product may stay in a category that
// is gone, until it is saved again. If the deleting one dies after D1, the
// category stays closing until it is deleted again or imported into.

// fencesAtOnce bounds the buckets that Vacate has under way.
const fencesAtOnce = 8

// fenceBatch is how many products Vacate reads in one call.
const fenceBatch = 100

// UpdateCategories implements product.Store: 1 get, 1 save.
func (s *Products) UpdateCategories(ctx context.Context, change func(*product.Categories) error) error {
	return s.db.Update(ctx, func(tx *state.Tx) error {
		all, _, err := categories.Get(tx, allCategories)
		if err != nil {
			return err
		}
		if err := change(&all); err != nil {
			return err
		}
		return categories.Put(tx, allCategories, all)
	})
}

// Vacate implements product.Store: for each of 64 buckets 1 get, 1 more of a
// large catalog and for each 100 products, and a write.
func (s *Products) Vacate(ctx context.Context, slug string) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	room := make(chan struct{}, fencesAtOnce)
	var wg sync.WaitGroup
	for i := range Buckets {
		wg.Go(func() {
			room <- struct{}{}
			defer func() { <-room }()
			if ctx.Err() != nil {
				return
			}
			if err := s.fence(ctx, strconv.Itoa(i), slug); err != nil {
				stop(err)
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

// fence is D2 for one bucket.
func (s *Products) fence(ctx context.Context, id, slug string) error {
	return s.db.Update(ctx, func(tx *state.Tx) error {
		b, productIDs, err := listed(tx, id)
		if err != nil {
			return err
		}
		for batch := range slices.Chunk(productIDs, fenceBatch) {
			all, err := products.GetAll(tx, batch...)
			if err != nil {
				return err
			}
			for _, p := range all {
				if p.ShownIn(slug) {
					return product.ErrCategoryInUse
				}
			}
		}
		return buckets.Put(tx, id, b)
	})
}

// checkCategory is S2. The product's bucket has been read.
func checkCategory(tx *state.Tx, slug string) error {
	all, _, err := categories.Get(tx, allCategories)
	if err != nil {
		return err
	}
	return all.Takes(slug)
}
