package api

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/demo"
	"tienda/internal/contract"
	"tienda/internal/contract/contracttest"
	"tienda/internal/event"
	"tienda/internal/ndjson"
	"tienda/internal/state/statetest"
)

// One pass over every operation of the contract.
func TestEveryOperation(t *testing.T) {
	s, id := stocked(t)
	require.True(t, s.shows("cafe-molido").InStock)
	require.Equal(t, s.shows(id), s.shows("cafe-molido"))
	require.Equal(t, "250 g", s.shows(id).Variants[0].Options["weight"])

	a := s.call(200, nobody, "GET", "/v1/products/"+id, nil)
	require.Equal(t, `"1"`, a.Header.Get("ETag"))
	s.call(412, manager, "PUT", "/v1/products/"+id, coffee(), "If-Match", `"7"`)
	a = s.call(200, manager, "PUT", "/v1/products/"+id, with(coffee(), "name", "Café Tostado"), "If-Match", `"1"`)
	require.Equal(t, `"2"`, a.Header.Get("ETag"))
	require.Equal(t, "Café Tostado", s.shows(id).Name)

	s.call(201, manager, "POST", "/v1/categories", map[string]any{"slug": "tea", "name": "Te"})
	a = s.call(200, manager, "PUT", "/v1/categories/tea", map[string]any{"name": "Tea"}, "If-Match", `"1"`)
	require.Equal(t, `"2"`, a.Header.Get("ETag"))
	s.call(412, manager, "DELETE", "/v1/categories/tea", nil, "If-Match", `"1"`)
	require.JSONEq(t, `{"items":[{"slug":"coffee","name":"Coffee","position":0,"path":["coffee"]},{"slug":"tea","name":"Tea","position":0,"path":["tea"]}]}`,
		string(s.call(200, nobody, "GET", "/v1/categories", nil).Body))
	s.call(204, manager, "DELETE", "/v1/categories/tea", nil, "If-Match", `"2"`)
	code, _ := s.call(409, manager, "DELETE", "/v1/categories/coffee", nil).Problem(t)
	require.Equal(t, "category_in_use", code)

	collection := map[string]any{"name": "Gifts", "products": []any{id}, "status": "published"}
	s.call(201, manager, "POST", "/v1/collections", with(collection, "slug", "gifts"))
	delete(collection, "slug")
	s.call(200, nobody, "GET", "/v1/collections", nil)
	s.call(200, nobody, "GET", "/v1/collections/gifts", nil)
	s.call(200, nobody, "GET", "/v1/collections/gifts/products", nil)
	s.call(200, manager, "PUT", "/v1/collections/gifts", collection)
	s.call(204, manager, "DELETE", "/v1/collections/gifts", nil)

	a = s.call(200, orders, "POST", "/internal/v1/quotes", map[string]any{"currency": "USD", "skus": []string{"COF-500", "GONE", "COF-250"}})
	require.JSONEq(t, fmt.Sprintf(`{"items":[
		{"sku":"COF-500","product_id":%[1]q,"slug":"cafe-molido","name":"Café Tostado","variant_name":"500 g","category":"coffee","tax_class":"standard","unit_price":null,"available":true,"availability":"in_stock"},
		{"sku":"COF-250","product_id":%[1]q,"slug":"cafe-molido","name":"Café Tostado","variant_name":"250 g","category":"coffee","tax_class":"standard","unit_price":{"amount":890,"currency":"USD"},
			"price":{"amount":890,"currency":"USD","kind":"base","min_quantity":1},"available":true,"availability":"in_stock"}]}`, id), string(a.Body))

	s.call(200, orders, "PUT", "/internal/v1/reservations/"+orderA, reservation("EUR", line("COF-250", 2)))
	s.call(204, orders, "POST", "/internal/v1/reservations/"+orderA+"/commit", map[string]any{"skus": []string{"COF-250"}})
	s.call(200, orders, "PUT", "/internal/v1/reservations/"+orderB, reservation("EUR", line("COF-250", 1)))
	s.call(204, orders, "POST", "/internal/v1/reservations/"+orderB+"/release", map[string]any{"skus": []string{"COF-250"}})
	require.Equal(t, inventoryView{SKU: "COF-250", OnHand: 8, Available: 8, Sold: 2}, s.stock("COF-250"))

	s.call(200, orders, "POST", "/internal/v1/reservations/"+orderA+"/waiting", map[string]any{"skus": []string{"COF-250"}})

	s.call(200, nobody, "GET", "/v1/products?q=tost&sort=price&in_stock=true", nil)
	s.call(200, nobody, "GET", "/v1/products/suggestions?q=ca", nil)
	s.hear("delivered", map[string]any{"order_id": orderA})
	s.Do(t, contracttest.Request{Method: "POST", Path: "/internal/v1/import/products", As: gateway, Body: "\n", ContentType: contract.NDJSON})
	a = s.call(201, manager, "POST", "/v1/price-lists", map[string]any{"name": "Sale"})
	list := a.Header.Get("Location")
	s.call(200, manager, "GET", "/v1/price-lists", nil)
	s.call(200, manager, "PUT", list, map[string]any{"name": "Sale"})
	s.call(200, manager, "GET", "/v1/prices/COF-250", nil)
	s.call(200, manager, "PUT", "/v1/prices/COF-250", map[string]any{"prices": []any{}}, "If-Match", `"2"`)
	s.call(200, manager, "GET", "/v1/prices/COF-250/history", nil)
	s.call(204, manager, "DELETE", list, nil)
	s.bulk("/v1/price-updates")
	s.bulk("/v1/imports/products")
	s.call(200, manager, "GET", "/v1/exports/stock", nil)
	s.bulk("/v1/stock-updates")
	a = s.call(200, manager, "PUT", "/v1/settings/inventory", map[string]any{"locations": []any{map[string]any{"id": "bcn", "name": "Barcelona"}, map[string]any{"id": "main", "name": "Madrid"}}})
	require.Equal(t, `"1"`, a.Header.Get("ETag"))
	s.call(200, manager, "GET", "/v1/settings/inventory", nil)
	s.call(200, manager, "PUT", "/v1/inventory/COF-250/settings", map[string]any{})
	s.call(200, manager, "GET", "/v1/inventory?low=true", nil)
	s.call(200, manager, "POST", "/v1/inventory/COF-250/transfers", map[string]any{"from": "main", "to": "bcn", "quantity": 3, "reason": "for the shop"})
	s.call(200, manager, "GET", "/v1/inventory/COF-250/ledger", nil)
	s.trySync()
	s.call(204, manager, "DELETE", "/v1/products/"+id, nil, "If-Match", `"3"`)
	s.call(404, nobody, "GET", "/v1/products/"+id, nil)
	s.call(404, manager, "GET", "/v1/inventory/COF-250", nil)
	require.Empty(t, s.store.Keys("product:"))
	require.Empty(t, append(s.store.Keys("sku:"), append(s.store.Keys("slug:"), s.store.Keys("stock:")...)...))
	s.call(200, nobody, "GET", "/healthz", nil)
	s.call(200, nobody, "GET", "/readyz", nil)
	s.call(200, nobody, "GET", "/metrics", nil)
	s.TryDeadLetters(t, "catalog", "orders", "tienda.orders.shipped")
	s.RequireAllTried(t)
	require.Equal(t, []string{
		"tienda.catalog.product_created", "tienda.catalog.stock_adjusted", "tienda.catalog.stock_replenished",
		"tienda.catalog.stock_adjusted", "tienda.catalog.stock_replenished",
		"tienda.catalog.product_updated", "tienda.catalog.product_updated",
		"tienda.catalog.stock_adjusted", "tienda.catalog.stock_adjusted", "tienda.catalog.product_deleted",
	}, s.events.Types())
}

// The calls that a request costs are what its handler says.
func TestStateCalls(t *testing.T) {
	s, id := stocked(t)
	count := func(f func()) [2]int64 {
		gets, commits := s.calls.during(f)
		return [2]int64{gets, commits}
	}
	require.Equal(t, [2]int64{0, 0}, count(func() { s.shows(id); s.shows("cafe-molido") }), "detail")
	require.Equal(t, [2]int64{0, 0}, count(func() { s.call(404, customer, "GET", "/v1/products/unknown", nil) }), "no such product")
	require.Equal(t, [2]int64{0, 0}, count(func() {
		s.call(200, nobody, "GET", "/v1/products?q=cafe&facets=category,price,availability,attributes", nil)
	}), "list")
	require.Equal(t, [2]int64{0, 0}, count(func() { s.call(200, nobody, "GET", "/v1/products/suggestions?q=ca", nil) }), "suggestions")
	require.Equal(t, [2]int64{0, 0}, count(func() {
		s.call(200, orders, "POST", "/internal/v1/quotes", map[string]any{"currency": "EUR", "skus": []string{"COF-250", "COF-500"}})
	}), "quote")
	want := reservation("EUR", line("COF-250", 1), line("COF-500", 1))
	reserve := func() { s.call(200, orders, "PUT", "/internal/v1/reservations/"+orderA, want) }
	require.Equal(t, [2]int64{1, 1}, count(reserve), "reserve")
	require.Equal(t, [2]int64{1, 0}, count(reserve), "the same again")
	require.Equal(t, [2]int64{2, 1}, count(func() {
		s.call(200, orders, "PUT", "/internal/v1/reservations/"+orderB, reservation("EUR", line("COF-500", 2)))
	}), "reserve the last")
	require.Equal(t, [2]int64{1, 0}, count(func() {
		s.call(422, orders, "PUT", "/internal/v1/reservations/"+orderC, reservation("EUR", line("COF-500", 1)))
	}), "sold out")
	commit := func() {
		s.call(204, orders, "POST", "/internal/v1/reservations/"+orderA+"/commit", map[string]any{"skus": []string{"COF-250", "COF-500"}})
	}
	require.Equal(t, [2]int64{1, 1}, count(commit), "commit")
	require.Equal(t, [2]int64{1, 0}, count(commit), "the same again")
	release := func() {
		s.call(204, orders, "POST", "/internal/v1/reservations/"+orderB+"/release", map[string]any{"skus": []string{"COF-500"}})
	}
	require.Equal(t, [2]int64{2, 1}, count(release), "release of what was the last")
	require.Equal(t, [2]int64{1, 0}, count(release), "the same again")
	require.Equal(t, [2]int64{1, 1}, count(func() {
		s.call(204, orders, "POST", "/internal/v1/reservations/"+orderC+"/release", map[string]any{"skus": []string{"COF-500"}})
	}), "release of nothing")
	require.Equal(t, [2]int64{2, 1}, count(func() { s.call(200, manager, "PUT", "/v1/products/"+id, coffee()) }), "replace")
	require.Equal(t, [2]int64{2, 1}, count(func() {
		other := with(coffee(), "slug", "otro")
		other["variants"] = []any{map[string]any{"sku": "X", "name": "X", "prices": []any{map[string]any{"amount": 1, "currency": "EUR"}}}}
		s.call(201, manager, "POST", "/v1/products", other)
	}), "create")
}

// What orders announces moves stock, once.
func TestHearOrders(t *testing.T) {
	s, _ := stocked(t)
	both := []any{line("COF-250", 4), line("COF-500", 1)}
	s.call(200, orders, "PUT", "/internal/v1/reservations/"+orderA, reservation("EUR", both...))
	s.hear("shipped", map[string]any{"order_id": orderA, "lines": both})
	require.Equal(t, inventoryView{SKU: "COF-250", OnHand: 6, Available: 6, Sold: 4}, s.stock("COF-250"))

	back := map[string]any{"order_id": orderA, "return_id": orderB, "amount": map[string]any{"amount": 1, "currency": "EUR"}, "lines": []any{
		map[string]any{"sku": "COF-250", "quantity": 2, "restock": true}, map[string]any{"sku": "COF-500", "quantity": 1, "restock": false}}}
	s.hear("refunded", back)
	require.Equal(t, 8, s.stock("COF-250").Available)
	require.Equal(t, 2, s.stock("COF-500").Available)

	// Long after the stock has forgotten it, the same return changes nothing.
	for i := range 40 {
		s.hear("refunded", with(map[string]any{"order_id": orderA, "lines": back["lines"]}, "return_id", fmt.Sprintf("return-%d", i)))
	}
	require.Equal(t, 88, s.stock("COF-250").Available)
	s.hear("refunded", back)
	require.Equal(t, 88, s.stock("COF-250").Available)

	// A cancellation that overtakes the reservation wins.
	s.hear("cancelled", map[string]any{"order_id": orderB, "reason": "x", "lines": []any{line("COF-250", 1)}})
	code, _ := s.call(409, orders, "PUT", "/internal/v1/reservations/"+orderB, reservation("EUR", line("COF-250", 1))).Problem(t)
	require.Equal(t, "reservation_closed", code)
	s.hear("cancelled", map[string]any{"order_id": orderB, "reason": "x", "lines": []any{line("NEVER-SEEN", 1)}})
	require.NotContains(t, s.store.Keys("stock:"), "stock:NEVER-SEEN")
}

// Of lines that are cancelled the rest stays reserved, in whatever order news of them,
// of the shipment and of older cancellations comes.
func TestHearLinesCancelled(t *testing.T) {
	s, _ := stocked(t)
	less := func(sku string, quantity, left int) map[string]any {
		return map[string]any{"order_id": orderA, "cancellation_id": orderB, "lines": []any{map[string]any{"sku": sku, "quantity": quantity, "left": left}}}
	}
	all := []any{line("COF-250", 4), line("COF-500", 1)}
	s.call(200, orders, "PUT", "/internal/v1/reservations/"+orderA, reservation("EUR", all...))
	s.hear("lines_cancelled", less("COF-250", 1, 2))
	s.hear("lines_cancelled", less("COF-250", 1, 3))
	require.Equal(t, inventoryView{SKU: "COF-250", OnHand: 10, Reserved: 2, Available: 8}, s.stock("COF-250"))
	s.hear("lines_cancelled", less("COF-500", 1, 0))
	require.Zero(t, s.stock("COF-500").Reserved)
	code, _ := s.call(409, orders, "PUT", "/internal/v1/reservations/"+orderA, reservation("EUR", all...)).Problem(t)
	require.Equal(t, "reservation_closed", code, "a request that comes late")
	s.hear("shipped", map[string]any{"order_id": orderA, "lines": []any{line("COF-250", 1)}})
	require.Equal(t, inventoryView{SKU: "COF-250", OnHand: 9, Available: 9, Sold: 1}, s.stock("COF-250"))
	s.hear("lines_cancelled", less("COF-250", 1, 1))
	require.Equal(t, inventoryView{SKU: "COF-250", OnHand: 9, Available: 9, Sold: 1}, s.stock("COF-250"))
}

// Selling out and coming back show in the shop and are announced.
func TestSellingOutShows(t *testing.T) {
	s, id := stocked(t)
	before := len(s.events.Events())
	s.call(200, orders, "PUT", "/internal/v1/reservations/"+orderA, reservation("EUR", line("COF-500", 3)))
	require.False(t, s.shows(id).Variants[1].InStock)
	require.True(t, s.shows(id).InStock, "the other variant")
	s.call(204, orders, "POST", "/internal/v1/reservations/"+orderA+"/release", map[string]any{"skus": []string{"COF-500"}})
	require.True(t, s.shows(id).Variants[1].InStock)
	require.Equal(t, []string{"tienda.catalog.stock_depleted", "tienda.catalog.stock_replenished"}, s.events.Types()[before:])
}

// Another replica over the same store shows every change after one refresh.
func TestAnotherReplica(t *testing.T) {
	store, published := statetest.NewMemory(), &event.Memory{}
	a, b := openOver(t, store, published), openOver(t, store, published)
	refresh := func() { require.NoError(t, b.shown.Refresh(t.Context())) }
	a.call(201, manager, "POST", "/v1/categories", map[string]any{"slug": "coffee", "name": "Coffee"})
	var p struct{ ID string }
	a.call(201, manager, "POST", "/v1/products", coffee()).JSON(t, &p)
	a.call(200, manager, "PATCH", "/v1/inventory/COF-250", map[string]any{"on_hand": 2, "reason": "first"})

	// Before it has heard of the product, it can already sell it.
	b.call(404, nobody, "GET", "/v1/products/"+p.ID, nil)
	b.call(200, orders, "PUT", "/internal/v1/reservations/"+orderA, reservation("EUR", line("COF-250", 1)))
	refresh()
	require.True(t, b.shows(p.ID).InStock)
	a.call(200, orders, "PUT", "/internal/v1/reservations/"+orderB, reservation("EUR", line("COF-250", 1)))
	require.True(t, b.shows(p.ID).InStock)
	refresh()
	require.False(t, b.shows(p.ID).InStock)
	a.call(200, manager, "PUT", "/v1/products/"+p.ID, with(coffee(), "name", "New"))
	refresh()
	require.Equal(t, "New", b.shows(p.ID).Name)
	a.call(200, manager, "PUT", "/v1/products/"+p.ID, with(coffee(), "status", "archived"))
	refresh()
	b.call(404, customer, "GET", "/v1/products/"+p.ID, nil)
	b.call(200, manager, "GET", "/v1/products/cafe-molido", nil)
	a.call(204, manager, "DELETE", "/v1/products/"+p.ID, nil)
	refresh()
	b.call(404, manager, "GET", "/v1/products/"+p.ID, nil)
	require.Equal(t, []string{"stock:COF-250"}, store.Keys("stock:"), "reserved stock stays")
}

func (s *shop) load(body string) (report ndjson.Report) {
	s.t.Helper()
	a := s.Do(s.t, contracttest.Request{Method: "POST", Path: "/internal/v1/import/products", As: gateway, Body: body, ContentType: contract.NDJSON})
	require.Equal(s.t, 200, a.Status, "%s", a.Body)
	a.JSON(s.t, &report)
	return report
}

func TestImportTheDemoShop(t *testing.T) {
	file, err := demo.FS.ReadFile("products.ndjson")
	require.NoError(t, err)
	s := open(t)
	require.Equal(t, ndjson.Report{Accepted: 240, Errors: []ndjson.Failure{}}, s.load(string(file)))
	require.Len(t, s.store.Keys("product:"), 240)
	require.Len(t, s.shown.Categories(), 12)

	// Stock is not set again, and what says nothing new is not written.
	sku := s.shows("filter-coffee-cadiz").Variants[0].SKU
	n := s.stock(sku).OnHand
	s.call(200, orders, "PUT", "/internal/v1/reservations/"+orderA, reservation("USD", line(sku, 1)))
	_, commits := s.calls.during(func() { require.Equal(t, 240, s.load(string(file)).Accepted) })
	require.Zero(t, commits)
	require.Equal(t, inventoryView{SKU: sku, OnHand: n, Reserved: 1, Available: n - 1}, s.stock(sku))

	// The list, page by page, in every order, gives every product once.
	for _, sort := range []string{"newest", "name", "-name", "price", "-price"} {
		seen, cursor := map[string]bool{}, ""
		for {
			var page struct {
				Items      []productSummary
				NextCursor string `json:"next_cursor"`
			}
			s.call(200, nobody, "GET", "/v1/products?limit=37&sort="+sort+"&cursor="+url.QueryEscape(cursor), nil).JSON(t, &page)
			for _, p := range page.Items {
				require.False(t, seen[p.ID])
				seen[p.ID] = true
			}
			if cursor = page.NextCursor; cursor == "" {
				break
			}
		}
		require.Len(t, seen, 240, sort)
	}
}

func TestImportKeepsTheGoodLines(t *testing.T) {
	s := open(t)
	good := `{"slug":"a","name":"A","category":"x","category_name":"The X","variants":[{"sku":"A-1","name":"one","prices":[{"amount":5,"currency":"EUR"}],"stock":4}]}`
	report := s.load(strings.Join([]string{
		good, "", `{"slug":`, `{"slug":"b"}`, strings.Repeat("x", ndjson.MaxLine+10),
		strings.ReplaceAll(strings.ReplaceAll(good, `"a"`, `"c"`), `"EUR"`, `"QQQ"`),
		strings.ReplaceAll(good, `"a"`, `"d"`), good,
	}, "\r\n"))
	require.Equal(t, 2, report.Accepted)
	require.Equal(t, 5, report.Rejected)
	var lines []int
	for _, e := range report.Errors {
		lines = append(lines, e.Line)
	}
	require.Equal(t, []int{3, 4, 5, 6, 7}, lines)
	require.Equal(t, "/variants/0/prices/0/currency", report.Errors[3].Fields[0].Name)
	require.Equal(t, "/variants/0/sku", report.Errors[4].Fields[0].Name, "the SKU is the first line's")
	require.Equal(t, 4, s.stock("A-1").OnHand)
	require.Len(t, s.store.Keys("product:"), 1)

	// With an external key a product keeps its ID under another slug.
	s.load(strings.ReplaceAll(good, `{"slug":"a"`, `{"external_id":"7","slug":"e"`) + "\n")
	moved := strings.NewReplacer(`{"slug":"a"`, `{"external_id":"8","slug":"f"`, "A-1", "F-1").Replace(good)
	require.Equal(t, 1, s.load(moved).Accepted)
	id := s.shows("f").ID
	require.Equal(t, 1, s.load(strings.ReplaceAll(moved, `"f"`, `"g"`)).Accepted)
	require.Equal(t, id, s.shows("g").ID)
	s.call(308, nobody, "GET", "/v1/products/f", nil)
	require.Equal(t, []string{"slug:a", "slug:f", "slug:g"}, s.store.Keys("slug:"))
}
