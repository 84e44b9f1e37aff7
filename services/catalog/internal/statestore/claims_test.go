package statestore

import (
	"context"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/state"
	"tienda/internal/state/statetest"
	"tienda/services/catalog/internal/inventory"
	"tienda/services/catalog/internal/pricing"
	"tienda/services/catalog/internal/product"
)

// A product is deleted, or drops a variant, while orders hold some of its
// stock: the next product under the SKU gets none of it, whatever becomes of
// those orders.
func TestStockStaysWithItsProduct(t *testing.T) {
	other := thing(9, "c")
	without := map[string]func(c catalog, id string) error{
		"deleted":         func(c catalog, id string) error { return c.products.Delete(t.Context(), id, 0) },
		"variant dropped": func(c catalog, id string) error { _, err := c.products.Replace(t.Context(), id, other, 0); return err },
	}
	for name, drop := range without {
		t.Run(name, func(t *testing.T) {
			c := over(t, statetest.NewMemory())
			_, _, err := c.products.CreateCategory(t.Context(), product.Category{Slug: "c", Name: "C"})
			require.NoError(t, err)
			old, err := c.products.Create(t.Context(), thing(0, "c"))
			require.NoError(t, err)
			ten := 10
			_, err = c.stock.Adjust(t.Context(), "T-0", inventory.Change{Count: &ten}, 0)
			require.NoError(t, err)
			for _, order := range []string{"shipped", "cancelled"} {
				_, err = c.stock.Reserve(t.Context(), order, "EUR", "", []inventory.Line{{SKU: "T-0", Quantity: 2}})
				require.NoError(t, err)
			}
			before := len(c.events.Events())
			require.NoError(t, drop(c, old.ID))
			require.Subset(t, c.events.Types()[before:], []string{"tienda.catalog.stock_adjusted", "tienda.catalog.stock_depleted"})

			next := thing(0, "c")
			next.Slug = "next"
			_, err = c.products.Create(t.Context(), next)
			require.NoError(t, err)
			require.Equal(t, 4, c.ledger(t, "T-0").OnHand)
			require.Zero(t, c.ledger(t, "T-0").Available())
			require.NoError(t, c.stock.Commit(t.Context(), "shipped", []inventory.Line{{SKU: "T-0"}}))
			require.NoError(t, c.stock.Release(t.Context(), "cancelled", []string{"T-0"}))
			require.Zero(t, c.ledger(t, "T-0").OnHand)
			require.Equal(t, 2, c.ledger(t, "T-0").Sold)
		})
	}
}

// Stock that came under a SKU after its product had gone is not the next
// product's either.
func TestStrayStock(t *testing.T) {
	c := over(t, statetest.NewMemory())
	require.NoError(t, c.db.Update(t.Context(), func(tx *state.Tx) error {
		return stocks.Put(tx, "S-0", inventory.Stock{SKU: "S-0", ProductID: "gone", OnHand: 7, Initial: 7})
	}))
	c.fill(t, 1, 5)
	require.Zero(t, c.ledger(t, "S-0").OnHand)
}

// A return of what is not sold any more leaves no stock behind.
func TestRestockOfADeletedProduct(t *testing.T) {
	store := statetest.NewMemory()
	c := over(t, store)
	c.fill(t, 1, 5)
	p, err := c.products.Find(t.Context(), "p-0")
	require.NoError(t, err)
	require.NoError(t, c.products.Delete(t.Context(), p.ID, 0))
	require.NoError(t, c.stock.Restock(t.Context(), "r", []inventory.Line{{SKU: "S-0", Quantity: 2}}))
	require.Empty(t, store.Keys("stock:"))
}

// An attempt that sold a SKU out was kept in part: the next one writes the
// stock again, for the event that it announces has to be in it.
func TestCrossingKeptInPart(t *testing.T) {
	store := &losing{partial: partial{statetest.NewMemory()}, lose: "none"}
	c := over(t, store)
	c.fill(t, 1, 5)
	store.lose, store.lost = "bucket:", false
	c.db = state.OpenOutbox(store, nowhere{}, slog.New(slog.DiscardHandler))
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.db.Start(ctx, 0) }()
	defer func() { stop(); <-done }()
	stock := inventory.NewService(NewStocks(c.db), c.shown, pricing.NewService(NewPrices(c.db), &pricing.Board{}))
	_, err := stock.Reserve(ctx, "o", "EUR", "", []inventory.Line{{SKU: "S-0", Quantity: 5}})
	require.NoError(t, err)
	require.True(t, store.lost)
	require.Zero(t, c.ledger(t, "S-0").Available())
}

type nowhere struct{}

func (nowhere) Publish(context.Context, []byte) error { return nil }
