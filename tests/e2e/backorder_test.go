package e2e

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
)

type promise struct {
	stock
	Backordered int `json:"backordered"`
}

type promisedLines struct {
	ID    string `json:"id"`
	Lines []struct {
		Backordered int       `json:"backordered"`
		ExpectedAt  time.Time `json:"expected_at"`
	} `json:"lines"`
}

// More is ordered than there is, within what may be promised: the order says so, and it is shipped once the goods have come.
func TestBackorder(t *testing.T) {
	m, agent := staff(t, caller.CatalogManager), staff(t, caller.SupportAgent)
	_, sku := ownProduct(t, 1)
	base := "/v1/inventory/" + sku
	expected := time.Date(2027, 3, 1, 9, 0, 0, 0, time.UTC)
	must[promise](t, m, http.StatusOK, "PUT", base+"/settings", map[string]any{"backorder": map[string]any{"kind": "backorder", "limit": 2, "expected_at": expected}})
	order := map[string]any{"address": madrid, "email": "who@example.com", "payment_method": "invoice"}
	many := guest()
	put(t, many, sku, 4)
	require.Equal(t, http.StatusUnprocessableEntity, many.call(t, "POST", "/v1/orders", order, "Idempotency-Key", uuid.NewString()).status, "more than may be promised")
	c := guest()
	put(t, c, sku, 3)
	o := must[promisedLines](t, c, http.StatusCreated, "POST", "/v1/orders", order, "Idempotency-Key", uuid.NewString())
	require.Equal(t, 2, o.Lines[0].Backordered)
	require.True(t, o.Lines[0].ExpectedAt.Equal(expected))
	s := must[promise](t, m, http.StatusOK, "GET", base, nil)
	require.Equal(t, promise{stock{SKU: sku, OnHand: 1, Reserved: 1}, 2}, s)

	require.Equal(t, http.StatusConflict, agent.call(t, "POST", "/v1/orders/"+o.ID+"/ship", nil).status)
	must[promise](t, m, http.StatusOK, "PATCH", base, map[string]any{"delta": 3, "kind": "delivery", "reason": "it has come"})
	must[promisedLines](t, agent, http.StatusOK, "POST", "/v1/orders/"+o.ID+"/ship", nil)
	eventually(t, "the goods have left", func() bool {
		return must[promise](t, m, http.StatusOK, "GET", base, nil) == promise{stock{SKU: sku, OnHand: 1, Available: 1, Sold: 3}, 0}
	})
}
