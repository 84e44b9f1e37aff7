package statestore

import (
	"context"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/fault"
	"tienda/internal/state"
	"tienda/internal/state/statetest"
	"tienda/services/catalog/internal/pricing"
	"tienda/services/catalog/internal/product"
)

func costs(sku string, amount int64) product.Price {
	return product.Price{SKU: sku, Entry: pricing.Entry{Currency: "EUR", Amount: amount}}
}

// Two replicas state prices of the same products at once, in batches, while others are
// removed: each history is a chain from the first price to the one that holds, and what
// holds was stated; on a store that does not roll back as well.
func TestBatchesOfPrices(t *testing.T) {
	for name, open := range stores() {
		t.Run(name, func(t *testing.T) {
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			store := open()
			a, b := over(t, store), over(t, store)
			a.fill(t, 12, 1)
			require.NoError(t, b.shown.Refresh(t.Context()))
			var mu sync.Mutex
			stated := map[string]map[int64]bool{}
			var wg sync.WaitGroup
			for i, c := range []catalog{a, b} {
				r := rand.New(rand.NewPCG(seed, uint64(i)))
				wg.Go(func() {
					for n := range 20 {
						var batch []product.Price
						for range 8 {
							p := costs("S-"+strconv.Itoa(r.IntN(13)), int64(1000*(i+1)+n))
							batch = append(batch, p)
							mu.Lock()
							if stated[p.SKU] == nil {
								stated[p.SKU] = map[int64]bool{}
							}
							stated[p.SKU][p.Amount] = true
							mu.Unlock()
						}
						refused, err := c.products.SetPrices(context.Background(), batch, pricing.Book{})
						if err != nil {
							if fault.KindOf(err) != fault.Unavailable {
								t.Errorf("%v", err)
							}
							continue
						}
						for k, err := range refused {
							if (batch[k].SKU == "S-12") != (err != nil) {
								t.Errorf("%s: %v", batch[k].SKU, err)
							}
						}
					}
				})
			}
			wg.Wait()
			require.NoError(t, a.shown.Refresh(t.Context()))
			for i := range 12 {
				sku := "S-" + strconv.Itoa(i)
				p, err := a.products.FindSKU(t.Context(), sku)
				require.NoError(t, err)
				now := p.Variants[0].Prices[0].Amount
				require.Equal(t, now, a.shown.Detail(p.ID).Product.Variants[0].Prices[0].Amount)
				if len(stated[sku]) == 0 {
					continue
				}
				require.True(t, now == 100 || stated[sku][now], "%s costs %d", sku, now)
				changes, _, err := NewPrices(a.db).History(t.Context(), sku, 100, "")
				require.NoError(t, err)
				for _, c := range changes { // the newest first
					require.Equal(t, now, c.To, sku)
					now = c.From
				}
				require.Equal(t, int64(100), now, sku)
			}
		})
	}
}

// A product that was kept of an attempt which had a conflict is marked with the next, once
// in its history, and shown to the others.
func TestABatchOfPricesKeptInPart(t *testing.T) {
	store := statetest.NewMemory()
	store.KeepsHalves = true
	a, b := over(t, store), over(t, store)
	a.fill(t, 2, 1)
	require.NoError(t, b.shown.Refresh(t.Context()))
	met := false
	store.BeforeCommit = func(ops []state.Op) error {
		for _, op := range ops {
			if !met && strings.HasPrefix(op.Key, buckets.Prefix) {
				met = true
				return b.db.Update(context.Background(), func(tx *state.Tx) error { // another writer's
					id := strings.TrimPrefix(op.Key, buckets.Prefix)
					held, _, err := buckets.Get(tx, id)
					if err != nil {
						return err
					}
					return buckets.Put(tx, id, held)
				})
			}
		}
		return nil
	}
	refused, err := a.products.SetPrices(t.Context(), []product.Price{costs("S-0", 200), costs("S-1", 300), costs("S-0", 250)}, pricing.Book{})
	require.NoError(t, err)
	require.Equal(t, []error{nil, nil, nil}, refused)
	require.True(t, met)
	require.NoError(t, b.shown.Refresh(t.Context()))
	for sku, want := range map[string]int64{"S-0": 250, "S-1": 300} {
		p, err := b.products.FindSKU(t.Context(), sku)
		require.NoError(t, err)
		require.Equal(t, want, b.shown.Detail(p.ID).Product.Variants[0].Prices[0].Amount)
		changes, _, err := NewPrices(b.db).History(t.Context(), sku, 10, "")
		require.NoError(t, err)
		require.Len(t, changes, 1)
		require.Equal(t, []int64{100, want}, []int64{changes[0].From, changes[0].To})
	}
	before := len(store.Keys(""))
	refused, err = a.products.SetPrices(t.Context(), []product.Price{costs("S-0", 250)}, pricing.Book{})
	require.NoError(t, err)
	require.Equal(t, []error{nil}, refused)
	require.Len(t, store.Keys(""), before, "nothing new is not written")
}
