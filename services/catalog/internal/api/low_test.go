package api

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/event"
	"tienda/internal/page"
	"tienda/internal/state/statetest"
)

// low reads the whole list, page by page.
func (s *shop) low(limit string) (skus []string) {
	s.t.Helper()
	for cursor := ""; ; {
		var out page.Of[inventoryView]
		s.call(200, manager, "GET", "/v1/inventory?low=true&limit="+limit+"&cursor="+url.QueryEscape(cursor), nil).JSON(s.t, &out)
		for _, v := range out.Items {
			require.True(s.t, v.Low)
			skus = append(skus, v.SKU)
		}
		if cursor = out.NextCursor; cursor == "" {
			return skus
		}
	}
}

// told gives how often it was announced that a SKU is low.
func (s *shop) told(sku string) (n int) {
	for _, e := range s.events.Events() {
		if e.Type == "tienda.catalog.stock_low" && e.Subject == sku {
			n++
		}
	}
	return n
}

// A SKU that comes to its threshold is announced, once, and again only after it has
// recovered; it is in the list of every replica meanwhile.
func TestLowStock(t *testing.T) {
	store, published := statetest.NewMemory(), &event.Memory{}
	s, other := openOver(t, store, published), openOver(t, store, published)
	s.fill()
	require.NoError(t, other.shown.Refresh(t.Context()))
	require.Empty(t, s.low("20"), "nothing is low where there is no threshold")
	main := []any{map[string]any{"id": "main", "name": "Main"}}
	s.call(200, manager, "PUT", "/v1/settings/inventory", map[string]any{"locations": main, "low_stock_at": 8})
	s.call(200, manager, "PUT", "/v1/inventory/COF-500/settings", map[string]any{"low_stock_at": 0})
	require.Zero(t, *s.stock("COF-500").LowAt)

	adjust := func(sku string, delta int) {
		s.call(200, manager, "PATCH", "/v1/inventory/"+sku, map[string]any{"delta": delta, "reason": "x"})
	}
	adjust("COF-250", -1) // to 9
	adjust("COF-500", -2) // to 1, and is never low
	require.Empty(t, s.low("20"))
	s.call(200, orders, "PUT", "/internal/v1/reservations/"+orderA, reservation("EUR", line("COF-250", 1)))
	require.Equal(t, 1, s.told("COF-250"), "at the threshold")
	adjust("COF-250", -2)
	s.call(200, orders, "PUT", "/internal/v1/reservations/"+orderB, reservation("EUR", line("COF-250", 2)))
	require.Equal(t, 1, s.told("COF-250"), "it stays low")
	require.Equal(t, []string{"COF-250"}, s.low("20"))
	require.NoError(t, other.shown.Refresh(t.Context()))
	require.Equal(t, []string{"COF-250"}, other.low("20"))

	s.call(204, orders, "POST", "/internal/v1/reservations/"+orderB+"/release", map[string]any{"skus": []string{"COF-250"}})
	adjust("COF-250", 4)
	require.False(t, s.stock("COF-250").Low)
	require.Empty(t, s.low("20"))
	require.NoError(t, other.shown.Refresh(t.Context()))
	require.Empty(t, other.low("20"))
	adjust("COF-250", -3)
	require.Equal(t, 2, s.told("COF-250"), "it has recovered, and is low again")
	require.Zero(t, s.told("COF-500"))

	// Its own threshold goes before that of all, and counts at once.
	s.call(200, manager, "PUT", "/v1/inventory/COF-500/settings", map[string]any{"low_stock_at": 1})
	require.Equal(t, 1, s.told("COF-500"))
	require.Equal(t, []string{"COF-250", "COF-500"}, s.low("1"), "page by page")
	s.call(200, manager, "PUT", "/v1/inventory/COF-250/settings", map[string]any{"low_stock_at": 2})
	require.Equal(t, []string{"COF-500"}, s.low("20"))
	s.call(412, manager, "PUT", "/v1/inventory/COF-250/settings", map[string]any{}, "If-Match", `"1"`)

	// What is not for sale is not in the list.
	s.call(200, manager, "PUT", "/v1/products/"+s.shows("cafe-molido").ID, with(coffee(), "status", "archived"))
	require.Empty(t, s.low("20"))
}

// To become low costs a get more, once.
func TestLowStockCalls(t *testing.T) {
	s, _ := stocked(t)
	s.call(200, manager, "PUT", "/v1/inventory/COF-250/settings", map[string]any{"low_stock_at": 8})
	buy := func(order string, n int) [2]int64 {
		gets, commits := s.calls.during(func() {
			s.call(200, orders, "PUT", "/internal/v1/reservations/"+order, reservation("EUR", line("COF-250", n)))
		})
		return [2]int64{gets, commits}
	}
	require.Equal(t, [2]int64{1, 1}, buy(orderA, 1))
	require.Equal(t, [2]int64{2, 1}, buy(orderB, 1), "it becomes low")
	require.Equal(t, [2]int64{1, 1}, buy(orderC, 1))
	gets, commits := s.calls.during(func() { s.low("20") })
	require.Equal(t, [2]int64{1, 0}, [2]int64{gets, commits})
}
