package statestore

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/fault"
	"tienda/internal/money"
	"tienda/internal/state"
	"tienda/internal/state/statetest"
	"tienda/services/catalog/internal/export"
	"tienda/services/catalog/internal/inventory"
	"tienda/services/catalog/internal/product"
)

// crowd gives products whose places are all in one bucket.
func crowd(n int) (all []product.Imported) {
	for i := 0; len(all) < n; i++ {
		sku := "C-" + strconv.Itoa(i)
		in := product.Imported{
			Details: product.Details{Slug: "crowd-" + strconv.Itoa(i), Name: "C", Category: "c", Status: product.Published, Variants: []product.Variant{
				{SKU: sku, Name: "V", Prices: []money.Money{money.New(100, "EUR")}}}},
			Stock: map[string]int{sku: 5},
		}
		if placeOf(in.ID()).bucket == "0" {
			all = append(all, in)
		}
	}
	return all
}

// Four times as many products as a bucket has room for: all are found by all who look
// for them, and those that are gone by nobody, whatever is done to them by two replicas at
// once; on a store that does not roll back as well.
func TestACrowdedBucket(t *testing.T) {
	for name, open := range stores() {
		t.Run(name, func(t *testing.T) {
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			store := open()
			a, b := over(t, store), over(t, store)
			all := crowd(4 * bucketRoom)
			var wg sync.WaitGroup
			left := make([]map[string]bool, 2)
			for i, c := range []catalog{a, b} {
				r := rand.New(rand.NewPCG(seed, uint64(i)))
				mine := all[i*len(all)/2 : (i+1)*len(all)/2]
				left[i] = map[string]bool{}
				wg.Go(func() { c.churn(t, r, mine, left[i]) })
			}
			wg.Wait()
			want := slices.Sorted(maps.Keys(left[0]))
			want = slices.Sorted(slices.Values(slices.AppendSeq(want, maps.Keys(left[1]))))
			require.Greater(t, len(want), 2*bucketRoom)
			third := over(t, store)
			for i, c := range []catalog{a, b, third} {
				require.NoError(t, c.shown.Refresh(t.Context()))
				for _, in := range all {
					_, there := slices.BinarySearch(want, in.ID())
					require.Equal(t, there, c.shown.Detail(in.Slug) != nil, "replica %d: %s", i, in.Slug)
				}
			}
			require.Equal(t, want, third.exported(t))
			require.Len(t, third.looked(t), len(want))
		})
	}
}

// churn imports products in batches, changes some of them and removes some; left are
// those that stay.
func (c catalog) churn(t *testing.T, r *rand.Rand, all []product.Imported, left map[string]bool) {
	ctx := context.Background()
	insist := func(do func() error) {
		for tries := 0; ; tries++ {
			if err := do(); err == nil {
				return
			} else if tries > 50 {
				t.Errorf("%v", err)
				return
			}
		}
	}
	for batch := range slices.Chunk(all, 20) {
		insist(func() error {
			_, err := c.products.Import(ctx, batch)
			return err
		})
		for _, in := range batch {
			left[in.ID()] = true
			switch r.IntN(5) {
			case 0:
				in.Name = "changed"
				insist(func() error {
					_, err := c.products.Import(ctx, []product.Imported{in})
					return err
				})
			case 1:
				insist(func() error {
					err := c.products.Delete(ctx, in.ID(), 0)
					if fault.KindOf(err) == fault.NotFound { // an earlier try was kept
						return nil
					}
					return err
				})
				delete(left, in.ID())
			case 2: // it runs out, which the index tells
				insist(func() error {
					_, err := c.stock.Adjust(ctx, in.Variants[0].SKU, inventory.Change{Count: new(int), Cause: inventory.Cause{Kind: inventory.Count}}, 0)
					return err
				})
			}
		}
	}
}

func (c catalog) exported(t *testing.T) (ids []string) {
	t.Helper()
	from := NewExports(c.db)
	for part := range from.Parts() {
		require.NoError(t, from.Read(t.Context(), part, func(items []export.Item) error {
			for _, i := range items {
				ids = append(ids, i.Product.ID)
			}
			return nil
		}))
	}
	slices.Sort(ids)
	return ids
}

func (c catalog) looked(t *testing.T) map[string]bool {
	t.Helper()
	seen, from := map[string]bool{}, NewStocks(c.db)
	for part := range from.Parts() {
		require.NoError(t, from.Look(t.Context(), part, func(s *inventory.Stock) { seen[s.SKU] = true }))
	}
	return seen
}

// reads counts the documents of the index that are read.
type reads struct {
	state.Store
	mu   sync.Mutex
	keys []string
}

func (r *reads) Get(ctx context.Context, keys ...string) ([]state.Item, error) {
	r.mu.Lock()
	r.keys = append(r.keys, keys...)
	r.mu.Unlock()
	return r.Store.Get(ctx, keys...)
}

// A change in a crowded bucket writes the bucket and one part, and another replica reads
// no more than that part and those whose turn it is.
func TestAChangeInACrowdedBucketIsSmall(t *testing.T) {
	memory := statetest.NewMemory()
	a := over(t, memory)
	all := crowd(10 * bucketRoom)
	for batch := range slices.Chunk(all, 100) {
		_, err := a.products.Import(t.Context(), batch)
		require.NoError(t, err)
	}
	counted := &reads{Store: memory}
	b := over(t, counted)
	require.NoError(t, b.shown.Refresh(t.Context()))
	var written []string
	memory.BeforeCommit = func(ops []state.Op) error {
		for _, op := range ops {
			if isIndex(op.Key) {
				written = append(written, op.Key)
			}
		}
		return nil
	}
	last := all[len(all)-1]
	last.Name = "changed"
	_, err := a.products.Import(t.Context(), []product.Imported{last})
	require.NoError(t, err)
	require.ElementsMatch(t, placeOf(last.ID()).keys(), written)
	memory.BeforeCommit = nil
	counted.keys = nil
	require.NoError(t, b.shown.Refresh(t.Context()))
	require.Equal(t, "changed", b.shown.Detail(last.Slug).Product.Name)
	parts := slices.DeleteFunc(counted.keys, func(key string) bool { return !isIndex(key) || key[:len("bucket:")] == "bucket:" })
	require.LessOrEqual(t, len(parts), 1+partsInTurn)
}

func isIndex(key string) bool { return len(key) > len("bucket") && key[:len("bucket")] == "bucket" }

// A part whose count was lost, on a store that does not roll back, is read in its turn.
func TestAPartIsReadInItsTurn(t *testing.T) {
	memory := statetest.NewMemory()
	a, b := over(t, memory), over(t, memory)
	all := crowd(2 * bucketRoom)
	_, err := a.products.Import(t.Context(), all)
	require.NoError(t, err)
	require.NoError(t, b.shown.Refresh(t.Context()))
	at := placeOf(all[len(all)-1].ID())
	last := all[len(all)-1]
	require.NoError(t, a.db.Update(t.Context(), func(tx *state.Tx) error {
		p, _, err := parts.Get(tx, partID(at.bucket, at.part))
		require.NoError(t, err)
		delete(p.Marks, last.ID())
		return parts.Put(tx, partID(at.bucket, at.part), p)
	}))
	for range Buckets * partsOfOne / partsInTurn {
		require.NoError(t, b.shown.Refresh(t.Context()))
	}
	require.Nil(t, b.shown.Detail(last.Slug))
}
