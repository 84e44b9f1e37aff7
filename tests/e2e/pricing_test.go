package e2e

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
)

type bill struct {
	Promotions []struct {
		Code    string `json:"code"`
		Applied bool   `json:"applied"`
		Reason  string `json:"reason"`
	} `json:"promotions"`
	Totals struct {
		Subtotal money `json:"subtotal"`
		Discount money `json:"discount"`
		Shipping money `json:"shipping"`
		Tax      money `json:"tax"`
		Total    money `json:"total"`
	} `json:"totals"`
}

type rule struct {
	ID      string `json:"id"`
	Used    int    `json:"used"`
	Version int64  `json:"version"`
}

var lisbon = map[string]any{"name": "Inês", "line1": "Rua Augusta 1", "city": "Lisboa", "postal_code": "1100", "country": "PT"}

func newRule(t *testing.T, r map[string]any) rule {
	t.Helper()
	return must[rule](t, staff(t, caller.CatalogManager), http.StatusCreated, "POST", "/v1/promotions", r)
}

// Tax, shipping and a promotion, from the settings over the cart and the order to the
// refund. They are of Portugal, where no other test sends anything; elsewhere all is
// sent for nothing, as without settings.
func TestTaxShippingAndPromotion(t *testing.T) {
	boss := staff(t, caller.Admin)
	tax := map[string]any{"prices_include_tax": []string{"EUR"}, "rates": []map[string]any{{"country": "PT", "class": "standard", "rate": 23000},
		{"country": "PT", "class": "food", "rate": 6000}}}
	free := map[string]any{"areas": []map[string]any{{"country": "ES"}}, "prices": []map[string]any{
		{"currency": "EUR", "steps": []map[string]any{{"price": 0}}}, {"currency": "USD", "steps": []map[string]any{{"price": 0}}}}}
	post := map[string]any{"areas": []map[string]any{{"country": "PT"}}, "prices": []map[string]any{{"currency": "EUR", "steps": []map[string]any{{"up_to_weight_grams": 1000, "price": 415}, {"price": 615}}}}}
	a := boss.call(t, "PUT", "/v1/settings/tax", tax)
	require.Equal(t, http.StatusOK, a.status, "%s", a.body)
	t.Cleanup(func() {
		must[any](t, boss, http.StatusOK, "PUT", "/v1/settings/tax", map[string]any{"prices_include_tax": []string{}, "rates": []any{}})
		must[any](t, boss, http.StatusOK, "PUT", "/v1/settings/shipping", map[string]any{"methods": []any{}})
	})
	must[any](t, boss, http.StatusPreconditionFailed, "PUT", "/v1/settings/tax", tax, "If-Match", `"999"`)
	must[any](t, boss, http.StatusOK, "PUT", "/v1/settings/tax", tax, "If-Match", a.header.Get("ETag"))
	must[any](t, boss, http.StatusOK, "PUT", "/v1/settings/shipping", map[string]any{"methods": []any{map[string]any{"id": "post", "name": "Post", "zones": []any{free, post}}}})
	must[any](t, boss, http.StatusOK, "GET", "/v1/settings/tax", nil)
	must[any](t, boss, http.StatusOK, "GET", "/v1/settings/shipping", nil)

	// Its tax class and weight come with the quotes and with the reservation.
	m := staff(t, caller.CatalogManager)
	sku, category := "E2E-"+uuid.NewString()[:8], anyCategory(t)
	must[product](t, m, http.StatusCreated, "POST", "/v1/products", map[string]any{
		"slug": "e2e-" + uuid.NewString()[:8], "name": "Aceite de prueba", "category": category, "status": "published", "tax_class": "food",
		"variants": []map[string]any{{"sku": sku, "name": "única", "weight_grams": 400, "prices": []money{{1250, "EUR"}}}},
	})
	must[stock](t, m, http.StatusOK, "PATCH", "/v1/inventory/"+sku, map[string]any{"delta": 10, "reason": "first delivery"})
	code := "E2E-" + strings.ToUpper(uuid.NewString()[:8])
	p := newRule(t, map[string]any{"code": code, "label": "A fifth off", "kind": "percentage", "rate": 20000, "for": map[string]any{"categories": []string{category}},
		"minimums": []money{{2000, "EUR"}}})
	must[list[rule]](t, m, http.StatusOK, "GET", "/v1/promotions", nil)

	c := guest()
	put(t, c, sku, 1)
	got := must[bill](t, c, http.StatusOK, "PUT", "/v1/cart/promotions/"+code, nil)
	require.Equal(t, "minimum_not_met", got.Promotions[0].Reason)
	put(t, c, sku, 3)
	got = must[bill](t, c, http.StatusOK, "GET", "/v1/cart?country=PT", nil)
	require.True(t, got.Promotions[0].Applied)
	// 37.50 − 7.50 = 30.00, of which 1.70 is tax; 1.15 is in the 6.15 for 1.2 kg
	require.Equal(t, [5]int64{3750, 750, 615, 170 + 115, 3615}, got.sums())
	checkout := map[string]any{"payment_method": "cash_on_delivery", "email": "i@example.com", "address": lisbon, "shipping_method": "post",
		"expected_total": money{3614, "EUR"}}
	require.Equal(t, "total_changed", c.refused(t, http.StatusConflict, "POST", "/v1/orders", checkout, "Idempotency-Key", uuid.NewString()).Code)
	checkout["expected_total"] = money{3615, "EUR"}
	a = c.call(t, "POST", "/v1/orders", checkout, "Idempotency-Key", uuid.NewString())
	require.Equal(t, http.StatusCreated, a.status, "%s", a.body)
	o := must[order](t, c, http.StatusOK, "GET", a.header.Get("Location"), nil)
	require.Equal(t, got.sums(), must[bill](t, c, http.StatusOK, "GET", "/v1/orders/"+o.ID, nil).sums())

	agent := staff(t, caller.SupportAgent)
	must[order](t, agent, http.StatusOK, "POST", "/v1/orders/"+o.ID+"/ship", nil)
	must[order](t, agent, http.StatusOK, "POST", "/v1/orders/"+o.ID+"/deliver", nil)
	sum := int64(0)
	for i, n := range []int{1, 2} {
		r := must[returned](t, agent, http.StatusCreated, "POST", "/v1/returns", map[string]any{
			"order_id": o.ID, "lines": []map[string]any{{"sku": sku, "quantity": n, "reason": "unwanted"}}})
		must[returned](t, agent, http.StatusOK, "POST", "/v1/returns/"+r.ID+"/approve", nil)
		r = must[returned](t, agent, http.StatusOK, "POST", "/v1/returns/"+r.ID+"/receive", map[string]any{})
		require.Equal(t, []int64{1000, 2000 + 615}[i], r.Refund.Amount, "shipping with the last piece")
		sum += r.Refund.Amount
	}
	require.Equal(t, int64(3615), sum)

	must[any](t, c, http.StatusNoContent, "DELETE", "/v1/cart/promotions/"+code, nil)
	must[rule](t, m, http.StatusOK, "PUT", "/v1/promotions/"+p.ID, map[string]any{"code": code, "label": "Free shipping", "kind": "free_shipping"})
	must[rule](t, m, http.StatusOK, "POST", "/v1/promotions/"+p.ID+"/end", nil)
	require.Equal(t, int64(3), must[rule](t, m, http.StatusOK, "GET", "/v1/promotions/"+p.ID, nil).Version)
}

func (b bill) sums() [5]int64 {
	return [5]int64{b.Totals.Subtotal.Amount, b.Totals.Discount.Amount, b.Totals.Shipping.Amount, b.Totals.Tax.Amount, b.Totals.Total.Amount}
}

// A promotion for 20 orders, tried by 200 guests at the same time: 20 get it. One that
// is cancelled gives its use back.
func TestAPromotionIsUsedAsOftenAsItMay(t *testing.T) {
	const limit, buyers = 20, 200
	_, sku := ownProduct(t, buyers)
	code := "RUSH-" + strings.ToUpper(uuid.NewString()[:8])
	p := newRule(t, map[string]any{"code": code, "label": "For the first", "kind": "percentage", "rate": 50000, "limit": limit})
	guests := make([]*client, buyers)
	var filling sync.WaitGroup
	for i := range guests {
		guests[i] = guest()
		filling.Go(func() {
			if _, err := guests[i].try("PUT", "/v1/cart/items/"+sku, map[string]int{"quantity": 1}); err == nil {
				_, _ = guests[i].try("PUT", "/v1/cart/promotions/"+code, nil)
			}
		})
	}
	filling.Wait()
	answers := make([]answer, buyers)
	var wg sync.WaitGroup
	for i := range guests {
		wg.Go(func() {
			body := map[string]any{"payment_method": "invoice", "email": "g@example.com", "address": madrid, "expected_total": money{625, "EUR"}}
			key, deadline := uuid.NewString(), time.Now().Add(time.Minute)
			for time.Now().Before(deadline) {
				answers[i], _ = guests[i].try("POST", "/v1/orders", body, "Idempotency-Key", key)
				if answers[i].status == http.StatusCreated || answers[i].status == http.StatusUnprocessableEntity {
					return
				}
				time.Sleep(200 * time.Millisecond)
			}
		})
	}
	wg.Wait()
	count := map[int]int{}
	winner := -1
	for i, a := range answers {
		if count[a.status]++; a.status == http.StatusCreated {
			winner = i
		} else {
			require.Contains(t, string(a.body), "promotion_used_up")
		}
	}
	require.Equal(t, map[int]int{http.StatusCreated: limit, http.StatusUnprocessableEntity: buyers - limit}, count)
	m := staff(t, caller.CatalogManager)
	used := func() int { return must[rule](t, m, http.StatusOK, "GET", "/v1/promotions/"+p.ID, nil).Used }
	require.Equal(t, limit, used())
	eventually(t, "the stock of who was refused is released", func() bool { return stockOf(t, sku).Reserved == limit })

	o := must[list[order]](t, guests[winner], http.StatusOK, "GET", "/v1/orders", nil).Items[0]
	must[order](t, guests[winner], http.StatusOK, "POST", "/v1/orders/"+o.ID+"/cancel", nil)
	eventually(t, "the use of the cancelled order is given back", func() bool { return used() == limit-1 })
}
