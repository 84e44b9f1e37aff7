package api

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// An order that was moved in from another system has reserved nothing here: whatever
// becomes of it moves no stock, of SKUs that there are and of others, nor what other orders
// hold. What is sent back of it comes in, as it does of any order.
func TestNewsOfAnOrderThatHoldsNothing(t *testing.T) {
	s, _ := stocked(t)
	s.call(200, orders, "PUT", "/internal/v1/reservations/"+orderA, reservation("EUR", line("COF-250", 2)))
	before, entries := s.stock("COF-250"), len(s.ledger("COF-250"))
	sold := []any{line("COF-250", 3), line("NO-SUCH", 1)}
	for range 2 {
		for _, what := range []string{"shipped", "cancelled"} {
			s.hear(what, map[string]any{"order_id": orderB, "lines": sold, "reason": "x"})
		}
		s.hear("lines_cancelled", map[string]any{"order_id": orderB, "cancellation_id": orderA, "lines": []any{map[string]any{"sku": "COF-250", "quantity": 1, "left": 2}}})
		require.Equal(t, before, s.stock("COF-250"))
		require.Len(t, s.ledger("COF-250"), entries)
	}
	for range 2 {
		s.hear("refunded", map[string]any{"order_id": orderB, "return_id": orderA, "amount": map[string]any{"amount": 1, "currency": "EUR"},
			"lines": []any{map[string]any{"sku": "COF-250", "quantity": 1, "restock": true}, map[string]any{"sku": "NO-SUCH", "quantity": 1, "restock": true}}})
	}
	require.Equal(t, before.OnHand+1, s.stock("COF-250").OnHand)
	s.call(404, manager, "GET", "/v1/inventory/NO-SUCH", nil)
	s.hear("shipped", map[string]any{"order_id": orderA, "lines": []any{line("COF-250", 2)}})
	require.Equal(t, before.OnHand-1, s.stock("COF-250").OnHand, "what another order holds is its own")
}
