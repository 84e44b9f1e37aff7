package statestore

import (
	"context"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/money"
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
