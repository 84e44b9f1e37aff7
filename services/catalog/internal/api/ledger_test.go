package api

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/page"
)

func (s *shop) ledger(sku string) []ledgerEntry {
	s.t.Helper()
	var out page.Of[ledgerEntry]
	s.call(200, manager, "GET", "/v1/inventory/"+sku+"/ledger", nil).JSON(s.t, &out)
	for i := range out.Items {
		require.False(s.t, out.Items[i].At.IsZero())
		out.Items[i].At = out.Items[0].At
	}
	return out.Items
}

// What moves stock, by whom and why, is in the ledger; what only holds it is not.
func TestLedger(t *testing.T) {
	s, _ := stocked(t)
	s.call(200, manager, "PUT", "/v1/settings/inventory", map[string]any{"locations": []any{map[string]any{"id": "main", "name": "Madrid"}, map[string]any{"id": "bcn", "name": "Barcelona"}}})
	s.call(200, manager, "PATCH", "/v1/inventory/COF-250", map[string]any{"delta": 5, "location": "bcn", "kind": "delivery", "reason": "pallet 2"})
	s.bulk("/v1/stock-updates", `{"sku":"COF-250","on_hand":4,"location":"bcn","reason":"counted"}`)
	s.call(200, orders, "PUT", "/internal/v1/reservations/"+orderA, reservation("EUR", line("COF-250", 12)))
	require.Equal(t, inventoryView{SKU: "COF-250", OnHand: 14, Reserved: 12, Available: 2, Locations: []locationView{
		{"main", 10, 10, 0}, {"bcn", 4, 2, 2}}}, s.stock("COF-250"))
	s.hear("shipped", map[string]any{"order_id": orderA, "lines": []any{line("COF-250", 12)}})
	s.hear("refunded", map[string]any{"order_id": orderA, "return_id": orderB, "amount": map[string]any{"amount": 1, "currency": "EUR"},
		"lines": []any{map[string]any{"sku": "COF-250", "quantity": 1, "restock": true}}})
	s.call(200, manager, "POST", "/v1/inventory/COF-250/transfers", map[string]any{"from": "bcn", "to": "main", "quantity": 2, "reason": "closing"})
	require.Equal(t, inventoryView{SKU: "COF-250", OnHand: 3, Available: 3, Sold: 12}, s.stock("COF-250"))
	got := s.ledger("COF-250")
	at, who := got[0].At, manager.UserID
	require.Equal(t, []ledgerEntry{
		{Number: 8, At: at, Kind: "transfer", Location: "main", Delta: 2, OnHand: 3, By: who, Reason: "closing"},
		{Number: 7, At: at, Kind: "transfer", Location: "bcn", Delta: -2, OnHand: 1, By: who, Reason: "closing"},
		{Number: 6, At: at, Kind: "return", Location: "main", Delta: 1, OnHand: 3, ReturnID: orderB},
		{Number: 5, At: at, Kind: "sale", Location: "bcn", Delta: -2, OnHand: 2, OrderID: orderA},
		{Number: 4, At: at, Kind: "sale", Location: "main", Delta: -10, OnHand: 4, OrderID: orderA},
		{Number: 3, At: at, Kind: "count", Location: "bcn", Delta: -1, OnHand: 14, By: who, Reason: "counted"},
		{Number: 2, At: at, Kind: "delivery", Location: "bcn", Delta: 5, OnHand: 15, By: who, Reason: "pallet 2"},
		{Number: 1, At: at, Kind: "count", Location: "main", Delta: 10, OnHand: 10, By: who, Reason: "first"},
	}, got)

	// What was imported has an opening.
	s.load(`{"slug":"a","name":"A","category":"x","variants":[{"sku":"A-1","name":"one","prices":[{"amount":5,"currency":"EUR"}],"stock":4}]}`)
	got = s.ledger("A-1")
	require.Equal(t, []ledgerEntry{{At: got[0].At, Kind: "opening", Location: "main", Delta: 4, OnHand: 4}}, got)

	// The settings that were read are those that are stated anew.
	s.call(412, manager, "PUT", "/v1/settings/inventory", map[string]any{"locations": []any{map[string]any{"id": "main", "name": "x"}}}, "If-Match", `"7"`)
	a := s.call(200, manager, "PUT", "/v1/settings/inventory", map[string]any{"locations": []any{map[string]any{"id": "main", "name": "x"}}}, "If-Match", `"1"`)
	require.Equal(t, `"2"`, a.Header.Get("ETag"))
}

// A movement costs what its handler says.
func TestLedgerCalls(t *testing.T) {
	s, _ := stocked(t)
	count := func(f func()) [2]int64 {
		gets, commits := s.calls.during(f)
		return [2]int64{gets, commits}
	}
	more := func() {
		s.call(200, manager, "PATCH", "/v1/inventory/COF-250", map[string]any{"delta": 1, "kind": "delivery", "reason": "x"})
	}
	for range 31 { // the 32nd entry fills a page
		require.Equal(t, [2]int64{1, 1}, count(more), "adjust")
	}
	require.Equal(t, [2]int64{2, 1}, count(more), "adjust, and write the page")
	require.Equal(t, [2]int64{2, 1}, count(more), "adjust, and give the page up")
	require.Equal(t, [2]int64{1, 1}, count(more), "adjust")
	require.Equal(t, [2]int64{2, 0}, count(func() { s.call(200, manager, "GET", "/v1/inventory/COF-250/ledger?limit=30", nil) }), "ledger")
	require.Equal(t, [2]int64{2, 0}, count(func() { s.call(200, manager, "GET", "/v1/inventory/COF-250/ledger?limit=100", nil) }), "the whole ledger")
	require.Equal(t, [2]int64{1, 0}, count(func() { s.call(200, manager, "GET", "/v1/inventory/COF-250/ledger?limit=2", nil) }), "its end")
	require.Equal(t, [2]int64{1, 0}, count(func() { s.call(200, manager, "GET", "/v1/settings/inventory", nil) }), "settings")
}
