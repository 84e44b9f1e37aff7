package e2e

import (
	"encoding/json"
	"net/http"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
)

type securityEvent struct {
	ID        string            `json:"id"`
	Kind      string            `json:"kind"`
	UserID    string            `json:"user_id"`
	ActorID   string            `json:"actor_id"`
	SessionID string            `json:"session_id"`
	RequestID string            `json:"request_id"`
	Note      string            `json:"note"`
	Detail    map[string]string `json:"detail"`
	Intact    bool              `json:"intact"`
}

type fullUser struct {
	user
	Name      string `json:"name"`
	Disabled  bool   `json:"disabled"`
	DeletedAt string `json:"deleted_at"`
}

type forgettable struct {
	order
	Email string `json:"email"`
	Note  string `json:"note"`
}

const password = "a long password"

// kindsOf gives the security events of an account as an admin reads them.
func kindsOf(t testing.TB, userID string) (kinds []string) {
	t.Helper()
	for _, e := range must[list[securityEvent]](t, staff(t, caller.Admin), http.StatusOK, "GET", "/v1/ops/audit?limit=100&user_id="+userID, nil).Items {
		require.True(t, e.Intact)
		require.Equal(t, userID, e.UserID)
		kinds = append(kinds, e.Kind)
	}
	return kinds
}

// Staff find an account as soon as it is there, by its e-mail, and within
// seconds by everything else.
func TestStaffSearch(t *testing.T) {
	admin, agent := staff(t, caller.Admin), staff(t, caller.SupportAgent)
	c, u := newCustomer(t)
	require.Equal(t, u.ID, must[list[user]](t, agent, http.StatusOK, "GET", "/v1/users?q="+u.Email, nil).Items[0].ID)
	found := func(query string) func() bool {
		return func() bool {
			got := must[list[user]](t, admin, http.StatusOK, "GET", "/v1/users"+query, nil).Items
			return len(got) > 0 && got[0].ID == u.ID
		}
	}
	eventually(t, "the list shows the account", found("?role=customer&q="+u.Email[:len(u.Email)-4]))
	must[user](t, c, http.StatusOK, "PATCH", "/v1/me", map[string]string{"name": "Xoana " + u.ID[24:]})
	eventually(t, "the list shows the new name", found("?q=xoana%20"+u.ID[24:]))
	require.Equal(t, "search_needed", agent.refused(t, http.StatusForbidden, "GET", "/v1/users", nil).Code)
	require.Equal(t, "role_missing", agent.refused(t, http.StatusForbidden, "GET", "/v1/users?q=xoana&role=admin", nil).Code)
	c.refused(t, http.StatusForbidden, "GET", "/v1/users?q=xoana", nil)
	guest().refused(t, http.StatusUnauthorized, "GET", "/v1/users?q=xoana", nil)

	first := must[list[user]](t, admin, http.StatusOK, "GET", "/v1/users?limit=1", nil)
	require.NotEmpty(t, first.NextCursor)
	second := must[list[user]](t, admin, http.StatusOK, "GET", "/v1/users?limit=1&cursor="+first.NextCursor, nil)
	require.NotEqual(t, first.Items[0].ID, second.Items[0].ID)
}

// A disabled account can do nothing more, and only who knows its password is told.
func TestDisabledAccount(t *testing.T) {
	admin := staff(t, caller.Admin)
	c, u := newCustomer(t)
	path := "/v1/users/" + u.ID
	c.refused(t, http.StatusForbidden, "POST", path+"/disable", map[string]string{"reason": "x"})
	staff(t, caller.SupportAgent).refused(t, http.StatusForbidden, "POST", path+"/disable", map[string]string{"reason": "x"})
	admin.refused(t, http.StatusPreconditionFailed, "POST", path+"/disable", map[string]string{"reason": "x"}, "If-Match", `"99"`)
	require.True(t, must[fullUser](t, admin, http.StatusOK, "POST", path+"/disable", map[string]string{"reason": "stolen card"}).Disabled)

	signIn := func(pw string) map[string]string {
		return map[string]string{"grant_type": "password", "email": u.Email, "password": pw}
	}
	require.Equal(t, "invalid_credentials", guest().refused(t, http.StatusUnauthorized, "POST", "/v1/auth/token", signIn("another password")).Code)
	require.Equal(t, "account_disabled", guest().refused(t, http.StatusForbidden, "POST", "/v1/auth/token", signIn(password)).Code)
	guest().refused(t, http.StatusUnauthorized, "POST", "/v1/auth/token", map[string]string{"grant_type": "refresh_token", "refresh_token": c.refresh})
	require.False(t, must[fullUser](t, admin, http.StatusOK, "POST", path+"/enable", nil).Disabled)
	c.login(t, u.Email, password)
	eventually(t, "the failed sign-ins are in the trail", func() bool {
		return len(kindsOf(t, u.ID)) == 6
	})
	require.ElementsMatch(t, []string{"signed_in", "enabled", "sign_in_failed", "disabled", "signed_in", "registered"}, kindsOf(t, u.ID))
	all := must[list[securityEvent]](t, admin, http.StatusOK, "GET", "/v1/ops/audit?kind=disabled&limit=100", nil).Items
	require.Equal(t, u.ID, all[0].UserID)
	require.Equal(t, "stolen card", all[0].Note)
	require.NotEmpty(t, all[0].RequestID)
	own := must[list[securityEvent]](t, c, http.StatusOK, "GET", "/v1/me/security-events?limit=100", nil)
	for _, e := range own.Items {
		require.Contains(t, []string{"", u.ID, "staff"}, e.ActorID)
		require.Empty(t, e.Note)
	}
	requireEvents(t, u.ID, "tienda.users.registered", "tienda.users.disabled", "tienda.users.enabled")
}

// What the shop holds of a person can be taken along, and goes when the person
// goes; what the law wants of orders stays.
func TestExportAndErasure(t *testing.T) {
	c, u := newCustomer(t)
	other, _ := newCustomer(t)
	_, sku := ownProduct(t, 5)
	saved := must[address](t, c, http.StatusCreated, "POST", "/v1/me/addresses", madrid)
	prefs := must[map[string]any](t, c, http.StatusOK, "PUT", "/v1/me/preferences", map[string]any{
		"currency": "EUR", "language": "es", "marketing_mail": true, "default_address_id": saved.ID})
	require.NotEmpty(t, prefs["marketing_mail_at"])
	buy := func(key string) (o forgettable) {
		put(t, c, sku, 1)
		o = must[forgettable](t, c, http.StatusCreated, "POST", "/v1/orders", map[string]any{"payment_method": "invoice", "note": "ring twice"}, "Idempotency-Key", key+sku)
		require.Equal(t, []string{u.Email, "ring twice", madrid.Name}, []string{o.Email, o.Note, o.Address.Name})
		return o
	}
	open, cancelled := buy("open"), buy("cancelled")
	must[order](t, c, http.StatusOK, "POST", "/v1/orders/"+cancelled.ID+"/cancel", map[string]any{})

	a := c.call(t, "GET", "/v1/me/export", nil)
	require.Equal(t, http.StatusOK, a.status, "%s", a.body)
	var export struct {
		Account        fullUser        `json:"account"`
		Addresses      []address       `json:"addresses"`
		Sessions       []any           `json:"sessions"`
		SecurityEvents []securityEvent `json:"security_events"`
	}
	require.NoError(t, json.Unmarshal(a.body, &export))
	require.Equal(t, u.Email, export.Account.Email)
	require.Equal(t, saved.ID, export.Addresses[0].ID)
	require.Len(t, export.Sessions, 1)
	require.Equal(t, "exported", export.SecurityEvents[0].Kind)
	require.NotContains(t, string(a.body), "argon2")
	require.NotContains(t, string(a.body), c.refresh)

	require.Equal(t, "wrong_password", c.refused(t, http.StatusUnprocessableEntity, "POST", "/v1/me/delete", map[string]string{"password": "another password"}).Code)
	other.refused(t, http.StatusForbidden, "DELETE", "/v1/users/"+u.ID, nil)
	must[any](t, c, http.StatusNoContent, "POST", "/v1/me/delete", map[string]string{"password": password})
	guest().refused(t, http.StatusUnauthorized, "POST", "/v1/auth/token", map[string]string{"grant_type": "password", "email": u.Email, "password": password})
	guest().refused(t, http.StatusUnauthorized, "POST", "/v1/auth/token", map[string]string{"grant_type": "refresh_token", "refresh_token": c.refresh})
	admin, agent := staff(t, caller.Admin), staff(t, caller.SupportAgent)
	left := must[fullUser](t, agent, http.StatusOK, "GET", "/v1/users/"+u.ID, nil)
	require.Equal(t, "Deleted account", left.Name)
	require.NotEmpty(t, left.DeletedAt)
	require.Empty(t, left.Email)
	must[any](t, admin, http.StatusNoContent, "DELETE", "/v1/users/"+u.ID, nil)                        // a repeat
	kinds := slices.DeleteFunc(kindsOf(t, u.ID), func(k string) bool { return k == "sign_in_failed" }) // summed up, and noted later
	require.Equal(t, "deleted", kinds[0])
	read := func(id string) forgettable {
		return must[forgettable](t, agent, http.StatusOK, "GET", "/v1/orders/"+id, nil)
	}
	eventually(t, "orders forgets whose the cancelled order was", func() bool { return read(cancelled.ID).Email == "" })
	require.Equal(t, "deleted", read(cancelled.ID).Address.Name)
	require.Equal(t, u.Email, read(open.ID).Email, "an order under way can be delivered")
	must[order](t, agent, http.StatusOK, "POST", "/v1/orders/"+open.ID+"/ship", nil)
	must[order](t, agent, http.StatusOK, "POST", "/v1/orders/"+open.ID+"/deliver", nil)
	done := read(open.ID)
	require.Equal(t, []string{"", "", madrid.Name}, []string{done.Email, done.Note, done.Address.Name}, "the invoice stays")
	require.Equal(t, u.ID, done.UserID)
	requireEvents(t, u.ID, "tienda.users.registered", "tienda.users.profile_changed", "tienda.users.profile_changed", "tienda.users.deleted")
	must[user](t, guest(), http.StatusCreated, "POST", "/v1/users", map[string]string{"email": u.Email, "password": password, "name": "Eva"})
}

// Orders go by what the account prefers: currency, language, default address.
func TestPreferencesAtCheckout(t *testing.T) {
	c, _ := newCustomer(t)
	_, sku := ownProduct(t, 5)
	seville := madrid
	seville.City = "Sevilla"
	first := must[address](t, c, http.StatusCreated, "POST", "/v1/me/addresses", madrid)
	second := must[address](t, c, http.StatusCreated, "POST", "/v1/me/addresses", seville)
	must[any](t, c, http.StatusOK, "PUT", "/v1/me/preferences", map[string]any{
		"currency": "USD", "language": "pt-BR", "marketing_mail": false, "default_address_id": second.ID})
	type preferred struct {
		order
		Language string `json:"language"`
	}
	buy := func(key string, body map[string]any) preferred {
		put(t, c, sku, 1)
		return must[preferred](t, c, http.StatusCreated, "POST", "/v1/orders", body, "Idempotency-Key", key+sku)
	}
	o := buy("as-preferred-", map[string]any{"payment_method": "invoice"})
	require.Equal(t, []string{"USD", "pt-BR", "Sevilla"}, []string{o.Currency, o.Language, o.Address.City})
	o = buy("as-chosen-", map[string]any{"payment_method": "invoice", "currency": "EUR", "address_id": first.ID})
	require.Equal(t, []string{"EUR", "pt-BR", "Madrid"}, []string{o.Currency, o.Language, o.Address.City})
}
