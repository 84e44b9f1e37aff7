package api

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
	"tienda/internal/contract/contracttest"
)

// tryLifecycle walks the routes of this file once, over the account of c.
func (s *service) tryLifecycle(t *testing.T, c caller.Caller) {
	t.Helper()
	require.NoError(t, s.directory.Refresh(t.Context()))
	require.NotEmpty(t, s.ok(t, admin, "GET", "/v1/users?q=ana", nil, 200)["items"])
	require.NotEmpty(t, s.ok(t, c, "GET", "/v1/me/security-events", nil, 200)["items"])
	require.NotEmpty(t, s.ok(t, admin, "GET", "/v1/ops/audit", nil, 200)["items"])
	s.ok(t, c, "GET", "/v1/me/export", nil, 200)
	s.ok(t, admin, "POST", "/v1/users/"+c.UserID+"/disable", obj{"reason": "a test"}, 200)
	s.ok(t, admin, "POST", "/v1/users/"+c.UserID+"/enable", nil, 200)
	s.ok(t, c, "POST", "/v1/me/delete", obj{"password": "a good password"}, 204)
	s.ok(t, admin, "DELETE", "/v1/users/"+c.UserID, nil, 204)
}

// stored registers an account with roles, as an admin has to be one in the
// store for some things.
func (s *service) stored(t *testing.T, email string, roles ...caller.Role) caller.Caller {
	t.Helper()
	c := s.register(t, email)
	s.ok(t, admin, "PUT", "/v1/users/"+c.UserID+"/roles", obj{"roles": roles}, 200)
	c.Roles = append(c.Roles, roles...)
	return c
}

func (s *service) refused(t *testing.T, as caller.Caller, method, path string, body any, status int, code string) {
	t.Helper()
	a := s.call(t, as, method, path, body)
	require.Equal(t, status, a.Status, "%s", a.Body)
	got, _ := a.Problem(t)
	require.Equal(t, code, got)
}

func kinds(list obj) []string {
	var out []string
	for _, i := range list["items"].([]any) {
		out = append(out, i.(obj)["kind"].(string))
	}
	return out
}

func TestDisabledAccount(t *testing.T) {
	s := newService(t)
	s.useKey(t)
	ana := s.register(t, "ana@example.com")
	first := s.signIn(t, "ana@example.com")
	path := "/v1/users/" + ana.UserID
	etag := s.call(t, admin, "GET", path, nil).Header.Get("ETag")
	stale := s.Do(t, contracttest.Request{Method: "POST", Path: path + "/disable", As: admin, Body: obj{"reason": "fraud"}, Header: http.Header{"If-Match": {`"9"`}}})
	require.Equal(t, 412, stale.Status)
	a := s.Do(t, contracttest.Request{Method: "POST", Path: path + "/disable", As: admin, Body: obj{"reason": "fraud"}, Header: http.Header{"If-Match": {etag}}})
	require.Equal(t, 200, a.Status, "%s", a.Body)
	var u obj
	a.JSON(t, &u)
	require.Equal(t, true, u["disabled"])
	again := s.call(t, admin, "POST", path+"/disable", obj{"reason": "twice"})
	require.Equal(t, a.Header.Get("ETag"), again.Header.Get("ETag"), "no change, no new version")

	s.refused(t, nobody, "POST", "/v1/auth/token", grant("ana@example.com", obj{"password": "wrong password"}), 401, "invalid_credentials")
	s.refused(t, nobody, "POST", "/v1/auth/token", grant("ana@example.com", nil), 403, "account_disabled")
	s.refused(t, nobody, "POST", "/v1/auth/token", obj{"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}, 401, "invalid_refresh_token")
	require.Empty(t, s.ok(t, ana, "GET", "/v1/auth/sessions", nil, 200)["items"], "every session has ended")
	require.Contains(t, s.events.Types(), "tienda.users.session_revoked")
	s.refused(t, caller.Caller{App: "orders"}, "GET", "/internal/v1/users/"+ana.UserID+"/checkout", nil, 404, "not_found")
	s.refused(t, caller.Caller{App: "support"}, "GET", "/internal/v1/users/"+ana.UserID+"/contact", nil, 404, "not_found")

	s.ok(t, admin, "POST", path+"/enable", nil, 200)
	s.refused(t, nobody, "POST", "/v1/auth/token", obj{"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}, 401, "invalid_refresh_token")
	s.signIn(t, "ana@example.com")
	trail := s.ok(t, admin, "GET", "/v1/ops/audit?user_id="+ana.UserID, nil, 200)
	require.Equal(t, []string{"signed_in", "enabled", "disabled", "signed_in", "registered"}, kinds(trail))
	told := trail["items"].([]any)[2].(obj)
	require.Equal(t, "fraud", told["note"])
	require.Equal(t, admin.UserID, told["actor_id"])
	own := s.ok(t, ana, "GET", "/v1/me/security-events", nil, 200)["items"].([]any)[2].(obj)
	require.Equal(t, "staff", own["actor_id"], "who and why is not for the account's owner")
	require.NotContains(t, own, "note")
}

// Who loses a role is signed out, so that no token goes on naming it; who is
// given one stays.
func TestALostRoleEndsTheSessions(t *testing.T) {
	s := newService(t)
	s.useKey(t)
	ana := s.register(t, "ana@example.com")
	path := "/v1/users/" + ana.UserID + "/roles"
	first := s.signIn(t, "ana@example.com")
	s.ok(t, admin, "PUT", path, obj{"roles": []string{"support_agent", "catalog_manager"}}, 200)
	renewed := s.ok(t, nobody, "POST", "/v1/auth/token", obj{"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}, 200)
	s.ok(t, admin, "PUT", path, obj{"roles": []string{"catalog_manager"}}, 200)
	require.Empty(t, s.ok(t, ana, "GET", "/v1/auth/sessions", nil, 200)["items"])
	s.refused(t, nobody, "POST", "/v1/auth/token", obj{"grant_type": "refresh_token", "refresh_token": renewed["refresh_token"]}, 401, "invalid_refresh_token")
	revoked := s.ok(t, caller.Caller{App: "gateway"}, "GET", "/internal/v1/revocations", nil, 200)["sessions"]
	require.Contains(t, revoked, renewed["session_id"])
	again := s.signIn(t, "ana@example.com")
	s.ok(t, admin, "PUT", path, obj{"roles": []string{"catalog_manager"}}, 200)
	s.ok(t, nobody, "POST", "/v1/auth/token", obj{"grant_type": "refresh_token", "refresh_token": again["refresh_token"]}, 200)
}

// What is done to keys and service accounts is in the trail.
func TestTrailOfKeysAndMachines(t *testing.T) {
	s := newService(t)
	s.useKey(t)
	made := s.ok(t, admin, "POST", "/v1/ops/service-accounts", obj{"name": "ERP", "scopes": []string{"users:read"}}, 201)
	id := made["client_id"].(string)
	in := func(secret any) obj {
		return obj{"grant_type": "client_credentials", "client_id": id, "client_secret": secret}
	}
	s.ok(t, nobody, "POST", "/v1/auth/token", in(made["client_secret"]), 200)
	s.refused(t, nobody, "POST", "/v1/auth/token", in("tienda_sa_wrong"), 401, "invalid_client")
	s.ok(t, admin, "POST", "/v1/ops/service-accounts/"+id+"/secret", nil, 200)
	s.ok(t, admin, "DELETE", "/v1/ops/service-accounts/"+id, nil, 204)
	s.ok(t, admin, "DELETE", "/v1/ops/service-accounts/"+id, nil, 204)
	trail := s.ok(t, admin, "GET", "/v1/ops/audit?user_id="+id, nil, 200)
	require.Equal(t, []string{"service_account_revoked", "service_account_secret_changed", "signed_in", "service_account_created"}, kinds(trail))
	require.Equal(t, id, trail["items"].([]any)[2].(obj)["actor_id"])
	require.Equal(t, admin.UserID, trail["items"].([]any)[3].(obj)["actor_id"])
	require.NoError(t, s.trail.Flush(t.Context(), true))
	require.Len(t, s.ok(t, admin, "GET", "/v1/ops/audit?kind=sign_in_failed", nil, 200)["items"], 1)

	s.ok(t, admin, "POST", "/v1/ops/signing-keys/rotate", nil, 200)
	s.ok(t, admin, "POST", "/v1/ops/signing-keys/rotate", obj{"compromised": true}, 200)
	items := s.ok(t, admin, "GET", "/v1/ops/audit?kind=key_rotated", nil, 200)["items"].([]any)
	var who [][]any // in the order of the milliseconds
	for _, item := range items {
		e := item.(obj)
		require.NotEmpty(t, e["detail"].(obj)["kid"])
		who = append(who, []any{e["actor_id"], e["detail"].(obj)["others_dropped"]})
	}
	require.ElementsMatch(t, [][]any{{admin.UserID, "true"}, {admin.UserID, "false"}, {"users", "false"}}, who)
}

// Nobody does it to the own account, and there is always an admin left.
func TestAdmins(t *testing.T) {
	s := newService(t)
	alba, eva := s.stored(t, "alba@example.com", caller.Admin), s.stored(t, "eva@example.com", caller.Admin)
	s.refused(t, alba, "POST", "/v1/users/"+alba.UserID+"/disable", obj{"reason": "x"}, 403, "own_account")
	s.refused(t, alba, "DELETE", "/v1/users/"+alba.UserID, nil, 403, "own_account")
	s.refused(t, alba, "PUT", "/v1/users/"+alba.UserID+"/roles", obj{"roles": []string{}}, 403, "own_roles")
	s.refused(t, alba, "POST", "/v1/me/delete", obj{"password": "a good password"}, 409, "admin_account")
	s.refused(t, alba, "DELETE", "/v1/users/"+eva.UserID, nil, 409, "admin_account")
	s.ok(t, alba, "PUT", "/v1/users/"+eva.UserID+"/roles", obj{"roles": []string{}}, 200)
	// eva's token still says admin.
	for _, c := range []struct {
		method, path string
		body         any
	}{
		{"PUT", "/roles", obj{"roles": []string{}}}, {"POST", "/disable", obj{"reason": "x"}},
	} {
		s.refused(t, eva, c.method, "/v1/users/"+alba.UserID+c.path, c.body, 403, "role_missing")
	}
	s.ok(t, alba, "DELETE", "/v1/users/"+eva.UserID, nil, 204)
}

func TestErasure(t *testing.T) {
	s := newService(t)
	s.useKey(t)
	ana := s.register(t, "ana@example.com")
	first := s.signIn(t, "ana@example.com")
	s.ok(t, ana, "POST", "/v1/me/addresses", madrid(), 201)
	s.refused(t, ana, "POST", "/v1/me/delete", obj{"password": "wrong password"}, 422, "wrong_password")
	s.ok(t, ana, "POST", "/v1/me/delete", obj{"password": "a good password"}, 204)

	for _, path := range []string{"/v1/me", "/v1/me/export", "/v1/me/addresses"} {
		s.refused(t, ana, "GET", path, nil, 401, "account_gone")
	}
	s.refused(t, ana, "PATCH", "/v1/me", obj{"name": "Back"}, 401, "account_gone")
	s.refused(t, nobody, "POST", "/v1/auth/token", grant("ana@example.com", nil), 401, "invalid_credentials")
	s.refused(t, nobody, "POST", "/v1/auth/token", obj{"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}, 401, "invalid_refresh_token")
	for _, c := range []struct {
		method, path string
		body         any
	}{
		{"PUT", "/roles", obj{"roles": []string{"admin"}}}, {"POST", "/disable", obj{"reason": "x"}}, {"POST", "/enable", nil},
	} {
		s.refused(t, admin, c.method, "/v1/users/"+ana.UserID+c.path, c.body, 404, "not_found")
	}
	left := s.ok(t, agent, "GET", "/v1/users/"+ana.UserID, nil, 200)
	require.Equal(t, "Deleted account", left["name"])
	require.Empty(t, left["email"])
	require.NotEmpty(t, left["deleted_at"])
	require.Equal(t, left, s.ok(t, caller.Caller{App: "support"}, "GET", "/internal/v1/users/"+ana.UserID, nil, 200))
	s.ok(t, admin, "DELETE", "/v1/users/"+ana.UserID, nil, 204)
	s.refused(t, admin, "DELETE", "/v1/users/"+uuid.NewString(), nil, 404, "not_found")

	for _, item := range s.snapshot(t) {
		if strings.HasPrefix(item.Key, "mail:") { // dropped at its next try, which finds nobody
			continue
		}
		for _, personal := range []string{"ana@example.com", "Calle Mayor", "28013", `"Ana"`} {
			require.NotContains(t, string(item.Value), personal, "%s", item.Key)
		}
	}
	require.Empty(t, s.store.Keys("email:"))
	trail := s.ok(t, admin, "GET", "/v1/ops/audit?user_id="+ana.UserID, nil, 200)
	require.Equal(t, []string{"deleted", "signed_in", "registered"}, kinds(trail))

	// The e-mail is free, and who takes it is somebody else.
	other := s.register(t, "ana@example.com")
	require.NotEqual(t, ana.UserID, other.UserID)
	require.Equal(t, 2, strings.Count(strings.Join(s.events.Types(), " "), "registered"))
	require.Equal(t, 1, strings.Count(strings.Join(s.events.Types(), " "), "deleted"))
}

func TestExport(t *testing.T) {
	s := newService(t)
	s.useKey(t)
	ana, bob := s.register(t, "ana@example.com"), s.register(t, "bob@example.com")
	ana.Session = s.signIn(t, "ana@example.com")["session_id"].(string)
	bob.Session = s.signIn(t, "bob@example.com")["session_id"].(string)
	s.ok(t, ana, "POST", "/v1/me/addresses", madrid(), 201)
	a := s.call(t, ana, "GET", "/v1/me/export", nil)
	require.Equal(t, 200, a.Status, "%s", a.Body)
	require.Equal(t, "no-store", a.Header.Get("Cache-Control"))
	var out obj
	a.JSON(t, &out)
	require.Equal(t, "ana@example.com", out["account"].(obj)["email"])
	require.Len(t, out["addresses"], 1)
	require.Len(t, out["sessions"], 1)
	require.Equal(t, []string{"exported", "signed_in", "registered"}, kinds(obj{"items": out["security_events"]}))
	for _, secret := range []string{"hash", "argon2", bob.UserID, bob.Session, "bob@"} {
		require.NotContains(t, string(a.Body), secret)
	}
}

// Each sees the own trail only, and nobody but admins that of all.
func TestTrailsAreApart(t *testing.T) {
	s := newService(t)
	s.useKey(t)
	ana, bob := s.register(t, "ana@example.com"), s.register(t, "bob@example.com")
	for range 3 {
		s.signIn(t, "ana@example.com")
	}
	page := s.ok(t, ana, "GET", "/v1/me/security-events?limit=2", nil, 200)
	require.Len(t, page["items"], 2)
	stolen := s.ok(t, bob, "GET", "/v1/me/security-events?cursor="+page["next_cursor"].(string), nil, 200)
	for _, e := range stolen["items"].([]any) {
		require.Equal(t, bob.UserID, e.(obj)["actor_id"], "a cursor opens nobody else's trail")
	}
	s.refused(t, ana, "GET", "/v1/me/security-events?user_id="+bob.UserID, nil, 400, "invalid_request")
	s.refused(t, ana, "GET", "/v1/me/security-events?cursor=nonsense", nil, 400, "invalid_request")
	for _, as := range []caller.Caller{ana, agent} {
		s.refused(t, as, "GET", "/v1/ops/audit", nil, 403, "role_missing")
		s.refused(t, as, "DELETE", "/v1/users/"+bob.UserID, nil, 403, "role_missing")
		s.refused(t, as, "POST", "/v1/users/"+bob.UserID+"/disable", obj{"reason": "x"}, 403, "role_missing")
		s.refused(t, as, "POST", "/v1/users/"+bob.UserID+"/enable", nil, 403, "role_missing")
	}
	s.refused(t, ana, "GET", "/v1/users?q=bob", nil, 403, "role_missing")
	s.refused(t, nobody, "GET", "/v1/users", nil, 401, "sign_in")
	s.refused(t, admin, "GET", "/v1/ops/audit?kind=unknown", nil, 400, "invalid_request")
	s.refused(t, admin, "GET", "/v1/ops/audit?from=yesterday", nil, 400, "invalid_request")
}

// The trail says from where, as the gateway and the client tell.
func TestOriginOfEvents(t *testing.T) {
	s := newService(t)
	s.useKey(t)
	ana := s.register(t, "ana@example.com")
	a := s.Do(t, contracttest.Request{
		Method: "POST", Path: "/v1/auth/token", Body: grant("ana@example.com", nil),
		Header: http.Header{"User-Agent": {"curl \xff"}, "Tienda-Address": {"203.0.113.7"}, "X-Request-Id": {"the-request"}},
	})
	require.Equal(t, 200, a.Status, "%s", a.Body)
	e := s.ok(t, admin, "GET", "/v1/ops/audit?kind=signed_in", nil, 200)["items"].([]any)[0].(obj)
	require.Equal(t, ana.UserID, e["user_id"])
	require.Equal(t, ana.UserID, e["actor_id"])
	require.Equal(t, "curl ?", e["user_agent"])
	require.Equal(t, true, e["intact"])
	require.NotEmpty(t, e["request_id"])
	for _, item := range s.snapshot(t) {
		require.NotContains(t, string(item.Value), "203.0.113.7", "%s holds an address in the clear", item.Key)
	}
}

// Failed sign-ins are counted, apart from the request, and cannot fill the store.
func TestFailedSignIns(t *testing.T) {
	s := newService(t)
	s.useKey(t)
	ana := s.register(t, "ana@example.com")
	kept := func() int { return len(s.store.Keys("")) - len(s.store.Keys("guard:")) }
	before := kept()
	const n = 5 // more would have to wait
	for range n {
		s.refused(t, nobody, "POST", "/v1/auth/token", grant("ana@example.com", obj{"password": "wrong password"}), 401, "invalid_credentials")
		s.refused(t, nobody, "POST", "/v1/auth/token", grant(uuid.NewString()+"@example.com", obj{"password": "wrong password"}), 401, "invalid_credentials")
	}
	require.Equal(t, before, kept(), "a request counts its failure, for a stranger as for a customer, and notes nothing")
	require.NoError(t, s.trail.Flush(t.Context(), false))
	require.NoError(t, s.trail.Flush(t.Context(), true))
	list := s.ok(t, admin, "GET", "/v1/ops/audit?kind=sign_in_failed", nil, 200)["items"].([]any)
	require.Len(t, list, 4)
	counts := map[any][]any{}
	for _, i := range list {
		e := i.(obj)
		counts[e["user_id"]] = append(counts[e["user_id"]], e["detail"].(obj)["count"])
	}
	require.ElementsMatch(t, []any{"1", strconv.Itoa(n - 1)}, counts[ana.UserID])
	require.ElementsMatch(t, []any{"1", strconv.Itoa(n - 1)}, counts[nil])
}

func TestStaffSearch(t *testing.T) {
	s := newService(t)
	ana := s.register(t, "ana@example.com")
	bob := s.stored(t, "bob@shop.example", caller.SupportAgent)
	s.ok(t, admin, "POST", "/v1/users/"+bob.UserID+"/disable", obj{"reason": "left"}, 200)
	exact := func(q string) obj { return s.ok(t, agent, "GET", "/v1/users?q="+q, nil, 200) }
	require.Equal(t, ana.UserID, exact("ANA@example.com")["items"].([]any)[0].(obj)["id"], "at once, before the list knows it")
	require.Equal(t, "ana@example.com", exact(ana.UserID)["items"].([]any)[0].(obj)["email"])
	require.NoError(t, s.directory.Refresh(t.Context()))
	ids := func(as caller.Caller, query string) (out []string) {
		for _, i := range s.ok(t, as, "GET", "/v1/users"+query, nil, 200)["items"].([]any) {
			out = append(out, i.(obj)["id"].(string))
		}
		return out
	}
	require.Equal(t, []string{bob.UserID, ana.UserID}, ids(admin, ""))
	require.Equal(t, []string{bob.UserID}, ids(admin, "?role=support_agent"))
	require.Equal(t, []string{bob.UserID}, ids(admin, "?disabled=true"))
	require.Equal(t, []string{ana.UserID}, ids(admin, "?disabled=false"))
	require.Equal(t, []string{bob.UserID}, ids(agent, "?q=SHOP.example"))
	require.Empty(t, ids(agent, "?q=nobody@example.com"))
	s.refused(t, agent, "GET", "/v1/users", nil, 403, "search_needed")
	s.refused(t, agent, "GET", "/v1/users?q=an", nil, 403, "search_needed")
	s.refused(t, agent, "GET", "/v1/users?q=ana&role=admin", nil, 403, "role_missing")
	s.refused(t, agent, "GET", "/v1/users?q=ana&disabled=true", nil, 403, "role_missing")
	first := s.ok(t, admin, "GET", "/v1/users?limit=1", nil, 200)
	require.Equal(t, []string{ana.UserID}, ids(admin, "?limit=1&cursor="+first["next_cursor"].(string)))
	s.refused(t, admin, "GET", "/v1/users?cursor=nonsense", nil, 400, "invalid_request")
	s.refused(t, admin, "GET", "/v1/users?cursor=e30", nil, 400, "invalid_request")

	s.ok(t, admin, "DELETE", "/v1/users/"+ana.UserID, nil, 204)
	require.NoError(t, s.directory.Refresh(t.Context()))
	require.Equal(t, []string{bob.UserID}, ids(admin, ""))
	raw, err := json.Marshal(exact(ana.UserID))
	require.NoError(t, err)
	require.JSONEq(t, `{"items":[]}`, string(raw), "a deleted account is not found")
}
