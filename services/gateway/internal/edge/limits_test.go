package edge

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const limitedRoutes = `
defaults: {max_body_bytes: 100, timeout: 1s, read_limit: read}
limits:
  address: {by: address, quota: 6, window: 10s}
  user: {by: user, quota: 4, window: 10s}
  read: {by: client, quota: 3, window: 10s}
routes:
  - {path: /v1/open, methods: [GET], app: catalog, access: public}
  - {path: /v1/buy, methods: [POST], app: orders, access: user}
`

// limitedEdge is an edge on a clock that the test moves.
func limitedEdge(t testing.TB) (stack, func(time.Duration)) {
	var at atomic.Int64
	s := edgeOf(t, limitedRoutes, func() time.Time { return time.Unix(1_800_000_000, at.Load()) })
	return s, func(d time.Duration) { at.Add(int64(d)) }
}

func (s stack) from(peer, method, target string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, nil)
	r.RemoteAddr = peer
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func TestAnswersTellOfTheLimits(t *testing.T) {
	s, advance := limitedEdge(t)
	const peer = "203.0.113.9:1"
	w := s.from(peer, "GET", "/v1/open")
	require.Equal(t, []string{`"address";q=6;w=10, "read";q=3;w=10`}, w.Header().Values("RateLimit-Policy"))
	require.Equal(t, []string{`"read";r=2;t=4`}, w.Header().Values("RateLimit"))
	require.Empty(t, w.Header().Get("Retry-After"))
	s.from(peer, "GET", "/v1/open")
	require.Equal(t, `"read";r=0;t=10`, s.from(peer, "GET", "/v1/open").Header().Get("RateLimit"))
	called := s.apps.called
	w = s.from(peer, "GET", "/v1/open")
	require.Equal(t, http.StatusTooManyRequests, w.Code)
	require.Equal(t, "too_many_requests", code(t, w))
	require.Equal(t, "4", w.Header().Get("Retry-After"))
	require.Equal(t, `"read";r=0;t=10`, w.Header().Get("RateLimit"))
	require.Equal(t, called, s.apps.called, "not sent on")
	require.Equal(t, []string{"read"}, s.observed.limited)
	require.Contains(t, s.log.String(), `"status":429`)
	require.Equal(t, http.StatusOK, s.from("203.0.113.10:1", "GET", "/v1/open").Code, "another address")
	advance(4 * time.Second)
	require.Equal(t, http.StatusOK, s.from(peer, "GET", "/v1/open").Code, "after Retry-After")
}

// A user has his own count wherever he is, and what he may do as a guest beside it.
func TestUsersAreCountedByID(t *testing.T) {
	s, _ := limitedEdge(t)
	for i := range 4 {
		w := s.from("203.0.113.9:1", "POST", "/v1/buy", "Authorization", "Bearer customer")
		require.Equal(t, http.StatusOK, w.Code, i)
		require.Equal(t, `"address";q=6;w=10, "user";q=4;w=10`, w.Header().Get("RateLimit-Policy"))
	}
	require.Equal(t, http.StatusTooManyRequests, s.from("203.0.113.10:1", "POST", "/v1/buy", "Authorization", "Bearer customer").Code)
	require.Equal(t, http.StatusOK, s.from("203.0.113.10:1", "POST", "/v1/buy", "Authorization", "Bearer agent").Code)
	require.Equal(t, http.StatusOK, s.from("203.0.113.9:1", "GET", "/v1/open").Code)
}

// Tokens are not even looked at for an address that is over its limit, and what
// is refused counts as well.
func TestAFloodCostsNoSignatures(t *testing.T) {
	s, _ := limitedEdge(t)
	for range 6 {
		require.Equal(t, http.StatusUnauthorized, s.from("203.0.113.9:1", "GET", "/v1/open", "Authorization", "Bearer forged").Code)
	}
	for _, c := range [][2]string{{"GET", "/v1/open"}, {"GET", "/nowhere"}, {"DELETE", "/v1/open"}, {"GET", "/"}} {
		require.Equal(t, http.StatusTooManyRequests, s.from("203.0.113.9:1", c[0], c[1], "Authorization", "Bearer forged").Code, c)
	}
	require.NotEqual(t, http.StatusTooManyRequests, s.from("203.0.113.9:1", "GET", "/healthz").Code, "who watches over the gateway is not counted")
	require.NotEqual(t, http.StatusTooManyRequests, s.from("203.0.113.9:1", "GET", "/readyz").Code)
}

func TestIPv6IsCountedByNetwork(t *testing.T) {
	s, _ := limitedEdge(t)
	for _, peer := range []string{"[2001:db8:0:1::1]:1", "[2001:db8:0:1::2]:1", "[2001:db8:0:1:ffff::3]:1"} {
		require.Equal(t, http.StatusOK, s.from(peer, "GET", "/v1/open").Code)
	}
	require.Equal(t, http.StatusTooManyRequests, s.from("[2001:db8:0:1::4]:1", "GET", "/v1/open").Code)
	require.Equal(t, http.StatusOK, s.from("[2001:db8:0:2::1]:1", "GET", "/v1/open").Code)
	require.Equal(t, "2001:db8:0:2::", s.apps.who.Address)
}

// Only a proxy that is trusted may name another address.
func TestTheAddressBehindAProxy(t *testing.T) {
	s, _ := limitedEdge(t)
	for range 3 {
		require.Equal(t, http.StatusOK, s.from("10.0.0.1:1", "GET", "/v1/open", "X-Forwarded-For", "6.6.6.6, 203.0.113.9").Code)
	}
	require.Equal(t, "203.0.113.9", s.apps.who.Address)
	require.Equal(t, http.StatusTooManyRequests, s.from("10.0.0.2:1", "GET", "/v1/open", "X-Forwarded-For", "203.0.113.9").Code)
	// A client cannot have its proxy's word taken away.
	require.Equal(t, http.StatusTooManyRequests, s.from("10.0.0.2:1", "GET", "/v1/open", "X-Forwarded-For", "203.0.113.9", "Connection", "X-Forwarded-For").Code)
	for range 3 {
		require.Equal(t, http.StatusOK, s.from("198.51.100.1:1", "GET", "/v1/open", "X-Forwarded-For", "1.1.1.1").Code)
	}
	require.Equal(t, http.StatusTooManyRequests, s.from("198.51.100.1:1", "GET", "/v1/open", "X-Forwarded-For", "1.1.1.2").Code, "what it says of itself is nothing")
}

func TestTheLogHasTheAddressOfWhoIsRefusedOnly(t *testing.T) {
	s, _ := limitedEdge(t)
	s.from("203.0.113.9:1", "GET", "/v1/open")
	require.NotContains(t, s.log.String(), "203.0.113.9")
	s.from("203.0.113.9:1", "GET", "/v1/open", "Authorization", "Bearer forged")
	require.Contains(t, s.log.String(), `"address":"203.0.113.9"`)

	s = edge(t)
	s.from("203.0.113.9:1", "POST", "/v1/staff", "Authorization", "Bearer customer")
	for _, part := range []string{`"status":403`, `"user":"u1"`, `"address":"203.0.113.9"`} {
		require.Contains(t, s.log.String(), part, "who tries what is not his")
	}
}

func TestWhatIsObserved(t *testing.T) {
	s := edge(t)
	for _, c := range []struct{ method, target, want string }{
		{"GET", "/v1/mine/77", "GET /v1/mine/{id} 401"},
		{"PATCH", "/v1/mine/77", "PATCH none 405"},
		{"GET", "/made/up/77", "GET none 404"},
		{"GET", "/healthz", "GET /healthz 404"},
		{"GET", "/panic", "GET none 500"},
	} {
		s.do(c.method, c.target)
		require.Equal(t, c.want, s.observed.last)
		require.Equal(t, s.observed.begun, s.observed.ended)
	}
}

func TestHopByHop(t *testing.T) {
	s := edge(t)
	w := s.do("GET", "/v1/mine/1", "Authorization", "Bearer customer", "Connection", "close, Authorization")
	require.Equal(t, http.StatusUnauthorized, w.Code, "a header for this connection only is not there for the rest")
	r := httptest.NewRequest(http.MethodPost, "/v1/open", nil)
	r.TransferEncoding = []string{"chunked"}
	w = httptest.NewRecorder()
	s.ServeHTTP(w, r)
	require.Equal(t, "close", w.Header().Get("Connection"))
}

func TestPrivateUnlessSaidOtherwise(t *testing.T) {
	s := edge(t)
	for _, path := range []string{"/v1/open", "/v1/mine/1", "/nowhere"} {
		h := s.do("GET", path).Header()
		require.Equal(t, "no-store", h.Get("Cache-Control"), path)
		require.Equal(t, "same-origin", h.Get("Cross-Origin-Resource-Policy"), path)
		require.Empty(t, h.Get("Strict-Transport-Security"), "not by HTTP")
		require.Equal(t, "Origin", h.Get("Vary"), "whoever keeps it must not show it to another origin")
	}
	s.o.HTTPS = true
	require.Equal(t, "max-age=31536000", s.do("GET", "/v1/open").Header().Get("Strict-Transport-Security"))
	w := s.do("GET", "/v1/open?q="+strings.Repeat("x", longestQuery))
	require.Equal(t, http.StatusBadRequest, w.Code)
}

// BenchmarkGuest is what the edge costs a guest whose answer is in memory: the
// route, its two limits and their headers, the figures' hook.
func BenchmarkGuest(b *testing.B) {
	s := edgeOf(b, strings.NewReplacer("quota: 6", "quota: 1000000", "quota: 3", "quota: 1000000", "window: 10s", "window: 1s").Replace(limitedRoutes), time.Now)
	s.o.Log = slog.New(slog.DiscardHandler)
	r := httptest.NewRequest(http.MethodGet, "/v1/open", nil)
	w := discard{http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		s.ServeHTTP(w, r)
	}
}

type discard struct{ h http.Header }

func (d discard) Header() http.Header         { return d.h }
func (d discard) Write(b []byte) (int, error) { return len(b), nil }
func (d discard) WriteHeader(int)             {}
