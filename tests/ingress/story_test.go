package ingress_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

type product struct {
	ID       string `json:"id"`
	Variants []struct {
		SKU string `json:"sku"`
	} `json:"variants"`
}

// anySKU gives one that can be bought.
func anySKU(t *testing.T, c *client) string {
	t.Helper()
	list := must[struct{ Items []product }](t, c, http.StatusOK, "GET", "/v1/products?in_stock=true&limit=1", nil)
	require.NotEmpty(t, list.Items)
	p := must[product](t, c, http.StatusOK, "GET", "/v1/products/"+list.Items[0].ID, nil)
	return p.Variants[0].SKU
}

// bought is a body of a checkout.
var bought = map[string]any{"payment_method": "invoice", "address": map[string]string{
	"name": "Lucía Pérez", "line1": "Calle Mayor 1", "city": "Madrid", "postal_code": "28013", "country": "ES"}}

// The main story, over HTTP/2 and TLS: what the end-to-end tests do at length with INGRESS.
func TestAPurchaseThroughTheIngress(t *testing.T) {
	c := from(t, "127.0.0.10")
	sku := anySKU(t, c)
	a := c.call(t, "PUT", "/v1/cart/items/"+sku, `{"quantity":1}`)
	require.Equal(t, http.StatusOK, a.status, "%s", a.body)
	require.Equal(t, 2, a.proto)
	require.NotEmpty(t, c.cart)
	require.Contains(t, a.header.Get("Set-Cookie"), "; Secure", "TLS ends at nginx, and the cart's cookie is for TLS alone")
	c.signUp(t)
	key := uuid.NewString()
	o := must[struct{ ID, Status string }](t, c, http.StatusCreated, "POST", "/v1/orders", bought, "Idempotency-Key", key)
	require.Equal(t, "confirmed", o.Status)
	js, err := json.Marshal(bought)
	require.NoError(t, err)
	again := c.call(t, "POST", "/v1/orders", string(js), "Idempotency-Key", key)
	require.Equal(t, "true", again.header.Get("Idempotency-Replayed"))
	require.Contains(t, string(again.body), o.ID)
	ticket := must[struct{ ID string }](t, c, http.StatusCreated, "POST", "/v1/tickets", map[string]string{"subject": "Rota", "message": "Una taza llegó rota.", "order_id": o.ID})
	message := must[struct{ Items []struct{ ID string } }](t, c, http.StatusOK, "GET", "/v1/tickets/"+ticket.ID+"/messages", nil).Items[0].ID
	// A body as large as the largest that the gateway takes, there and back.
	path := "/v1/tickets/" + ticket.ID + "/messages/" + message + "/attachments/" + uuid.NewString()
	large := strings.Repeat("x", 5<<20)
	require.Equal(t, http.StatusOK, c.call(t, "PUT", path+"?name=a.txt", large, "Content-Type", "text/plain").status)
	require.Equal(t, large, string(c.call(t, "GET", path, "").body))
}

// What a request and an answer carry besides their bodies.
func TestHeadersPass(t *testing.T) {
	c := from(t, "127.0.0.11")
	a := c.call(t, "GET", "/v1/products?limit=2", "", "X-Request-Id", "my-request-1")
	require.Equal(t, http.StatusOK, a.status)
	for name, want := range map[string]string{
		"X-Request-Id": "my-request-1", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Server": "",
		"Strict-Transport-Security": "max-age=31536000", "Cache-Control": "public, max-age=0, must-revalidate",
	} {
		require.Equal(t, want, a.header.Get(name), name)
		require.LessOrEqual(t, len(a.header.Values(name)), 1, name)
	}
	require.NotEmpty(t, a.header.Get("RateLimit"))
	for name := range a.header {
		require.False(t, strings.HasPrefix(strings.ToLower(name), "dapr"), "%s leaks", name)
	}
	tag := a.header.Get("Etag")
	require.NotEmpty(t, tag)
	kept := c.call(t, "GET", "/v1/products?limit=2", "", "If-None-Match", tag)
	require.Equal(t, http.StatusNotModified, kept.status)
	require.Empty(t, kept.body)
	require.Equal(t, tag, kept.header.Get("Etag"))
	head := c.call(t, "HEAD", "/v1/products?limit=2", "")
	require.Equal(t, http.StatusOK, head.status)
	require.Equal(t, tag, head.header.Get("Etag"))

	p := c.call(t, "GET", "/v1/me", "").refused(t, http.StatusUnauthorized)
	require.NotEmpty(t, p.RequestID)
	require.NotEmpty(t, c.call(t, "GET", "/v1/me", "").header.Get("Www-Authenticate"))
	require.Equal(t, "GET, POST, HEAD", c.call(t, "DELETE", "/v1/products", "").header.Get("Allow"))
}

func TestPagesOfOtherOrigins(t *testing.T) {
	c := from(t, "127.0.0.11")
	ours := c.call(t, "OPTIONS", "/v1/orders", "", "Origin", "http://localhost:3000", "Access-Control-Request-Method", "POST")
	require.Equal(t, http.StatusNoContent, ours.status)
	require.Equal(t, "http://localhost:3000", ours.header.Get("Access-Control-Allow-Origin"))
	require.Contains(t, ours.header.Get("Access-Control-Allow-Headers"), "Idempotency-Key")
	foreign := c.call(t, "OPTIONS", "/v1/orders", "", "Origin", "https://evil.example", "Access-Control-Request-Method", "POST")
	require.Empty(t, foreign.header.Get("Access-Control-Allow-Origin"))
	refused := c.call(t, "GET", "/v1/me", "", "Origin", "http://localhost:3000")
	require.Equal(t, []string{"http://localhost:3000"}, refused.header.Values("Access-Control-Allow-Origin"))
	large := c.call(t, "PUT", "/v1/cart/items/x", `{"quantity":1,"x":"`+strings.Repeat("x", 100_000)+`"}`, "Origin", "http://localhost:3000")
	large.refused(t, http.StatusRequestEntityTooLarge)
	require.Equal(t, []string{"http://localhost:3000"}, large.header.Values("Access-Control-Allow-Origin"), "also of what nginx writes anew")
}

// HTTP leads to HTTPS, whatever the path, before anything is passed on.
func TestHTTPLeadsToHTTPS(t *testing.T) {
	c := from(t, "127.0.0.11")
	for _, path := range []string{"/", "/v1/products?limit=1&q=a%20b"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, fmt.Sprintf("http://%s:%d%s", door.Host, door.HTTP, path), strings.NewReader("{}"))
		require.NoError(t, err)
		resp, err := c.http.Do(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, http.StatusPermanentRedirect, resp.StatusCode)
		require.Equal(t, "https://"+door.Host+path, resp.Header.Get("Location"), "at the standard port, as a cluster has it")
	}
}

// A body over the largest limit ends at nginx, one over its route's at the gateway.
func TestBodiesThatAreTooLarge(t *testing.T) {
	c := from(t, "127.0.0.11")
	for _, size := range []int{100 << 10, 6 << 20} {
		a := c.call(t, "PUT", "/v1/cart/items/x", strings.Repeat("x", size))
		require.Equal(t, "body_too_large", a.refused(t, http.StatusRequestEntityTooLarge).Code)
		require.Equal(t, "max-age=31536000", a.header.Get("Strict-Transport-Security"))
	}
}

// A header that is no UTF-8, as old clients send them, keeps nobody out.
func TestHeadersOfOldClients(t *testing.T) {
	from(t, "") // skips
	for _, name := range []string{"Referer", "User-Agent", "Cookie", "X-Other"} {
		require.Equal(t, http.StatusOK, raw(t, ask("GET", "/v1/categories", name, "caf\xe9")).status, name)
	}
	require.Equal(t, http.StatusOK, raw(t, ask("GET", "/v1/products?limit=1&q=caf\xc3\xa9")).status)
}
