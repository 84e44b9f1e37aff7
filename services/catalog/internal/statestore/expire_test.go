package statestore

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/state/statetest"
	"tienda/services/catalog/internal/inventory"
)

// registry is orders: how each order stands, and what it was asked.
type registry struct {
	mu    sync.Mutex
	all   map[string]inventory.Standing
	away  bool
	asked int
}

func (r *registry) Stand(_ context.Context, ids []string) (map[string]inventory.Standing, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked += len(ids)
	if r.away {
		return nil, errors.New("away")
	}
	out := map[string]inventory.Standing{}
	for _, id := range ids {
		if s, known := r.all[id]; known {
			out[id] = s
		} else {
			out[id] = inventory.Dead
		}
	}
	return out, nil
}

// round looks through the whole catalog, in several replicas at once.
func round(t *testing.T, replicas ...*inventory.Expiry) {
	t.Helper()
	var wg sync.WaitGroup
	for _, e := range replicas {
		wg.Go(func() {
			for range Buckets {
				require.NoError(t, e.Step(t.Context()))
			}
		})
	}
	wg.Wait()
}

func TestExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, orders := statetest.NewMemory(), &registry{all: map[string]inventory.Standing{}}
		a, b := over(t, store), over(t, store)
		a.fill(t, 3, 100)
		first := inventory.NewExpiry(a.stock, NewStocks(a.db), orders)
		second := inventory.NewExpiry(b.stock, NewStocks(b.db), orders)
		reserve := func(id string, skus ...string) {
			var lines []inventory.Line
			for _, sku := range skus {
				lines = append(lines, inventory.Line{SKU: sku, Quantity: 2})
			}
			_, err := a.stock.Reserve(t.Context(), id, "EUR", "", lines)
			require.NoError(t, err)
		}
		reserved := func(sku string) int { return a.ledger(t, sku).Reserved() }
		reserve("lost", "S-0", "S-1", "S-2")
		reserve("cancelled", "S-0")
		reserve("bought", "S-0", "S-1")
		reserve("pending", "S-2")
		orders.all = map[string]inventory.Standing{"cancelled": inventory.Dead, "bought": inventory.Bought, "pending": inventory.Undecided}

		// What is fresh is left alone.
		round(t, first)
		require.Zero(t, orders.asked)
		time.Sleep(3 * time.Minute)
		reserve("fresh", "S-0")

		// As long as orders does not answer, nothing is given up.
		orders.away = true
		var errs int
		for range Buckets {
			if first.Step(t.Context()) != nil {
				errs++
			}
		}
		require.Positive(t, errs)
		require.Equal(t, 8, reserved("S-0"))
		orders.away = false

		round(t, first, second)
		require.Equal(t, 4, reserved("S-0"), "bought and fresh")
		require.Equal(t, 2, reserved("S-1"), "bought")
		require.Equal(t, 2, reserved("S-2"), "pending")
		_, err := b.stock.Reserve(t.Context(), "lost", "EUR", "", []inventory.Line{{SKU: "S-0", Quantity: 2}})
		require.ErrorIs(t, err, inventory.ErrClosed)

		// A bought order is asked about once, one that is pending again.
		orders.asked = 0
		round(t, first)
		require.Equal(t, 1, orders.asked)
		orders.all["pending"], orders.all["fresh"] = inventory.Dead, inventory.Bought
		time.Sleep(3 * time.Minute)
		round(t, first, second)
		require.Equal(t, []int{4, 2, 0}, []int{reserved("S-0"), reserved("S-1"), reserved("S-2")})

		// What is bought is held until it is shipped, however long that takes.
		time.Sleep(30 * 24 * time.Hour)
		round(t, first, second)
		require.Equal(t, 4, reserved("S-0"))
		require.NoError(t, a.stock.Commit(t.Context(), "bought", []inventory.Line{{SKU: "S-0"}, {SKU: "S-1"}}))
		require.Equal(t, []int{2, 0, 0}, []int{reserved("S-0"), reserved("S-1"), reserved("S-2")})
	})
}

// More reservations than are asked about at once, of more SKUs than are marked
// at once, are all looked after, at the cost that is stated.
func TestExpiryOfMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, orders := over(t, statetest.NewMemory()), &registry{all: map[string]inventory.Standing{}}
		const skus = 150
		c.fill(t, skus, 10)
		expiry := inventory.NewExpiry(c.stock, NewStocks(c.db), orders)
		for i := range skus {
			for _, id := range []string{"dead-", "bought-"} {
				id += strconv.Itoa(i)
				if id[0] == 'b' {
					orders.all[id] = inventory.Bought
				}
				lines := []inventory.Line{{SKU: "S-" + strconv.Itoa(i), Quantity: 1}}
				if i > 0 && i < 4 {
					lines = append(lines, inventory.Line{SKU: "S-0", Quantity: 1})
				}
				_, err := c.stock.Reserve(t.Context(), id, "EUR", "", lines)
				require.NoError(t, err)
			}
		}
		time.Sleep(3 * time.Minute)
		round(t, expiry)
		for i := range skus {
			want := 1
			if i == 0 {
				want = 4
			}
			require.Equal(t, want, c.ledger(t, "S-"+strconv.Itoa(i)).Reserved(), i)
		}
		orders.asked = 0
		round(t, expiry)
		require.Zero(t, orders.asked)
	})
}
