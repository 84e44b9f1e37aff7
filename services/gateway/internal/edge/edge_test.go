package edge

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
	"tienda/internal/fault"
	"tienda/internal/trace"
	"tienda/services/gateway/internal/client"
	"tienda/services/gateway/internal/forward"
	"tienda/services/gateway/internal/limit"
	"tienda/services/gateway/internal/route"
)

const routes = `
defaults: {max_body_bytes: 100, timeout: 1s}
routes:
  - {path: /v1/open, methods: [GET, POST], app: catalog, access: public}
  - {path: '/v1/mine/{id}', methods: [GET, PUT, DELETE], app: orders, access: user}
  - {path: /v1/staff, methods: [POST], app: support, access: [support_agent]}
`

// tokens knows three users by their token.
type tokens struct{}

func (tokens) Verify(_ context.Context, token string) (caller.Caller, error) {
	switch token {
	case "customer":
		return caller.Caller{UserID: "u1", Roles: []caller.Role{caller.Customer}}, nil
	case "agent":
		return caller.Caller{UserID: "u2", Roles: []caller.Role{caller.SupportAgent}}, nil
	case "nokeys":
		return caller.Caller{}, fault.New(fault.Unavailable, "users_unavailable", "x")
	}
	return caller.Caller{}, fault.New(fault.Unauthenticated, "invalid_token", "x")
}

// apps plays the forwarder: it notes what it was to send on.
type apps struct {
	fail   error
	app    string
	who    caller.Caller
	trace  trace.Trace
	called int
}

func (a *apps) Forward(w http.ResponseWriter, _ *http.Request, to *route.Route, who caller.Caller, t trace.Trace) error {
	a.app, a.who, a.trace = to.App, who, t
	a.called++
	if a.fail != nil {
		return a.fail
	}
	_, err := io.WriteString(w, `{}`)
	return err
}

type stack struct {
	*Edge
	apps     *apps
	log      *bytes.Buffer
	observed *observed
}

func edge(t testing.TB) stack {
	t.Helper()
	return edgeOf(t, routes, time.Now)
}

// observed notes what is counted.
type observed struct {
	begun, ended int
	last         string
	limited      []string
}

func (o *observed) Begin() { o.begun++ }

func (o *observed) End(route, method string, status int, _ time.Duration) {
	o.ended++
	o.last = fmt.Sprint(method, " ", route, " ", status)
}

func (o *observed) Limited(limit string) { o.limited = append(o.limited, limit) }

func edgeOf(t testing.TB, routes string, now func() time.Time) stack {
	t.Helper()
	table, err := route.Parse([]byte(routes), 1)
	require.NoError(t, err)
	origins, err := ParseOrigins("https://shop.example, http://localhost:*")
	require.NoError(t, err)
	proxies, err := client.ParseProxies("10.0.0.0/8", "")
	require.NoError(t, err)
	s := stack{apps: &apps{}, log: &bytes.Buffer{}, observed: &observed{}}
	own := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/panic" {
			panic("own")
		}
		w.WriteHeader(http.StatusNotFound)
	})
	s.Edge = New(Options{Table: func() *route.Table { return table }, Tokens: tokens{}, Limits: limit.New(1000, now), Forward: s.apps,
		Origins: origins, Proxies: proxies, Own: own, Observe: s.observed, Log: slog.New(slog.NewJSONHandler(s.log, nil))})
	return s
}

func (s stack) do(method, target string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func code(t testing.TB, w *httptest.ResponseRecorder) string {
	t.Helper()
	require.Equal(t, "application/problem+json", w.Header().Get("Content-Type"))
	var p struct {
		Code      string `json:"code"`
		RequestID string `json:"request_id"`
	}
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &p))
	require.Equal(t, w.Header().Get("X-Request-Id"), p.RequestID)
	return p.Code
}

func TestWhoMayCall(t *testing.T) {
	for _, c := range []struct {
		method, path, authorization string
		status                      int
		code, user                  string
	}{
		{"GET", "/v1/open", "", 200, "", ""},
		{"HEAD", "/v1/open", "", 200, "", ""},
		{"GET", "/v1/open", "Bearer customer", 200, "", "u1"},
		{"GET", "/v1/open", "bearer customer", 200, "", "u1"},
		{"GET", "/v1/open", "Bearer forged", 401, "invalid_token", ""},
		{"GET", "/v1/open", "Bearer ", 401, "invalid_token", ""},
		{"GET", "/v1/open", "Bearer", 401, "invalid_token", ""},
		{"GET", "/v1/open", "Basic dTpw", 401, "invalid_token", ""},
		{"GET", "/v1/open", "Bearer nokeys", 503, "users_unavailable", ""},
		{"GET", "/v1/mine/1", "", 401, "sign_in", ""},
		{"PUT", "/v1/mine/1", "Bearer customer", 200, "", "u1"},
		{"POST", "/v1/staff", "", 401, "sign_in", ""},
		{"POST", "/v1/staff", "Bearer customer", 403, "role_missing", ""},
		{"POST", "/v1/staff", "Bearer agent", 200, "", "u2"},
		{"PATCH", "/v1/mine/1", "Bearer customer", 405, "method_not_allowed", ""},
		{"OPTIONS", "/v1/mine/1", "", 405, "method_not_allowed", ""},
	} {
		s := edge(t)
		var header []string
		if c.authorization != "" {
			header = []string{"Authorization", c.authorization}
		}
		w := s.do(c.method, c.path, header...)
		require.Equal(t, c.status, w.Code, "%+v", c)
		if c.code != "" {
			require.Equal(t, c.code, code(t, w), "%+v", c)
			require.Zero(t, s.apps.called, "nothing is sent on")
			continue
		}
		require.Equal(t, c.user, s.apps.who.UserID, "%+v", c)
	}
	s := edge(t)
	require.Equal(t, 401, s.do("GET", "/v1/open", "Authorization", "Bearer customer", "Authorization", "Bearer agent").Code, "two tokens")
	require.Equal(t, "DELETE, GET, PUT, HEAD", s.do("POST", "/v1/mine/1").Header().Get("Allow"))
	require.Equal(t, `Bearer realm="tienda"`, s.do("GET", "/v1/mine/1").Header().Get("WWW-Authenticate"))
}

func TestPathsThatHideSomething(t *testing.T) {
	s := edge(t)
	for _, target := range []string{
		"/internal/v1/users/1", "/events/orders", "/dapr/subscribe", "/v1.0/state/x/y", "/v1%2Fopen", "/%76%31/open", "/v1/mine/%2e%2e", "/v1/mine/..",
		"/v1/mine/../open", "/v1//open", "//v1/open", "/v1/open/", "/v1/mine/a%2Fb", "/v1/mine/a%20b", "/v1/mine/%00", "/v1/mine/a%3Fb", "/v1/mine/%61",
		"http://other.example/internal/v1/users/1",
	} {
		w := s.do("GET", target, "Authorization", "Bearer customer")
		require.Equal(t, http.StatusNotFound, w.Code, target)
		require.Zero(t, s.apps.called, target)
		require.NotEmpty(t, w.Header().Get("X-Request-Id"))
	}
}

func TestEveryAnswerIsMarkedAndSecured(t *testing.T) {
	s := edge(t)
	for _, path := range []string{"/v1/open", "/v1/mine/1", "/nowhere", "/panic"} {
		h := s.do("GET", path, "X-Request-Id", "given-by-client").Header()
		require.Equal(t, "given-by-client", h.Get("X-Request-Id"), path)
		require.Equal(t, "nosniff", h.Get("X-Content-Type-Options"), path)
		require.Equal(t, "no-referrer", h.Get("Referrer-Policy"), path)
		require.Equal(t, "DENY", h.Get("X-Frame-Options"), path)
		require.Contains(t, h.Get("Content-Security-Policy"), "default-src 'none'", path)
	}
	require.Len(t, s.do("GET", "/v1/open", "X-Request-Id", "bad\x01").Header().Get("X-Request-Id"), 36, "an ill-formed one is replaced")
}

func TestTheTraceGoesOn(t *testing.T) {
	s := edge(t)
	const parent = "00-11111111111111111111111111111111-2222222222222222-01"
	s.do("GET", "/v1/open", "Traceparent", parent, "Tracestate", "a=b")
	require.Equal(t, parent, s.apps.trace.Parent)
	require.Equal(t, "a=b", s.apps.trace.State)
	s.do("GET", "/v1/open")
	require.Len(t, s.apps.trace.Parent, len(parent), "one is begun")
}

func TestErrorsBecomeProblems(t *testing.T) {
	for _, c := range []struct {
		err        error
		status     int
		code       string
		retryAfter string
	}{
		{fault.New(fault.Unavailable, "catalog_unavailable", "x"), 503, "catalog_unavailable", "1"},
		{fault.New(fault.TimedOut, "timed_out", "x"), 504, "timed_out", ""},
		{fault.New(fault.TooLarge, "body_too_large", "x"), 413, "body_too_large", ""},
		{errors.New("secret cause"), 500, "internal", ""},
	} {
		s := edge(t)
		s.apps.fail = c.err
		w := s.do("GET", "/v1/open")
		require.Equal(t, c.status, w.Code)
		require.Equal(t, c.code, code(t, w))
		require.Equal(t, c.retryAfter, w.Header().Get("Retry-After"))
		require.NotContains(t, w.Body.String(), "secret cause")
		require.Equal(t, c.code == "internal", strings.Contains(s.log.String(), "secret cause"), "the log has the cause")
	}
	s := edge(t)
	w := s.do("GET", "/panic")
	require.Equal(t, 500, w.Code)
	require.Equal(t, "internal", code(t, w))
	require.Contains(t, s.log.String(), `"level":"ERROR","msg":"panic"`)
}

func TestAccessLog(t *testing.T) {
	s := edge(t)
	s.do("PUT", "/v1/mine/7", "Authorization", "Bearer customer", "X-Request-Id", "request-7")
	var line map[string]any
	require.NoError(t, json.Unmarshal(s.log.Bytes(), &line))
	at, _ := line["time"].(string)
	_, err := time.Parse(time.RFC3339Nano, at)
	require.NoError(t, err, "the time names its zone")
	delete(line, "time")
	delete(line, "duration")
	require.Equal(t, map[string]any{"level": "INFO", "msg": "request", "method": "PUT", "path": "/v1/mine/7", "status": 200.0, "bytes": 2.0,
		"to": "orders", "user": "u1", "request_id": "request-7"}, line)

	s = edge(t)
	s.do("GET", "/readyz") // 404 here
	s.do("GET", "/healthz")
	require.Empty(t, s.log.String(), "probes, whatever their answer")

	s = edge(t)
	s.apps.fail = forward.ErrGone
	w := s.do("GET", "/v1/open")
	require.Empty(t, w.Body.Bytes())
	require.Contains(t, s.log.String(), `"status":499`)
	require.Equal(t, 1, strings.Count(s.log.String(), "\n"), "a client that went away is no error")
}

// What a client sends is one value in one line, whatever is in it.
func TestNobodyWritesLinesIntoTheLog(t *testing.T) {
	s := edge(t)
	s.do("GET", "/nowhere%0a%7b%22level%22:%22ERROR%22%7d%1b[31m%e2%80%a8", "X-Request-Id", "bad\n{}", "User-Agent", "a\nb")
	require.Equal(t, 1, strings.Count(s.log.String(), "\n"), s.log)
	var line map[string]any
	require.NoError(t, json.Unmarshal(s.log.Bytes(), &line))
	require.Equal(t, "/nowhere\n{\"level\":\"ERROR\"}\x1b[31m\u2028", line["path"])
	require.Len(t, line["request_id"], 36, "an ill-formed one is replaced")
	for _, raw := range []string{"\x1b", "\u2028"} {
		require.NotContains(t, s.log.String(), raw)
	}
}

func TestCORS(t *testing.T) {
	s := edge(t)
	for origin, allowed := range map[string]bool{
		"https://shop.example": true, "http://localhost:5173": true, "http://localhost": true,
		"http://shop.example": false, "https://shop.example.evil": false, "http://localhost.evil": false, "http://localhost:80.evil": false,
		"http://localhost:": false, "https://localhost:5173": false, "null": false, "https://evil.example": false,
	} {
		want := map[bool]string{true: origin}[allowed]
		w := s.do("GET", "/v1/open", "Origin", origin)
		require.Equal(t, http.StatusOK, w.Code)
		require.Equal(t, want, w.Header().Get("Access-Control-Allow-Origin"), origin)
		require.Equal(t, "Origin", w.Header().Get("Vary"))
		require.Equal(t, allowed, strings.Contains(w.Header().Get("Access-Control-Expose-Headers"), "ETag"), origin)

		called := s.apps.called
		w = s.do("OPTIONS", "/v1/mine/1", "Origin", origin, "Access-Control-Request-Method", "PUT")
		require.Equal(t, http.StatusNoContent, w.Code)
		require.Equal(t, want, w.Header().Get("Access-Control-Allow-Origin"), origin)
		require.Equal(t, allowed, w.Header().Get("Access-Control-Allow-Methods") == "DELETE, GET, PUT", origin)
		require.Equal(t, allowed, strings.Contains(w.Header().Get("Access-Control-Allow-Headers"), "Idempotency-Key"), origin)
		require.Equal(t, called, s.apps.called, "a preflight is not sent on")
	}
	require.Empty(t, s.do("GET", "/v1/open").Header().Get("Access-Control-Allow-Origin"))
	require.NotEmpty(t, s.do("GET", "/v1/mine/1", "Origin", "https://shop.example").Header().Get("Access-Control-Allow-Origin"), "errors can be read as well")
	w := s.do("OPTIONS", "/internal/v1/users/1", "Origin", "https://shop.example", "Access-Control-Request-Method", "PUT")
	require.Empty(t, w.Header().Get("Access-Control-Allow-Methods"))
}

func TestParseOrigins(t *testing.T) {
	for _, bad := range []string{"*", "http://*", "https://*.example", "shop.example", "https://shop.example/", "https://shop.example/x", "ftp://a", "http://localhost:80:*", "null"} {
		_, err := ParseOrigins("https://good.example," + bad)
		require.ErrorContains(t, err, bad)
	}
	o, err := ParseOrigins(" ,")
	require.NoError(t, err)
	require.False(t, o.allow("http://localhost"))
}

func BenchmarkEdge(b *testing.B) {
	s := edge(b)
	s.o.Log = slog.New(slog.DiscardHandler)
	r := httptest.NewRequest(http.MethodGet, "/v1/mine/1", nil)
	r.Header.Set("Authorization", "Bearer customer")
	b.ReportAllocs()
	for b.Loop() {
		s.ServeHTTP(httptest.NewRecorder(), r)
	}
}
