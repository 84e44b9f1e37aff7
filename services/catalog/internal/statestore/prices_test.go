package statestore

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/money"
	"tienda/internal/state"
	"tienda/internal/state/statetest"
	"tienda/services/catalog/internal/pricing"
	"tienda/services/catalog/internal/product"
)

// Two replicas change the price of a SKU at the same time, again and again: each
// change is in the history, each follows on the one before it, and the pages
// lose none and repeat none.
func TestPriceHistory(t *testing.T) {
	for name, open := range stores() {
		t.Run(name, func(t *testing.T) {
			store := open()
			a, b := over(t, store), over(t, store)
			a.fill(t, 1, 1)
			p, err := a.products.FindSKU(t.Context(), "S-0")
			require.NoError(t, err)
			const each = 130
			var wg sync.WaitGroup
			for i, c := range []catalog{a, b} {
				wg.Go(func() {
					for n := range each {
						d := p.Details
						d.Variants = []product.Variant{{SKU: "S-0", Name: "V", Prices: []money.Money{money.New(int64(1000*(i+1)+n), "EUR")}}}
						if _, err := c.products.Replace(context.Background(), p.ID, d, 0); err != nil {
							t.Error(err)
						}
					}
				})
			}
			wg.Wait()
			var all []pricing.Change
			prices := NewPrices(a.db)
			for cursor := ""; ; {
				some, next, err := prices.History(t.Context(), "S-0", 7, cursor)
				require.NoError(t, err)
				require.LessOrEqual(t, len(some), 7)
				all = append(all, some...)
				if cursor = next; next == "" {
					break
				}
				require.Len(t, some, 7)
			}
			// What a store kept of an attempt that failed, and the other replica then
			// changed, has happened as well.
			require.GreaterOrEqual(t, len(all), 2*each)
			if name == "rolls back" {
				require.Len(t, all, 2*each)
			}
			for i := range all[1:] {
				require.Equal(t, all[i].From, all[i+1].To, "the newest first")
				require.Greater(t, all[i].Version, all[i+1].Version)
			}
			require.EqualValues(t, 100, all[len(all)-1].From)
			now, err := a.products.Find(t.Context(), p.ID)
			require.NoError(t, err)
			require.Equal(t, now.Variants[0].Prices[0].Amount, all[0].To)
		})
	}
}

// A change of which a store has kept a half, and that another replica has put into the
// history before it was made again, is there once.
func TestPriceHistoryOfAKeptHalf(t *testing.T) {
	store := statetest.NewMemory()
	a, b := over(t, partial{store}), over(t, partial{store})
	a.fill(t, 1, 1)
	p, err := a.products.FindSKU(t.Context(), "S-0")
	require.NoError(t, err)
	cost := func(ctx context.Context, c catalog, amount int64) error {
		d := p.Details
		d.Variants = []product.Variant{{SKU: "S-0", Name: "V", Prices: []money.Money{money.New(amount, "EUR")}}}
		_, err := c.products.Replace(ctx, p.ID, d, 0)
		return err
	}
	productKept, handedOn := false, false
	other, stop := context.WithCancel(t.Context())
	store.BeforeCommit = func(ops []state.Op) error {
		key := ops[0].Key
		switch {
		case !productKept && strings.HasPrefix(key, "bucket:"): // a's, whose product is kept
			productKept = true
			require.Error(t, cost(other, b, 300))
			require.True(t, handedOn)
			return statetest.ErrConflict
		case productKept && !handedOn && strings.HasPrefix(key, "pricelog:"):
			handedOn = true
		case handedOn && other.Err() == nil: // of b nothing is kept but that
			stop()
			return statetest.ErrConflict
		}
		return nil
	}
	require.NoError(t, cost(t.Context(), a, 200))
	store.BeforeCommit = nil
	require.NoError(t, cost(t.Context(), a, 400))
	changes, _, err := NewPrices(a.db).History(t.Context(), "S-0", 10, "")
	require.NoError(t, err)
	var steps [][2]int64
	for _, c := range changes {
		steps = append(steps, [2]int64{c.From, c.To})
	}
	require.Equal(t, [][2]int64{{200, 400}, {100, 200}}, steps)
}

// Lists that two replicas add at the same time are all there.
func TestPriceListsOfTwoReplicas(t *testing.T) {
	for name, open := range stores() {
		t.Run(name, func(t *testing.T) {
			store := open()
			services := make([]*pricing.Service, 2)
			for i := range services {
				services[i] = pricing.NewService(NewPrices(over(t, store).db), &pricing.Board{})
			}
			var wg sync.WaitGroup
			for i := range 20 {
				wg.Go(func() {
					if _, err := services[i%2].Create(context.Background(), pricing.List{Name: strconv.Itoa(i)}); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			for _, s := range services {
				require.NoError(t, s.Refresh(t.Context()))
				book, err := s.Book(t.Context())
				require.NoError(t, err)
				require.Len(t, book, 20)
			}
		})
	}
}

// A replica that read the product many changes ago hands on nothing twice, also where
// a part of the history has just been closed.
func TestWhatIsOldIsNotHandedOnTwice(t *testing.T) {
	change := func(n int) []pricing.Change {
		return []pricing.Change{{Currency: "EUR", From: int64(n), To: int64(n + 1), Version: int64(n)}}
	}
	var log priceLog
	closed := 0
	for n := range 5 * logPage {
		next, full := log.with(change(n))
		require.Equal(t, full != nil, next.Closed > log.Closed)
		for _, c := range full {
			require.EqualValues(t, closed, c.From)
			closed++
		}
		log = next
		for old := max(0, n-logPage+1); old <= n; old++ {
			again, full := log.with(change(old))
			require.Equal(t, log, again)
			require.Nil(t, full)
		}
	}
	require.Len(t, log.Changes, 5*logPage-closed)
}

// Who reads a history page by page misses nothing when a part of it is closed meanwhile.
func TestPagesOfAHistoryThatGrows(t *testing.T) {
	c := over(t, statetest.NewMemory())
	c.fill(t, 1, 1)
	p, err := c.products.FindSKU(t.Context(), "S-0")
	require.NoError(t, err)
	price := int64(100)
	cost := func(changes int) {
		for range changes {
			price++
			d := p.Details
			d.Variants = []product.Variant{{SKU: "S-0", Name: "V", Prices: []money.Money{money.New(price, "EUR")}}}
			_, err := c.products.Replace(t.Context(), p.ID, d, 0)
			require.NoError(t, err)
		}
	}
	cost(2 * logPage)
	want := price
	for cursor := ""; ; {
		some, next, err := NewPrices(c.db).History(t.Context(), "S-0", 10, cursor)
		require.NoError(t, err)
		for _, change := range some {
			require.Equal(t, want, change.To)
			want--
		}
		if cursor = next; next == "" {
			break
		}
		cost(logPage / 4)
	}
	require.EqualValues(t, 100, want)
}
