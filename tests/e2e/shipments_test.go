package e2e

import (
	"net/http"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
)

// Two pieces leave the house apart: paid with the first, sold with the second,
// delivered when both are.
func TestTwoShipments(t *testing.T) {
	c, sku, key := cardShopper(t)
	agent := staff(t, caller.SupportAgent)
	o := must[order](t, c, http.StatusCreated, "POST", "/v1/orders", payBy("sandbox_approves"), "Idempotency-Key", key)
	path, parcel := "/v1/orders/"+o.ID+"/shipments", map[string]any{
		"lines": []map[string]any{{"sku": sku, "quantity": 1}}, "carrier": "Correos", "tracking": "ES1", "tracking_url": "https://example.com/ES1"}
	first := uuid.NewString()
	for range 2 {
		o = must[order](t, agent, http.StatusOK, "POST", path, parcel, "Idempotency-Key", first)
		require.Equal(t, "partially_shipped", o.Status)
		require.Len(t, o.Shipments, 1, "a repeat ships nothing more")
	}
	eventually(t, "the card is charged", func() bool { return readCard(t, c, o.ID).Payment.Status == "paid" })
	require.Equal(t, "order_is_partially_shipped", c.refused(t, http.StatusConflict, "POST", "/v1/orders/"+o.ID+"/cancel", nil).Code)
	require.Equal(t, stock{SKU: sku, OnHand: 10, Reserved: 2, Available: 8}, stockOf(t, sku))

	o = must[order](t, agent, http.StatusOK, "POST", path, nil, "Idempotency-Key", uuid.NewString())
	require.Equal(t, "shipped", o.Status)
	eventually(t, "both leave the stock", func() bool {
		return stockOf(t, sku) == stock{SKU: sku, OnHand: 8, Available: 8, Sold: 2}
	})
	for _, s := range o.Shipments {
		o = must[order](t, agent, http.StatusOK, "POST", path+"/"+s.ID+"/deliver", nil)
	}
	require.Equal(t, "delivered", o.Status)
	require.Equal(t, int64(cardTotal), ledger(t, o.ID).taken)
	requireEvents(t, o.ID, "tienda.orders.confirmed", "tienda.orders.partially_shipped", "tienda.orders.shipped", "tienda.orders.delivered")
}
