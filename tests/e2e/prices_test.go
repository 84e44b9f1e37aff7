package e2e

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
)

type priceList struct {
	ID string `json:"id"`
}

// A sale is seen by guests, and the order costs what was shown, from the quantity
// on that the list says; when it is over, the base price is back.
func TestASaleFromPageToOrder(t *testing.T) {
	m := staff(t, caller.CatalogManager)
	p, sku := ownProduct(t, 10)
	l := must[priceList](t, m, http.StatusCreated, "POST", "/v1/price-lists", map[string]any{"name": "Rebajas", "starts_at": "2026-01-01T00:00:00Z"})
	must[list[priceList]](t, m, http.StatusOK, "GET", "/v1/price-lists", nil)
	must[any](t, m, http.StatusOK, "PUT", "/v1/prices/"+sku, map[string]any{"prices": []map[string]any{
		{"list": l.ID, "currency": "EUR", "amount": 990}, {"list": l.ID, "currency": "EUR", "amount": 890, "min_quantity": 3},
	}})
	must[any](t, m, http.StatusOK, "GET", "/v1/prices/"+sku, nil)
	shown := func(text string) func() bool {
		return func() bool {
			return strings.Contains(string(guest().call(t, "GET", "/v1/products/"+p.ID, nil).body), text)
		}
	}
	eventually(t, "guests see the sale", shown(`"kind":"sale","list":"Rebajas"`))
	c := guest()
	eventually(t, "the cart has the price of one", func() bool { return put(t, c, sku, 1).Lines[0].UnitPrice.Amount == 990 })
	o := must[order](t, c, http.StatusCreated, "POST", "/v1/orders", map[string]any{"address": madrid, "email": "who@example.com", "payment_method": "invoice"}, "Idempotency-Key", "sale-"+sku)
	require.EqualValues(t, 990, o.Lines[0].UnitPrice.Amount)
	put(t, c, sku, 3)
	o = must[order](t, c, http.StatusCreated, "POST", "/v1/orders", map[string]any{"address": madrid, "email": "who@example.com", "payment_method": "invoice"}, "Idempotency-Key", "tier-"+sku)
	require.EqualValues(t, 890, o.Lines[0].UnitPrice.Amount)

	must[any](t, m, http.StatusOK, "PUT", "/v1/price-lists/"+l.ID, map[string]any{"name": "Rebajas", "ends_at": "2026-01-02T00:00:00Z"})
	eventually(t, "the sale is over", shown(`"now":[{"amount":1250,"currency":"EUR","kind":"base"`))
	changes := must[list[map[string]any]](t, m, http.StatusOK, "GET", "/v1/prices/"+sku+"/history", nil)
	require.Len(t, changes.Items, 2)
	must[any](t, m, http.StatusNoContent, "DELETE", "/v1/price-lists/"+l.ID, nil)
}

// Stock and prices of many SKUs come as lines, each with its own outcome.
func TestBulkUpdates(t *testing.T) {
	m := staff(t, caller.CatalogManager)
	_, a := ownProduct(t, 1)
	_, b := ownProduct(t, 1)
	type report struct{ Accepted, Rejected int }
	update := func(path string, lines ...string) report {
		got := m.call(t, "POST", path, strings.Join(lines, "\n"), "Content-Type", "application/x-ndjson")
		require.Equal(t, http.StatusOK, got.status, "%s", got.body)
		var r report
		require.NoError(t, json.Unmarshal(got.body, &r))
		return r
	}
	require.Equal(t, report{2, 1}, update("/v1/stock-updates",
		`{"sku":"`+a+`","on_hand":7,"reason":"count"}`, `{"sku":"`+b+`","delta":8,"reason":"delivery"}`, `{"sku":"NO-SUCH-SKU","delta":8,"reason":"x"}`))
	require.EqualValues(t, 7, stockOf(t, a).Available)
	require.EqualValues(t, 9, stockOf(t, b).Available)
	require.Equal(t, report{1, 1}, update("/v1/price-updates", `{"sku":"`+a+`","currency":"EUR","amount":777}`, `{"sku":"`+b+`","currency":"EUR","amount":0}`))
	require.Contains(t, string(m.call(t, "GET", "/v1/prices/"+a, nil).body), `"now":[{"amount":777`)

	slug := "sheet-" + strings.ToLower(a)
	got := m.call(t, "POST", "/v1/imports/products", "slug,name,category,sku,variant_name,prices,stock\n"+slug+",Sheet,sheets,"+a+"-S,One,500 EUR,3\n", "Content-Type", "text/csv")
	require.Equal(t, http.StatusOK, got.status, "%s", got.body)
	require.JSONEq(t, `{"accepted":1,"rejected":0,"errors":[]}`, string(got.body))
	require.EqualValues(t, 3, stockOf(t, a+"-S").Available)
	require.Contains(t, string(m.call(t, "GET", "/v1/exports/prices?format=csv", nil).body), "\n"+a+"-S,,EUR,500,\n")
}
