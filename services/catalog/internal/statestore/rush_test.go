package statestore

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"tienda/internal/fault"
	"tienda/internal/state"
	"tienda/internal/state/statetest"
	"tienda/services/catalog/internal/inventory"
)

// rough is a store with a third replica in it: before one in three commits
// somebody else writes a stock that the commit is about to write.
type rough struct {
	state.Store
	mu     sync.Mutex
	random *rand.Rand
	hits   atomic.Int64
}

func (r *rough) Commit(ctx context.Context, ops ...state.Op) error {
	r.mu.Lock()
	hit := r.random.IntN(3) == 0
	r.mu.Unlock()
	for _, op := range ops {
		if hit && len(op.Key) > 6 && op.Key[:6] == "stock:" {
			items, err := r.Get(ctx, op.Key)
			if err == nil && items[0].ETag != "" {
				// The same document, under another ETag.
				r.hits.Add(1)
				err = r.Store.Commit(ctx, state.Op{Key: op.Key, Value: items[0].Value, ETag: items[0].ETag})
			}
			if err != nil && !errors.Is(err, statetest.ErrConflict) {
				return err
			}
		}
	}
	return r.Store.Commit(ctx, ops...)
}

// A rush on one SKU over two replicas and a store where others write as well:
// reservations, their repeats, cancellations, shipments and late duplicates at
// once. No order holds what it should not, nobody is answered that it is too
// busy, and the ledger adds up.
func TestRush(t *testing.T) {
	for name, open := range stores() {
		t.Run(name, func(t *testing.T) {
			const units, buyers = 150, 300
			store := &rough{Store: open(), random: rand.New(rand.NewPCG(7, 7))}
			a, b := over(t, store), over(t, store)
			a.fill(t, 1, units)
			require.NoError(t, b.shown.Refresh(t.Context()))
			want := []inventory.Line{{SKU: "S-0", Quantity: 1}}
			skus := []string{"S-0"}
			var cancelled, shipped, kept atomic.Int64
			var wg sync.WaitGroup
			slots := make(chan struct{}, 64)
			for i := range buyers {
				slots <- struct{}{}
				wg.Go(func() {
					defer func() { <-slots }()
					id := "order-" + strconv.Itoa(i)
					here, there := []catalog{a, b}[i%2], []catalog{b, a}[i%2]
					var first, second error
					var both sync.WaitGroup
					both.Go(func() { _, first = here.stock.Reserve(context.Background(), id, "EUR", "", want) })
					both.Go(func() { _, second = there.stock.Reserve(context.Background(), id, "EUR", "", want) })
					both.Wait()
					for _, err := range []error{first, second} {
						if err != nil && fault.CodeOf(err) != "out_of_stock" {
							t.Errorf("%s: %v", id, err)
						}
					}
					if first != nil && second != nil {
						return
					}
					switch i % 3 {
					case 0:
						require.NoError(t, there.stock.Release(context.Background(), id, skus))
						_, err := here.stock.Reserve(context.Background(), id, "EUR", "", want)
						require.ErrorIs(t, err, inventory.ErrClosed)
						cancelled.Add(1)
					case 1:
						require.NoError(t, there.stock.Commit(context.Background(), id, want))
						require.NoError(t, here.stock.Release(context.Background(), id, skus))
						shipped.Add(1)
					default:
						kept.Add(1)
					}
				})
			}
			wg.Wait()
			s := a.ledger(t, "S-0")
			require.EqualValues(t, shipped.Load(), s.Sold)
			require.EqualValues(t, kept.Load(), s.Reserved())
			require.EqualValues(t, units-shipped.Load(), s.OnHand)
			require.EqualValues(t, units-shipped.Load()-kept.Load(), s.Available())
			require.Positive(t, cancelled.Load())
			require.Positive(t, store.hits.Load())
			require.Positive(t, a.db.Conflicts()+b.db.Conflicts())
		})
	}
}

// A release and a reservation of the same order in two replicas at once: the
// order holds nothing afterwards, whoever was first.
func TestReleaseMeetsReserve(t *testing.T) {
	for name, open := range stores() {
		t.Run(name, func(t *testing.T) {
			store := open()
			a, b := over(t, store), over(t, store)
			a.fill(t, 1, 1000)
			require.NoError(t, b.shown.Refresh(t.Context()))
			for i := range 200 {
				id := "order-" + strconv.Itoa(i)
				var wg sync.WaitGroup
				wg.Go(func() {
					_, err := a.stock.Reserve(context.Background(), id, "EUR", "", []inventory.Line{{SKU: "S-0", Quantity: 1}})
					if err != nil {
						require.ErrorIs(t, err, inventory.ErrClosed)
					}
				})
				wg.Go(func() { require.NoError(t, b.stock.Release(context.Background(), id, []string{"S-0"})) })
				wg.Wait()
				require.Zero(t, a.ledger(t, "S-0").Reserved(), id)
			}
		})
	}
}

// unlucky has the first writes of a stock meet another writer, every time.
type unlucky struct {
	rough
	left atomic.Int64
}

func (u *unlucky) Commit(ctx context.Context, ops ...state.Op) error {
	for _, op := range ops {
		if op.Key == "stock:S-0" && u.left.Add(-1) >= 0 {
			items, err := u.Get(ctx, op.Key)
			if err != nil {
				return err
			}
			if err := u.Store.Commit(ctx, state.Op{Key: op.Key, Value: items[0].Value, ETag: items[0].ETag}); err != nil {
				return err
			}
		}
	}
	return u.Store.Commit(ctx, ops...)
}

// However long another replica is faster, nobody is sent away for it.
func TestConflictsAreNobodysAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &unlucky{rough: rough{Store: statetest.NewMemory()}}
		c := over(t, store)
		c.fill(t, 1, 5)
		store.left.Store(60)
		_, err := c.stock.Reserve(t.Context(), "o", "EUR", "", []inventory.Line{{SKU: "S-0", Quantity: 1}})
		require.NoError(t, err)
		require.EqualValues(t, 60, c.db.Conflicts())
		require.Equal(t, 1, c.ledger(t, "S-0").Reserved())
	})
}
