package simulation

import (
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/app"
	"tienda/internal/deadletter"
	"tienda/internal/httpapi"
	"tienda/internal/sidecar"
	"tienda/internal/state"
	"tienda/internal/state/statetest"
	catalog "tienda/services/catalog/service"
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

func stock(t *testing.T, m state.Store) {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	s := services()[0]
	require.Equal(t, "catalog", s.id)
	db := state.Open(m, nil, log)
	built, err := catalog.Build(t.Context(), app.Deps{Log: log, Sidecar: sidecar.Over(nil, nil), DB: db, Contract: s.contract})
	require.NoError(t, err)
	h, err := deadletter.New(s.id, db, log).Handler(httpapi.Options{Contract: s.contract, Routes: append(app.NewHealth().Routes(), built.Routes...), Log: log})
	require.NoError(t, err)
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
}
