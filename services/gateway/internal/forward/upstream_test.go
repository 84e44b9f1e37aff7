package forward

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
	"tienda/internal/fault"
	"tienda/services/gateway/internal/route"
)

// monolith plays a server that is no app, at a path of its own.
func monolith(t *testing.T, tls bool, h http.HandlerFunc) (*Forwarder, *route.Upstream) {
	t.Helper()
	f := fake(t, func(http.ResponseWriter, *http.Request) { t.Error("asked the sidecar") })
	s := httptest.NewUnstartedServer(h)
	transport := UpstreamTransport()
	if s.Start(); tls {
		s.Close()
		s = httptest.NewTLSServer(h)
		transport.TLSClientConfig = s.Client().Transport.(*http.Transport).TLSClientConfig
	}
	t.Cleanup(s.Close)
	f.cfg.Upstreams = transport
	base, err := url.Parse(s.URL + "/shop")
	require.NoError(t, err)
	return f, &route.Upstream{Name: "old", Base: base}
}

func legacy(app string, up *route.Upstream) *route.Route {
	return &route.Route{App: app, MaxBody: 64, Timeout: 2 * time.Second, Upstream: up}
}

func TestAnUpstreamTakesTheAppsPlace(t *testing.T) {
	for _, tls := range []bool{false, true} {
		var got *http.Request
		var body []byte
		f, up := monolith(t, tls, func(w http.ResponseWriter, r *http.Request) {
			got = r
			body, _ = io.ReadAll(r.Body)
			for k, v := range map[string]string{
				"Content-Type": "application/json", "ETag": `"1"`, "Server": "Apache/2.2 (old.internal)", "X-Powered-By": "PHP/5", "X-Debug-Token": "x",
				"Location": up(r) + "/v1/orders/7?a=b",
			} {
				w.Header().Set(k, v)
			}
			w.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(w, `{"id":7}`)
		})
		r := httptest.NewRequest(http.MethodPost, "/v1/orders?x=1", strings.NewReader(`{"a":1}`))
		for k, v := range map[string]string{
			"Content-Type": "application/json", "Idempotency-Key": "12345678", "Cookie": "session=1; tienda_cart=abc", "Authorization": "Bearer x",
			"Tienda-User": "root", "Dapr-App-Id": "users", "Dapr-Api-Token": "guess", "X-Forwarded-For": "1.2.3.4", "X-Other": "1",
		} {
			r.Header.Set(k, v)
		}
		w := httptest.NewRecorder()
		who := caller.Caller{UserID: "u1", Session: "s1", Roles: []caller.Role{caller.Customer}, Address: "203.0.113.9"}
		require.NoError(t, f.Forward(w, r, legacy("orders", up), who, request))
		require.Equal(t, "/shop/v1/orders?x=1", got.RequestURI)
		require.Equal(t, up.Base.Host, got.Host)
		require.Equal(t, `{"a":1}`, string(body))
		want := http.Header{
			"Content-Type": {"application/json"}, "Idempotency-Key": {"12345678"}, "Cookie": {"tienda_cart=abc"}, "Content-Length": {"7"},
			"X-Request-Id": {"request-1"}, "Traceparent": {request.Parent}, "Tracestate": {"a=b"},
		}
		require.Equal(t, want, got.Header, "nothing of Dapr's, no identity, nothing that is not listed")
		require.Equal(t, http.StatusCreated, w.Code)
		require.Equal(t, http.Header{"Content-Type": {"application/json"}, "Etag": {`"1"`}, "Content-Length": {"8"}, "Location": {"/v1/orders/7?a=b"}}, w.Header())

		up.Identity = true
		r.Body = http.NoBody
		require.NoError(t, f.Forward(httptest.NewRecorder(), r, legacy("users", up), who, request))
		require.Equal(t, "u1", got.Header.Get("Tienda-User"))
		require.Equal(t, "customer", got.Header.Get("Tienda-Roles"))
		require.NotContains(t, got.Header, "Tienda-Address", "for the app users only")
		require.NotContains(t, got.Header, "Dapr-Api-Token")
	}
}

// up gives the base of the server that got a request.
func up(r *http.Request) string {
	if r.TLS != nil {
		return "https://" + r.Host + "/shop"
	}
	return "http://" + r.Host + "/shop"
}

func TestNothingOfAnUpstreamLeaks(t *testing.T) {
	var next http.HandlerFunc
	f, to := monolith(t, false, func(w http.ResponseWriter, r *http.Request) { next(w, r) })
	for location, want := range map[string]string{
		"http://db.internal/x": "", "//db.internal/x": "", "/admin": "", "/shopping": "", "/shop": "", "/shop/v1/x": "/v1/x", "x": "", "http://[": "",
	} {
		next = func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Location"] = []string{location}
			w.WriteHeader(http.StatusFound)
		}
		w := httptest.NewRecorder()
		require.NoError(t, f.Forward(w, httptest.NewRequest(http.MethodGet, "/v1/x", nil), legacy("catalog", to), caller.Caller{}, request))
		require.Equal(t, want, w.Header().Get("Location"), location)
		require.Equal(t, http.StatusFound, w.Code, "and it is not followed")
	}
	next = says(http.StatusInternalServerError, "text/html", "<pre>at ShopController.java:17 db.internal</pre>")
	err := f.Forward(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/v1/x", nil), legacy("catalog", to), caller.Caller{}, request)
	require.Equal(t, fault.Internal, fault.KindOf(err))
	// It is no sidecar: what looks like a sidecar's word is its own.
	next = says(http.StatusConflict, "application/json", `{"errorCode":"SOLD_OUT"}`)
	w := httptest.NewRecorder()
	require.NoError(t, f.Forward(w, httptest.NewRequest(http.MethodPost, "/v1/x", nil), legacy("catalog", to), caller.Caller{}, request))
	require.Equal(t, http.StatusConflict, w.Code)
	next = func(http.ResponseWriter, *http.Request) {}
	require.NoError(t, f.Forward(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/v1/x", nil), legacy("catalog", to), caller.Caller{}, request), "an answer of nothing is one")
}

func TestTheLimitsHoldForUpstreams(t *testing.T) {
	stop := make(chan struct{})
	var calls atomic.Int32
	f, to := monolith(t, false, func(_ http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		select {
		case <-stop:
		case <-r.Context().Done():
		}
	})
	defer close(stop)
	line := legacy("catalog", to)
	line.Timeout = 30 * time.Millisecond
	err := f.Forward(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/v1/x", nil), line, caller.Caller{}, request)
	require.Equal(t, fault.TimedOut, fault.KindOf(err))
	before := calls.Load()
	err = f.Forward(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/v1/x", strings.NewReader(strings.Repeat("x", 65))), line, caller.Caller{}, request)
	require.Equal(t, fault.TooLarge, fault.KindOf(err))
	require.Equal(t, before, calls.Load())

	a, err := f.Fetch(t.Context(), line, &url.URL{Path: "/v1/x"}, "", request, 100)
	require.Nil(t, a)
	require.Equal(t, fault.TimedOut, fault.KindOf(err))
}

func TestTheAddressIsForUsersOnly(t *testing.T) {
	var got http.Header
	f := fake(t, func(w http.ResponseWriter, r *http.Request) {
		got = r.Header
		w.WriteHeader(http.StatusNoContent)
	})
	for app, want := range map[string]string{"users": "203.0.113.9", "catalog": "", "orders": "", "support": ""} {
		r := httptest.NewRequest(http.MethodGet, "/v1/x", nil)
		r.Header.Set(caller.HeaderAddress, "6.6.6.6")
		require.NoError(t, f.Forward(httptest.NewRecorder(), r, &route.Route{App: app, MaxBody: 1, Timeout: time.Second}, caller.Caller{Address: "203.0.113.9"}, request))
		require.Equal(t, want, got.Get(caller.HeaderAddress), app)
	}
}
