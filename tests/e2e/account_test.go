package e2e

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
)

// An account from registration to the last session, every route of it.
func TestAccount(t *testing.T) {
	c, u := newCustomer(t)
	require.Equal(t, []string{"customer"}, u.Roles)
	require.Equal(t, "email_taken", guest().refused(t, http.StatusConflict, "POST", "/v1/users",
		map[string]string{"email": u.Email, "password": "another password", "name": "X"}).Code)
	me := must[user](t, c, http.StatusOK, "PATCH", "/v1/me", map[string]string{"name": "Lucía María"})
	require.Equal(t, u.ID, me.ID)
	must[user](t, c, http.StatusOK, "GET", "/v1/me", nil)
	must[any](t, c, http.StatusOK, "GET", "/v1/me/preferences", nil)

	a := must[address](t, c, http.StatusCreated, "POST", "/v1/me/addresses", madrid)
	changed := madrid
	changed.City = "Sevilla"
	require.Equal(t, "Sevilla", must[address](t, c, http.StatusOK, "PUT", "/v1/me/addresses/"+a.ID, changed).City)
	require.Equal(t, "Sevilla", must[address](t, c, http.StatusOK, "GET", "/v1/me/addresses/"+a.ID, nil).City)
	require.Len(t, must[list[address]](t, c, http.StatusOK, "GET", "/v1/me/addresses", nil).Items, 1)
	must[any](t, c, http.StatusNoContent, "DELETE", "/v1/me/addresses/"+a.ID, nil)

	// Refresh tokens are used once; the second use ends the session.
	first := c.refresh
	tk := must[tokens](t, guest(), http.StatusOK, "POST", "/v1/auth/token", map[string]string{"grant_type": "refresh_token", "refresh_token": first})
	require.NotEqual(t, first, tk.RefreshToken)
	guest().refused(t, http.StatusUnauthorized, "POST", "/v1/auth/token", map[string]string{"grant_type": "refresh_token", "refresh_token": "nonsense"})

	other := guest()
	other.login(t, u.Email, "a long password")
	sessions := must[list[struct {
		ID string `json:"id"`
	}]](t, c, http.StatusOK, "GET", "/v1/auth/sessions", nil)
	require.Len(t, sessions.Items, 2)
	must[any](t, c, http.StatusNoContent, "DELETE", "/v1/auth/sessions/"+other.session, nil)
	guest().refused(t, http.StatusUnauthorized, "POST", "/v1/auth/token", map[string]string{"grant_type": "refresh_token", "refresh_token": other.refresh})
	a2 := c.call(t, "POST", "/v1/auth/logout", nil)
	require.Less(t, a2.status, 300)
	guest().refused(t, http.StatusUnauthorized, "POST", "/v1/auth/token", map[string]string{"grant_type": "refresh_token", "refresh_token": tk.RefreshToken})
	keys := must[struct {
		Keys []struct {
			Kid string `json:"kid"`
		} `json:"keys"`
	}](t, guest(), http.StatusOK, "GET", "/.well-known/jwks.json", nil)
	require.NotEmpty(t, keys.Keys)
}

// Staff: an admin gives a role, an agent looks a user up.
func TestStaffAndRoles(t *testing.T) {
	admin, agent := staff(t, caller.Admin), staff(t, caller.SupportAgent)
	c, u := newCustomer(t)
	require.Equal(t, u.Email, must[user](t, agent, http.StatusOK, "GET", "/v1/users/"+u.ID, nil).Email)
	agent.refused(t, http.StatusForbidden, "PUT", "/v1/users/"+u.ID+"/roles", map[string]any{"roles": []string{"admin"}})
	got := must[user](t, admin, http.StatusOK, "PUT", "/v1/users/"+u.ID+"/roles", map[string]any{"roles": []string{"customer", "catalog_manager"}})
	require.Contains(t, got.Roles, "catalog_manager")
	c.refused(t, http.StatusForbidden, "POST", "/v1/categories", map[string]any{"slug": "x", "name": "X"})
	c.login(t, u.Email, "a long password")
	slug := "e2e-" + u.ID[len(u.ID)-8:]
	must[any](t, c, http.StatusCreated, "POST", "/v1/categories", map[string]any{"slug": slug, "name": "Prueba"})
	must[any](t, c, http.StatusOK, "PUT", "/v1/categories/"+slug, map[string]any{"name": "Pruebas"})
	must[any](t, c, http.StatusNoContent, "DELETE", "/v1/categories/"+slug, nil)
	requireEvents(t, u.ID, "tienda.users.registered", "tienda.users.roles_changed")
}

// A product's life by staff: changed under If-Match, renamed, deleted.
func TestCatalogStaff(t *testing.T) {
	m := staff(t, caller.CatalogManager)
	p, sku := ownProduct(t, 1)
	read := m.call(t, "GET", "/v1/products/"+p.ID, nil)
	require.Equal(t, http.StatusOK, read.status)
	changed := map[string]any{"slug": p.Slug + "-2", "name": "Taza cambiada", "description": "", "category": p.Category, "status": "published",
		"variants": []map[string]any{{"sku": sku, "name": "única", "prices": []money{{999, "EUR"}}}}}
	m.refused(t, http.StatusPreconditionFailed, "PUT", "/v1/products/"+p.ID, changed, "If-Match", `"999"`)
	require.Equal(t, "Taza cambiada", must[product](t, m, http.StatusOK, "PUT", "/v1/products/"+p.ID, changed, "If-Match", read.header.Get("ETag")).Name)
	require.Equal(t, p.ID, must[product](t, guest(), http.StatusOK, "GET", "/v1/products/"+p.Slug+"-2", nil).ID)
	tag := guest().call(t, "GET", "/v1/products/"+p.ID, nil).header.Get("ETag")
	require.Equal(t, http.StatusNotModified, guest().call(t, "GET", "/v1/products/"+p.ID, nil, "If-None-Match", tag).status)
	must[any](t, m, http.StatusNoContent, "DELETE", "/v1/products/"+p.ID, nil)
	m.refused(t, http.StatusNotFound, "GET", "/v1/products/"+p.ID, nil)
	eventually(t, "guests no longer see it", func() bool {
		return guest().call(t, "GET", "/v1/products/"+p.ID, nil).status == http.StatusNotFound
	})
	guest().refused(t, http.StatusUnprocessableEntity, "PUT", "/v1/cart/items/"+sku, map[string]int{"quantity": 1})
}

// The small routes that no flow above walks.
func TestOtherRoutes(t *testing.T) {
	_, sku := ownProduct(t, 5)
	c, _ := newCustomer(t)
	agent := staff(t, caller.SupportAgent)
	put(t, c, sku, 1)
	must[any](t, c, http.StatusNoContent, "DELETE", "/v1/cart/items/"+sku, nil)
	put(t, c, sku, 1)
	must[any](t, c, http.StatusNoContent, "DELETE", "/v1/cart", nil)

	put(t, c, sku, 2)
	o := must[order](t, c, http.StatusCreated, "POST", "/v1/orders", map[string]any{"payment_method": "invoice", "address": madrid}, "Idempotency-Key", "other-routes-"+sku)
	c.refused(t, http.StatusUnprocessableEntity, "POST", "/v1/orders", map[string]any{"payment_method": "cash_on_delivery", "address": madrid}, "Idempotency-Key", "other-routes-"+sku)
	must[order](t, agent, http.StatusOK, "POST", "/v1/orders/"+o.ID+"/ship", nil)
	must[order](t, agent, http.StatusOK, "POST", "/v1/orders/"+o.ID+"/deliver", nil)
	r := must[returned](t, c, http.StatusCreated, "POST", "/v1/returns", map[string]any{"order_id": o.ID, "lines": []map[string]any{{"sku": sku, "quantity": 1, "reason": "other"}}})
	must[returned](t, c, http.StatusOK, "GET", "/v1/returns/"+r.ID, nil)
	require.NotEmpty(t, must[list[returned]](t, c, http.StatusOK, "GET", "/v1/returns", nil).Items)
	require.Equal(t, "rejected", must[returned](t, agent, http.StatusOK, "POST", "/v1/returns/"+r.ID+"/reject", map[string]string{"reason": "used"}).Status)

	tk := must[ticket](t, c, http.StatusCreated, "POST", "/v1/tickets", map[string]any{"subject": "S", "message": "M"})
	must[ticket](t, c, http.StatusOK, "GET", "/v1/tickets/"+tk.ID, nil)
	require.NotEmpty(t, must[list[ticket]](t, c, http.StatusOK, "GET", "/v1/tickets", nil).Items)
	require.NotEmpty(t, must[list[ticket]](t, agent, http.StatusOK, "GET", "/v1/tickets?status=open", nil).Items)
}
