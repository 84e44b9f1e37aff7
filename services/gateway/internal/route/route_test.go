package route

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/contracts"
	"tienda/internal/caller"
	"tienda/internal/contract"
)

func table(t testing.TB) *Table {
	t.Helper()
	raw, err := os.ReadFile("../../routes.yaml")
	require.NoError(t, err)
	tb, err := Parse(raw, 1)
	require.NoError(t, err)
	return tb
}

func TestTheTableAndTheContractsAreTheSame(t *testing.T) {
	tb := table(t)
	public := map[string]*contract.Operation{}
	for _, app := range []string{Own, "users", "catalog", "orders", "support"} {
		c, err := contract.Load(contracts.FS, app)
		require.NoError(t, err)
		for _, op := range c.Operations() {
			if strings.HasPrefix(op.Path, "/internal/") || strings.HasPrefix(op.Path, "/events/") ||
				op.Path == "/healthz" || op.Path == "/readyz" || op.Path == "/metrics" ||
				app == Own && !strings.HasPrefix(op.Path, "/v1/") { // what anybody may ask the gateway needs no line
				continue
			}
			public[app+" "+op.Method+" "+op.Path] = op
		}
	}
	for _, r := range tb.Routes() {
		for _, m := range r.Methods {
			key := r.App + " " + m + " " + r.Path
			op, ok := public[key]
			require.True(t, ok, "the route %s is in no contract", key)
			require.Equal(t, op.MaxBody, r.MaxBody, "%s: max_body_bytes", key)
			if r.Access.SignedIn {
				require.Contains(t, op.Statuses(), 401, "%s: only for signed-in users, and its contract knows no 401", key)
			}
			if len(r.Access.Roles) > 0 {
				require.Contains(t, op.Statuses(), 403, "%s: only for roles, and its contract knows no 403", key)
			}
			delete(public, key)
		}
	}
	require.Empty(t, public, "operations that the table does not list")
}

func TestWhichAnswersAreShared(t *testing.T) {
	var shared []string
	for _, r := range table(t).Routes() {
		if r.Cache > 0 {
			shared = append(shared, r.Path)
		}
	}
	require.Equal(t, []string{"/v1/products", "/v1/products/suggestions", "/v1/products/{id}", "/v1/categories", "/v1/collections", "/v1/collections/{slug}", "/v1/collections/{slug}/products"}, shared, "what is the same for all guests")
}

func TestMatch(t *testing.T) {
	tb := table(t)
	long := "/v1/products/" + strings.Repeat("a", maxPath)
	for _, c := range []struct {
		method, path, want string // want: the route's path; "": nothing; "405": another method
	}{
		{"GET", "/v1/products", "/v1/products"},
		{"GET", "/v1/products/blue-shirt", "/v1/products/{id}"},
		{"DELETE", "/v1/products/0198", "/v1/products/{id}"},
		{"PUT", "/v1/cart/items/TSHIRT-BLUE.M_1~", "/v1/cart/items/{sku}"},
		{"POST", "/v1/orders/0198/ship", "/v1/orders/{id}/ship"},
		{"GET", "/.well-known/jwks.json", "/.well-known/jwks.json"},
		{"GET", "/v1/me/addresses/...", "/v1/me/addresses/{id}"},
		{"PATCH", "/v1/products", "405"},
		{"OPTIONS", "/v1/products", "405"},
		{"TRACE", "/v1/me", "405"},
		{"get", "/v1/me", "405"},
		{"POST", "/v1/orders/0198/fly", ""},
		{"GET", "/v1/orders/0198/ship/now", ""},
		{"GET", "", ""},
		{"GET", "/", ""},
		{"GET", "*", ""},
		{"GET", "v1/products", ""},
		{"GET", "/v1", ""},
		{"GET", "/v1/", ""},
		{"GET", "/V1/products", ""},
		{"GET", "/v1/products/", ""},
		{"GET", "//v1/products", ""},
		{"GET", "/v1//products", ""},
		{"GET", "/v1/products//", ""},
		{"GET", "/v1/./products", ""},
		{"GET", "/v1/products/.", ""},
		{"GET", "/v1/products/..", ""},
		{"GET", "/v1/products/../orders", ""},
		{"GET", "/v1/orders/../../internal/v1/users/1", ""},
		{"GET", "/v1/products/%2e%2e", ""},
		{"GET", "/v1/products/%2F", ""},
		{"GET", "/v1/products/a%00b", ""},
		{"GET", "/v1/products/a\x00b", ""},
		{"GET", "/v1/products/a b", ""},
		{"GET", "/v1/products/a;b", ""},
		{"GET", "/v1/products/a\\b", ""},
		{"GET", "/v1/products/a\r\nDapr-App-Id:x", ""},
		{"GET", "/v1/products/día", ""},
		{"GET", "/v1/products/{id}", ""},
		{"GET", long, ""},
		{"GET", "/internal/v1/users/1", ""},
		{"POST", "/internal/v1/import/products", ""},
		{"POST", "/events/orders", ""},
		{"GET", "/dapr/subscribe", ""},
		{"GET", "/v1.0/healthz", ""},
		{"GET", "/v1.0/state/orders-state/x", ""},
		{"GET", "/v1.0/invoke/users/method/v1/me", ""},
		{"GET", "/v1.0/secrets/secrets/users-key-encryption-key", ""},
	} {
		r, allowed := tb.Match(c.method, c.path)
		switch c.want {
		case "":
			require.Nil(t, r, "%s %q", c.method, c.path)
			require.Empty(t, allowed, "%s %q", c.method, c.path)
		case "405":
			require.Nil(t, r, "%s %q", c.method, c.path)
			require.NotEmpty(t, allowed, "%s %q", c.method, c.path)
		default:
			require.NotNil(t, r, "%s %q", c.method, c.path)
			require.Equal(t, c.want, r.Path)
			require.True(t, slices.Contains(r.Methods, c.method))
		}
	}
}

func TestALiteralSegmentWinsOverAParameter(t *testing.T) {
	tb, err := Parse([]byte(`
defaults: {max_body_bytes: 10, timeout: 1s}
routes:
  - {path: '/v1/things/{id}', methods: [GET], app: a, access: public}
  - {path: '/v1/things/new', methods: [GET], app: b, access: public}
  - {path: '/v1/things/{id}/parts', methods: [GET], app: c, access: public}
`), 1)
	require.NoError(t, err)
	for path, app := range map[string]string{"/v1/things/7": "a", "/v1/things/new": "b", "/v1/things/new/parts": "c"} {
		r, _ := tb.Match("GET", path)
		require.NotNil(t, r, path)
		require.Equal(t, app, r.App, path)
	}
}

func TestParseNamesEveryFault(t *testing.T) {
	_, err := Parse([]byte(`
routes:
  - {path: v1, methods: [], app: A B, access: nobody, max_body_bytes: -1, timeout: soon}
  - {path: /internal/v1/x, methods: [get], app: users, access: [king], max_body_bytes: 999999999999, timeout: 2h}
  - {path: '/v1/{id', methods: [GET], app: users, access: [], max_body_bytes: 1, timeout: 1s}
  - {path: '/{x}/a', methods: [GET], app: users, access: user, max_body_bytes: 1, timeout: 1s}
  - {path: /v1/a%2f, methods: [GET], app: users, access: user, max_body_bytes: 1, timeout: 1s}
  - {path: '/v1/a/{b}', methods: [GET], app: users, access: user, max_body_bytes: 1, timeout: 1s}
  - {path: /v1/c1, methods: [GET], app: users, access: public, max_body_bytes: 1, timeout: 1s, cache: 2s}
  - {path: /v1/c2, methods: [GET], app: users, access: public, max_body_bytes: 1, timeout: 1s, cache: soon}
  - {path: /v1/c3, methods: [GET], app: users, access: user, max_body_bytes: 1, timeout: 1s, cache: 1s}
  - {path: /v1/c4, methods: [GET, PUT], app: users, access: public, max_body_bytes: 1, timeout: 1s, cache: 1s}
  - {path: /v1/c5, methods: [GET], app: users, access: public, max_body_bytes: 1, timeout: 1s, cache: -1s}
  - {path: '/v1/a/{c}', methods: [PUT, GET], app: users, access: user, max_body_bytes: 1, timeout: 1s}
  - {path: /v1/d, methods: [GET], app: users, access: user, scopes: [everything], max_body_bytes: 1, timeout: 1s}
`), 1)
	require.Error(t, err)
	for _, want := range []string{
		`1 (v1): path`, `1 (v1): methods: there are none`, `1 (v1): app: "A B"`, `1 (v1): access`, `1 (v1): max_body_bytes: -1`, `1 (v1): timeout: "soon"`,
		`/internal is not for the public`, `methods: "get"`, `"king" is none of the roles`, `13 (/v1/d): scopes: "everything" is none of the scopes`, `max_body_bytes: 999999999999`, `timeout: "2h"`,
		`"{id" is not a parameter`, `3 (/v1/{id): access`, `the first segment must not be a parameter`, `"a%2f" is not a plain segment`,
		`7 (/v1/c1): cache: "2s" is not a duration up to 1s`, `8 (/v1/c2): cache: "soon"`, `9 (/v1/c3): cache: only for GET alone, and access public`,
		`10 (/v1/c4): cache: only`, `11 (/v1/c5): cache: "-1s"`,
		`12 (/v1/a/{c}): GET stands twice, here and as /v1/a/{b}`,
	} {
		require.ErrorContains(t, err, want)
	}
	_, err = Parse([]byte("routes: []"), 1)
	require.ErrorContains(t, err, "there are none")
	_, err = Parse([]byte("routes: [{path: /a, methdos: [GET]}]"), 1)
	require.ErrorContains(t, err, "methdos")
}

func TestAccess(t *testing.T) {
	user := caller.Caller{UserID: "u", Roles: []caller.Role{caller.Customer}}
	agent := caller.Caller{UserID: "u", Roles: []caller.Role{caller.SupportAgent}}
	admin := caller.Caller{UserID: "u", Roles: []caller.Role{caller.Admin}}
	machine := caller.Caller{UserID: "m", Scopes: []string{caller.OrdersRead}}
	odd := caller.Caller{UserID: "m", Scopes: []string{caller.OrdersRead}, Roles: []caller.Role{caller.Admin}}
	roles := Access{SignedIn: true, Roles: []caller.Role{caller.SupportAgent}}
	scoped := Access{SignedIn: true, Roles: roles.Roles, Scopes: []string{caller.OrdersFulfil, caller.OrdersRead}}
	for _, c := range []struct {
		access Access
		who    caller.Caller
		want   error
	}{
		{Access{}, caller.Caller{}, nil},
		{Access{}, user, nil},
		{Access{SignedIn: true}, caller.Caller{}, errSignIn},
		{Access{SignedIn: true}, user, nil},
		{roles, caller.Caller{}, errSignIn},
		{roles, user, errRole},
		{roles, agent, nil},
		{roles, admin, nil},
		{scoped, caller.Caller{}, errSignIn},
		{scoped, user, errRole},
		{scoped, agent, nil},
		{scoped, machine, nil},
		{Access{}, machine, errScope},
		{Access{SignedIn: true}, machine, errScope},
		{roles, machine, errScope},
		{roles, odd, errScope},
		{Access{Scopes: []string{caller.UsersRead}}, machine, errScope},
		{Access{Scopes: []string{caller.OrdersRead}}, machine, nil},
	} {
		require.Equal(t, c.want, c.access.Allow(c.who))
	}
}

func BenchmarkMatch(b *testing.B) {
	tb := table(b)
	for b.Loop() {
		if r, _ := tb.Match("GET", "/v1/orders/0198b4a2-0000-7000-8000-000000000000"); r == nil {
			b.Fatal("no route")
		}
	}
}
