package e2e

import (
	"net/http"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
)

// inCategory makes a product of a new category and gives the category and the SKU.
func inCategory(t *testing.T, available int) (category, sku string) {
	t.Helper()
	m := staff(t, caller.CatalogManager)
	category, sku = "e2e-"+uuid.NewString()[:8], "E2E-"+uuid.NewString()[:8]
	must[any](t, m, http.StatusCreated, "POST", "/v1/categories", map[string]any{"slug": category, "name": "Prueba"})
	must[product](t, m, http.StatusCreated, "POST", "/v1/products", map[string]any{
		"slug": "e2e-" + uuid.NewString()[:8], "name": "Lámpara", "description": "Para pruebas.", "category": category, "status": "published",
		"variants": []map[string]any{{"sku": sku, "name": "única", "prices": []money{{1250, "EUR"}}}},
	})
	must[stock](t, m, http.StatusOK, "PATCH", "/v1/inventory/"+sku, map[string]any{"delta": available, "reason": "first delivery"})
	return category, sku
}

// deliveredTo gives an order of n pieces that has reached its buyer.
func deliveredTo(t *testing.T, c *client, sku string, n int) order {
	t.Helper()
	agent := staff(t, caller.SupportAgent)
	put(t, c, sku, n)
	o := must[order](t, c, http.StatusCreated, "POST", "/v1/orders", map[string]any{"payment_method": "invoice", "address": madrid}, "Idempotency-Key", uuid.NewString())
	must[order](t, agent, http.StatusOK, "POST", "/v1/orders/"+o.ID+"/ship", nil)
	return must[order](t, agent, http.StatusOK, "POST", "/v1/orders/"+o.ID+"/deliver", nil)
}

func returnOf(o order, n int, reason string) map[string]any {
	return map[string]any{"order_id": o.ID, "lines": []map[string]any{{"sku": o.Lines[0].SKU, "quantity": n, "reason": reason}}}
}

// The shop's policies refuse what it never takes back, and approve what is cheap
// and damaged; orders hears of both ways into a return.
func TestReturnPolicies(t *testing.T) {
	admin, agent := staff(t, caller.Admin), staff(t, caller.SupportAgent)
	c, _ := newCustomer(t)
	hygiene, toothbrush := inCategory(t, 5)
	lamps, lamp := inCategory(t, 5)
	was := agent.call(t, "GET", "/v1/ops/return-policies", nil)
	require.Equal(t, http.StatusOK, was.status)
	policies := map[string]any{
		"reasons": []string{"damaged", "wrong_item", "unwanted", "other", "too_small"}, "default": map[string]any{"window_days": 30},
		"categories": []map[string]any{
			{"category": hygiene, "window_days": 0},
			{"category": lamps, "window_days": 14, "automatic": map[string]any{"reasons": []string{"damaged"}, "up_to": []money{{2500, "EUR"}}}},
		},
	}
	must[map[string]any](t, admin, http.StatusOK, "PUT", "/v1/ops/return-policies", policies, "If-Match", was.header.Get("ETag"))
	require.Equal(t, "version_mismatch", admin.refused(t, http.StatusPreconditionFailed, "PUT", "/v1/ops/return-policies", policies, "If-Match", was.header.Get("ETag")).Code)

	o := deliveredTo(t, c, toothbrush, 1)
	no := c.refused(t, http.StatusUnprocessableEntity, "POST", "/v1/returns", returnOf(o, 1, "unwanted"))
	require.Equal(t, "not_returnable", no.Code)
	require.Equal(t, []string{"/lines/0/sku"}, no.names())
	require.Equal(t, "reason_unknown", c.refused(t, http.StatusUnprocessableEntity, "POST", "/v1/returns", returnOf(o, 1, "ugly")).Code)
	require.Equal(t, "requested", must[returned](t, agent, http.StatusCreated, "POST", "/v1/returns", returnOf(o, 1, "too_small")).Status)

	o = deliveredTo(t, c, lamp, 3)
	r := must[parcel](t, c, http.StatusCreated, "POST", "/v1/returns", returnOf(o, 2, "damaged"))
	require.Equal(t, "approved", r.Status)
	require.Equal(t, "requested", must[returned](t, c, http.StatusCreated, "POST", "/v1/returns", returnOf(o, 1, "damaged")).Status, "together they are worth more")
	labelled := must[parcel](t, agent, http.StatusOK, "PUT", "/v1/returns/"+r.ID+"/label", map[string]any{"label": "PQ4", "carrier": "Correos"})
	require.Equal(t, "PQ4", labelled.Label)
	eventually(t, "the order shows both", func() bool {
		seen := must[order](t, c, http.StatusOK, "GET", "/v1/orders/"+o.ID, nil).Returns
		return len(seen) == 2 && seen[0].Status != seen[1].Status
	})
	requireEvents(t, r.ID, "tienda.support.return_approved", "tienda.support.label_set")
}

// inspected is an order, with what its refunds say of the inspections.
type inspected struct {
	Refunds []struct {
		Amount   money `json:"amount"`
		Deducted money `json:"deducted"`
		Lines    []struct {
			Percent int    `json:"deduction_percent"`
			Reason  string `json:"deduction_reason"`
		} `json:"lines"`
	} `json:"refunds"`
}

// What came back worn is refunded less a deduction, once; the order says how much
// and why, the stock has what is fit.
func TestInspection(t *testing.T) {
	agent := staff(t, caller.SupportAgent)
	c, _ := newCustomer(t)
	_, sku := inCategory(t, 5)
	o := deliveredTo(t, c, sku, 3)
	eventually(t, "the shipment leaves the stock", func() bool { return stockOf(t, sku).OnHand == 2 })
	r := must[parcel](t, c, http.StatusCreated, "POST", "/v1/returns", returnOf(o, 3, "unwanted"))
	path := "/v1/returns/" + r.ID
	must[parcel](t, agent, http.StatusOK, "POST", path+"/approve", nil)
	found := map[string]any{"lines": []map[string]any{
		{"sku": sku, "quantity": 1},
		{"sku": sku, "quantity": 1, "deduction_percent": 20, "deduction_reason": "opened"},
		{"sku": sku, "quantity": 1, "restock": false, "deduction_percent": 50, "deduction_reason": "broken"},
	}}
	for range 2 {
		r = must[parcel](t, agent, http.StatusOK, "POST", path+"/receive", found)
		require.Equal(t, "refunded", r.Status)
	}
	price := o.Totals.Total.Amount / 3
	want := money{o.Totals.Total.Amount - price/5 - price/2, "EUR"}
	require.Equal(t, want, *r.Refund)
	seen := must[inspected](t, c, http.StatusOK, "GET", "/v1/orders/"+o.ID, nil)
	require.Len(t, seen.Refunds, 1)
	require.Equal(t, want, seen.Refunds[0].Amount)
	require.Equal(t, money{price/5 + price/2, "EUR"}, seen.Refunds[0].Deducted)
	require.Equal(t, "opened", seen.Refunds[0].Lines[1].Reason)
	eventually(t, "what is fit is back", func() bool { return stockOf(t, sku).OnHand == 4 })
	requireEvents(t, o.ID, "tienda.orders.confirmed", "tienda.orders.shipped", "tienda.orders.delivered", "tienda.orders.refunded")
	require.Equal(t, int64(4), stockOf(t, sku).OnHand, "restocked once")
}
