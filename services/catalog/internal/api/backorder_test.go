package api

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var release = time.Date(2027, 3, 1, 9, 0, 0, 0, time.UTC)

// offer gives what the shop says of a SKU: on its product's page, and to orders.
func (s *shop) offer(ref, sku string) (is string, expected time.Time, available bool) {
	s.t.Helper()
	for _, v := range s.shows(ref).Variants {
		if v.SKU == sku {
			is, expected = v.Stock, v.ExpectedAt
		}
	}
	var quotes struct{ Items []quoteView }
	s.call(200, orders, "POST", "/internal/v1/quotes", map[string]any{"currency": "EUR", "skus": []string{sku}}).JSON(s.t, &quotes)
	require.Len(s.t, quotes.Items, 1)
	require.Equal(s.t, is, quotes.Items[0].Stock)
	require.True(s.t, expected.Equal(quotes.Items[0].ExpectedAt))
	return is, expected, quotes.Items[0].Available
}

// waits gives what an order waits for.
func (s *shop) waits(order, sku string) int {
	s.t.Helper()
	var out struct {
		Lines []struct {
			SKU         string
			Backordered int
		}
	}
	s.call(200, orders, "POST", "/internal/v1/reservations/"+order+"/waiting", map[string]any{"skus": []string{sku}}).JSON(s.t, &out)
	if len(out.Lines) == 0 {
		return 0
	}
	require.Equal(s.t, sku, out.Lines[0].SKU)
	return out.Lines[0].Backordered
}

// What is not there can be ordered as far as its policy says; who came first is
// served first; the shop says how it stands.
func TestBackorders(t *testing.T) {
	s, _ := stocked(t)
	settings := "/v1/inventory/COF-500/settings"
	is, _, available := s.offer("cafe-molido", "COF-500")
	require.Equal(t, inStock, is)
	require.True(t, available)
	s.call(200, manager, "PUT", settings, map[string]any{"backorder": map[string]any{"kind": "backorder", "limit": 4, "expected_at": release}})
	is, _, _ = s.offer("cafe-molido", "COF-500")
	require.Equal(t, inStock, is)

	var held struct{ Lines []reservedLine }
	reserve := func(order string, n, waits int) {
		held.Lines = nil
		for range 2 { // a repeat answers the same
			s.call(200, orders, "PUT", "/internal/v1/reservations/"+order, reservation("EUR", line("COF-250", 1), line("COF-500", n))).JSON(t, &held)
			require.Equal(t, []int{0, waits}, []int{held.Lines[0].Backordered, held.Lines[1].Backordered})
			require.Equal(t, waits > 0, held.Lines[1].ExpectedAt.Equal(release))
		}
		require.Equal(t, waits, s.waits(order, "COF-500"))
	}
	reserve(orderA, 3, 0)
	is, expected, available := s.offer("cafe-molido", "COF-500")
	require.Equal(t, backOrder, is)
	require.True(t, expected.Equal(release) && available)
	require.False(t, s.shows("cafe-molido").Variants[1].InStock)
	reserve(orderB, 3, 3)
	code, fields := s.call(422, orders, "PUT", "/internal/v1/reservations/"+orderC, reservation("EUR", line("COF-250", 1), line("COF-500", 2))).Problem(t)
	require.Equal(t, "out_of_stock", code)
	require.Equal(t, []string{"/lines/1/quantity"}, fields)
	require.Equal(t, 8, s.stock("COF-250").Available, "none of its lines are held")
	reserve(orderC, 1, 1)
	is, _, available = s.offer("cafe-molido", "COF-500")
	require.Equal(t, outOfStock, is)
	require.False(t, available)
	v := s.stock("COF-500")
	require.Equal(t, []int{3, 3, 0, 4}, []int{v.OnHand, v.Reserved, v.Available, v.Waiting})

	// What arrives is of who came first, and so is what an order gives back.
	s.call(200, manager, "PATCH", "/v1/inventory/COF-500", map[string]any{"delta": 2, "reason": "delivery"})
	require.Equal(t, []int{1, 1}, []int{s.waits(orderB, "COF-500"), s.waits(orderC, "COF-500")})
	s.hear("cancelled", map[string]any{"order_id": orderA, "lines": []any{line("COF-500", 3)}})
	require.Equal(t, []int{0, 0}, []int{s.waits(orderB, "COF-500"), s.waits(orderC, "COF-500")})
	v = s.stock("COF-500")
	require.Equal(t, []int{5, 4, 1, 0}, []int{v.OnHand, v.Reserved, v.Available, v.Waiting})
	is, _, _ = s.offer("cafe-molido", "COF-500")
	require.Equal(t, inStock, is)

	// Without the policy nothing is promised any more.
	s.call(200, manager, "PUT", settings, map[string]any{})
	require.Nil(t, s.stock("COF-500").Backorder)
	s.call(200, manager, "PATCH", "/v1/inventory/COF-500", map[string]any{"delta": -1, "reason": "broken"})
	is, _, _ = s.offer("cafe-molido", "COF-500")
	require.Equal(t, outOfStock, is)
}

// A pre-order is of what is not out yet: it says when it is.
func TestPreorders(t *testing.T) {
	s, _ := stocked(t)
	settings := "/v1/inventory/COF-500/settings"
	code, fields := s.call(400, manager, "PUT", settings, map[string]any{"backorder": map[string]any{"kind": "preorder", "limit": 4}}).Problem(t)
	require.NotEmpty(t, code)
	require.Equal(t, []string{"/backorder/expected_at"}, fields)
	for field, bad := range map[string]map[string]any{
		"/backorder/limit": {"kind": "backorder", "limit": 0}, "/backorder/kind": {"kind": "later", "limit": 1},
		"/backorder/expected_at": {"kind": "backorder", "limit": 1, "expected_at": "soon"},
	} {
		_, fields := s.call(400, manager, "PUT", settings, map[string]any{"backorder": bad}).Problem(t)
		require.Equal(t, []string{field}, fields)
	}
	s.call(200, manager, "PATCH", "/v1/inventory/COF-500", map[string]any{"on_hand": 0, "reason": "not out yet"})
	s.call(200, manager, "PUT", settings, map[string]any{"backorder": map[string]any{"kind": "preorder", "limit": 100_000, "expected_at": release}})
	is, expected, available := s.offer("cafe-molido", "COF-500")
	require.Equal(t, preOrder, is)
	require.True(t, expected.Equal(release) && available)
	s.call(200, orders, "PUT", "/internal/v1/reservations/"+orderA, reservation("EUR", line("COF-500", 7)))
	require.Equal(t, 7, s.waits(orderA, "COF-500"))
	require.Zero(t, s.waits(orderB, "COF-500"), "who holds nothing waits for nothing")
}

// A back-order costs what a reservation costs.
func TestBackorderCalls(t *testing.T) {
	s, _ := stocked(t)
	s.call(200, manager, "PUT", "/v1/inventory/COF-500/settings", map[string]any{"backorder": map[string]any{"kind": "backorder", "limit": 50}})
	count := func(f func()) [2]int64 {
		gets, commits := s.calls.during(f)
		return [2]int64{gets, commits}
	}
	reserve := func(order string, n int) func() {
		return func() {
			s.call(200, orders, "PUT", "/internal/v1/reservations/"+order, reservation("EUR", line("COF-500", n)))
		}
	}
	require.Equal(t, [2]int64{2, 1}, count(reserve(orderA, 5)), "it runs out")
	require.Equal(t, [2]int64{1, 1}, count(reserve(orderB, 5)))
	require.Equal(t, [2]int64{1, 0}, count(reserve(orderB, 5)), "a repeat")
	require.Equal(t, [2]int64{1, 0}, count(func() { s.waits(orderB, "COF-500") }))
	require.Equal(t, [2]int64{1, 1}, count(func() {
		s.call(200, manager, "PATCH", "/v1/inventory/COF-500", map[string]any{"delta": 3, "reason": "delivery"})
	}), "an arrival that is waited for")
}
