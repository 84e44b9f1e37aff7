package statestore

import (
	"context"
	"encoding/json"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/fault"
	"tienda/internal/state"
	"tienda/internal/state/statetest"
	"tienda/services/catalog/internal/inventory"
)

// diary notes each state of one stock, by the version of its document.
type diary struct {
	mu  sync.Mutex
	all map[int64]inventory.Stock
}

func (d *diary) note(ops []state.Op) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, op := range ops {
		if op.Key != stocks.Key("S-0") {
			continue
		}
		var doc struct {
			Version int64           `json:"v"`
			Data    inventory.Stock `json:"d"`
		}
		if err := json.Unmarshal(op.Value, &doc); err != nil {
			return err
		}
		d.all[doc.Version] = doc.Data
	}
	return nil
}

// falls gives the versions in which the stock became low.
func (d *diary) falls(t *testing.T, threshold int) (out []int64) {
	t.Helper()
	low := false
	for _, v := range slices.Sorted(maps.Keys(d.all)) {
		s := d.all[v]
		require.Equal(t, s.Available() <= threshold, s.Low, "version %d", v)
		if s.Low && !low {
			out = append(out, v)
		}
		low = s.Low
	}
	return out
}

// lowTold gives the versions of the stock that were announced as low.
func lowTold(replicas ...catalog) (out []int64) {
	for _, c := range replicas {
		for _, e := range c.events.Events() {
			if e.Type == "tienda.catalog.stock_low" && e.Subject == "S-0" {
				out = append(out, e.Version)
			}
		}
	}
	slices.Sort(out)
	return out
}

// Two replicas sell and restock one SKU at the same time: it is announced each time
// that it becomes low, and only then.
func TestLowOnceInTwoReplicas(t *testing.T) {
	const threshold = 10
	for name, keepsHalves := range map[string]bool{"rolls back": false, "does not roll back": true} {
		t.Run(name, func(t *testing.T) {
			memory, d := statetest.NewMemory(), &diary{all: map[int64]inventory.Stock{}}
			memory.AfterCommit = d.note
			var store state.Store = memory
			if keepsHalves {
				store = partial{memory}
			}
			a, b := over(t, store), over(t, store)
			a.fill(t, 1, 30)
			_, err := a.stock.PutSettings(t.Context(), inventory.Settings{LowAt: threshold}.Complete(), 0)
			require.NoError(t, err)
			require.NoError(t, b.stock.RefreshSettings(t.Context()))
			require.NoError(t, b.shown.Refresh(t.Context()))
			replicas := []catalog{a, b}
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			var wg sync.WaitGroup
			for worker := range 8 {
				wg.Go(func() {
					random := rand.New(rand.NewPCG(seed, uint64(worker)))
					c := replicas[worker%2]
					for i := range 30 {
						id := strconv.Itoa(worker) + "-" + strconv.Itoa(i)
						_, err := c.stock.Reserve(context.Background(), id, "EUR", "", []inventory.Line{{SKU: "S-0", Quantity: 1 + random.IntN(6)}})
						switch {
						case err != nil:
							require.Equal(t, "out_of_stock", fault.CodeOf(err))
							_, err := c.stock.Adjust(context.Background(), "S-0", inventory.Change{Delta: 20}, 0)
							require.NoError(t, err)
						case random.IntN(2) == 0:
							require.NoError(t, c.stock.Release(context.Background(), id, []string{"S-0"}))
						default:
							require.NoError(t, c.stock.Commit(context.Background(), id, []inventory.Line{{SKU: "S-0"}}))
						}
					}
				})
			}
			wg.Wait()
			delete(d.all, 1) // imported before there was a threshold
			want, got := d.falls(t, threshold), lowTold(replicas...)
			require.NotEmpty(t, want)
			if keepsHalves { // a half that another replica has raised above it again is not told of
				require.NotEmpty(t, got)
				for _, v := range got {
					require.True(t, d.all[v].Low, "version %d", v)
				}
				if a.ledger(t, "S-0").Low {
					require.GreaterOrEqual(t, got[len(got)-1], want[len(want)-1])
				}
				return
			}
			require.Equal(t, want, got)
		})
	}
}

// A replica that has not read the settings yet leaves what is noted: it would else
// have the SKU announced again.
func TestLowAfterARestart(t *testing.T) {
	store := statetest.NewMemory()
	a := over(t, store)
	a.fill(t, 1, 12)
	_, err := a.stock.PutSettings(t.Context(), inventory.Settings{LowAt: 10}.Complete(), 0)
	require.NoError(t, err)
	sell := func(c catalog, id string, n int) {
		_, err := c.stock.Reserve(t.Context(), id, "EUR", "", []inventory.Line{{SKU: "S-0", Quantity: n}})
		require.NoError(t, err)
	}
	sell(a, "1", 3)
	require.Len(t, lowTold(a), 1)
	b := over(t, store)
	sell(b, "2", 1)
	require.True(t, b.ledger(t, "S-0").Low)
	require.NoError(t, b.stock.RefreshSettings(t.Context()))
	sell(b, "3", 1)
	sell(a, "4", 1)
	require.Len(t, lowTold(a, b), 1)
	low, next, err := b.stock.Low(t.Context(), 20, "")
	require.NoError(t, err)
	require.Empty(t, next)
	require.Len(t, low, 1)
}

// Another threshold is gone by for all SKUs, those that nobody buys too, once all
// have been looked through; and what was imported low is low.
func TestAnotherThreshold(t *testing.T) {
	store := statetest.NewMemory()
	a, b := over(t, store), over(t, store)
	a.fill(t, 25, 7)
	expiry := inventory.NewExpiry(a.stock, NewStocks(a.db), &registry{})
	count := func() int {
		low, next, err := a.stock.Low(t.Context(), 100, "")
		require.NoError(t, err)
		require.Empty(t, next)
		return len(low)
	}
	round(t, expiry)
	require.Zero(t, count())
	for _, change := range []struct{ threshold, low, told int }{{6, 0, 0}, {7, 25, 1}, {8, 25, 1}, {3, 0, 1}, {9, 25, 2}} {
		_, err := a.stock.PutSettings(t.Context(), inventory.Settings{LowAt: change.threshold}.Complete(), 0)
		require.NoError(t, err)
		round(t, expiry, inventory.NewExpiry(b.stock, NewStocks(b.db), &registry{}))
		require.Equal(t, change.low, count(), "threshold %d", change.threshold)
		require.Len(t, lowTold(a, b), change.told)
	}
}

// What is withdrawn is not low, also as it is shipped.
func TestWithdrawnIsNotLow(t *testing.T) {
	store := statetest.NewMemory()
	a := over(t, store)
	a.fill(t, 1, 12)
	_, err := a.stock.PutSettings(t.Context(), inventory.Settings{LowAt: 10}.Complete(), 0)
	require.NoError(t, err)
	_, err = a.stock.Reserve(t.Context(), "o", "EUR", "", []inventory.Line{{SKU: "S-0", Quantity: 1}})
	require.NoError(t, err)
	require.NoError(t, a.products.Delete(t.Context(), a.shown.Detail("p-0").Product.ID, 0))
	require.NoError(t, a.stock.Commit(t.Context(), "o", []inventory.Line{{SKU: "S-0"}}))
	require.Empty(t, lowTold(a))
}
