package api

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
	"tienda/internal/contract"
	"tienda/internal/contract/contracttest"
)

func (s *service) form(t *testing.T, values url.Values) contracttest.Answer {
	t.Helper()
	return s.Do(t, contracttest.Request{Method: "POST", Path: "/v1/auth/token", Body: values.Encode(), ContentType: contract.Form})
}

// The token endpoint takes what RFC 6749 sends, and holds it to the same contract.
func TestForms(t *testing.T) {
	s := newService(t)
	s.useKey(t)
	s.register(t, "ana@example.com")
	a := s.form(t, url.Values{"grant_type": {"password"}, "username": {"ana@example.com"}, "password": {"a good password"}, "client_id": {"tienda"}})
	require.Equal(t, 200, a.Status, "%s", a.Body)
	require.Equal(t, "no-store", a.Header.Get("Cache-Control"))
	var first struct {
		Refresh string `json:"refresh_token"`
	}
	a.JSON(t, &first)
	a = s.form(t, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {first.Refresh}, "client_id": {"tienda"}})
	require.Equal(t, 200, a.Status, "%s", a.Body)
	for body, field := range map[string]string{
		"grant_type=magic":                                                   "/grant_type",
		"grant_type=password&username=a":                                     "/password",
		"grant_type=password&password=a":                                     "/email",
		"grant_type=refresh_token&refresh_token=a&x=1":                       "/x",
		"grant_type=refresh_token&grant_type=password&x=1":                   "/grant_type",
		"grant_type=refresh_token&refresh_token=%zz":                         "",
		"grant_type=refresh_token&refresh_token=" + strings.Repeat("a", 300): "/refresh_token",
	} {
		a := s.Do(t, contracttest.Request{Method: "POST", Path: "/v1/auth/token", Body: body, ContentType: contract.Form})
		require.Equal(t, 400, a.Status, body)
		_, fields := a.Problem(t)
		require.Contains(t, fields, field, body)
	}
	a = s.Do(t, contracttest.Request{Method: "POST", Path: "/v1/users", Body: "email=x", ContentType: contract.Form})
	require.Equal(t, 415, a.Status, "other routes take no forms")
}

// Of two refreshes at once one wins; the loser's answer says so, and the session
// goes on.
func TestCrossedRefreshes(t *testing.T) {
	s := newService(t)
	s.useKey(t)
	s.register(t, "ana@example.com")
	first := s.signIn(t, "ana@example.com")["refresh_token"]
	refresh := func(token any) contracttest.Answer {
		return s.call(t, nobody, "POST", "/v1/auth/token", obj{"grant_type": "refresh_token", "refresh_token": token})
	}
	var next obj
	refresh(first).JSON(t, &next)
	a := refresh(first)
	require.Equal(t, http.StatusConflict, a.Status)
	code, fields := a.Problem(t)
	require.Equal(t, "refresh_token_just_used", code)
	require.Equal(t, []string{"/refresh_token"}, fields)
	a = refresh(next["refresh_token"])
	require.Equal(t, http.StatusOK, a.Status)
	s.now = s.now.Add(time.Minute)
	require.Equal(t, http.StatusUnauthorized, refresh(first).Status)
	a.JSON(t, &next)
	require.Equal(t, http.StatusUnauthorized, refresh(next["refresh_token"]).Status, "the reuse has ended the session")
}

func TestSessionsAreKnownByDeviceAndNetwork(t *testing.T) {
	s := newService(t)
	s.useKey(t)
	ana := s.register(t, "ana@example.com")
	const firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
	signIn := func(agent, address string) string {
		a := s.Do(t, contracttest.Request{Method: "POST", Path: "/v1/auth/token", As: caller.Caller{Address: address}, Header: http.Header{"User-Agent": {agent}},
			Body: obj{"grant_type": "password", "email": "ana@example.com", "password": "a good password"}})
		require.Equal(t, 200, a.Status, "%s", a.Body)
		var out obj
		a.JSON(t, &out)
		return out["session_id"].(string)
	}
	ana.Session = signIn(firefox, "203.0.113.7")
	s.now = s.now.Add(time.Second)
	signIn("curl/8.5.0", "2001:db8:1:2::3")
	s.now = s.now.Add(time.Second)
	signIn("", "")
	list := func() []any { return s.ok(t, ana, "GET", "/v1/auth/sessions", nil, 200)["items"].([]any) }
	var got [][]any
	for _, o := range list() {
		o := o.(obj)
		got = append(got, []any{o["device"], o["address"], o["current"]})
	}
	require.Equal(t, [][]any{{"unknown", nil, false}, {"curl", "2001:db8:1::/48", false}, {"Firefox on Linux", "203.0.113.0/24", true}}, got)
	s.ok(t, ana, "DELETE", "/v1/auth/sessions?except=current", nil, 204)
	left := list()
	require.Len(t, left, 1)
	require.Equal(t, ana.Session, left[0].(obj)["id"])
	s.ok(t, ana, "DELETE", "/v1/auth/sessions", nil, 204)
	require.Empty(t, list())
}

func TestDocumentsThatMayBeKept(t *testing.T) {
	s := newService(t)
	s.useKey(t)
	for path, control := range map[string]string{"/.well-known/jwks.json": "public, max-age=300", "/.well-known/openid-configuration": "public, max-age=3600"} {
		a := s.call(t, nobody, "GET", path, nil)
		require.Equal(t, 200, a.Status)
		require.Equal(t, control, a.Header.Get("Cache-Control"))
		tag := a.Header.Get("ETag")
		for match, status := range map[string]int{tag: 304, `"x", W/` + tag: 304, "*": 304, `"x"`: 200} {
			again := s.Do(t, contracttest.Request{Method: "GET", Path: path, Header: http.Header{"If-None-Match": {match}}})
			require.Equal(t, status, again.Status, match)
			require.Equal(t, tag, again.Header.Get("ETag"))
		}
	}
	before := s.call(t, nobody, "GET", "/.well-known/jwks.json", nil).Header.Get("ETag")
	s.ok(t, admin, "POST", "/v1/ops/signing-keys/rotate", nil, 200)
	require.NotEqual(t, before, s.call(t, nobody, "GET", "/.well-known/jwks.json", nil).Header.Get("ETag"))

	doc := s.ok(t, nobody, "GET", "/.well-known/openid-configuration", nil, 200)
	issuer := doc["issuer"].(string)
	require.Equal(t, issuer+"/v1/auth/token", doc["token_endpoint"])
	require.Equal(t, issuer+"/.well-known/jwks.json", doc["jwks_uri"])
	for _, grant := range doc["grant_types_supported"].([]any) {
		a := s.call(t, nobody, "POST", "/v1/auth/token", obj{"grant_type": grant})
		_, fields := a.Problem(t)
		require.NotContains(t, fields, "/grant_type", "what is said to be there is there")
	}
}

func TestRotation(t *testing.T) {
	s := newService(t)
	s.useKey(t)
	gateway := caller.Caller{App: "gateway"}
	keys := func() (out []string) {
		for _, k := range s.ok(t, admin, "GET", "/v1/ops/signing-keys", nil, 200)["items"].([]any) {
			require.NotContains(t, k, "sealed")
			out = append(out, k.(obj)["state"].(string))
		}
		require.Len(t, s.ok(t, gateway, "GET", "/internal/v1/revocations", nil, 200)["keys"], len(out))
		return out
	}
	require.Equal(t, []string{"active"}, keys())
	s.ok(t, admin, "POST", "/v1/ops/signing-keys/rotate", nil, 200)
	require.Equal(t, []string{"active", "next"}, keys())
	code, _ := s.call(t, admin, "POST", "/v1/ops/signing-keys/rotate", obj{}).Problem(t)
	require.Equal(t, "rotation_under_way", code)
	s.now = s.now.Add(10 * time.Minute)
	require.Equal(t, []string{"retiring", "active"}, keys())
	s.now = s.now.Add(11 * time.Minute)
	require.Equal(t, []string{"active"}, keys())
	s.ok(t, admin, "POST", "/v1/ops/signing-keys/rotate", obj{"compromised": true}, 200)
	require.Equal(t, []string{"active"}, keys())
}

func TestMachineTokens(t *testing.T) {
	s := newService(t)
	s.useKey(t)
	ana := s.register(t, "ana@example.com")
	a := s.call(t, admin, "POST", "/v1/ops/service-accounts", obj{"name": "ERP", "scopes": []string{"users:read", "orders:read"}})
	require.Equal(t, 201, a.Status)
	require.Equal(t, "no-store", a.Header.Get("Cache-Control"))
	var made obj
	a.JSON(t, &made)
	id, secret := made["client_id"].(string), made["client_secret"].(string)
	require.True(t, strings.HasPrefix(secret, "tienda_sa_"))
	for _, item := range s.ok(t, admin, "GET", "/v1/ops/service-accounts", nil, 200)["items"].([]any) {
		require.NotContains(t, item, "client_secret")
		require.Equal(t, admin.UserID, item.(obj)["created_by"])
	}
	credentials := obj{"grant_type": "client_credentials", "client_id": id, "client_secret": secret}
	got := s.ok(t, nobody, "POST", "/v1/auth/token", credentials, 200)
	require.NotContains(t, got, "refresh_token")
	require.Equal(t, "orders:read users:read", got["scope"])
	claims := jwt.MapClaims{}
	_, _, err := jwt.NewParser().ParseUnverified(got["access_token"].(string), claims)
	require.NoError(t, err)
	require.Equal(t, []any{id, id, "orders:read users:read"}, []any{claims["sub"], claims["client_id"], claims["scope"]})
	require.NotContains(t, claims, "roles")
	session := claims["sid"].(string)

	credentials["scope"] = "users:read"
	require.Equal(t, "users:read", s.ok(t, nobody, "POST", "/v1/auth/token", credentials, 200)["scope"])
	credentials["scope"] = "users:read catalog:write"
	bad := s.call(t, nobody, "POST", "/v1/auth/token", credentials)
	require.Equal(t, 400, bad.Status)
	code, fields := bad.Problem(t)
	require.Equal(t, "invalid_scope", code)
	require.Equal(t, []string{"/scope"}, fields)
	delete(credentials, "scope")

	s.ok(t, caller.Caller{UserID: id, Session: session, Scopes: []string{"users:read"}}, "GET", "/v1/users/"+ana.UserID, nil, 200)
	s.ok(t, admin, "DELETE", "/v1/ops/service-accounts/"+id, nil, 204)
	require.Equal(t, 401, s.call(t, nobody, "POST", "/v1/auth/token", credentials).Status)
	require.Contains(t, s.ok(t, caller.Caller{App: "gateway"}, "GET", "/internal/v1/revocations", nil, 200)["sessions"], session)
	require.Equal(t, 409, s.call(t, admin, "POST", "/v1/ops/service-accounts/"+id+"/secret", nil).Status)
	require.Equal(t, 404, s.call(t, admin, "DELETE", "/v1/ops/service-accounts/"+uuid.NewString(), nil).Status)
}
