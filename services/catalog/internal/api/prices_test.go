package api

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// A sale that is stated ahead begins and ends by the clock, on the page, in lists,
// quotes and reservations, in a replica that has only heard of it, too.
func TestASaleBeginsAndEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := stocked(t)
		other := openOver(t, s.store, s.events)
		starts, ends := time.Now().Add(time.Hour).UTC(), time.Now().Add(2*time.Hour).UTC()
		var list priceListView
		s.call(201, manager, "POST", "/v1/price-lists", map[string]any{"name": "Sale", "starts_at": starts, "ends_at": ends}).JSON(t, &list)
		a := s.call(200, manager, "GET", "/v1/prices/COF-250", nil)
		prices := map[string]any{"prices": []any{
			map[string]any{"list": list.ID, "currency": "EUR", "amount": 690}, map[string]any{"list": list.ID, "currency": "EUR", "amount": 650, "min_quantity": 3}}}
		s.call(200, manager, "PUT", "/v1/prices/COF-250", prices, "If-Match", a.Header.Get("ETag"))
		s.call(412, manager, "PUT", "/v1/prices/COF-250", prices, "If-Match", a.Header.Get("ETag"))
		require.NoError(t, other.prices.Refresh(t.Context()))
		require.NoError(t, other.shown.Refresh(t.Context()))

		base := priceView{Amount: 790, Currency: "EUR", Kind: "base", MinQuantity: 1}
		check := func(kind string, one, three int64) {
			t.Helper()
			for _, replica := range []*shop{s, other} {
				for range 2 {
					v := replica.shows("cafe-molido").Variants[0]
					require.Equal(t, one, v.Now[0].Amount)
					require.EqualValues(t, kind, v.Now[0].Kind)
					if kind == "base" {
						require.Equal(t, base, v.Now[0])
						require.Empty(t, v.Tiers)
					} else {
						require.Equal(t, ends, v.Now[0].EndsAt)
						require.EqualValues(t, 790, v.Now[0].Was.Amount)
						require.Equal(t, three, v.Tiers[0].Amount)
					}
				}
				var listed struct{ Items []productSummary }
				replica.call(200, nobody, "GET", "/v1/products", nil).JSON(t, &listed)
				require.Equal(t, one, listed.Items[0].PriceFrom.Amount)
				var quotes struct{ Items []quoteView }
				replica.call(200, orders, "POST", "/internal/v1/quotes", map[string]any{"currency": "EUR", "skus": []string{"COF-250"}, "quantities": map[string]int{"COF-250": 3}}).JSON(t, &quotes)
				require.Equal(t, three, quotes.Items[0].UnitPrice.Amount)
				require.Equal(t, three, quotes.Items[0].Price.Amount)
			}
		}
		check("base", 790, 790)
		time.Sleep(time.Until(starts) - 1)
		check("base", 790, 790)
		time.Sleep(time.Nanosecond)
		check("sale", 690, 650)
		reserve := func(order string, quantity int) reservedLine {
			var held struct{ Lines []reservedLine }
			s.call(200, orders, "PUT", "/internal/v1/reservations/"+order, reservation("EUR", line("COF-250", quantity))).JSON(t, &held)
			return held.Lines[0]
		}
		held := reserve(orderA, 3)
		require.EqualValues(t, 650, held.UnitPrice.Amount)
		require.EqualValues(t, "tier", held.Price.Kind)
		require.EqualValues(t, 690, reserve(orderB, 1).UnitPrice.Amount)
		time.Sleep(time.Until(ends) - 1)
		check("sale", 690, 650)
		time.Sleep(time.Nanosecond)
		check("base", 790, 790)
		held = reserve(orderA, 3)
		require.EqualValues(t, 650, held.UnitPrice.Amount, "what was promised stays")
		require.Nil(t, held.Price)
		require.EqualValues(t, 790, reserve(orderC, 1).UnitPrice.Amount)

		// The list is stated anew, and takes effect at once; in the other replica as
		// soon as it has heard.
		s.call(200, manager, "PUT", "/v1/price-lists/"+list.ID, map[string]any{"name": "Sale", "ends_at": ends.Add(time.Hour)}, "If-Match", `"1"`)
		require.EqualValues(t, 690, s.shows("cafe-molido").Variants[0].Now[0].Amount)
		require.NoError(t, other.prices.Refresh(t.Context()))
		require.EqualValues(t, 690, other.shows("cafe-molido").Variants[0].Now[0].Amount)
		s.call(412, manager, "DELETE", "/v1/price-lists/"+list.ID, nil, "If-Match", `"1"`)
		s.call(204, manager, "DELETE", "/v1/price-lists/"+list.ID, nil, "If-Match", `"2"`)
		require.NoError(t, other.prices.Refresh(t.Context()))
		check("base", 790, 790)
	})
}

func TestPricesOfGroups(t *testing.T) {
	s, _ := stocked(t)
	var list priceListView
	a := s.call(201, manager, "POST", "/v1/price-lists", map[string]any{"name": "Trade", "customer_group": "trade"})
	a.JSON(t, &list)
	require.Equal(t, "/v1/price-lists/"+list.ID, a.Header.Get("Location"))
	entry := func(amount, from int) map[string]any {
		return map[string]any{"list": list.ID, "currency": "EUR", "amount": amount, "min_quantity": from}
	}
	a = s.call(200, manager, "PUT", "/v1/prices/COF-250", map[string]any{"prices": []any{entry(600, 1), entry(500, 5)}})
	require.Contains(t, string(a.Body), `"now":[{"amount":790`, "what everybody pays")
	require.EqualValues(t, 790, s.shows("cafe-molido").Variants[0].Now[0].Amount)
	for group, want := range map[string]int64{"": 790, "trade": 600, "staff": 790} {
		in := map[string]any{"currency": "EUR", "skus": []string{"COF-250"}}
		if group != "" {
			in["customer_group"] = group
		}
		var quotes struct{ Items []quoteView }
		s.call(200, orders, "POST", "/internal/v1/quotes", in).JSON(t, &quotes)
		require.Equal(t, want, quotes.Items[0].UnitPrice.Amount, group)
	}
	in := reservation("EUR", line("COF-250", 5))
	in["customer_group"] = "trade"
	var held struct{ Lines []reservedLine }
	s.call(200, orders, "PUT", "/internal/v1/reservations/"+orderA, in).JSON(t, &held)
	require.EqualValues(t, 500, held.Lines[0].UnitPrice.Amount)
	require.EqualValues(t, "group", held.Lines[0].Price.Kind)

	// A product that is stated anew keeps the prices of its SKUs on lists; one that
	// it gives up takes them along. What changed is in the history.
	p := s.shows("cafe-molido")
	s.call(200, manager, "PUT", "/v1/products/"+p.ID, with(coffee(), "name", "Otro"))
	a = s.call(200, manager, "GET", "/v1/prices/COF-250", nil)
	require.Contains(t, string(a.Body), `"amount":500`)
	s.call(200, manager, "PUT", "/v1/products/"+p.ID, with(priced(900, "EUR"), "slug", "cafe-molido"))
	s.call(404, manager, "GET", "/v1/prices/COF-250", nil)
	s.call(200, manager, "PUT", "/v1/products/"+p.ID, coffee())
	a = s.call(200, manager, "GET", "/v1/prices/COF-250", nil)
	require.Contains(t, string(a.Body), `"prices":[],"now"`)
	var log struct{ Items []priceChange }
	s.call(200, manager, "GET", "/v1/prices/COF-250/history?limit=1", nil).JSON(t, &log)
	require.Len(t, log.Items, 1)
	s.call(200, manager, "GET", "/v1/prices/COF-250/history", nil).JSON(t, &log)
	require.Len(t, log.Items, 2)
	require.Equal(t, []int64{500, 600}, []int64{log.Items[0].To, log.Items[1].To})
	s.call(200, manager, "GET", "/v1/price-lists", nil)
}

func TestBadPrices(t *testing.T) {
	s, _ := stocked(t)
	for _, tt := range []struct {
		path   string
		body   any
		status int
		code   string
		fields []string
	}{
		{"/v1/price-lists", `{}`, 400, "invalid_request", []string{"/name"}},
		{"/v1/price-lists", `{"name":"x","customer_group":"No Slug"}`, 400, "invalid_request", []string{"/customer_group"}},
		{"/v1/price-lists", `{"name":"x","starts_at":"tomorrow"}`, 400, "invalid_request", []string{"/starts_at"}},
		{"/v1/price-lists", `{"name":"x","starts_at":"2026-11-26T00:00:00Z","ends_at":"2026-11-26T00:00:00Z"}`, 422, "invalid_period", []string{"/ends_at"}},
		{"/v1/prices/COF-250", `{"prices":[{"list":"` + orderA + `","currency":"EUR","amount":1}]}`, 422, "invalid_prices", []string{"/prices/0/list"}},
		{"/v1/prices/COF-250", `{"prices":[{"list":"` + orderA + `","currency":"EUR","amount":0,"min_quantity":1001}]}`, 400, "invalid_request", []string{"/prices/0/amount", "/prices/0/min_quantity"}},
		{"/v1/prices/GONE", `{"prices":[]}`, 404, "not_found", nil},
		{"/v1/price-lists/" + orderA, `{"name":"x"}`, 404, "not_found", nil},
	} {
		method := "PUT"
		if tt.path == "/v1/price-lists" {
			method = "POST"
		}
		code, fields := s.call(tt.status, manager, method, tt.path, tt.body).Problem(t)
		require.Equal(t, tt.code, code, tt.body)
		require.ElementsMatch(t, tt.fields, fields, tt.body)
	}
	s.call(403, customer, "GET", "/v1/price-lists", nil)
	s.call(400, manager, "GET", "/v1/prices/COF-250/history?cursor=x", nil)
}
