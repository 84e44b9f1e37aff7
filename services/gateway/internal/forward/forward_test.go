package forward

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
	"tienda/internal/fault"
	"tienda/internal/sidecar"
	"tienda/internal/trace"
	"tienda/services/gateway/internal/route"
)

var (
	orders  = &route.Route{App: "orders", MaxBody: 64, Timeout: 5 * time.Second}
	to      = &route.Route{App: "catalog", MaxBody: 64, Timeout: 5 * time.Second}
	request = trace.Trace{RequestID: "request-1", Parent: "00-11111111111111111111111111111111-2222222222222222-01", State: "a=b"}
)

// unreached is what a sidecar answers when it cannot reach an app.
const unreached = `{"errorCode":"ERR_DIRECT_INVOKE","message":"fail to invoke, id: catalog, err: no healthy endpoint"}`

// fake plays the sidecar.
func fake(t testing.TB, h http.HandlerFunc) *Forwarder {
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	base, err := url.Parse(s.URL)
	require.NoError(t, err)
	return New(Config{Base: base, APIToken: "secret", Transport: sidecar.Transport()})
}

func says(status int, media, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", media)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func TestOnlyListedHeadersPassInward(t *testing.T) {
	var got *http.Request
	var body []byte
	f := fake(t, func(w http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
		w.WriteHeader(http.StatusNoContent)
	})
	r := httptest.NewRequest(http.MethodPut, "http://shop.example/v1/cart/items/A?currency=EUR&x=%2F", strings.NewReader(`{"quantity":1}`))
	r.RemoteAddr = "203.0.113.9:4711"
	sent := map[string]string{
		"Content-Type": "application/json", "If-Match": `"3"`, "Idempotency-Key": "12345678", "Cart-Token": "token",
		"Accept-Language": "de", // of the letters about an order
	}
	for k, v := range sent {
		r.Header.Set(k, v)
	}
	for k, v := range map[string]string{
		"Authorization": "Bearer x", "Cookie": "session=1; tienda_cart=abc; tienda_device=def; theme=dark", "Device-Token": "d", "Tienda-User": "root", "tienda-roles": "admin", "Tienda-Session": "s",
		"Dapr-App-Id": "users", "dapr-api-token": "guess", "Dapr-Caller-App-Id": "orders", "Dapr-Callee-App-Id": "x", "X-Forwarded-For": "10.0.0.1",
		"X-Forwarded-Host": "evil", "Forwarded": "for=1", "Connection": "keep-alive, X-Hop", "X-Hop": "1", "Te": "trailers", "Upgrade": "h2c",
		"Proxy-Authorization": "x", "Origin": "http://a", "Accept": "application/json", "Accept-Encoding": "gzip", "If-None-Match": `"4"`,
		"User-Agent": "test/1", "X-Forwarded-Proto": "https", "X-Other": "1", "Metadata.x": "1",
	} {
		r.Header.Set(k, v)
	}
	w := httptest.NewRecorder()
	who := caller.Caller{UserID: "u1", Session: "s1", Roles: []caller.Role{caller.Customer, caller.Admin}}
	require.NoError(t, f.Forward(w, r, orders, who, request))
	require.Equal(t, http.StatusNoContent, w.Code)
	require.Equal(t, "PUT", got.Method)
	require.Equal(t, "/v1/cart/items/A?currency=EUR&x=%2F", got.RequestURI)
	require.Equal(t, `{"quantity":1}`, string(body))
	want := http.Header{
		"Cookie": {"tienda_cart=abc"}, "Tienda-User": {"u1"}, "Tienda-Roles": {"customer admin"}, "Tienda-Session": {"s1"},
		"Dapr-App-Id": {"orders"}, "Dapr-Api-Token": {"secret"},
		"X-Request-Id": {"request-1"}, "Traceparent": {request.Parent}, "Tracestate": {"a=b"}, "Content-Length": {"14"},
	}
	for k, v := range sent {
		want.Set(k, v)
	}
	require.Equal(t, want, got.Header)

	r.Body = http.NoBody
	f.cfg.HTTPS = true
	r.Header.Set("X-Forwarded-Proto", "http") // the setting counts, not the client
	require.NoError(t, f.Forward(httptest.NewRecorder(), r, orders, who, request))
	require.Equal(t, []string{"https"}, got.Header.Values("X-Forwarded-Proto"))
	cookies := map[string]string{"users": "tienda_device=def"}
	for app, read := range map[string]string{"users": "test/1", "catalog": ""} {
		require.NoError(t, f.Forward(httptest.NewRecorder(), r, &route.Route{App: app, MaxBody: 64, Timeout: 5 * time.Second}, who, request))
		require.Equal(t, read, got.Header.Get("User-Agent"), "only who reads it gets it")
		require.NotContains(t, got.Header, "Cart-Token")
		require.Equal(t, app == "catalog", got.Header.Get("Accept-Language") == "de")
		require.Equal(t, app == "users", got.Header.Get("X-Forwarded-Proto") == "https", "who sets a cookie is told whether it is Secure")
		require.Equal(t, app == "users", got.Header.Get("Device-Token") == "d")
		require.Equal(t, cookies[app], got.Header.Get("Cookie"), "each has its own cookie")
	}

	r = httptest.NewRequest(http.MethodGet, "/v1/products", nil)
	r.Header.Set("Tienda-User", "root")
	require.NoError(t, f.Forward(httptest.NewRecorder(), r, to, caller.Caller{}, trace.Trace{}))
	for _, name := range []string{"Tienda-User", "Tienda-Roles", "Tienda-Session", "Cookie", "User-Agent", "Accept-Encoding"} {
		require.NotContains(t, got.Header, name, "nobody is signed in")
	}
}

func TestOnlyListedHeadersPassOutward(t *testing.T) {
	f := fake(t, func(w http.ResponseWriter, _ *http.Request) {
		for k, v := range map[string]string{
			"Content-Type": "application/json", "ETag": `"1"`, "Location": "/v1/x", "Cache-Control": "no-store", "Cart-Token": "c",
			"Device-Token": "d", "Retry-After": "1", "Idempotency-Replayed": "true", "Dapr-Http-Status": "201", "Server": "daprd", "Metadata.a": "1", "Traceparent": "x",
			"Tienda-User": "u", "Access-Control-Allow-Origin": "*", "X-Request-Id": "theirs",
		} {
			w.Header().Set(k, v)
		}
		w.Header().Add("Set-Cookie", "tienda_cart=a; HttpOnly")
		w.Header().Add("Set-Cookie", "b=c")
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, `{"a":1}`)
	})
	w := httptest.NewRecorder()
	require.NoError(t, f.Forward(w, httptest.NewRequest(http.MethodGet, "/v1/x", nil), to, caller.Caller{}, request))
	require.Equal(t, http.StatusCreated, w.Code)
	require.JSONEq(t, `{"a":1}`, w.Body.String())
	require.Equal(t, http.Header{
		"Content-Type": {"application/json"}, "Etag": {`"1"`}, "Location": {"/v1/x"}, "Cache-Control": {"no-store"}, "Cart-Token": {"c"},
		"Device-Token": {"d"}, "Retry-After": {"1"}, "Idempotency-Replayed": {"true"}, "Set-Cookie": {"tienda_cart=a; HttpOnly", "b=c"}, "Content-Length": {"7"},
	}, w.Header())
}

func TestTheBodyIsBounded(t *testing.T) {
	var calls atomic.Int32
	f := fake(t, func(w http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		_, _ = io.WriteString(w, `{}`)
	})
	for name, c := range map[string]struct {
		body io.Reader
		size int64
		want fault.Kind
	}{
		"stated too large":      {strings.NewReader(strings.Repeat("x", 65)), 65, fault.TooLarge},
		"stated far too large":  {strings.NewReader("x"), 1 << 40, fault.TooLarge},
		"not stated, too large": {strings.NewReader(strings.Repeat("x", 65)), -1, fault.TooLarge},
		"endless":               {endless{}, -1, fault.TooLarge},
		"broken off":            {iotest.ErrReader(errors.New("reset")), -1, fault.Invalid},
	} {
		r := httptest.NewRequest(http.MethodPost, "/v1/x", c.body)
		r.ContentLength = c.size
		w := httptest.NewRecorder()
		err := f.Forward(w, r, to, caller.Caller{}, request)
		require.Error(t, err, name)
		require.Equal(t, c.want, fault.KindOf(err), name)
		require.Empty(t, w.Body.Bytes(), name)
	}
	require.Zero(t, calls.Load(), "nothing is sent on")
	r := httptest.NewRequest(http.MethodPost, "/v1/x", strings.NewReader(strings.Repeat("x", 64)))
	r.ContentLength = -1
	require.NoError(t, f.Forward(httptest.NewRecorder(), r, to, caller.Caller{}, request))
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestWhatTheSidecarWouldCutIsRefused(t *testing.T) {
	f := fake(t, func(http.ResponseWriter, *http.Request) { t.Error("sent on") })
	r := httptest.NewRequest(http.MethodGet, "/v1/x?q="+strings.Repeat("x", longestQuery), nil)
	r.Header.Set("If-Match", strings.Repeat("x", longestHeader+1))
	err := f.Forward(httptest.NewRecorder(), r, to, caller.Caller{}, request)
	var e *fault.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, fault.Invalid, e.Kind)
	require.Len(t, e.Fields, 2)
}

func TestAnAppThatIsNotReached(t *testing.T) {
	for _, c := range []struct {
		method    string
		fails     int32 // how often the sidecar says so before the app answers
		want      fault.Kind
		wantTries int32
	}{
		{"GET", 1, 0, 2},
		{"GET", 3, 0, 4},
		{"HEAD", 1, 0, 2},
		{"GET", 1000, fault.Unavailable, 16},
		{"POST", 1, fault.Unavailable, 1},
		{"PUT", 1, fault.Unavailable, 1},
		{"DELETE", 1, fault.Unavailable, 1},
	} {
		t.Run(fmt.Sprint(c.method, c.fails), func(t *testing.T) {
			var calls atomic.Int32
			f := fake(t, func(w http.ResponseWriter, _ *http.Request) {
				if calls.Add(1) <= c.fails {
					says(http.StatusInternalServerError, "application/json", unreached)(w, nil)
					return
				}
				says(http.StatusOK, "application/json", `{}`)(w, nil)
			})
			w := httptest.NewRecorder()
			err := f.Forward(w, httptest.NewRequest(c.method, "/v1/x", nil), to, caller.Caller{}, request)
			require.Equal(t, c.wantTries, calls.Load())
			if c.want == 0 {
				require.NoError(t, err)
				require.Equal(t, http.StatusOK, w.Code)
				return
			}
			require.Equal(t, c.want, fault.KindOf(err))
			require.Equal(t, "catalog_unavailable", fault.CodeOf(err))
			require.Empty(t, w.Body.Bytes())
		})
	}
}

// A sidecar whose app dies while it answers says 200 and nothing else: that is no
// answer, and no write has been acknowledged.
func TestAnEmptySuccessIsNone(t *testing.T) {
	var calls atomic.Int32
	f := fake(t, func(w http.ResponseWriter, r *http.Request) {
		if calls.Add(1); r.Method == http.MethodDelete {
			w.WriteHeader(http.StatusNoContent)
		}
	})
	err := f.Forward(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/v1/x", nil), to, caller.Caller{}, request)
	require.Equal(t, "catalog_unavailable", fault.CodeOf(err))
	require.EqualValues(t, 1, calls.Load())
	err = f.Forward(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/v1/x", nil), to, caller.Caller{}, request)
	require.Equal(t, "catalog_unavailable", fault.CodeOf(err))
	require.Greater(t, calls.Load(), int32(2), "a read is tried again")
	require.NoError(t, f.Forward(httptest.NewRecorder(), httptest.NewRequest(http.MethodDelete, "/v1/x", nil), to, caller.Caller{}, request))
}

func TestABrokenConnection(t *testing.T) {
	var calls atomic.Int32
	f := fake(t, func(w http.ResponseWriter, _ *http.Request) {
		if calls.Add(1)%2 == 1 {
			conn, _, err := http.NewResponseController(w).Hijack()
			require.NoError(t, err)
			_ = conn.Close()
			return
		}
		_, _ = io.WriteString(w, `{}`)
	})
	require.NoError(t, f.Forward(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/v1/x", nil), to, caller.Caller{}, request))
	require.EqualValues(t, 2, calls.Load())
	err := f.Forward(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/v1/x", strings.NewReader("x")), to, caller.Caller{}, request)
	require.Equal(t, fault.Unavailable, fault.KindOf(err))
	require.EqualValues(t, 3, calls.Load(), "a write that may have arrived is not sent again")
}

func TestASidecarThatIsAway(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	base := &url.URL{Scheme: "http", Host: l.Addr().String()}
	require.NoError(t, l.Close())
	f := New(Config{Base: base, Transport: sidecar.Transport()})
	for _, method := range []string{"GET", "POST"} {
		err := f.Forward(httptest.NewRecorder(), httptest.NewRequest(method, "/v1/x", strings.NewReader("x")), to, caller.Caller{}, request)
		require.Equal(t, "catalog_unavailable", fault.CodeOf(err), method)
		require.ErrorContains(t, err, "16 tries", "no connection: nothing was sent, so every method may be tried again")
	}
}

func TestTimeout(t *testing.T) {
	stop := make(chan struct{})
	f := fake(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-stop:
		case <-r.Context().Done():
		}
	})
	defer close(stop)
	short := &route.Route{App: "orders", MaxBody: 64, Timeout: 30 * time.Millisecond}
	for _, method := range []string{"GET", "POST"} {
		err := f.Forward(httptest.NewRecorder(), httptest.NewRequest(method, "/v1/x", nil), short, caller.Caller{}, request)
		require.Equal(t, fault.TimedOut, fault.KindOf(err), method)
	}
	// The time of a route bounds its retries as well.
	f = fake(t, says(http.StatusInternalServerError, "application/json", unreached))
	err := f.Forward(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/v1/x", nil), short, caller.Caller{}, request)
	require.Equal(t, fault.TimedOut, fault.KindOf(err))
}

func TestErrorsOfTheApp(t *testing.T) {
	const doc = `{"type":"about:blank","title":"Conflict","status":409,"code":"out_of_stock"`
	for name, c := range map[string]struct {
		status            int
		media, body, want string
	}{
		"a problem":                         {409, "application/problem+json", doc + `,"request_id":"theirs"}`, doc + `,"request_id":"theirs"}`},
		"a problem without a request ID":    {409, "application/problem+json; charset=utf-8", doc + `}`, doc + `,"request_id":"request-1"}`},
		"a problem that is none":            {409, "application/problem+json", `nonsense`, `nonsense`},
		"the app's own 503":                 {503, "application/problem+json", `{"code":"catalog_busy","request_id":"r"}`, `{"code":"catalog_busy","request_id":"r"}`},
		"a problem that says errorCode":     {500, "application/problem+json", `{"code":"x","detail":"\"errorCode\"","request_id":"r"}`, `{"code":"x","detail":"\"errorCode\"","request_id":"r"}`},
		"another document of another app":   {404, "text/plain", "no", "no"},
		"an error without a body":           {500, "", "", "500"},
		"a refusal without a body":          {404, "", "", ""},
		"a server's page with its stack":    {502, "text/html", "<h1>panic at db.internal:5432</h1>", "500"},
		"the page of a server that is away": {503, "text/html", "<h1>upstream db.internal</h1>", "503"},
		"a sidecar that refuses the token":  {401, "application/json", `{"errorCode":"ERR_X","message":"invalid api token"}`, "500"},
	} {
		t.Run(name, func(t *testing.T) {
			f := fake(t, says(c.status, c.media, c.body))
			w := httptest.NewRecorder()
			err := f.Forward(w, httptest.NewRequest(http.MethodPost, "/v1/x", nil), to, caller.Caller{}, request)
			if want, ok := map[string]fault.Kind{"500": fault.Internal, "503": fault.Unavailable}[c.want]; ok {
				require.Equal(t, want, fault.KindOf(err))
				require.Empty(t, w.Body.String())
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.status, w.Code)
			if strings.HasPrefix(c.want, "{") {
				require.JSONEq(t, c.want, w.Body.String())
			} else {
				require.Equal(t, c.want, w.Body.String())
			}
		})
	}
}

func TestAnAnswerThatBreaksOffIsNotTakenForWhole(t *testing.T) {
	f := fake(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"items":[`)
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = f.Forward(w, r, to, caller.Caller{}, request)
	}))
	defer front.Close()
	resp, err := http.Get(front.URL)
	if err == nil {
		_, err = io.ReadAll(resp.Body)
		_ = resp.Body.Close()
	}
	require.Error(t, err)
}

func TestFetch(t *testing.T) {
	var got *http.Request
	var next http.HandlerFunc
	f := fake(t, func(w http.ResponseWriter, r *http.Request) {
		got = r
		next(w, r)
	})
	fetch := func(limit int64) (*Answer, error) {
		return f.Fetch(t.Context(), to, &url.URL{Path: "/v1/products", RawQuery: "q=a%20b"}, "es", request, limit)
	}
	next = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("ETag", `"1"`)
		w.Header().Set("Dapr-Http-Status", "200")
		says(http.StatusOK, "application/json", `{"a":1}`)(w, nil)
	}
	a, err := fetch(7)
	require.NoError(t, err)
	require.Equal(t, &Answer{Status: 200, Header: http.Header{"Content-Type": {"application/json"}, "Etag": {`"1"`}}, Body: []byte(`{"a":1}`)}, a)
	require.Equal(t, "GET /v1/products?q=a%20b", got.Method+" "+got.RequestURI)
	require.Equal(t, http.Header{"Dapr-App-Id": {"catalog"}, "Dapr-Api-Token": {"secret"}, "X-Request-Id": {"request-1"}, "Accept-Language": {"es"},
		"Traceparent": {request.Parent}, "Tracestate": {"a=b"}}, got.Header)
	_, err = fetch(6)
	require.ErrorIs(t, err, ErrLarge)

	next = func(w http.ResponseWriter, _ *http.Request) { // of no stated length
		_, _ = io.WriteString(w, `{"a":`)
		_ = http.NewResponseController(w).Flush()
		_, _ = io.WriteString(w, `1}`)
	}
	a, err = fetch(7)
	require.NoError(t, err)
	require.Equal(t, `{"a":1}`, string(a.Body))
	_, err = fetch(6)
	require.ErrorIs(t, err, ErrLarge)

	next = says(404, "application/problem+json", `{"code":"not_found"}`)
	a, err = fetch(1000)
	require.NoError(t, err)
	require.Equal(t, 404, a.Status)
	require.JSONEq(t, `{"code":"not_found","request_id":"request-1"}`, string(a.Body))

	next = func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"a":`)
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	_, err = fetch(1000)
	require.Equal(t, "catalog_unavailable", fault.CodeOf(err), "half an answer is none")
	next = says(500, "application/json", unreached)
	_, err = fetch(1000)
	require.Equal(t, "catalog_unavailable", fault.CodeOf(err))
	_, err = f.Fetch(t.Context(), to, &url.URL{Path: "/x", RawQuery: strings.Repeat("x", longestQuery+1)}, "", request, 1000)
	require.Equal(t, fault.Invalid, fault.KindOf(err))
}

func TestETags(t *testing.T) {
	hash := strings.Repeat("h", hashLength)
	for app, want := range map[string]string{`"3"`: `"3.` + hash + `"`, ``: `"` + hash + `"`, `W/"3"`: `"` + hash + `"`, `"`: `"` + hash + `"`, `""`: `"` + hash + `"`} {
		require.Equal(t, want, ETag(app, hash))
	}
	require.Equal(t, `"3"`, version(ETag(`"3"`, hash)))
	for _, other := range []string{``, `*`, `"3"`, `"999"`, `"` + hash + `"`, `"3.x"`, `3.` + hash, `W/"3.` + hash + `"`[1:], `"3"."` + hash} {
		require.Equal(t, other, version(other))
	}
}
