package e2e

import (
	"net/http"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
)

// A program does what its scopes say, on every route that names them.
func TestServiceAccounts(t *testing.T) {
	admin, manager := staff(t, caller.Admin), staff(t, caller.CatalogManager)
	c, u := newCustomer(t)
	p, sku := ownProduct(t, 5)
	put(t, c, sku, 1)
	o := must[order](t, c, http.StatusCreated, "POST", "/v1/orders", map[string]any{"payment_method": "invoice", "address": madrid}, "Idempotency-Key", uuid.NewString())
	program := func(scopes ...string) (*client, serviceAccount) {
		m := must[serviceAccount](t, admin, http.StatusCreated, "POST", "/v1/ops/service-accounts", map[string]any{"name": "E2E", "scopes": scopes})
		tk := must[tokens](t, guest(), http.StatusOK, "POST", "/v1/auth/token",
			map[string]string{"grant_type": "client_credentials", "client_id": m.ClientID, "client_secret": m.Secret})
		require.Empty(t, tk.RefreshToken)
		return &client{base: the.Gateway, token: tk.AccessToken}, m
	}
	fulfil, m := program("orders:fulfil")
	require.Equal(t, o.ID, must[order](t, fulfil, http.StatusOK, "GET", "/v1/orders/"+o.ID, nil).ID)
	must[order](t, fulfil, http.StatusOK, "POST", "/v1/orders/"+o.ID+"/ship", nil)
	must[order](t, fulfil, http.StatusOK, "POST", "/v1/orders/"+o.ID+"/deliver", nil)
	stockKeeper, _ := program("inventory:write")
	must[stock](t, stockKeeper, http.StatusOK, "PATCH", "/v1/inventory/"+sku, map[string]any{"delta": 2, "reason": "delivery"})
	reader, _ := program("users:read", "orders:read")
	require.Equal(t, u.Email, must[user](t, reader, http.StatusOK, "GET", "/v1/users/"+u.ID, nil).Email)
	must[order](t, reader, http.StatusOK, "GET", "/v1/orders/"+o.ID, nil)
	must[any](t, reader, http.StatusOK, "GET", "/v1/orders?customer=all", nil)
	writer, _ := program("catalog:write")
	slug := "e2e-" + uuid.NewString()[:8]
	must[any](t, writer, http.StatusCreated, "POST", "/v1/categories", map[string]any{"slug": slug, "name": "Prueba"})
	must[any](t, writer, http.StatusOK, "GET", "/v1/products/"+p.ID, nil)
	must[any](t, manager, http.StatusNoContent, "DELETE", "/v1/categories/"+slug, nil)

	for _, tt := range []struct {
		who          *client
		method, path string
		body         any
	}{
		{reader, "POST", "/v1/orders/" + o.ID + "/ship", nil},
		{reader, "GET", "/v1/me", nil},
		{writer, "GET", "/v1/orders?customer=all", nil},
		{reader, "GET", "/v1/cart", nil},
		{reader, "GET", "/v1/ops/service-accounts", nil},
		{reader, "GET", "/v1/products", nil},
		{writer, "PATCH", "/v1/inventory/" + sku, map[string]any{"delta": 1, "reason": "x"}},
		{writer, "GET", "/v1/users/" + u.ID, nil},
		{stockKeeper, "DELETE", "/v1/products/" + p.ID, nil},
		{fulfil, "POST", "/v1/orders/" + o.ID + "/cancel", nil},
	} {
		require.Equal(t, "scope_missing", tt.who.refused(t, http.StatusForbidden, tt.method, tt.path, tt.body).Code, "%s %s", tt.method, tt.path)
	}

	path := "/v1/ops/service-accounts/" + m.ClientID
	require.NotEqual(t, m.Secret, must[serviceAccount](t, admin, http.StatusOK, "POST", path+"/secret", nil).Secret)
	must[any](t, admin, http.StatusNoContent, "DELETE", path, nil)
	found := false
	for _, a := range must[list[serviceAccount]](t, admin, http.StatusOK, "GET", "/v1/ops/service-accounts?limit=100", nil).Items {
		require.Empty(t, a.Secret)
		found = found || a.ClientID == m.ClientID && a.Revoked != ""
	}
	require.True(t, found, "a revoked account stays in the list")
	guest().refused(t, http.StatusUnauthorized, "POST", "/v1/auth/token", map[string]string{"grant_type": "client_credentials", "client_id": m.ClientID, "client_secret": m.Secret})
	c.refused(t, http.StatusForbidden, "POST", "/v1/ops/service-accounts", map[string]any{"name": "x", "scopes": []string{"users:read"}})
}

// The documents that clients of other makes read can be kept and asked for again.
func TestDiscovery(t *testing.T) {
	for _, path := range []string{"/.well-known/openid-configuration", "/.well-known/jwks.json"} {
		a := guest().call(t, "GET", path, nil)
		require.Equal(t, http.StatusOK, a.status)
		require.Contains(t, a.header.Get("Cache-Control"), "public, max-age=")
		require.NotEmpty(t, a.header.Get("ETag"))
		b := guest().call(t, "GET", path, nil, "If-None-Match", a.header.Get("ETag"))
		require.Equal(t, http.StatusNotModified, b.status)
		require.Empty(t, b.body)
	}
	d := must[struct {
		Issuer string `json:"issuer"`
		Token  string `json:"token_endpoint"`
	}](t, guest(), http.StatusOK, "GET", "/.well-known/openid-configuration", nil)
	require.Equal(t, the.Gateway, d.Issuer)
	require.Equal(t, the.Gateway+"/v1/auth/token", d.Token)
}
