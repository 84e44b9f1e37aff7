package api

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/contracts"
	"tienda/internal/caller"
	"tienda/internal/contract"
	"tienda/internal/contract/contracttest"
	"tienda/internal/event"
	"tienda/internal/httpapi"
	"tienda/internal/origin/intake"
	"tienda/internal/state"
	"tienda/internal/state/statetest"
	"tienda/services/catalog/internal/collection"
	"tienda/services/catalog/internal/events"
	"tienda/services/catalog/internal/inventory"
	"tienda/services/catalog/internal/pricing"
	"tienda/services/catalog/internal/product"
	"tienda/services/catalog/internal/search"
	"tienda/services/catalog/internal/statestore"
)

var (
	manager  = caller.Caller{UserID: "0198d2a0-1111-7000-8000-00000000000a", Roles: []caller.Role{caller.Customer, caller.CatalogManager}}
	customer = caller.Caller{UserID: "0198d2a0-1111-7000-8000-00000000000b", Roles: []caller.Role{caller.Customer}}
	orders   = caller.Caller{App: "orders"}
	gateway  = caller.Caller{App: "gateway"}
	mover    = caller.Caller{App: "migration"}
	nobody   = caller.Caller{}
)

const (
	orderA = "0198d2a4-7b1c-5f00-8a00-00000000000a"
	orderB = "0198d2a4-7b1c-5f00-8a00-00000000000b"
	orderC = "0198d2a4-7b1c-5f00-8a00-00000000000c"
)

// shop is a catalog over a store in memory.
type shop struct {
	*contracttest.Server
	t      *testing.T
	store  *statetest.Memory
	calls  *counted
	events *event.Memory
	shown  *search.Model
	prices *pricing.Service
	sync   *statestore.Sync
	routes []httpapi.Route // but those of sync
	within *time.Duration  // how seldom what was moved in has the model refreshed
}

func open(t *testing.T) *shop { return openOver(t, statetest.NewMemory(), &event.Memory{}) }

// openOver opens a replica over a store that others may share.
func openOver(t *testing.T, store *statetest.Memory, published *event.Memory) *shop {
	t.Helper()
	calls := &counted{Store: store}
	db := state.Open(calls, published, slog.New(slog.NewTextHandler(t.Output(), nil)))
	board := &pricing.Board{}
	prices := pricing.NewService(statestore.NewPrices(db), board)
	shown := search.New(statestore.NewShelf(db), DetailEncoder(board))
	board.OnChange(shown.PricesChanged)
	stock := inventory.NewService(statestore.NewStocks(db), shown, prices)
	c, err := contract.Load(contracts.FS, "catalog")
	require.NoError(t, err)
	line, err := c.Schema("ImportProduct")
	require.NoError(t, err)
	a := &API{
		Products: product.NewService(statestore.NewProducts(db), shown), Inventory: stock, Shown: shown, Prices: prices,
		Orders: events.Orders{Stock: stock}, ImportLine: line, Exports: statestore.NewExports(db),
		Collections: collection.NewService(statestore.NewCollections(db), time.Now),
	}
	a.StockLine, err = c.Schema("StockUpdate")
	require.NoError(t, err)
	a.PriceLine, err = c.Schema("PriceUpdate")
	require.NoError(t, err)
	require.Error(t, shown.Ready(t.Context()), "not ready before the products are read")
	require.NoError(t, prices.Refresh(t.Context()))
	require.NoError(t, shown.Refresh(t.Context()))
	require.NoError(t, shown.Ready(t.Context()))
	within := new(time.Duration)
	moved, err := statestore.NewSync(db, c, func(ctx context.Context, _ int) { require.NoError(t, shown.Freshen(ctx, *within)) })
	require.NoError(t, err)
	routes := slices.Concat(a.Routes(), moved.Categories.Routes(), moved.Products.Routes(), moved.Stock.Routes(), []httpapi.Route{intake.OutboxRoute(db)})
	return &shop{Server: contracttest.New(t, "catalog", routes), t: t, store: store, calls: calls, events: published, shown: shown, prices: prices, within: within, sync: moved, routes: a.Routes()}
}

// call makes a request that must answer status.
func (s *shop) call(status int, who caller.Caller, method, path string, body any, header ...string) contracttest.Answer {
	s.t.Helper()
	in := contracttest.Request{Method: method, Path: path, As: who, Body: body, Header: http.Header{}}
	for i := 0; i+1 < len(header); i += 2 {
		in.Header.Set(header[i], header[i+1])
	}
	a := s.Do(s.t, in)
	require.Equal(s.t, status, a.Status, "%s %s: %s", method, path, a.Body)
	return a
}

// coffee is a product with two variants, one of them without dollars.
func coffee() map[string]any {
	return map[string]any{
		"slug": "cafe-molido", "name": "Café Molido", "category": "coffee", "status": "published", "description": "Ground.",
		"variants": []any{
			map[string]any{"sku": "COF-250", "name": "250 g", "options": map[string]any{"weight": "250 g"}, "prices": []any{
				map[string]any{"amount": 790, "currency": "EUR"}, map[string]any{"amount": 890, "currency": "USD"}}},
			map[string]any{"sku": "COF-500", "name": "500 g", "prices": []any{map[string]any{"amount": 1450, "currency": "EUR"}}},
		},
	}
}

func with(m map[string]any, key string, value any) map[string]any {
	m[key] = value
	return m
}

// stocked opens a shop that has coffee: 10 of the small, 3 of the large.
func stocked(t *testing.T) (s *shop, productID string) {
	t.Helper()
	s = open(t)
	return s, s.fill()
}

// fill creates the coffee and its stock.
func (s *shop) fill() (productID string) {
	s.t.Helper()
	s.call(201, manager, "POST", "/v1/categories", map[string]any{"slug": "coffee", "name": "Coffee"})
	var p struct{ ID string }
	s.call(201, manager, "POST", "/v1/products", coffee()).JSON(s.t, &p)
	s.call(200, manager, "PATCH", "/v1/inventory/COF-250", map[string]any{"on_hand": 10, "reason": "first"})
	s.call(200, manager, "PATCH", "/v1/inventory/COF-500", map[string]any{"delta": 3, "reason": "first"})
	return p.ID
}

func line(sku string, quantity int) map[string]any {
	return map[string]any{"sku": sku, "quantity": quantity}
}

func reservation(currency string, lines ...any) map[string]any {
	return map[string]any{"currency": currency, "lines": lines}
}

func (s *shop) stock(sku string) (out inventoryView) {
	s.t.Helper()
	s.call(200, manager, "GET", "/v1/inventory/"+sku, nil).JSON(s.t, &out)
	require.Equal(s.t, out.OnHand, out.Available+out.Reserved)
	require.GreaterOrEqual(s.t, out.Available, 0)
	return out
}

func (s *shop) shows(ref string) (out productView) {
	s.t.Helper()
	s.call(200, nobody, "GET", "/v1/products/"+ref, nil).JSON(s.t, &out)
	return out
}

// hear delivers an event of orders, twice: nothing may happen the second time.
func (s *shop) hear(what string, data map[string]any) {
	s.t.Helper()
	e := event.New("orders", what, "x", data)
	for range 2 {
		a := s.Do(s.t, contracttest.Request{Method: "POST", Path: "/events/orders", Body: e, ContentType: event.ContentType})
		require.Equal(s.t, 200, a.Status, "%s", a.Body)
	}
}
