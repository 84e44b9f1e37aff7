package statestore

import (
	"context"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/fault"
	"tienda/internal/state/statetest"
	"tienda/services/catalog/internal/inventory"
	"tienda/services/catalog/internal/product"
)

// entries reads a whole ledger page by page, the oldest first.
func (c catalog) entries(t *testing.T, sku string, limit int) (all []inventory.Entry) {
	t.Helper()
	for cursor := ""; ; {
		some, next, err := c.stock.Ledger(t.Context(), sku, limit, cursor)
		require.NoError(t, err)
		require.LessOrEqual(t, len(some), limit)
		all = append(all, some...)
		if cursor = next; next == "" {
			slices.Reverse(all)
			return all
		}
	}
}

// addsUp holds the ledger of a SKU to its stock and gives it.
func (c catalog) addsUp(t *testing.T, sku string, limit int) []inventory.Entry {
	t.Helper()
	s, all := c.ledger(t, sku), c.entries(t, sku, limit)
	sum, onHand := map[string]int{}, 0
	number := 0
	for i, e := range all {
		if i > 0 || e.Kind != inventory.Opening {
			number++
		}
		require.Equal(t, number, e.Number)
		onHand += e.Delta
		require.Equal(t, onHand, e.OnHand, "entry %d", e.Number)
		sum[e.Location] += e.Delta
	}
	require.Equal(t, s.OnHand, onHand, "%+v", s)
	for _, name := range s.Places() {
		require.Equal(t, s.OnHandAt(name), sum[name], name)
	}
	return all
}

// Two replicas sell, take back and count the same SKUs at the same time, in a
// store that rolls back and in one that does not: every movement is in the ledger
// once, and the ledger adds up to the stock.
func TestTheLedgerOfTwoReplicas(t *testing.T) {
	for name, open := range stores() {
		t.Run(name, func(t *testing.T) {
			store := open()
			a, b := over(t, store), over(t, store)
			a.fill(t, 2, 20)
			require.NoError(t, b.shown.Refresh(t.Context()))
			_, err := a.stock.PutSettings(t.Context(), inventory.Settings{Locations: []inventory.Location{{ID: "bcn"}, {ID: inventory.Main}}}, 0)
			require.NoError(t, err)
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			var wg sync.WaitGroup
			var mu sync.Mutex
			sold, returned := map[string]int{}, 0
			for worker := range 8 {
				wg.Go(func() {
					random := rand.New(rand.NewPCG(seed, uint64(worker)))
					c := []catalog{a, b}[worker%2]
					for i := range 30 {
						id := strconv.Itoa(worker) + "-" + strconv.Itoa(i)
						lines := []inventory.Line{{SKU: "S-0", Quantity: 1 + random.IntN(3)}, {SKU: "S-1", Quantity: 1}}[:1+random.IntN(2)]
						skus := []string{"S-0", "S-1"}[:len(lines)]
						ctx := context.Background()
						_, err := c.stock.Reserve(ctx, id, "EUR", "", lines)
						if err != nil && fault.CodeOf(err) != "out_of_stock" {
							t.Errorf("reserve: %v", err)
						}
						switch {
						case err != nil:
							change := inventory.Change{Delta: 9, Location: []string{"", "bcn"}[random.IntN(2)], Cause: inventory.Cause{Kind: inventory.Delivery}}
							if _, err := c.stock.Adjust(ctx, "S-0", change, 0); err != nil {
								t.Errorf("adjust: %v", err)
							}
						case random.IntN(4) == 0:
							if err := c.stock.Release(ctx, id, skus); err != nil {
								t.Errorf("release: %v", err)
							}
						default:
							if lines[0].Quantity > 1 && random.IntN(2) == 0 { // one is cancelled first
								lines[0].Quantity--
								if err := c.stock.Lower(ctx, id, lines[:1]); err != nil {
									t.Errorf("lower: %v", err)
								}
							}
							for range 1 + random.IntN(2) { // it is heard twice
								if err := c.stock.Commit(ctx, id, lines); err != nil {
									t.Errorf("commit: %v", err)
								}
							}
							mu.Lock()
							sold[id] = lines[0].Quantity
							mu.Unlock()
							if random.IntN(3) == 0 {
								if err := c.stock.Restock(ctx, id, lines[:1]); err != nil {
									t.Errorf("restock: %v", err)
								}
								mu.Lock()
								returned++
								mu.Unlock()
							}
						}
					}
				})
			}
			wg.Wait()
			for _, limit := range []int{7, inventory.LedgerPage, 100} {
				all := b.addsUp(t, "S-0", limit)
				got, back := map[string]int{}, 0
				for _, e := range all {
					switch e.Kind {
					case inventory.Sale:
						got[e.Ref] -= e.Delta
					case inventory.Return:
						back++
					default:
					}
				}
				require.Equal(t, sold, got, "each order is sold as often as it was shipped: once")
				require.Equal(t, returned, back)
			}
			a.addsUp(t, "S-1", 20)
			require.Positive(t, a.ledger(t, "S-0").Pages)
		})
	}
}

// A page of the ledger costs a get and a write more, and is written before the
// stock gives it up: a stock never carries more than two pages.
func TestPagesOfTheLedger(t *testing.T) {
	store := statetest.NewMemory()
	c := over(t, store)
	c.fill(t, 1, 5)
	for i := range 4*inventory.LedgerPage + 2 {
		_, err := c.stock.Adjust(t.Context(), "S-0", inventory.Change{Delta: 1, Cause: inventory.Cause{Kind: inventory.Delivery, Reason: strconv.Itoa(i)}}, 0)
		require.NoError(t, err)
		require.LessOrEqual(t, c.ledger(t, "S-0").Ledger.Len(), inventory.LedgerPage+2)
	}
	require.Len(t, store.Keys("ledger:"), 4)
	all := c.addsUp(t, "S-0", 100)
	require.Len(t, all, 4*inventory.LedgerPage+3)
	require.Equal(t, inventory.Opening, all[0].Kind)
	require.WithinDuration(t, time.Now(), all[0].At, time.Minute)
	require.Equal(t, "0", all[1].Reason)

	// A list goes on where it was, whatever is entered meanwhile.
	first, next, err := c.stock.Ledger(t.Context(), "S-0", 10, "")
	require.NoError(t, err)
	_, err = c.stock.Adjust(t.Context(), "S-0", inventory.Change{Delta: 1}, 0)
	require.NoError(t, err)
	second, _, err := c.stock.Ledger(t.Context(), "S-0", 10, next)
	require.NoError(t, err)
	require.Equal(t, first[9].Number-1, second[0].Number)
	_, _, err = c.stock.Ledger(t.Context(), "S-0", 10, "bm90IGpzb24")
	require.Equal(t, fault.Invalid, fault.KindOf(err))
}

// A SKU that another product is given has a ledger of its own, although pages of
// the one before are still there.
func TestTheLedgerOfAnotherProduct(t *testing.T) {
	store := statetest.NewMemory()
	c := over(t, store)
	c.fill(t, 1, 5)
	deliver := func(n int) {
		for range n {
			_, err := c.stock.Adjust(t.Context(), "S-0", inventory.Change{Delta: 1}, 0)
			require.NoError(t, err)
		}
	}
	deliver(inventory.LedgerPage + 2)
	require.Len(t, store.Keys("ledger:"), 1)
	require.NoError(t, c.products.Delete(t.Context(), c.shown.Detail("p-0").Product.ID, 0))
	require.Empty(t, store.Keys("stock:"))
	refused, err := c.products.Import(t.Context(), []product.Imported{{
		ExternalID: "another",
		Details: product.Details{Slug: "q", Name: "Q", Category: "c", Status: product.Published, Variants: []product.Variant{
			{SKU: "S-0", Name: "V"}}},
		Stock: map[string]int{"S-0": 3},
	}})
	require.NoError(t, err)
	require.Equal(t, []error{nil}, refused)
	require.Len(t, c.addsUp(t, "S-0", 100), 1)
	deliver(2*inventory.LedgerPage + 3)
	require.Len(t, c.addsUp(t, "S-0", 100), 2*inventory.LedgerPage+4)
}

// The settings are one document, stated anew over those that were read.
func TestInventorySettings(t *testing.T) {
	store := statetest.NewMemory()
	a, b := over(t, store), over(t, store)
	a.fill(t, 1, 5)
	first, err := a.stock.Settings(t.Context())
	require.NoError(t, err)
	require.Equal(t, inventory.Settings{}.Complete(), first)
	next, err := a.stock.PutSettings(t.Context(), inventory.Settings{Locations: []inventory.Location{{ID: "bcn", Name: "Barcelona"}, {ID: inventory.Main, Name: "Madrid"}}}, 0)
	require.NoError(t, err)
	require.EqualValues(t, 1, next.Version)
	_, err = b.stock.PutSettings(t.Context(), first, 7)
	require.Equal(t, "version_mismatch", fault.CodeOf(err))

	// A replica that has not heard of a location looks.
	at := func(where string) inventory.Change { return inventory.Change{Delta: 2, Location: where} }
	_, err = b.stock.Adjust(t.Context(), "S-0", at("bcn"), 0)
	require.NoError(t, err)
	_, err = b.stock.Adjust(t.Context(), "S-0", at("vlc"), 0)
	require.Equal(t, "unknown_location", fault.CodeOf(err))
	s, err := b.stock.Transfer(t.Context(), "S-0", inventory.Main, "bcn", 4, inventory.Cause{Reason: "for the shop"}, 0)
	require.NoError(t, err)
	require.Equal(t, []int{7, 1, 6}, []int{s.OnHand, s.OnHandAt(inventory.Main), s.OnHandAt("bcn")})
	_, err = b.stock.Transfer(t.Context(), "S-0", inventory.Main, "bcn", 2, inventory.Cause{}, 0)
	require.Equal(t, "below_reserved", fault.CodeOf(err))
	_, err = b.stock.Transfer(t.Context(), "S-0", "bcn", "bcn", 2, inventory.Cause{}, 0)
	require.Equal(t, "same_location", fault.CodeOf(err))
	a.addsUp(t, "S-0", 100)

	// The order that is stated is the one that is sold in, here once it is read.
	require.NoError(t, a.stock.RefreshSettings(t.Context()))
	_, err = a.stock.Reserve(t.Context(), "o", "EUR", "", []inventory.Line{{SKU: "S-0", Quantity: 1}})
	require.NoError(t, err)
	require.Equal(t, 1, a.ledger(t, "S-0").ReservedAt("bcn"))
}
