package route

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLimitsOfARoute(t *testing.T) {
	tb, err := Parse([]byte(`
defaults: {max_body_bytes: 10, timeout: 1s, read_limit: read, write_limit: write}
limits:
  address: {by: address, quota: 5, window: 10s}
  user: {by: user, quota: 4, window: 10s}
  read: {by: client, quota: 3, window: 1m}
  write: {by: client, quota: 2, window: 1m}
  all: {by: everyone, quota: 1, window: 1h}
routes:
  - {path: /v1/a, methods: [GET], app: one, access: public}
  - {path: /v1/b, methods: [GET, PUT], app: one, access: public}
  - {path: /v1/c, methods: [GET], app: one, access: public, limit: all}
  - {path: /v1/d, methods: [GET], app: one, access: public, limit: address}
`), 2)
	require.NoError(t, err)
	for path, want := range map[string]struct {
		first, then   []string
		guest, signed string
	}{
		"/v1/a": {[]string{"address"}, []string{"user", "read"}, `"address";q=10;w=10, "read";q=6;w=60`, `"address";q=10;w=10, "user";q=8;w=10, "read";q=6;w=60`},
		"/v1/b": {[]string{"address"}, []string{"user", "write"}, `"address";q=10;w=10, "write";q=4;w=60`, `"address";q=10;w=10, "user";q=8;w=10, "write";q=4;w=60`},
		"/v1/c": {[]string{"address", "all"}, []string{"user"}, `"address";q=10;w=10, "all";q=2;w=3600`, `"address";q=10;w=10, "user";q=8;w=10, "all";q=2;w=3600`},
		"/v1/d": {[]string{"address"}, []string{"user"}, `"address";q=10;w=10`, `"address";q=10;w=10, "user";q=8;w=10`},
	} {
		r, _ := tb.Match("GET", path)
		names := func(limits []*Limit) (out []string) {
			for _, l := range limits {
				out = append(out, l.Name)
			}
			return out
		}
		require.Equal(t, want.first, names(r.First), path)
		require.Equal(t, want.then, names(r.Then), path)
		require.Equal(t, []string{want.guest}, r.PolicyGuest, path)
		require.Equal(t, []string{want.signed}, r.PolicyUser, path)
	}
	require.Len(t, tb.Rest.First, 1)
	require.Equal(t, []string{`"address";q=10;w=10`}, tb.Rest.PolicyGuest)

	tb, err = Parse([]byte("routes: [{path: /v1/a, methods: [GET], app: one, access: public, max_body_bytes: 1, timeout: 1s}]"), 1)
	require.NoError(t, err)
	r, _ := tb.Match("GET", "/v1/a")
	require.Empty(t, r.First)
	require.Empty(t, r.Then)
	require.Nil(t, r.PolicyGuest)
}

// The table of the shop protects what is dear: signing in, signing up, buying.
func TestEveryRouteOfTheShopIsLimited(t *testing.T) {
	strict := map[string]string{"POST /v1/users": "signup", "POST /v1/auth/token": "signin", "POST /v1/orders": "checkout"}
	for _, r := range table(t).Routes() {
		all := slices.Concat(r.First, r.Then)
		names := map[string]*Limit{}
		for _, l := range all {
			names[l.Name] = l
		}
		require.Contains(t, names, "address", r.Path)
		require.Contains(t, names, "user", r.Path)
		require.Len(t, all, 3, r.Path)
		for _, m := range r.Methods {
			if want := strict[m+" "+r.Path]; want != "" {
				require.Contains(t, names, want, r.Path)
				require.LessOrEqual(t, float64(names[want].Quota)/names[want].Window.Minutes(), 30.0)
				delete(strict, m+" "+r.Path)
			}
		}
	}
	require.Empty(t, strict)
}

func TestFaultsOfLimitsAndUpstreams(t *testing.T) {
	_, err := Parse([]byte(`
limits:
  Bad Name: {by: address, quota: 1, window: 1s}
  address: {by: user, quota: 1, window: 1s}
  user: {by: client, quota: 1, window: 1s}
  a: {by: planet, quota: 1, window: 1s}
  b: {by: client, quota: 0, window: 1s}
  c: {by: client, quota: 1, window: 1500ms}
  d: {by: client, quota: 1, window: 25h}
upstreams:
  Bad: {url: 'http://x'}
  e: {url: 'ftp://x'}
  f: {url: 'http://u:p@x'}
  g: {url: 'http://x/a/'}
  h: {url: 'http://x/../a'}
  i: {url: 'http://x?y=1'}
  j: {url: '/x'}
routes:
  - {path: /v1/a, methods: [GET], app: one, access: public, max_body_bytes: 1, timeout: 1s, limit: none, upstream: nowhere}
`), 1)
	for _, want := range []string{
		`limits: Bad Name: "Bad Name" is not a name`, `limits: address: by: must be address`, `limits: user: by: must be user`, `limits: a: by: "planet"`,
		`limits: b: quota: 0`, `limits: c: window: "1500ms"`, `limits: d: window: "25h"`,
		`upstreams: "Bad" is not a name`, `upstreams: e: url: must be http`, `upstreams: f: url: must have no user`, `upstreams: g: url: "/a/"`, `upstreams: h: url: "/../a"`,
		`upstreams: i: url: must have no user`, `upstreams: j: url: must be http`,
		`1 (/v1/a): limit: there is no "none"`, `1 (/v1/a): upstream: there is no "nowhere"`,
	} {
		require.ErrorContains(t, err, want)
	}
	_, err = Parse([]byte(`
upstreams: {old: {url: 'https://old.example/shop', identity: true}}
routes: [{path: /v1/a, methods: [GET], app: gateway, access: public, max_body_bytes: 1, timeout: 1s, upstream: old}]`), 1)
	require.ErrorContains(t, err, "the gateway answers this itself")
	tb, err := Parse([]byte(`
upstreams: {old: {url: 'https://old.example/shop', identity: true}}
routes: [{path: /v1/a, methods: [GET], app: catalog, access: public, max_body_bytes: 1, timeout: 1s, upstream: old}]`), 1)
	require.NoError(t, err)
	r, _ := tb.Match("GET", "/v1/a")
	require.Equal(t, "https://old.example/shop", r.Upstream.Base.String())
	require.True(t, r.Upstream.Identity)
}
