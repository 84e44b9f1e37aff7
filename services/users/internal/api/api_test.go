package api

import (
	"context"
	"encoding/base64"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tienda/contracts"
	"tienda/internal/caller"
	"tienda/internal/contract"
	"tienda/internal/contract/contracttest"
	"tienda/internal/event"
	"tienda/internal/httpapi"
	"tienda/internal/origin/intake"
	"tienda/internal/state"
	"tienda/internal/state/statetest"
	"tienda/services/users/internal/account"
	"tienda/services/users/internal/audit"
	"tienda/services/users/internal/device"
	"tienda/services/users/internal/directory"
	"tienda/services/users/internal/keyring"
	"tienda/services/users/internal/machine"
	"tienda/services/users/internal/password"
	"tienda/services/users/internal/session"
	"tienda/services/users/internal/signin"
	"tienda/services/users/internal/statestore"
	"tienda/services/users/internal/throttle"
	"tienda/services/users/internal/token"
	"tienda/services/users/internal/totp"
)

// service is the whole users service over a store in memory.
type service struct {
	routes   []httpapi.Route
	announce func() // every change of an account from now on
	*contracttest.Server
	store  *statetest.Memory
	reads  *hooked // the way to store
	device *keyring.Ring
	hasher account.Hasher
	events *event.Memory
	tokens *token.Issuer
	users  *statestore.Accounts
	keys   *keyring.Ring // of TOTP secrets
	now    time.Time

	directory *directory.Model
	trail     *audit.Service
}

// hooked is a store that tells of reads before they are made.
type hooked struct {
	state.Store
	before func(keys []string)
}

func (h *hooked) Get(ctx context.Context, keys ...string) ([]state.Item, error) {
	if h.before != nil {
		h.before(keys)
	}
	return h.Store.Get(ctx, keys...)
}

func newService(t *testing.T) *service {
	t.Helper()
	s := &service{
		store: statetest.NewMemory(), events: &event.Memory{}, now: time.Now(),
		keys: keyring.New("users-totp-key"), device: keyring.New("users-device-key"),
		hasher: password.New(password.Params{MemoryKiB: 64, Passes: 1, Lanes: 1}),
	}
	s.reads = &hooked{Store: s.store}
	require.NoError(t, s.keys.Use(keyring.Random()))
	require.NoError(t, s.device.Use(keyring.Random()))
	s.serve(t)
	return s
}

// replica gives another replica of the service, over the same store.
func (s *service) replica(t *testing.T) *service {
	t.Helper()
	r := *s
	r.serve(t)
	return &r
}

func (s *service) serve(t *testing.T) {
	t.Helper()
	db := state.Open(s.reads, s.events, slog.New(slog.NewTextHandler(t.Output(), nil)))
	clock := func() time.Time { return s.now }
	c, err := contract.Load(contracts.FS, "users")
	require.NoError(t, err)
	line, err := c.Schema("ImportUser")
	require.NoError(t, err)
	moved, err := c.Schema("SyncUser")
	require.NoError(t, err)
	if s.tokens == nil {
		s.tokens = token.NewIssuer(token.Defaults(), statestore.NewKeys(db), clock)
	}
	s.users = statestore.NewAccounts(db)
	movedIn := s.users.Moved(moved.Check, s.hasher.Wrap, clock)
	s.announce = func() { movedIn.Announce("users") }
	throttles := throttle.NewService(statestore.NewGuards(db), clock)
	accounts := account.NewService(s.users, s.hasher, throttles, clock)
	s.trail, s.directory = audit.NewService(statestore.NewAudit(db), clock), directory.New(statestore.NewDirectory(db))
	accounts.OnFailure(s.trail.Failed)
	sessions := statestore.NewSessions(db, clock)
	factors := totp.NewService(statestore.NewFactors(db), s.keys, signin.NewOwners(accounts, throttles), "Tienda", clock)
	routes := New(Parts{
		Accounts: accounts, Sessions: session.NewService(sessions, clock), Tokens: s.tokens,
		Machines: machine.NewService(statestore.NewMachines(db, clock), clock), Revoked: statestore.NewRevocations(db, clock),
		SignIns: signin.NewService(statestore.NewSignIns(sessions), accounts, factors, device.NewTokens(s.device, clock), clock),
		Factors: factors, Throttles: throttles, DeviceKeys: s.device, Directory: s.directory, Trail: s.trail, ImportLine: line,
		MoveIn: append(movedIn.Routes(), intake.OutboxRoute(db)),
	}).Routes()
	s.routes = routes
	s.Server = contracttest.New(t, "users", routes)
}

func (s *service) useKey(t *testing.T) {
	t.Helper()
	secret := func(context.Context) (string, error) { return base64.StdEncoding.EncodeToString(make([]byte, 32)), nil }
	done := make(chan struct{})
	ctx, stop := context.WithCancel(t.Context())
	go func() {
		defer close(done)
		_ = token.Keeper(s.tokens, secret, slog.New(slog.DiscardHandler))(ctx)
	}()
	require.Eventually(t, func() bool { return s.tokens.Ready(ctx) == nil }, 10*time.Second, time.Millisecond)
	stop()
	<-done
}

// pass lets time pass; the keys are read again, as a replica does all the time.
func (s *service) pass(t *testing.T, d time.Duration) {
	t.Helper()
	s.now = s.now.Add(d)
	s.useKey(t)
}

type obj = map[string]any

func (s *service) call(t *testing.T, as caller.Caller, method, path string, body any) contracttest.Answer {
	t.Helper()
	return s.Do(t, contracttest.Request{Method: method, Path: path, As: as, Body: body})
}

// ok makes a call that must answer with status and reads its answer.
func (s *service) ok(t *testing.T, as caller.Caller, method, path string, body any, status int) obj {
	t.Helper()
	a := s.call(t, as, method, path, body)
	require.Equal(t, status, a.Status, "%s", a.Body)
	if len(a.Body) == 0 {
		return nil
	}
	var out obj
	a.JSON(t, &out)
	return out
}

func (s *service) register(t *testing.T, email string) caller.Caller {
	t.Helper()
	u := s.ok(t, caller.Caller{}, "POST", "/v1/users", obj{"email": email, "password": "a good password", "name": "Ana"}, 201)
	return caller.Caller{UserID: u["id"].(string), Roles: []caller.Role{caller.Customer}}
}

func (s *service) signIn(t *testing.T, email string) obj {
	t.Helper()
	return s.ok(t, caller.Caller{}, "POST", "/v1/auth/token",
		obj{"grant_type": "password", "email": email, "password": "a good password"}, 200)
}

func madrid() obj {
	return obj{"name": "Ana", "line1": "Calle Mayor 12", "city": "Madrid", "postal_code": "28013", "country": "ES"}
}

var (
	nobody       = caller.Caller{}
	admin        = caller.Caller{UserID: uuid.NewString(), Roles: []caller.Role{caller.Admin}}
	machineOfAll = caller.Caller{UserID: uuid.NewString(), Scopes: caller.Scopes}
	agent        = caller.Caller{UserID: uuid.NewString(), Roles: []caller.Role{caller.SupportAgent}}
)

func TestEveryRoute(t *testing.T) {
	s := newService(t)
	s.ok(t, nobody, "GET", "/healthz", nil, 200)
	s.ok(t, nobody, "GET", "/readyz", nil, 200)
	require.Equal(t, 200, s.Do(t, contracttest.Request{Method: "GET", Path: "/metrics"}).Status)
	a := s.call(t, nobody, "GET", "/.well-known/jwks.json", nil)
	require.Equal(t, 503, a.Status, "no key yet")
	ana := s.register(t, "ana@example.com")
	a = s.call(t, nobody, "POST", "/v1/auth/token", obj{"grant_type": "password", "email": "ana@example.com", "password": "a good password"})
	require.Equal(t, 503, a.Status, "no key yet")
	require.Empty(t, s.store.Keys("sessions:"), "and no session without a token")

	s.useKey(t)
	a = s.call(t, nobody, "GET", "/.well-known/jwks.json", nil)
	require.Equal(t, 200, a.Status)
	require.Equal(t, "public, max-age=300", a.Header.Get("Cache-Control"))

	first := s.signIn(t, "ANA@example.com")
	ana.Session = first["session_id"].(string)
	renewed := s.ok(t, nobody, "POST", "/v1/auth/token", obj{"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}, 200)
	require.Equal(t, ana.Session, renewed["session_id"])
	require.NotEqual(t, first["refresh_token"], renewed["refresh_token"])

	other := s.signIn(t, "ana@example.com")
	open := s.ok(t, ana, "GET", "/v1/auth/sessions", nil, 200)["items"].([]any)
	require.Len(t, open, 2)
	for _, o := range open {
		o := o.(obj)
		require.Equal(t, o["id"] == ana.Session, o["current"])
	}
	s.ok(t, ana, "DELETE", "/v1/auth/sessions/"+other["session_id"].(string), nil, 204)
	require.Equal(t, 404, s.call(t, ana, "DELETE", "/v1/auth/sessions/"+other["session_id"].(string), nil).Status)
	s.ok(t, ana, "POST", "/v1/auth/logout", nil, 204)
	s.ok(t, ana, "POST", "/v1/auth/logout", nil, 204)
	a = s.call(t, nobody, "POST", "/v1/auth/token", obj{"grant_type": "refresh_token", "refresh_token": renewed["refresh_token"]})
	require.Equal(t, 401, a.Status)

	me := s.ok(t, ana, "PATCH", "/v1/me", obj{"name": " Ana García "}, 200)
	require.Equal(t, "Ana García", me["name"])
	require.Equal(t, me, s.ok(t, ana, "GET", "/v1/me", nil, 200))
	require.Equal(t, me, s.ok(t, agent, "GET", "/v1/users/"+ana.UserID, nil, 200))
	require.Equal(t, me, s.ok(t, caller.Caller{App: "support"}, "GET", "/internal/v1/users/"+ana.UserID, nil, 200))
	require.NotContains(t, me, "password_hash")

	home := s.ok(t, ana, "POST", "/v1/me/addresses", madrid(), 201)
	id := home["id"].(string)
	moved := madrid()
	moved["line1"] = "Gran Vía 1"
	require.Equal(t, "Gran Vía 1", s.ok(t, ana, "PUT", "/v1/me/addresses/"+id, moved, 200)["line1"])
	require.Equal(t, "Gran Vía 1", s.ok(t, ana, "GET", "/v1/me/addresses/"+id, nil, 200)["line1"])
	require.Len(t, s.ok(t, ana, "GET", "/v1/me/addresses", nil, 200)["items"], 1)
	prefs := obj{"currency": "USD", "language": "es", "marketing_mail": true, "default_address_id": id}
	set := s.ok(t, ana, "PUT", "/v1/me/preferences", prefs, 200)
	prefs["marketing_mail_at"] = set["marketing_mail_at"]
	require.Equal(t, prefs, set)
	require.Equal(t, prefs, s.ok(t, ana, "PUT", "/v1/me/preferences", prefs, 200), "what was read can be sent back")

	contact := s.ok(t, caller.Caller{App: "support"}, "GET", "/internal/v1/users/"+ana.UserID+"/contact", nil, 200)
	require.Equal(t, "es", contact["language"])
	require.Contains(t, contact["email"], "@")

	checkout := s.ok(t, caller.Caller{App: "orders"}, "GET", "/internal/v1/users/"+ana.UserID+"/checkout", nil, 200)
	require.Equal(t, "Gran Vía 1", checkout["address"].(obj)["line1"])
	require.Equal(t, prefs, checkout["preferences"])
	s.ok(t, caller.Caller{App: "orders"}, "GET", "/internal/v1/users/"+ana.UserID+"/checkout?address_id="+id, nil, 200)
	require.Equal(t, 404, s.call(t, caller.Caller{App: "orders"}, "GET", "/internal/v1/users/"+ana.UserID+"/checkout?address_id="+uuid.NewString(), nil).Status)

	s.ok(t, ana, "DELETE", "/v1/me/addresses/"+id, nil, 204)
	delete(prefs, "default_address_id")
	require.Equal(t, prefs, s.ok(t, ana, "GET", "/v1/me/preferences", nil, 200))
	checkout = s.ok(t, caller.Caller{App: "orders"}, "GET", "/internal/v1/users/"+ana.UserID+"/checkout", nil, 200)
	require.Nil(t, checkout["address"])

	got := s.ok(t, admin, "PUT", "/v1/users/"+ana.UserID+"/roles", obj{"roles": []string{"support_agent"}}, 200)
	require.Equal(t, []any{"customer", "support_agent"}, got["roles"])

	a = s.Do(t, contracttest.Request{
		Method: "POST", Path: "/internal/v1/import/users", As: caller.Caller{App: "gateway"},
		ContentType: contract.NDJSON, Body: `{"email":"bob@example.com","name":"Bob"}`,
	})
	require.Equal(t, 200, a.Status)
	secret := s.turnOn(t, ana)
	s.ok(t, ana, "GET", "/v1/me/totp", nil, 200)
	s.ok(t, ana, "POST", "/v1/me/totp/recovery-codes", obj{"password": "a good password", "totp": s.code(t, secret, 1)}, 200)
	s.pass(t, time.Minute)
	s.ok(t, ana, "DELETE", "/v1/me/totp", obj{"password": "a good password", "totp": s.code(t, secret, 0)}, 204)
	s.recover(t)
	s.tryLifecycle(t, ana)
	s.ok(t, ana, "DELETE", "/v1/auth/sessions", nil, 204)
	s.ok(t, nobody, "GET", "/.well-known/openid-configuration", nil, 200)
	s.ok(t, admin, "GET", "/v1/ops/signing-keys", nil, 200)
	s.ok(t, admin, "POST", "/v1/ops/signing-keys/rotate", obj{}, 200)
	m := s.ok(t, admin, "POST", "/v1/ops/service-accounts", obj{"name": "ERP", "scopes": []string{"users:read"}}, 201)["client_id"].(string)
	s.ok(t, admin, "GET", "/v1/ops/service-accounts", nil, 200)
	s.ok(t, admin, "POST", "/v1/ops/service-accounts/"+m+"/secret", nil, 200)
	s.ok(t, admin, "DELETE", "/v1/ops/service-accounts/"+m, nil, 204)
	s.ok(t, caller.Caller{App: "gateway"}, "GET", "/internal/v1/revocations", nil, 200)
	s.taken(t, "users:1", 1, whole())
	require.Len(t, s.held(t, "users:1"), 1)
	require.Len(t, s.listed(t), 1)
	s.ok(t, mover, "GET", "/internal/v1/sync/outbox", nil, 200)
	s.RequireAllTried(t)

	types := s.events.Types()
	for _, want := range []string{"registered", "profile_changed", "roles_changed", "session_revoked"} {
		require.Contains(t, types, "tienda.users."+want)
	}
}

func TestIfMatch(t *testing.T) {
	s := newService(t)
	ana := s.register(t, "ana@example.com")
	etag := s.call(t, ana, "GET", "/v1/me", nil).Header.Get("ETag")
	require.Equal(t, `"1"`, etag)
	patch := func(match string) contracttest.Answer {
		return s.Do(t, contracttest.Request{
			Method: "PATCH", Path: "/v1/me", As: ana, Body: obj{"name": "A"}, Header: http.Header{"If-Match": {match}},
		})
	}
	a := patch(etag)
	require.Equal(t, 200, a.Status)
	require.Equal(t, `"2"`, a.Header.Get("ETag"))
	require.Equal(t, 200, patch("*").Status)
	for _, stale := range []string{etag, `"0"`, "x"} {
		a := patch(stale)
		require.Equal(t, 412, a.Status)
		code, fields := a.Problem(t)
		require.Equal(t, "version_mismatch", code)
		require.Equal(t, []string{"If-Match"}, fields)
	}
}

// Each bad request gets its status and a problem that names the field, and
// changes nothing.
func TestBadInput(t *testing.T) {
	s := newService(t)
	s.useKey(t)
	ana, bob := s.register(t, "ana@example.com"), s.register(t, "bob@example.com")
	home := s.ok(t, ana, "POST", "/v1/me/addresses", madrid(), 201)["id"].(string)
	sid := s.signIn(t, "ana@example.com")["session_id"].(string)
	with := func(base obj, k string, v any) obj {
		out := obj{}
		for name, value := range base {
			out[name] = value
		}
		out[k] = v
		if v == nil {
			delete(out, k)
		}
		return out
	}
	newcomer := obj{"email": "eva@example.com", "password": "a good password", "name": "Eva"}
	prefs := obj{"currency": "EUR", "language": "es", "marketing_mail": false}
	tests := []struct {
		name         string
		as           caller.Caller
		method, path string
		body         any
		status       int
		code, field  string // field "": none is named; "-": any
	}{
		{"malformed JSON", nobody, "POST", "/v1/users", `{"email":`, 400, "invalid_request", "-"},
		{"no body", nobody, "POST", "/v1/users", "", 400, "invalid_request", "-"},
		{"unknown field", nobody, "POST", "/v1/users", with(newcomer, "roles", []string{"admin"}), 400, "invalid_request", "/roles"},
		{"wrong type", nobody, "POST", "/v1/users", with(newcomer, "name", 7), 400, "invalid_request", "/name"},
		{"missing field", nobody, "POST", "/v1/users", with(newcomer, "password", nil), 400, "invalid_request", "/password"},
		{"short password", nobody, "POST", "/v1/users", with(newcomer, "password", "ñññññññ"), 400, "invalid_request", "/password"},
		{"long password", nobody, "POST", "/v1/users", with(newcomer, "password", strings.Repeat("x", 129)), 400, "invalid_request", "/password"},
		{"common password", nobody, "POST", "/v1/users", with(newcomer, "password", "Password1"), 422, "invalid_value", "/password"},
		{"the e-mail as a password", nobody, "POST", "/v1/users", with(newcomer, "password", "Eva@Example.com"), 422, "invalid_value", "/password"},
		{"second factor with the wrong password", ana, "POST", "/v1/me/totp", obj{"password": "wrong"}, 422, "wrong_password", "/password"},
		{"second factor off, codes", ana, "POST", "/v1/me/totp/recovery-codes", obj{"password": "a good password", "totp": "123456"}, 409, "totp_off", ""},
		{"second factor off, turned off", ana, "DELETE", "/v1/me/totp", obj{"password": "a good password", "recovery_code": "x"}, 409, "totp_off", ""},
		{"second factor not begun", ana, "POST", "/v1/me/totp/confirm", obj{"totp": "123456"}, 409, "totp_not_started", ""},
		{"a code of five digits", ana, "POST", "/v1/me/totp/confirm", obj{"totp": "12345"}, 400, "invalid_request", "/totp"},
		{"two proofs", ana, "DELETE", "/v1/me/totp", obj{"password": "a good password", "totp": "123456", "recovery_code": "x"}, 400, "invalid_request", "-"},
		{"no proof", ana, "DELETE", "/v1/me/totp", obj{"password": "a good password"}, 400, "invalid_request", "-"},
		{"blank name", nobody, "POST", "/v1/users", with(newcomer, "name", "  "), 400, "invalid_request", "/name"},
		{"name of two lines", nobody, "POST", "/v1/users", with(newcomer, "name", "Eva\nBcc: x"), 400, "invalid_request", "/name"},
		{"no e-mail", nobody, "POST", "/v1/users", with(newcomer, "email", "eva"), 400, "invalid_request", "/email"},
		{"an e-mail that is none", nobody, "POST", "/v1/users", with(newcomer, "email", "a,b@example.com"), 422, "invalid_value", "/email"},
		{"e-mail taken, in capitals", nobody, "POST", "/v1/users", with(newcomer, "email", "ANA@EXAMPLE.COM"), 409, "email_taken", "/email"},
		{"oversized body", nobody, "POST", "/v1/users", strings.Repeat(" ", 70_000), 413, "body_too_large", ""},
		{"unknown grant", nobody, "POST", "/v1/auth/token", obj{"grant_type": "magic"}, 400, "invalid_request", "/grant_type"},
		{"grant without password", nobody, "POST", "/v1/auth/token", obj{"grant_type": "password", "email": "ana@example.com"}, 400, "invalid_request", "/password"},
		{"refresh without token", nobody, "POST", "/v1/auth/token", obj{"grant_type": "refresh_token"}, 400, "invalid_request", "/refresh_token"},
		{"wrong password", nobody, "POST", "/v1/auth/token", obj{"grant_type": "password", "email": "ana@example.com", "password": "wrong password"}, 401, "invalid_credentials", ""},
		{"unknown e-mail", nobody, "POST", "/v1/auth/token", obj{"grant_type": "password", "email": "eve@example.com", "password": "wrong password"}, 401, "invalid_credentials", ""},
		{"grant without secret", nobody, "POST", "/v1/auth/token", obj{"grant_type": "client_credentials", "client_id": uuid.NewString()}, 400, "invalid_request", "/client_secret"},
		{"unknown service account", nobody, "POST", "/v1/auth/token", obj{"grant_type": "client_credentials", "client_id": uuid.NewString(), "client_secret": "x"}, 401, "invalid_client", ""},
		{"another client's password grant", nobody, "POST", "/v1/auth/token", obj{"grant_type": "password", "email": "ana@example.com", "password": "a good password", "client_id": "x"}, 401, "invalid_client", "/client_id"},
		{"sessions but an unknown one", ana, "DELETE", "/v1/auth/sessions?except=" + sid, nil, 400, "invalid_request", "except"},
		{"keys by an agent", agent, "GET", "/v1/ops/signing-keys", nil, 403, "role_missing", ""},
		{"a rotation by a customer", ana, "POST", "/v1/ops/signing-keys/rotate", obj{}, 403, "role_missing", ""},
		{"a rotation with more", admin, "POST", "/v1/ops/signing-keys/rotate", obj{"kid": "x"}, 400, "invalid_request", "/kid"},
		{"service account of an agent", agent, "POST", "/v1/ops/service-accounts", obj{"name": "M", "scopes": []string{"users:read"}}, 403, "role_missing", ""},
		{"service account of a machine", machineOfAll, "POST", "/v1/ops/service-accounts", obj{"name": "M", "scopes": []string{"users:read"}}, 403, "scope_missing", ""},
		{"a machine as a user", machineOfAll, "GET", "/v1/me", nil, 403, "scope_missing", ""},
		{"a machine without the scope", caller.Caller{UserID: uuid.NewString(), Scopes: []string{caller.OrdersRead}}, "GET", "/v1/users/" + uuid.NewString(), nil, 403, "scope_missing", ""},
		{"unknown scope", admin, "POST", "/v1/ops/service-accounts", obj{"name": "M", "scopes": []string{"everything"}}, 400, "invalid_request", "/scopes/0"},
		{"no scope", admin, "POST", "/v1/ops/service-accounts", obj{"name": "M", "scopes": []string{}}, 400, "invalid_request", "/scopes"},
		{"blank name of a machine", admin, "POST", "/v1/ops/service-accounts", obj{"name": " ", "scopes": []string{"users:read"}}, 400, "invalid_request", "/name"},
		{"secret of an unknown account", admin, "POST", "/v1/ops/service-accounts/" + uuid.NewString() + "/secret", nil, 404, "not_found", ""},
		{"bad cursor", admin, "GET", "/v1/ops/service-accounts?cursor=!", nil, 400, "invalid_request", "cursor"},
		{"the log for a user", admin, "GET", "/internal/v1/revocations", nil, 403, "app_not_allowed", ""},
		{"the log since no time", caller.Caller{App: "gateway"}, "GET", "/internal/v1/revocations?since=yesterday", nil, 400, "invalid_request", "since"},
		{"forged refresh token", nobody, "POST", "/v1/auth/token", obj{"grant_type": "refresh_token", "refresh_token": strings.Repeat("A", 107)}, 401, "invalid_refresh_token", "/refresh_token"},
		{"not signed in", nobody, "GET", "/v1/me", nil, 401, "sign_in", ""},
		{"unknown query parameter", ana, "GET", "/v1/me?as=" + bob.UserID, nil, 400, "invalid_request", "as"},
		{"e-mail cannot be changed", ana, "PATCH", "/v1/me", obj{"email": "x@example.com", "name": "x"}, 400, "invalid_request", "/email"},
		{"unknown currency", ana, "PUT", "/v1/me/preferences", with(prefs, "currency", "QQQ"), 422, "invalid_value", "/currency"},
		{"currency in small letters", ana, "PUT", "/v1/me/preferences", with(prefs, "currency", "eur"), 400, "invalid_request", "/currency"},
		{"someone else's default address", bob, "PUT", "/v1/me/preferences", with(prefs, "default_address_id", home), 422, "invalid_value", "/default_address_id"},
		{"unknown country", ana, "POST", "/v1/me/addresses", with(madrid(), "country", "QX"), 422, "invalid_value", "/country"},
		{"long city", ana, "POST", "/v1/me/addresses", with(madrid(), "city", strings.Repeat("x", 101)), 400, "invalid_request", "/city"},
		{"someone else's address, read", bob, "GET", "/v1/me/addresses/" + home, nil, 404, "not_found", ""},
		{"someone else's address, changed", bob, "PUT", "/v1/me/addresses/" + home, madrid(), 404, "not_found", ""},
		{"someone else's address, removed", bob, "DELETE", "/v1/me/addresses/" + home, nil, 404, "not_found", ""},
		{"an ID that is none", ana, "GET", "/v1/me/addresses/1", nil, 400, "invalid_request", "id"},
		{"someone else's session", bob, "DELETE", "/v1/auth/sessions/" + sid, nil, 404, "not_found", ""},
		{"a customer reads accounts", ana, "GET", "/v1/users/" + bob.UserID, nil, 403, "role_missing", ""},
		{"an agent gives roles", agent, "PUT", "/v1/users/" + bob.UserID + "/roles", obj{"roles": []string{"admin"}}, 403, "role_missing", ""},
		{"unknown role", admin, "PUT", "/v1/users/" + bob.UserID + "/roles", obj{"roles": []string{"king"}}, 400, "invalid_request", "/roles/0"},
		{"unknown account", admin, "PUT", "/v1/users/" + uuid.NewString() + "/roles", obj{"roles": []string{}}, 404, "not_found", ""},
		{"a user calls for an app", ana, "GET", "/internal/v1/users/" + ana.UserID, nil, 403, "app_not_allowed", ""},
		{"the wrong app", caller.Caller{App: "support"}, "GET", "/internal/v1/users/" + ana.UserID + "/checkout", nil, 403, "app_not_allowed", ""},
		{"the wrong app asks for an address", caller.Caller{App: "orders"}, "GET", "/internal/v1/users/" + ana.UserID + "/contact", nil, 403, "app_not_allowed", ""},
		{"import by a user", ana, "POST", "/internal/v1/import/users", "{}", 403, "app_not_allowed", ""},
		{"import of another type", caller.Caller{App: "gateway"}, "POST", "/internal/v1/import/users", "{}", 415, "unsupported_media_type", ""},
	}
	before, published := s.snapshot(t), len(s.events.Events())
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s.pass(t, time.Hour) // each failure that is counted is forgotten
			a := s.call(t, tt.as, tt.method, tt.path, tt.body)
			require.Equal(t, tt.status, a.Status, "%s", a.Body)
			code, fields := a.Problem(t)
			require.Equal(t, tt.code, code)
			switch tt.field {
			case "":
				require.Empty(t, fields)
			case "-":
				require.NotEmpty(t, fields)
			default:
				require.Contains(t, fields, tt.field)
			}
			require.Equal(t, before, s.snapshot(t), "something was changed")
		})
	}
	require.Len(t, s.events.Events(), published)

	t.Run("nobody changes the own roles", func(t *testing.T) {
		self := caller.Caller{UserID: ana.UserID, Roles: []caller.Role{caller.Admin}}
		code, _ := s.call(t, self, "PUT", "/v1/users/"+ana.UserID+"/roles", obj{"roles": []string{}}).Problem(t)
		require.Equal(t, "own_roles", code)
	})
	t.Run("the account behind the token is gone", func(t *testing.T) {
		for _, c := range []struct {
			method, path string
			body         any
		}{
			{"GET", "/v1/me", nil}, {"PATCH", "/v1/me", obj{"name": "x"}}, {"DELETE", "/v1/me/addresses/" + home, nil},
		} {
			a := s.call(t, agent, c.method, c.path, c.body)
			require.Equal(t, 401, a.Status, "%s", a.Body)
		}
	})
	t.Run("nothing without the app token but the probes", func(t *testing.T) {
		for _, op := range s.Contract.Operations() {
			path := strings.ReplaceAll(op.Path, "{id}", uuid.NewString())
			a := s.Do(t, contracttest.Request{Method: op.Method, Path: path, As: admin, NoToken: true})
			probe := op.Path == "/healthz" || op.Path == "/readyz" || op.Path == "/metrics"
			require.Equal(t, probe, a.Status == 200, "%s %s: %d", op.Method, op.Path, a.Status)
			if !probe {
				require.Equal(t, 403, a.Status)
			}
		}
	})
}

// snapshot gives all that is stored but the counts of failures.
func (s *service) snapshot(t *testing.T) []state.Item {
	t.Helper()
	keys := slices.DeleteFunc(s.store.Keys(""), func(k string) bool { return strings.HasPrefix(k, "guard:") })
	items, err := s.store.Get(t.Context(), keys...)
	require.NoError(t, err)
	return slices.Clone(items)
}
