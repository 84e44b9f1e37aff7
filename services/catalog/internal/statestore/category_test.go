package statestore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/fault"
	"tienda/internal/money"
	"tienda/internal/state"
	"tienda/internal/state/statetest"
	"tienda/services/catalog/internal/product"
)

func thing(n int, category string) product.Details {
	return product.Details{Slug: "thing-" + strconv.Itoa(n), Name: "T", Category: category, Status: product.Published, Variants: []product.Variant{
		{SKU: "T-" + strconv.Itoa(n), Name: "V", Prices: []money.Money{money.New(100, "EUR")}}}}
}

// stored gives the categories as they are stored.
func (c catalog) stored(t *testing.T) (all product.Categories) {
	t.Helper()
	require.NoError(t, c.db.View(t.Context(), func(tx *state.Tx) (err error) {
		all, _, err = categories.Get(tx, allCategories)
		return err
	}))
	return all
}

// One replica deletes a category while another one saves a product in it, or
// imports one: they never both succeed.
func TestDeleteCategoryCompetes(t *testing.T) {
	for name, open := range stores() {
		t.Run(name, func(t *testing.T) {
			store := open()
			a, b := over(t, store), over(t, store)
			for i := range 25 {
				slug := "c-" + strconv.Itoa(i)
				_, _, err := a.products.CreateCategory(t.Context(), product.Category{Slug: slug, Name: "C"})
				require.NoError(t, err)
				moved, err := b.products.Create(t.Context(), thing(1000+i, slug))
				require.NoError(t, err)
				draft := thing(1000+i, slug)
				draft.Status = product.Draft
				_, err = b.products.Replace(t.Context(), moved.ID, draft, 0)
				require.NoError(t, err)
				var saved, published, removed error
				var wg sync.WaitGroup
				wg.Go(func() { _, saved = b.products.Create(context.Background(), thing(i, slug)) })
				wg.Go(func() {
					_, published = b.products.Replace(context.Background(), moved.ID, thing(1000+i, slug), 2)
				})
				wg.Go(func() { removed = a.products.DeleteCategory(context.Background(), slug, 0) })
				wg.Wait()
				gone := a.stored(t).Find(slug) < 0
				require.Equal(t, removed == nil, gone, "%v", removed)
				if gone {
					require.Error(t, saved)
					require.Error(t, published)
					_, err = a.products.Find(t.Context(), "thing-"+strconv.Itoa(i))
					require.ErrorIs(t, err, product.ErrMissing)
					left, err := a.products.Find(t.Context(), moved.ID)
					require.NoError(t, err)
					require.Equal(t, product.Draft, left.Status)
					continue
				}
				require.NoError(t, a.stored(t).Takes(slug), "a delete that failed leaves nothing behind: %v", removed)
			}
		})
	}
}

// interposed runs something once, between what an update read and its commit.
type interposed struct {
	state.Store
	armed atomic.Bool
	run   func()
}

func (s *interposed) Commit(ctx context.Context, ops ...state.Op) error {
	if s.armed.CompareAndSwap(true, false) {
		s.run()
	}
	return s.Store.Commit(ctx, ops...)
}

// A category is deleted after a save has read it and before the save is
// committed: the save is refused and leaves nothing; an import makes it anew.
func TestCategoryGoesDuringASave(t *testing.T) {
	ctx := context.Background()
	saves := map[string]func(c catalog, id string) error{
		"create": func(c catalog, _ string) error { _, err := c.products.Create(ctx, thing(1, "c")); return err },
		"move":   func(c catalog, id string) error { _, err := c.products.Replace(ctx, id, thing(0, "c"), 1); return err },
		"import": func(c catalog, _ string) error {
			refused, err := c.products.Import(ctx, []product.Imported{{Details: thing(1, "c")}})
			return errors.Join(append(refused, err)...)
		},
	}
	for name, open := range stores() {
		for what, save := range saves {
			t.Run(fmt.Sprintf("%s, %s", what, name), func(t *testing.T) {
				store := open()
				between := &interposed{Store: store}
				a, b := over(t, store), over(t, between)
				for _, slug := range []string{"c", "other"} {
					_, _, err := a.products.CreateCategory(ctx, product.Category{Slug: slug, Name: "C"})
					require.NoError(t, err)
				}
				before, err := a.products.Create(ctx, thing(0, "other"))
				require.NoError(t, err)
				between.run = func() { require.NoError(t, a.products.DeleteCategory(ctx, "c", 0)) }
				between.armed.Store(true)
				err = save(b, before.ID)
				if what == "import" {
					require.NoError(t, err)
					require.NoError(t, a.stored(t).Takes("c"))
					return
				}
				require.ErrorIs(t, err, product.ErrNoCategory)
				_, err = a.products.Find(ctx, "thing-1")
				require.ErrorIs(t, err, product.ErrMissing)
				after, err := a.products.Find(ctx, before.ID)
				require.NoError(t, err)
				require.Equal(t, "other", after.Category)
			})
		}
	}
}

// A product that only another replica knows keeps its category, and a
// category in use is not left closed.
func TestCategoryInUseElsewhere(t *testing.T) {
	store := statetest.NewMemory()
	a, b := over(t, store), over(t, store)
	_, _, err := a.products.CreateCategory(t.Context(), product.Category{Slug: "c", Name: "C"})
	require.NoError(t, err)
	_, err = b.products.Create(t.Context(), thing(0, "c"))
	require.NoError(t, err)
	require.ErrorIs(t, a.products.DeleteCategory(t.Context(), "c", 0), product.ErrCategoryInUse)
	require.NoError(t, a.stored(t).Takes("c"))
	require.ErrorIs(t, a.products.DeleteCategory(t.Context(), "c", 7), product.ErrVersion)
	p, err := b.products.Find(t.Context(), "thing-0")
	require.NoError(t, err)
	require.NoError(t, b.products.Delete(t.Context(), p.ID, 0))
	require.NoError(t, a.products.DeleteCategory(t.Context(), "c", 1))
	require.Equal(t, -1, a.stored(t).Find("c"))
}

// What a delete that died has closed takes no product until it is deleted
// again or imported into.
func TestClosedCategory(t *testing.T) {
	c := over(t, statetest.NewMemory())
	_, _, err := c.products.CreateCategory(t.Context(), product.Category{Slug: "c", Name: "C"})
	require.NoError(t, err)
	closeIt := func() {
		require.NoError(t, NewProducts(c.db).UpdateCategories(t.Context(), func(all *product.Categories) error { return all.Close("c", 0, "dead") }))
	}
	closeIt()
	_, err = c.products.Create(t.Context(), thing(0, "c"))
	require.Equal(t, "category_closing", fault.CodeOf(err))
	require.NoError(t, c.products.DeleteCategory(t.Context(), "c", 0))

	_, _, err = c.products.CreateCategory(t.Context(), product.Category{Slug: "c", Name: "C"})
	require.NoError(t, err)
	closeIt()
	refused, err := c.products.Import(t.Context(), []product.Imported{{Details: thing(0, "c")}})
	require.NoError(t, errors.Join(append(refused, err)...))
	require.NoError(t, c.stored(t).Takes("c"))
	require.ErrorIs(t, c.products.DeleteCategory(t.Context(), "c", 0), product.ErrCategoryInUse)
}

// The bucket is read before the categories, never with them (category.go).
func TestSaveReadsTheBucketFirst(t *testing.T) {
	memory := statetest.NewMemory()
	order := &ordered{Store: memory}
	c := over(t, order)
	_, _, err := c.products.CreateCategory(t.Context(), product.Category{Slug: "c", Name: "C"})
	require.NoError(t, err)
	check := func(save func() error) {
		t.Helper()
		order.gets = nil
		require.NoError(t, save())
		bucket, all := -1, -1
		for i, keys := range order.gets {
			switch joined := strings.Join(keys, " "); {
			case strings.Contains(joined, buckets.Prefix):
				bucket = i
				require.NotContains(t, joined, categories.Prefix)
			case strings.Contains(joined, categories.Prefix):
				all = i
			}
		}
		require.GreaterOrEqual(t, bucket, 0)
		require.Greater(t, all, bucket)
	}
	var p product.Product
	check(func() (err error) { p, err = c.products.Create(t.Context(), thing(0, "c")); return err })
	check(func() error { _, err := c.products.Replace(t.Context(), p.ID, thing(1, "c"), 0); return err })
	check(func() error {
		_, err := c.products.Import(t.Context(), []product.Imported{{Details: thing(2, "c")}})
		return err
	})
}

type ordered struct {
	state.Store
	gets [][]string
}

func (o *ordered) Get(ctx context.Context, keys ...string) ([]state.Item, error) {
	o.gets = append(o.gets, keys)
	return o.Store.Get(ctx, keys...)
}

// Two replicas move two categories below each other at the same time, again and
// again: one of the two is refused.
func TestMovesThatWouldMakeACycle(t *testing.T) {
	for name, open := range stores() {
		t.Run(name, func(t *testing.T) {
			store := open()
			a, b := over(t, store), over(t, store)
			for _, slug := range []string{"x", "y"} {
				_, _, err := a.products.CreateCategory(t.Context(), product.Category{Slug: slug, Name: slug})
				require.NoError(t, err)
			}
			for range 50 {
				var errs [2]error
				var wg sync.WaitGroup
				for i, replica := range []catalog{a, b} {
					wg.Go(func() {
						slugs := [2]string{"x", "y"}
						_, _, errs[i] = replica.products.ChangeCategory(t.Context(), product.Category{Slug: slugs[i], Name: "n", Parent: slugs[1-i]}, 0)
					})
				}
				wg.Wait()
				refused := errs[0]
				if refused == nil {
					refused = errs[1]
				}
				require.ErrorIs(t, refused, product.ErrCycle)
				require.True(t, errs[0] == nil || errs[1] == nil)
				for _, slug := range []string{"x", "y"} {
					_, _, err := a.products.ChangeCategory(t.Context(), product.Category{Slug: slug, Name: "n"}, 0)
					require.NoError(t, err)
				}
			}
		})
	}
}
