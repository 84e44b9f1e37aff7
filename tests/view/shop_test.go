// Package view tries the local view of a whole shop with real sidecars in a real browser.
package view

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tienda/demo"
	"tienda/internal/caller"
	"tienda/tests/shop"
)

var madrid = map[string]string{"line1": "Calle Mayor 1", "city": "Madrid", "postal_code": "28013", "country": "ES", "name": "Ana García"}

// world is a shop, and who is signed in.
type world struct {
	*shop.Shop
	tokens map[caller.Role]string
}

// call makes a request and reads its answer into out, nil for none.
func (w *world) call(t *testing.T, as caller.Role, want int, method, path string, in, out any, headers ...string) {
	t.Helper()
	body, err := json.Marshal(in)
	require.NoError(t, err)
	if in == nil {
		body = nil
	}
	status, _, answer := w.send(t, method, w.Gateway+path, body, append(headers, "Authorization", "Bearer "+w.as(t, as))...)
	require.Equal(t, want, status, "%s %s: %s", method, path, answer)
	if out != nil {
		require.NoError(t, json.Unmarshal(answer, out))
	}
}

func (w *world) send(t *testing.T, method, url string, body []byte, headers ...string) (int, http.Header, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, resp.Header, answer
}

// as signs a demo account in.
func (w *world) as(t *testing.T, role caller.Role) string {
	t.Helper()
	if w.tokens[role] != "" {
		return w.tokens[role]
	}
	for _, a := range demo.Accounts {
		if a.Role != role {
			continue
		}
		body, err := json.Marshal(map[string]string{"grant_type": "password", "email": a.Email, "password": a.Password})
		require.NoError(t, err)
		_, _, answer := w.send(t, http.MethodPost, w.Gateway+"/v1/auth/token", body)
		var in struct {
			Token string `json:"access_token"`
		}
		require.NoError(t, json.Unmarshal(answer, &in), "%s", answer)
		w.tokens[role] = in.Token
	}
	require.NotEmpty(t, w.tokens[role], role)
	return w.tokens[role]
}

// sku gives an SKU of a product of this test, of which there is plenty.
func (w *world) sku(t *testing.T) string {
	t.Helper()
	var categories struct {
		Items []struct {
			Slug string `json:"slug"`
		} `json:"items"`
	}
	w.call(t, caller.Customer, http.StatusOK, "GET", "/v1/categories", nil, &categories)
	id := "VIEW-" + uuid.NewString()[:8]
	w.call(t, caller.CatalogManager, http.StatusCreated, "POST", "/v1/products", map[string]any{
		"slug": "view-" + uuid.NewString()[:8], "name": "Taza de prueba", "description": "Para pruebas.", "category": categories.Items[0].Slug, "status": "published",
		"variants": []map[string]any{{"sku": id, "name": "única", "prices": []map[string]any{{"amount": 1250, "currency": "EUR"}}}},
	}, nil)
	w.call(t, caller.CatalogManager, http.StatusOK, "PATCH", "/v1/inventory/"+id, map[string]any{"delta": 1000, "reason": "first delivery"}, nil)
	return id
}

// buy has Ana order a piece by invoice, and gives the order's ID.
func (w *world) buy(t *testing.T, sku string) string {
	t.Helper()
	w.call(t, caller.Customer, http.StatusOK, "PUT", "/v1/cart/items/"+sku, map[string]int{"quantity": 1}, nil)
	var o struct {
		ID string `json:"id"`
	}
	w.call(t, caller.Customer, http.StatusCreated, "POST", "/v1/orders", map[string]any{"payment_method": "invoice", "address": madrid, "currency": "EUR"}, &o, "Idempotency-Key", uuid.NewString())
	return o.ID
}

// damage makes a document of an app unreadable, and gives what repairs it.
func (w *world) damage(t *testing.T, app, key string) (repair func()) {
	t.Helper()
	tokens, err := w.Tokens()
	require.NoError(t, err)
	store := fmt.Sprintf("http://127.0.0.1:%d/v1.0/state/%s-state", w.Of(app)[0].HTTPPort, app)
	ask := func(method, url string, body []byte) (value []byte, etag string) {
		status, header, answer := w.send(t, method, url, body, "dapr-api-token", tokens["DAPR_API_TOKEN"])
		require.Contains(t, []int{http.StatusOK, http.StatusNoContent}, status, "%s", answer)
		return answer, header.Get("ETag")
	}
	save := func(value []byte) {
		_, etag := ask(http.MethodGet, store+"/"+key, nil) // without one Redis does not write over it
		body, err := json.Marshal([]any{map[string]any{"key": key, "value": json.RawMessage(value), "etag": etag}})
		require.NoError(t, err)
		ask(http.MethodPost, store, body)
	}
	was, _ := ask(http.MethodGet, store+"/"+key, nil)
	require.NotEmpty(t, was)
	save([]byte(`"damaged"`))
	return func() { save(was) }
}
