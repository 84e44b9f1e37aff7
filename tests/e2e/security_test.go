package e2e

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
)

// Bad input gets the right status and a problem document that names the field,
// and changes nothing.
func TestBadInput(t *testing.T) {
	c, _ := newCustomer(t)
	manager := staff(t, caller.CatalogManager)
	_, sku := ownProduct(t, 3)
	put(t, c, sku, 1)
	invoice := map[string]any{"payment_method": "invoice", "address": madrid}
	big := `{"quantity":1,"x":"` + strings.Repeat("x", 100_000) + `"}`
	tests := []struct {
		name         string
		as           *client
		method, path string
		body         any
		headers      []string
		status       int
		code         string
		fields       []string
	}{
		{"malformed JSON", c, "PUT", "/v1/cart/items/" + sku, `{"quantity":`, nil, 400, "invalid_request", []string{""}},
		{"unknown field", c, "PUT", "/v1/cart/items/" + sku, `{"quantity":1,"price":0}`, nil, 400, "invalid_request", []string{"/price"}},
		{"wrong type", c, "PUT", "/v1/cart/items/" + sku, `{"quantity":"two"}`, nil, 400, "invalid_request", []string{"/quantity"}},
		{"negative quantity", c, "PUT", "/v1/cart/items/" + sku, `{"quantity":-1}`, nil, 400, "invalid_request", []string{"/quantity"}},
		{"no quantity", c, "PUT", "/v1/cart/items/" + sku, `{}`, nil, 400, "invalid_request", []string{"/quantity"}},
		{"huge quantity", c, "PUT", "/v1/cart/items/" + sku, `{"quantity":100000000000000000000}`, nil, 400, "invalid_request", []string{"/quantity"}},
		{"unknown SKU", c, "PUT", "/v1/cart/items/NO-SUCH-SKU", `{"quantity":1}`, nil, 422, "unknown_sku", []string{"sku"}},
		{"a currency that is none", c, "GET", "/v1/cart?currency=eur", nil, nil, 400, "invalid_request", []string{"currency"}},
		{"body over the limit", c, "PUT", "/v1/cart/items/" + sku, big, nil, 413, "", nil},
		{"not JSON", c, "PUT", "/v1/cart/items/" + sku, `quantity=1`, []string{"Content-Type", "application/x-www-form-urlencoded"}, 415, "", nil},
		{"checkout without a key", c, "POST", "/v1/orders", invoice, nil, 400, "invalid_request", []string{"Idempotency-Key"}},
		{"unknown payment", c, "POST", "/v1/orders", map[string]any{"payment_method": "gold", "address": madrid}, []string{"Idempotency-Key", uuid.NewString()}, 400, "invalid_request", []string{"/payment_method"}},
		{"currency without prices", c, "POST", "/v1/orders", map[string]any{"payment_method": "invoice", "address": madrid, "currency": "JPY"}, []string{"Idempotency-Key", uuid.NewString()}, 422, "currency_unsupported", nil},
		{"an address of nobody", c, "POST", "/v1/orders", map[string]any{"payment_method": "invoice", "address_id": uuid.NewString()}, []string{"Idempotency-Key", uuid.NewString()}, 422, "address_unknown", []string{"/address_id"}},
		{"an ID that is none", c, "GET", "/v1/orders/17", nil, nil, 400, "invalid_request", []string{"id"}},
		{"nothing to cancel", c, "POST", "/v1/orders/" + uuid.NewString() + "/cancellations", map[string]any{"lines": []any{}}, []string{"Idempotency-Key", uuid.NewString()}, 400, "invalid_request", []string{"/lines"}},
		{"an order of nobody", c, "GET", "/v1/orders/" + uuid.NewString(), nil, nil, 404, "not_found", nil},
		{"limit over the maximum", c, "GET", "/v1/products?limit=101", nil, nil, 400, "invalid_request", []string{"limit"}},
		{"a cursor that is none", c, "GET", "/v1/products?cursor=nonsense!", nil, nil, 400, "", nil},
		{"unknown query parameter", c, "GET", "/v1/products?colour=red", nil, nil, 400, "invalid_request", []string{"colour"}},
		{"short password", guest(), "POST", "/v1/users", map[string]string{"email": "a@example.com", "password": "short", "name": "A"}, nil, 400, "invalid_request", []string{"/password"}},
		{"e-mail that is none", guest(), "POST", "/v1/users", map[string]string{"email": "nobody", "password": "long enough", "name": "A"}, nil, 400, "invalid_request", []string{"/email"}},
		{"wrong password", guest(), "POST", "/v1/auth/token", map[string]string{"grant_type": "password", "email": "nobody@example.com", "password": "long enough"}, nil, 401, "", nil},
		{"unknown grant", guest(), "POST", "/v1/auth/token", map[string]string{"grant_type": "magic"}, nil, 400, "invalid_request", nil},
		{"a price below zero", manager, "POST", "/v1/products", map[string]any{"slug": "x", "name": "X", "description": "", "category": anyCategory(t), "variants": []map[string]any{{"sku": "X", "name": "x", "prices": []money{{-1, "EUR"}}}}}, nil, 400, "invalid_request", []string{"/variants/0/prices/0/amount"}},
		{"stock below zero", manager, "PATCH", "/v1/inventory/" + sku, map[string]any{"delta": -4, "reason": "x"}, nil, 422, "", []string{"/delta"}},
		{"no route", c, "GET", "/v1/nothing", nil, nil, 404, "", nil},
		{"no such method", c, "PATCH", "/v1/orders", nil, nil, 405, "", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := tt.as.refused(t, tt.status, tt.method, tt.path, tt.body, tt.headers...)
			if tt.code != "" {
				require.Equal(t, tt.code, p.Code)
			}
			if tt.fields != nil {
				require.ElementsMatch(t, tt.fields, p.names())
			}
		})
	}
	got := must[cart](t, c, http.StatusOK, "GET", "/v1/cart", nil)
	require.Equal(t, 1, got.Totals.Quantity, "nothing changed")
	require.Equal(t, stock{SKU: sku, OnHand: 3, Available: 3}, stockOf(t, sku))
}

// What is A's is not there for B, and staff routes are for staff.
func TestOwnership(t *testing.T) {
	a, _ := newCustomer(t)
	b, _ := newCustomer(t)
	_, sku := ownProduct(t, 9)
	put(t, a, sku, 1)
	o := must[order](t, a, http.StatusCreated, "POST", "/v1/orders", map[string]any{"payment_method": "invoice", "address": madrid}, "Idempotency-Key", uuid.NewString())
	tk := must[ticket](t, a, http.StatusCreated, "POST", "/v1/tickets", map[string]any{"subject": "S", "message": "M", "order_id": o.ID})
	ad := must[address](t, a, http.StatusCreated, "POST", "/v1/me/addresses", madrid)

	tests := []struct {
		method, path string
		body         any
		want         int
	}{
		{"GET", "/v1/orders/" + o.ID, nil, 404},
		{"POST", "/v1/orders/" + o.ID + "/cancel", nil, 404},
		{"POST", "/v1/orders/" + o.ID + "/ship", nil, 403},
		{"POST", "/v1/orders/" + o.ID + "/deliver", nil, 403},
		{"GET", "/v1/tickets/" + tk.ID, nil, 404},
		{"GET", "/v1/tickets/" + tk.ID + "/messages", nil, 404},
		{"POST", "/v1/tickets/" + tk.ID + "/messages", map[string]string{"text": "hello"}, 404},
		{"POST", "/v1/tickets/" + tk.ID + "/close", nil, 404},
		{"POST", "/v1/tickets/" + tk.ID + "/assign", map[string]any{}, 403},
		{"GET", "/v1/tickets/" + tk.ID + "/customer", nil, 403},
		{"POST", "/v1/returns", map[string]any{"order_id": o.ID, "lines": []map[string]any{{"sku": sku, "quantity": 1, "reason": "other"}}}, 422},
		{"GET", "/v1/me/addresses/" + ad.ID, nil, 404},
		{"DELETE", "/v1/me/addresses/" + ad.ID, nil, 404},
		{"POST", "/v1/products", map[string]any{}, 403},
		{"GET", "/v1/inventory/" + sku, nil, 403},
		{"PATCH", "/v1/inventory/" + sku, map[string]any{"delta": 1, "reason": "x"}, 403},
	}
	for _, tt := range tests {
		got := b.call(t, tt.method, tt.path, tt.body)
		if tt.path == "/v1/returns" {
			require.Contains(t, []int{404, 422}, got.status, "%s: %s", tt.path, got.body)
			continue
		}
		require.Equal(t, tt.want, got.status, "%s %s by another customer: %s", tt.method, tt.path, got.body)
		anonymous := guest().call(t, tt.method, tt.path, tt.body)
		require.Contains(t, []int{401, 404}, anonymous.status, "%s %s by nobody: %s", tt.method, tt.path, anonymous.body)
	}
	require.Equal(t, "confirmed", must[order](t, a, http.StatusOK, "GET", "/v1/orders/"+o.ID, nil).Status)
}

func TestForgedTokens(t *testing.T) {
	c, _ := newCustomer(t)
	parts := strings.Split(c.token, ".")
	require.Len(t, parts, 3)
	var claims map[string]any
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, &claims))
	claims["roles"] = []string{"admin"}
	hs, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims(claims)).SignedString([]byte("secret"))
	require.NoError(t, err)
	none, err := jwt.NewWithClaims(jwt.SigningMethodNone, jwt.MapClaims(claims)).SignedString(jwt.UnsafeAllowNoneSignatureType)
	require.NoError(t, err)
	b, err := json.Marshal(claims)
	require.NoError(t, err)
	for name, token := range map[string]string{
		"empty": " ", "garbage": "x.y.z", "no signature": parts[0] + "." + parts[1] + ".", "two parts": parts[0] + "." + parts[1],
		"other claims": parts[0] + "." + base64.RawURLEncoding.EncodeToString(b) + "." + parts[2],
		"HS256":        hs, "none": none, "cut": c.token[:len(c.token)-4],
	} {
		bad := &client{base: c.base, token: token}
		require.Equal(t, http.StatusUnauthorized, bad.call(t, "GET", "/v1/me", nil).status, name)
		require.Equal(t, http.StatusUnauthorized, bad.call(t, "GET", "/v1/products", nil).status, "%s on a public route", name)
	}
}

// What is for sidecars and other apps only is not reachable from outside, by
// no trick of the path, and identity cannot be claimed by header.
func TestInsideIsNotReachable(t *testing.T) {
	c, _ := newCustomer(t)
	for _, path := range []string{
		"/internal/v1/quotes", "/internal/v1/import/products", "/internal/v1/reservations/" + uuid.NewString(), "/internal/v1/users/" + uuid.NewString(),
		"/events/orders", "/dapr/subscribe", "/dapr/config", "/v1.0/state/orders-state/x", "/v1.0/invoke/users/method/v1/me",
		"/v1/../internal/v1/quotes", "/v1/%2e%2e/internal/v1/quotes", "/v1//internal/v1/quotes", "//internal/v1/quotes", "/v1/products/..%2f..%2finternal%2fv1%2fquotes",
		"/v1/orders/..;/internal", "/V1/products", "/v1/products/", "/.well-known/../internal/v1/quotes", "/v1/products/%2e%2e/%2e%2e/internal/v1/quotes",
	} {
		for _, method := range []string{"GET", "POST", "PUT"} {
			a, err := c.try(method, path, `{}`)
			if err != nil {
				continue // the client itself refused to send it
			}
			// 403: on the way through the ingress, whose sidecar leaves a slash at the end out.
			require.Contains(t, []int{400, 403, 404, 405}, a.status, "%s %s: %s", method, path, a.body)
		}
	}
	for _, h := range [][]string{
		{"Tienda-User", uuid.NewString()}, {"Tienda-Roles", "admin"}, {"Dapr-Caller-App-Id", "orders"}, {"Dapr-Api-Token", "x"},
	} {
		require.Equal(t, http.StatusUnauthorized, guest().call(t, "GET", "/v1/me", nil, "Tienda-User", uuid.NewString(), h[0], h[1]).status)
		require.Equal(t, http.StatusForbidden, c.call(t, "GET", "/v1/inventory/X", nil, h[0], h[1]).status)
	}
}

// What the gateway answers by itself.
func TestGatewayItself(t *testing.T) {
	for _, path := range []string{"/", "/healthz", "/readyz", "/openapi.yaml"} {
		require.Equal(t, http.StatusOK, guest().call(t, "GET", path, nil).status, path)
	}
}

func TestHeadersAndPreflight(t *testing.T) {
	a := guest().call(t, "GET", "/v1/products", nil, "X-Request-Id", "my-request-1", "Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	require.Equal(t, "my-request-1", a.header.Get("X-Request-Id"))
	for name, want := range map[string]string{
		"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY", "Cross-Origin-Resource-Policy": "same-origin",
		"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'", "Cache-Control": "public, max-age=0, must-revalidate", "Server": "",
	} {
		require.Equal(t, want, a.header.Get(name), name)
	}
	require.Regexp(t, `^"(address|read)";r=\d+;t=\d+$`, a.header.Get("RateLimit"))
	require.Regexp(t, `^"address";q=\d+;w=10, "read";q=\d+;w=10$`, a.header.Get("RateLimit-Policy"))
	c, _ := newCustomer(t)
	require.Equal(t, "no-store", c.call(t, "GET", "/v1/products", nil).header.Get("Cache-Control"), "made for one client")
	for k := range a.header {
		require.False(t, strings.HasPrefix(strings.ToLower(k), "dapr-"), "%s leaks", k)
	}
	require.Empty(t, a.header.Get("Access-Control-Allow-Origin"), "no origin was named")
	pre, err := guest().try("OPTIONS", "/v1/products", nil, "Origin", "https://evil.example", "Access-Control-Request-Method", "GET")
	require.NoError(t, err)
	require.Empty(t, pre.header.Get("Access-Control-Allow-Origin"))
}
