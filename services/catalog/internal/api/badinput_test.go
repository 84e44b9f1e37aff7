package api

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
	"tienda/internal/contract"
	"tienda/internal/contract/contracttest"
	"tienda/internal/event"
)

// priced is coffee with one variant at one price.
func priced(amount any, currency string) map[string]any {
	return with(coffee(), "variants", []any{map[string]any{"sku": "NEW", "name": "n", "prices": []any{map[string]any{"amount": amount, "currency": currency}}}})
}

// scanned is coffee with one variant that has a barcode and a weight.
func scanned(barcode string, grams int) map[string]any {
	return with(coffee(), "variants", []any{map[string]any{
		"sku": "NEW", "name": "n", "barcode": barcode, "weight_grams": grams, "prices": []any{map[string]any{"amount": 1, "currency": "EUR"}},
	}})
}

// Each bad request gets its status and a problem that names the field, and
// changes nothing.
func TestBadInput(t *testing.T) {
	s, id := stocked(t)
	other := with(priced(5, "EUR"), "slug", "other")
	s.call(201, manager, "POST", "/v1/products", other)
	s.call(200, orders, "PUT", "/internal/v1/reservations/"+orderA, reservation("EUR", line("COF-250", 4)))
	product, stock := "/v1/products/"+id, "/v1/inventory/COF-250"
	reserve := "/internal/v1/reservations/" + orderB
	many := make([]any, 101)
	for i := range many {
		many[i] = line(fmt.Sprintf("S%d", i), 1)
	}
	long := strings.Repeat("x", 201)
	tests := []struct {
		name         string
		who          caller.Caller
		method, path string
		body         any
		status       int
		code         string
		fields       []string
	}{
		{"malformed JSON", manager, "POST", "/v1/products", `{"slug":`, 400, "invalid_request", []string{""}},
		{"no JSON at all", manager, "POST", "/v1/products", "hello", 400, "invalid_request", []string{""}},
		{"no body", manager, "POST", "/v1/products", "", 415, "unsupported_media_type", nil},
		{"unknown field", manager, "POST", "/v1/products", with(coffee(), "colour", "red"), 400, "invalid_request", []string{"/colour"}},
		{"missing field", manager, "PUT", product, `{"slug":"a"}`, 400, "invalid_request", []string{"/name", "/category", "/variants"}},
		{"wrong type", manager, "POST", "/v1/products", with(coffee(), "name", 5), 400, "invalid_request", []string{"/name"}},
		{"bad slug", manager, "POST", "/v1/products", with(coffee(), "slug", "Año Nuevo"), 400, "invalid_request", []string{"/slug"}},
		{"slug like an ID", manager, "POST", "/v1/products", with(coffee(), "slug", orderA), 422, "invalid_product", []string{"/slug"}},
		{"unknown status", manager, "PUT", product, with(coffee(), "status", "sold"), 400, "invalid_request", []string{"/status"}},
		{"collection of nothing", manager, "POST", "/v1/collections", map[string]any{"slug": "a", "name": "A", "products": []any{}}, 400, "invalid_request", []string{"/products"}},
		{"collection by no rule", manager, "POST", "/v1/collections", map[string]any{"slug": "a", "name": "A", "rule": map[string]any{}}, 400, "invalid_request", []string{"/rule"}},
		{"collection without either", manager, "POST", "/v1/collections", map[string]any{"slug": "a", "name": "A"}, 422, "invalid_collection", []string{"/products", "/rule"}},
		{"collection with one product twice", manager, "POST", "/v1/collections", map[string]any{"slug": "a", "name": "A", "products": []any{id, id}}, 422, "invalid_collection", []string{"/products/1"}},
		{"a customer's collection", customer, "POST", "/v1/collections", map[string]any{"slug": "a", "name": "A", "products": []any{id}}, 403, "role_missing", nil},
		{"change of no collection", manager, "PUT", "/v1/collections/none", map[string]any{"name": "A", "products": []any{id}}, 404, "not_found", nil},
		{"no variants", manager, "PUT", product, with(coffee(), "variants", []any{}), 400, "invalid_request", []string{"/variants"}},
		{"price of nothing", manager, "PUT", product, priced(0, "EUR"), 400, "invalid_request", []string{"/variants/0/prices/0/amount"}},
		{"negative price", manager, "PUT", product, priced(-5, "EUR"), 400, "invalid_request", []string{"/variants/0/prices/0/amount"}},
		{"huge price", manager, "PUT", product, priced(100_000_001, "EUR"), 400, "invalid_request", []string{"/variants/0/prices/0/amount"}},
		{"price in parts of a cent", manager, "PUT", product, priced(1.5, "EUR"), 400, "invalid_request", []string{"/variants/0/prices/0/amount"}},
		{"no such currency", manager, "PUT", product, priced(5, "QQQ"), 422, "invalid_product", []string{"/variants/0/prices/0/currency"}},
		{"image that is no address", manager, "PUT", product, with(coffee(), "images", []any{"javascript:alert(1)"}), 400, "invalid_request", []string{"/images/0"}},
		{"language that is no tag", manager, "PUT", product, with(coffee(), "language", "not a tag"), 400, "invalid_request", []string{"/language"}},
		{"language in an unusual form", manager, "PUT", product, with(coffee(), "language", "EN"), 422, "invalid_product", []string{"/language"}},
		{"translation without a name", manager, "PUT", product, with(coffee(), "translations", map[string]any{"es": map[string]any{}}), 400, "invalid_request", []string{"/translations/es/name"}},
		{"translation into its own language", manager, "PUT", product, with(coffee(), "translations", map[string]any{"en": map[string]any{"name": "x"}}), 422, "invalid_product", []string{"/translations/en"}},
		{"options that no variant states", manager, "PUT", product, with(coffee(), "options", []any{map[string]any{"name": "size", "values": []any{"s"}}}), 422, "invalid_product",
			[]string{"/variants/0/options/size", "/variants/0/options/weight", "/variants/1/options/size"}},
		{"option without values", manager, "PUT", product, with(coffee(), "options", []any{map[string]any{"name": "size", "values": []any{}}}), 400, "invalid_request", []string{"/options/0/values"}},
		{"barcode that is no GTIN", manager, "PUT", product, scanned("1234", 1), 400, "invalid_request", []string{"/variants/0/barcode"}},
		{"barcode with a wrong check digit", manager, "PUT", product, scanned("4006381333932", 1), 422, "invalid_product", []string{"/variants/0/barcode"}},
		{"weight of nothing", manager, "PUT", product, scanned("4006381333931", 0), 400, "invalid_request", []string{"/variants/0/weight_grams"}},
		{"unknown category", manager, "PUT", product, with(coffee(), "category", "cars"), 422, "unknown_category", []string{"/category"}},
		{"slug of another", manager, "PUT", product, with(coffee(), "slug", "other"), 409, "slug_taken", []string{"/slug"}},
		{"SKU of another", manager, "PUT", product, priced(5, "EUR"), 409, "sku_taken", []string{"/variants/0/sku"}},
		{"no such product", manager, "PUT", "/v1/products/" + orderA, with(coffee(), "slug", "z"), 404, "not_found", nil},
		{"a slug is no ID to write by", manager, "DELETE", "/v1/products/cafe-molido", nil, 404, "not_found", nil},
		{"no sign-in", nobody, "POST", "/v1/products", coffee(), 401, "sign_in", nil},
		{"a customer", customer, "DELETE", product, nil, 403, "role_missing", nil},
		{"an app", orders, "PUT", product, coffee(), 401, "sign_in", nil},
		{"unknown product", nobody, "GET", "/v1/products/nothing", nil, 404, "not_found", nil},
		{"reference that cannot be", nobody, "GET", "/v1/products/A_B", nil, 400, "invalid_request", []string{"id"}},

		{"unknown query parameter", nobody, "GET", "/v1/products?colour=red", nil, 400, "invalid_request", []string{"colour"}},
		{"bad numbers and words", nobody, "GET", "/v1/products?limit=0&min_price=-1&in_stock=yes&sort=best", nil, 400, "invalid_request", []string{"in_stock", "limit", "min_price", "sort"}},
		{"cursor of nothing", nobody, "GET", "/v1/products?cursor=%25%25", nil, 400, "invalid_request", []string{"cursor"}},
		{"cursor of another order", nobody, "GET", "/v1/products?sort=name&cursor=eyJvIjoicHJpY2UgRVVSIiwiayI6eyJpIjoiMSJ9fQ", nil, 400, "invalid_request", []string{"cursor"}},
		{"endless text", nobody, "GET", "/v1/products?q=" + long, nil, 400, "invalid_request", []string{"q"}},

		{"category that is there", manager, "POST", "/v1/categories", `{"slug":"coffee","name":"x"}`, 409, "slug_taken", []string{"/slug"}},
		{"category without a name", manager, "POST", "/v1/categories", `{"slug":"x","name":"  "}`, 400, "invalid_request", []string{"/name"}},
		{"no such category", manager, "PUT", "/v1/categories/cars", `{"name":"x"}`, 404, "not_found", nil},
		{"category by a customer", customer, "POST", "/v1/categories", `{"slug":"x","name":"x"}`, 403, "role_missing", nil},

		{"stock for customers", customer, "GET", stock, nil, 403, "role_missing", nil},
		{"stock of nothing", manager, "GET", "/v1/inventory/NOTHING", nil, 404, "not_found", nil},
		{"stock changed two ways", manager, "PATCH", stock, `{"delta":1,"on_hand":5,"reason":"x"}`, 400, "invalid_request", nil},
		{"stock changed no way", manager, "PATCH", stock, `{"reason":"x"}`, 400, "invalid_request", nil},
		{"stock without a reason", manager, "PATCH", stock, `{"delta":1}`, 400, "invalid_request", []string{"/reason"}},
		{"negative stock", manager, "PATCH", stock, `{"on_hand":-1,"reason":"x"}`, 400, "invalid_request", []string{"/on_hand"}},
		{"less than is reserved", manager, "PATCH", stock, `{"on_hand":3,"reason":"x"}`, 422, "below_reserved", []string{"/on_hand"}},
		{"less than is there", manager, "PATCH", stock, `{"delta":-7,"reason":"x"}`, 422, "below_reserved", []string{"/delta"}},
		{"more than fits", manager, "PATCH", stock, `{"delta":10000000,"reason":"x"}`, 422, "too_much_stock", []string{"/delta"}},

		{"stock at a place that is not there", manager, "PATCH", stock, `{"delta":1,"location":"bcn","reason":"x"}`, 422, "unknown_location", []string{"/location"}},
		{"stock at a place that cannot be", manager, "PATCH", stock, `{"delta":1,"location":"Bar celona","reason":"x"}`, 400, "invalid_request", []string{"/location"}},
		{"kind that is not for staff", manager, "PATCH", stock, `{"delta":1,"kind":"sale","reason":"x"}`, 400, "invalid_request", []string{"/kind"}},
		{"transfer of nothing", manager, "POST", stock + "/transfers", `{"from":"main","to":"bcn","quantity":0,"reason":"x"}`, 400, "invalid_request", []string{"/quantity"}},
		{"transfer to a place that is not there", manager, "POST", stock + "/transfers", `{"from":"main","to":"bcn","quantity":1,"reason":"x"}`, 422, "unknown_location", []string{"/to"}},
		{"transfer to where it is", manager, "POST", stock + "/transfers", `{"from":"main","to":"main","quantity":1,"reason":"x"}`, 422, "same_location", []string{"/to"}},
		{"transfer of more than is there", manager, "POST", stock + "/transfers", `{"from":"bcn","to":"main","quantity":1,"reason":"x"}`, 422, "below_reserved", []string{"/quantity"}},
		{"transfer by a customer", customer, "POST", stock + "/transfers", `{"from":"bcn","to":"main","quantity":1,"reason":"x"}`, 403, "role_missing", nil},
		{"ledger of nothing", manager, "GET", "/v1/inventory/NOTHING/ledger", nil, 404, "not_found", nil},
		{"ledger for customers", customer, "GET", stock + "/ledger", nil, 403, "role_missing", nil},
		{"cursor of no ledger", manager, "GET", stock + "/ledger?cursor=%25", nil, 400, "invalid_request", []string{"cursor"}},
		{"settings without main", manager, "PUT", "/v1/settings/inventory", `{"locations":[{"id":"bcn","name":"x"}]}`, 422, "invalid_settings", []string{"/locations"}},
		{"settings with a place twice", manager, "PUT", "/v1/settings/inventory", `{"locations":[{"id":"main","name":"x"},{"id":"main","name":"y"}]}`, 422, "invalid_settings", []string{"/locations/1/id"}},

		{"reserve as a user", manager, "PUT", reserve, reservation("EUR", line("COF-250", 1)), 403, "app_not_allowed", nil},
		{"reserve as another app", gateway, "PUT", reserve, reservation("EUR", line("COF-250", 1)), 403, "app_not_allowed", nil},
		{"quantity of nothing", orders, "PUT", reserve, reservation("EUR", line("COF-250", 0)), 400, "invalid_request", []string{"/lines/0/quantity"}},
		{"negative quantity", orders, "PUT", reserve, reservation("EUR", line("COF-250", -1)), 400, "invalid_request", []string{"/lines/0/quantity"}},
		{"huge quantity", orders, "PUT", reserve, reservation("EUR", line("COF-250", 1001)), 400, "invalid_request", []string{"/lines/0/quantity"}},
		{"quantity past all numbers", orders, "PUT", reserve, `{"currency":"EUR","lines":[{"sku":"COF-250","quantity":99999999999999999999}]}`, 400, "invalid_request", []string{"/lines/0/quantity"}},
		{"too many lines", orders, "PUT", reserve, reservation("EUR", many...), 400, "invalid_request", []string{"/lines"}},
		{"no lines", orders, "PUT", reserve, `{"currency":"EUR","lines":[]}`, 400, "invalid_request", []string{"/lines"}},
		{"order that is no ID", orders, "PUT", "/internal/v1/reservations/7", reservation("EUR", line("COF-250", 1)), 400, "invalid_request", []string{"order_id"}},
		{"unknown SKU", orders, "PUT", reserve, reservation("EUR", line("COF-250", 1), line("NOTHING", 1)), 422, "unknown_sku", []string{"/lines/1/sku"}},
		{"unsupported currency", orders, "PUT", reserve, reservation("USD", line("COF-250", 1), line("COF-500", 1)), 422, "currency_unsupported", []string{"/lines/1/sku"}},
		{"not enough", orders, "PUT", reserve, reservation("EUR", line("COF-250", 1), line("COF-500", 4)), 422, "out_of_stock", []string{"/lines/1/quantity"}},
		{"the same SKU twice", orders, "PUT", reserve, reservation("EUR", line("COF-250", 1), line("COF-250", 2)), 422, "duplicate_sku", []string{"/lines/1/sku"}},
		{"another quantity than before", orders, "PUT", "/internal/v1/reservations/" + orderA, reservation("EUR", line("COF-250", 5)), 409, "reservation_differs", nil},
		{"quotes for nobody", nobody, "POST", "/internal/v1/quotes", `{"currency":"EUR","skus":["A"]}`, 403, "app_not_allowed", nil},
		{"release by nobody", nobody, "POST", reserve + "/release", `{"skus":["A"]}`, 403, "app_not_allowed", nil},
		{"commit by nobody", nobody, "POST", reserve + "/commit", `{"skus":["A"]}`, 403, "app_not_allowed", nil},
		{"oversized body", orders, "PUT", reserve, strings.Repeat(" ", 70_000), 413, "body_too_large", nil},
		{"oversized product", manager, "POST", "/v1/products", strings.Repeat(" ", 600_000), 413, "body_too_large", nil},
		{"event without what it needs", nobody, "POST", "/events/orders", `{"id":"1","type":"tienda.orders.cancelled","data":{"lines":[]}}`, 400, "invalid_request", []string{"/data/order_id"}},
		{"event with half a line", nobody, "POST", "/events/orders", `{"id":"1","type":"tienda.orders.shipped","data":{"order_id":"1","lines":[{"sku":"COF-250"}]}}`, 400, "invalid_request", []string{"/data/lines"}},
		{"import by orders", orders, "POST", "/internal/v1/import/products", "{}", 403, "app_not_allowed", nil},
	}
	before, published := s.everything(), len(s.events.Events())
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := contracttest.Request{Method: tt.method, Path: tt.path, As: tt.who, Body: tt.body}
			switch {
			case tt.body == "":
				in.Body, in.ContentType = nil, "text/plain"
			case tt.path == "/events/orders":
				in.ContentType = event.ContentType
			case strings.Contains(tt.path, "import"):
				in.ContentType = contract.NDJSON
			}
			a := s.Do(t, in)
			require.Equal(t, tt.status, a.Status, "%s", a.Body)
			code, fields := a.Problem(t)
			require.Equal(t, tt.code, code)
			if tt.fields != nil {
				require.ElementsMatch(t, tt.fields, fields)
			}
			require.Equal(t, before, s.everything(), "nothing may change")
			require.Len(t, s.events.Events(), published)
		})
	}
}

// Without the app token nothing but the probes and the figures answers.
func TestOnlyTheSidecarMayCall(t *testing.T) {
	s, id := stocked(t)
	before := s.everything()
	for _, op := range s.Contract.Operations() {
		path := strings.NewReplacer("{id}", id, "{slug}", "coffee", "{sku}", "COF-250", "{order_id}", orderA, "{kind}", "stock").Replace(op.Path)
		a := s.Do(t, contracttest.Request{Method: op.Method, Path: path, As: orders, NoToken: true})
		want := 403
		if strings.HasSuffix(op.Path, "z") || op.Path == "/metrics" {
			want = 200
		}
		require.Equal(t, want, a.Status, "%s %s", op.Method, op.Path)
	}
	require.Equal(t, before, s.everything())
}

// everything gives all documents.
func (s *shop) everything() map[string]string {
	s.t.Helper()
	keys := s.store.Keys("")
	items, err := s.store.Get(s.t.Context(), keys...)
	require.NoError(s.t, err)
	out := map[string]string{}
	for _, item := range items {
		out[item.Key] = string(item.Value)
	}
	return out
}
