package api_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
	"tienda/internal/contract/contracttest"
	"tienda/internal/money"
)

var (
	asSales = caller.Caller{UserID: agentID, Roles: []caller.Role{caller.CatalogManager}}
	asAdmin = caller.Caller{UserID: agentID, Roles: []caller.Role{caller.Admin}}
)

type chargeDoc struct {
	Discounts []struct {
		PromotionID string `json:"promotion_id"`
		Code, Label string
		Amount      money.Money
	}
	Discount, Net, Tax, Total, Price money.Money
	TaxRate                          int64 `json:"tax_rate"`
	Method                           string
}

type billDoc struct {
	ID     string
	Lines  []chargeDoc
	Totals struct {
		Subtotal, Discount, Shipping, Tax, Total money.Money
		TaxIncluded                              bool `json:"tax_included"`
	}
	Shipping   *chargeDoc
	Promotions []struct {
		Code, Label, Reason string
		Applied             bool
	}
	Methods []struct {
		ID    string
		Price money.Money
	} `json:"shipping_methods"`
}

// sums are subtotal, discount, shipping, tax, total.
func (b billDoc) sums() [5]int64 {
	t := b.Totals
	return [5]int64{t.Subtotal.Amount, t.Discount.Amount, t.Shipping.Amount, t.Tax.Amount, t.Total.Amount}
}

func (s *shop) ok(t *testing.T, status int, r contracttest.Request, into any) contracttest.Answer {
	t.Helper()
	a := s.Do(t, r)
	require.Equal(t, status, a.Status, "%s", a.Body)
	if into != nil {
		a.JSON(t, into)
	}
	return a
}

func (s *shop) refused(t *testing.T, status int, code string, r contracttest.Request) []string {
	t.Helper()
	a := s.Do(t, r)
	require.Equal(t, status, a.Status, "%s", a.Body)
	got, fields := a.Problem(t)
	require.Equal(t, code, got)
	return fields
}

var (
	spanish = map[string]any{"prices_include_tax": []string{"EUR"}, "rates": []any{
		map[string]any{"country": "ES", "class": "standard", "rate": 21_000}, map[string]any{"country": "ES", "class": "food", "rate": 10_000},
	}}
	posted = map[string]any{"methods": []any{
		map[string]any{"id": "post", "name": "Post", "zones": []any{map[string]any{
			"areas":  []any{map[string]any{"country": "ES"}},
			"prices": []any{map[string]any{"currency": "EUR", "free_above": 5000, "steps": []any{map[string]any{"up_to_weight_grams": 1000, "price": 490}, map[string]any{"price": 890}}}},
		}}},
		map[string]any{"id": "courier", "name": "Courier", "zones": []any{map[string]any{
			"areas": []any{map[string]any{"country": "ES"}}, "prices": []any{map[string]any{"currency": "EUR", "steps": []any{map[string]any{"price": 990}}}},
		}}},
	}}
)

func (s *shop) settle(t *testing.T) {
	t.Helper()
	s.ok(t, 200, request("PUT", "/v1/settings/tax", asAdmin, spanish), nil)
	s.ok(t, 200, request("PUT", "/v1/settings/shipping", asAdmin, posted), nil)
}

func (s *shop) promotion(t *testing.T, rule map[string]any) string {
	t.Helper()
	if rule["label"] == nil {
		rule["label"] = "for you"
	}
	var p struct{ ID string }
	s.ok(t, 201, request("POST", "/v1/promotions", asSales, rule), &p)
	return p.ID
}

func (s *shop) used(t *testing.T, id string) int {
	t.Helper()
	var p struct{ Used *int }
	s.ok(t, 200, request("GET", "/v1/promotions/"+id, asSales, nil), &p)
	require.NotNil(t, p.Used)
	return *p.Used
}

func TestSettings(t *testing.T) {
	s := newShop(t)
	for _, path := range []string{"/v1/settings/tax", "/v1/settings/shipping"} {
		body := any(spanish)
		if path != "/v1/settings/tax" {
			body = posted
		}
		require.Empty(t, s.ok(t, 200, request("GET", path, asAdmin, nil), nil).Header.Get("ETag"))
		etag := s.ok(t, 200, request("PUT", path, asAdmin, body), nil).Header.Get("ETag")
		r := request("PUT", path, asAdmin, body)
		r.Header = http.Header{"If-Match": {etag}}
		next := s.ok(t, 200, r, nil).Header.Get("ETag")
		require.NotEqual(t, etag, next)
		s.refused(t, 412, "version_mismatch", r)
		require.Equal(t, next, s.ok(t, 200, request("GET", path, asAdmin, nil), nil).Header.Get("ETag"))
		require.Equal(t, 403, s.Do(t, request("PUT", path, asSales, body)).Status)
	}
	require.Equal(t, []string{"/rates/0/country"}, s.refused(t, 422, "settings_refused", request("PUT", "/v1/settings/tax", asAdmin,
		map[string]any{"prices_include_tax": []string{}, "rates": []any{map[string]any{"country": "XX", "class": "standard", "rate": 1}}})))
}

// What the cart shows is what the order costs, and what comes back with returns.
func TestTaxAndShipping(t *testing.T) {
	s := newShop(t)
	s.catalog.set(func(c *fakeCatalog) {
		c.class, c.weight = map[string]string{tea: "food"}, map[string]int64{coffee: 600}
	})
	s.settle(t)
	s.put(t, asAna, nil, coffee, 2) // 2498, 1200 g
	s.put(t, asAna, nil, tea, 1)    // 500
	var c billDoc
	s.ok(t, 200, request("GET", "/v1/cart", asAna, nil), &c)
	require.Equal(t, [5]int64{2998, 0, 0, 0, 2998}, c.sums(), "nobody knows where it goes")
	require.Empty(t, c.Methods)
	s.ok(t, 200, request("GET", "/v1/cart?country=ES&region=Madrid", asAna, nil), &c)
	// 21 % in 24.98 is 4.335, in 8.90 1.545; 10 % in 5.00 is 0.4545
	require.Equal(t, [5]int64{2998, 0, 890, 434 + 45 + 154, 3888}, c.sums())
	require.Equal(t, "post", c.Methods[0].ID, "the cheapest")
	require.Len(t, c.Methods, 2)
	var fast billDoc
	s.ok(t, 200, request("GET", "/v1/cart?country=ES&shipping_method=courier", asAna, nil), &fast)
	require.Equal(t, int64(3988), fast.Totals.Total.Amount)
	s.refused(t, 422, "shipping_method_unknown", request("GET", "/v1/cart?country=ES&shipping_method=drone", asAna, nil))
	s.refused(t, 400, "invalid_request", request("GET", "/v1/cart?shipping_method=post", asAna, nil))
	s.refused(t, 422, "country_unknown", request("GET", "/v1/cart?country=XX", asAna, nil))

	expecting := func(total int64, method string) map[string]any {
		return map[string]any{"payment_method": "cash_on_delivery", "shipping_method": method, "expected_total": money.New(total, "EUR")}
	}
	fields := s.refused(t, 409, "total_changed", contracttest.Request{Method: "POST", Path: "/v1/orders", As: asAna,
		Header: http.Header{"Idempotency-Key": {"key-of-ana-0"}}, Body: expecting(3889, "post")})
	require.Equal(t, []string{"/expected_total", "/totals/items", "/totals/discount", "/totals/shipping", "/totals/tax", "/totals/total"}, fields)
	require.Equal(t, 3, s.cart(t, asAna, nil).Totals.Quantity, "the lines are back")
	require.Equal(t, 422, s.submit(t, asAna, nil, "key-of-ana-1", map[string]any{"payment_method": "invoice", "shipping_method": "drone"}).Status)

	var o billDoc
	s.submit(t, asAna, nil, "key-of-ana-2", expecting(3888, "post")).JSON(t, &o)
	require.Equal(t, c.sums(), o.sums())
	require.Equal(t, c.Lines, o.Lines)
	require.Equal(t, c.Shipping, o.Shipping)
	require.Equal(t, int64(10_000), o.Lines[1].TaxRate)

	s.step(t, asAgent, nil, o.ID, "ship", nil)
	s.step(t, asAgent, nil, o.ID, "deliver", nil)
	refund := func(id string, lines ...any) (r struct {
		Refund struct{ Amount, Tax, Shipping money.Money }
	}) {
		s.ok(t, 200, request("POST", "/internal/v1/orders/"+o.ID+"/refunds", support, map[string]any{"return_id": id, "lines": lines}), &r)
		return r
	}
	line := func(sku string, n int) any { return map[string]any{"sku": sku, "quantity": n, "restock": true} }
	first := refund(returnA, line(coffee, 1), line(tea, 1)).Refund
	require.Equal(t, [3]int64{1249 + 500, 217 + 45, 0}, [3]int64{first.Amount.Amount, first.Tax.Amount, first.Shipping.Amount})
	last := refund(returnB, line(coffee, 1)).Refund
	require.Equal(t, [3]int64{1249 + 890, 217 + 154, 890}, [3]int64{last.Amount.Amount, last.Tax.Amount, last.Shipping.Amount}, "shipping comes with the last piece")
	var done orderDoc
	s.ok(t, 200, request("GET", "/v1/orders/"+o.ID, asAna, nil), &done)
	require.Equal(t, "refunded", done.Payment.Status)
	require.Equal(t, int64(3888), done.Payment.Refunded.Amount)

	elsewhere := map[string]any{"payment_method": "invoice", "email": "g@example.com",
		"address": map[string]any{"name": "G", "line1": "1", "city": "Paris", "postal_code": "75001", "country": "FR"}}
	require.Equal(t, 422, s.submit(t, caller.Caller{}, s.guest(t, tea, 1), "guest-key", elsewhere).Status, "nothing is sent there")
}

func TestPromotionsOfACart(t *testing.T) {
	s := newShop(t)
	s.settle(t)
	ten := s.promotion(t, map[string]any{"code": "TEN", "kind": "percentage", "rate": 10_000, "label": "Ten off", "minimums": []any{money.New(1500, "EUR")}})
	free := s.promotion(t, map[string]any{"kind": "free_shipping", "label": "We ship for you", "minimums": []any{money.New(2000, "EUR")}})
	s.promotion(t, map[string]any{"code": "LATE", "kind": "percentage", "rate": 1, "ends_at": "2020-01-01T00:00:00Z"})
	s.refused(t, 409, "code_taken", request("POST", "/v1/promotions", asSales, map[string]any{"code": "TEN", "label": "x", "kind": "free_shipping"}))
	require.Equal(t, []string{"/amounts", "/rate"}, s.refused(t, 422, "promotion_refused", request("POST", "/v1/promotions", asSales,
		map[string]any{"label": "x", "kind": "fixed_amount", "rate": 5})))

	s.put(t, asAna, nil, coffee, 1)
	apply := func(code string) (c billDoc) {
		s.ok(t, 200, request("PUT", "/v1/cart/promotions/"+code+"?country=ES", asAna, nil), &c)
		return c
	}
	require.Equal(t, []string{"code"}, s.refused(t, 422, "unknown_code", request("PUT", "/v1/cart/promotions/NONE", asAna, nil)))
	c := apply("ten")
	require.Equal(t, "minimum_not_met", c.Promotions[0].Reason)
	require.Equal(t, [5]int64{1249, 0, 490, 217 + 85, 1739}, c.sums())
	c = apply("LATE")
	require.Equal(t, "expired", c.Promotions[1].Reason)
	require.Equal(t, []string{"/promotions/TEN"}, s.refused(t, 422, "promotion_not_applicable", contracttest.Request{Method: "POST", Path: "/v1/orders", As: asAna,
		Header: http.Header{"Idempotency-Key": {"key-of-ana-0"}}, Body: cash}), "nobody pays more than he thinks")
	s.ok(t, 204, request("DELETE", "/v1/cart/promotions/late", asAna, nil), nil)

	s.put(t, asAna, nil, coffee, 2)
	s.ok(t, 200, request("GET", "/v1/cart?country=ES", asAna, nil), &c)
	require.Len(t, c.Promotions, 1, "the codes are back in the cart, but for the one taken out")
	require.True(t, c.Promotions[0].Applied)
	require.Equal(t, [5]int64{2498, 250 + 490, 490, 390, 2248}, c.sums())
	var o billDoc
	s.submit(t, asAna, nil, "key-of-ana-1", cash).JSON(t, &o)
	require.Equal(t, c.sums(), o.sums())
	require.Equal(t, ten, o.Lines[0].Discounts[0].PromotionID)
	require.Equal(t, "TEN", o.Lines[0].Discounts[0].Code)
	require.Equal(t, free, o.Shipping.Discounts[0].PromotionID)
	require.Empty(t, o.Shipping.Discounts[0].Code)
	s.ok(t, 200, request("GET", "/v1/cart", asAna, nil), &c)
	require.Empty(t, c.Promotions, "the order has taken the code")

	var list struct{ Items []struct{ ID, Code string } }
	s.ok(t, 200, request("GET", "/v1/promotions", asSales, nil), &list)
	require.Equal(t, []string{"LATE", "", "TEN"}, []string{list.Items[0].Code, list.Items[1].Code, list.Items[2].Code})
	changed := request("PUT", "/v1/promotions/"+ten, asSales, map[string]any{"code": "TEN", "label": "x", "kind": "percentage", "rate": 20_000})
	changed.Header = http.Header{"If-Match": {`"7"`}}
	s.refused(t, 412, "version_mismatch", changed)
	changed.Header = nil
	s.ok(t, 200, changed, nil)
	s.ok(t, 200, request("POST", "/v1/promotions/"+ten+"/end", asSales, nil), nil)
	require.Equal(t, 403, s.Do(t, request("GET", "/v1/promotions", asAna, nil)).Status)

	h := s.guest(t, coffee, 1)
	r := request("PUT", "/v1/cart/promotions/TEN", caller.Caller{}, nil)
	r.Header = h
	s.ok(t, 200, r, &c)
	require.Equal(t, "expired", c.Promotions[0].Reason)
	require.NotEmpty(t, s.ok(t, 200, request("PUT", "/v1/cart/promotions/TEN", caller.Caller{}, nil), nil).Header.Get("Cart-Token"), "a guest of whom nothing is known")
}

// The number of calls with promotions, and without: comments and contract state it.
func TestCallsOfACheckoutWithPromotions(t *testing.T) {
	s := newShop(t)
	c := &counting{Store: s.store}
	s.db = c
	s = s.restarted(t)
	s.settle(t)
	s.promotion(t, map[string]any{"kind": "percentage", "rate": 10_000})
	for n, limited := range []bool{false, true, true} {
		if limited {
			s.promotion(t, map[string]any{"kind": "percentage", "rate": 10_000, "limit": 5, "limit_per_user": 2})
		}
		s.put(t, asAna, nil, coffee, 1)
		c.gets, c.commits = 0, 0
		s.ordered(t, s.submit(t, asAna, nil, fmt.Sprint("key-of-ana-", n), cash), 201)
		want := [2]int{2, 2}
		if limited {
			want = [2]int{3, 3}
		}
		require.Equal(t, want, [2]int{c.gets, c.commits})
	}
}

// tryTerms makes one good call of each route of settings and promotions.
func (s *shop) tryTerms(t *testing.T) {
	t.Helper()
	s.settle(t)
	id := s.promotion(t, map[string]any{"code": "TRY", "kind": "percentage", "rate": 10_000, "limit": 1})
	require.Zero(t, s.used(t, id))
	for _, r := range []contracttest.Request{
		request("GET", "/v1/settings/tax", asAdmin, nil), request("GET", "/v1/settings/shipping", asAdmin, nil), request("GET", "/v1/settings/payments", asAdmin, nil),
		request("PUT", "/v1/settings/payments", asAdmin, map[string]any{"capture": "on_shipment"}), request("GET", "/v1/promotions", asSales, nil),
		request("PUT", "/v1/promotions/"+id, asSales, map[string]any{"code": "TRY", "label": "x", "kind": "free_shipping"}),
		request("PUT", "/v1/cart/promotions/TRY", asAna, nil), request("POST", "/v1/promotions/"+id+"/end", asSales, nil),
	} {
		s.ok(t, 200, r, nil)
	}
	s.ok(t, 204, request("DELETE", "/v1/cart/promotions/TRY", asAna, nil), nil)
}
