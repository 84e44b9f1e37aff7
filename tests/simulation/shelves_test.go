package simulation

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tienda/internal/app"
	"tienda/internal/caller"
	"tienda/internal/deadletter"
	"tienda/internal/httpapi"
	"tienda/internal/sidecar"
	"tienda/internal/state"
	"tienda/internal/state/statetest"
	"tienda/tests/history"
)

var (
	shelvesOnce sync.Once
	stocked     map[string]state.Item
)

// shelves gives the documents of a catalog that has the goods, as its own
// import makes them.
func shelves(t *testing.T) map[string]state.Item {
	t.Helper()
	shelvesOnce.Do(func() {
		m := statetest.NewMemory()
		stock(t, m)
		items, err := m.Get(context.Background(), m.Keys("")...)
		require.NoError(t, err)
		stocked = map[string]state.Item{}
		for _, it := range items {
			stocked[it.Key] = it
		}
	})
	return maps.Clone(stocked)
}

// few is a promotion that most buyers want; its ID is made when it is.
var few = history.Promotion{Rate: 33_333, Limit: 3}

const fewCode = "FEW"

var (
	offersOnce sync.Once
	offered    map[string]state.Item
)

// offers gives the documents of orders with the promotion, as its own route makes them.
func offers(t *testing.T) map[string]state.Item {
	t.Helper()
	offersOnce.Do(func() {
		m := statetest.NewMemory()
		h := open(t, services()[1], m)
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/promotions", strings.NewReader(
			fmt.Sprintf(`{"code":%q,"label":"For few","kind":"percentage","rate":%d,"limit":%d}`, fewCode, few.Rate, few.Limit)))
		r.Header.Set("Content-Type", "application/json")
		caller.Caller{UserID: uuid.NewString(), Roles: []caller.Role{caller.CatalogManager}}.SetHeader(r.Header)
		out := httptest.NewRecorder()
		h.ServeHTTP(out, r)
		require.Equal(t, http.StatusCreated, out.Code, out.Body)
		var made struct {
			ID string `json:"id"`
		}
		require.NoError(t, json.Unmarshal(out.Body.Bytes(), &made))
		few.ID = made.ID
		items, err := m.Get(context.Background(), m.Keys("")...)
		require.NoError(t, err)
		offered = map[string]state.Item{}
		for _, it := range items {
			offered[it.Key] = it
		}
	})
	return maps.Clone(offered)
}

// open gives the handler of a service over a store, with nothing else around it.
func open(t *testing.T, s service, m state.Store) http.Handler {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	db := state.Open(m, nil, log)
	built, err := s.build(t.Context(), app.Deps{Getenv: func(string) string { return "" }, Log: log, Sidecar: sidecar.Over(nil, nil), DB: db, Contract: s.contract})
	require.NoError(t, err)
	h, err := deadletter.New(s.id, db, log).Handler(httpapi.Options{Contract: s.contract, Routes: append(app.NewHealth().Routes(), built.Routes...), Log: log})
	require.NoError(t, err)
	return h
}

func stock(t *testing.T, m state.Store) {
	t.Helper()
	require.Equal(t, "catalog", services()[0].id)
	h := open(t, services()[0], m)
	var lines strings.Builder
	for _, g := range goods {
		require.NoError(t, json.NewEncoder(&lines).Encode(map[string]any{
			"slug": strings.ToLower(g.SKU), "name": g.SKU, "category": "things", "variants": []any{map[string]any{
				"sku": g.SKU, "name": "one", "prices": []any{map[string]any{"amount": g.Price, "currency": "EUR"}}, "stock": g.Initial,
			}},
		}))
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/internal/v1/import/products", strings.NewReader(lines.String()))
	r.Header.Set("Content-Type", "application/x-ndjson")
	r.Header.Set("Dapr-Caller-App-Id", "gateway")
	out := httptest.NewRecorder()
	h.ServeHTTP(out, r)
	require.Equal(t, http.StatusOK, out.Code, out.Body)
	require.Contains(t, out.Body.String(), `"rejected":0`)
	for _, g := range goods {
		if g.Backorder > 0 {
			promise(t, h, g)
		}
	}
}

// promise lets more of a SKU be sold than there is, as its own route does.
func promise(t *testing.T, h http.Handler, g history.Good) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPut, "/v1/inventory/"+g.SKU+"/settings",
		strings.NewReader(fmt.Sprintf(`{"backorder":{"kind":"backorder","limit":%d}}`, g.Backorder)))
	r.Header.Set("Content-Type", "application/json")
	caller.Caller{UserID: uuid.NewString(), Roles: []caller.Role{caller.CatalogManager}}.SetHeader(r.Header)
	out := httptest.NewRecorder()
	h.ServeHTTP(out, r)
	require.Equal(t, http.StatusOK, out.Code, out.Body)
}
