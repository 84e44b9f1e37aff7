package forward

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
	"tienda/internal/fault"
	"tienda/internal/trace"
	"tienda/services/gateway/internal/route"
)

// A dead app answers at once, after a few who have waited for it; the others go
// on, and so does it as soon as it is back.
func TestADeadAppIsNotWaitedFor(t *testing.T) {
	var dead atomic.Bool
	var calls atomic.Int32
	f := fake(t, func(w http.ResponseWriter, r *http.Request) {
		if dead.Load() && r.Header.Get("Dapr-App-Id") == "orders" {
			calls.Add(1)
			says(http.StatusInternalServerError, "application/json", unreached)(w, nil)
			return
		}
		_, _ = io.WriteString(w, `{}`)
	})
	ask := func(method string, to *route.Route) error {
		return f.Forward(httptest.NewRecorder(), httptest.NewRequest(method, "/v1/x", nil), to, caller.Caller{}, request)
	}
	dead.Store(true)
	short := &route.Route{App: "orders", MaxBody: 64, Timeout: 50 * time.Millisecond}
	for range 20 {
		require.Equal(t, fault.Unavailable, fault.KindOf(ask(http.MethodPost, orders)), "one try each, which says nothing of other replicas")
	}
	require.EqualValues(t, 20, calls.Load())
	require.Zero(t, f.Breakers()["orders"])
	// Five are enough, unless this machine is too slow for one try in that time.
	require.Eventually(t, func() bool {
		require.Error(t, ask(http.MethodGet, short))
		return f.Breakers()["orders"] == 1
	}, 10*time.Second, time.Millisecond)
	before := calls.Load()
	began := time.Now()
	for _, method := range []string{"GET", "POST", "GET", "DELETE"} {
		err := ask(method, orders)
		require.Equal(t, "orders_unavailable", fault.CodeOf(err))
		require.ErrorContains(t, err, "not tried")
	}
	if took := time.Since(began); took < time.Second { // else this machine is too slow to tell
		require.Equal(t, before, calls.Load(), "nobody is sent on")
	}
	require.NoError(t, ask(http.MethodGet, to), "another app")
	dead.Store(false)
	require.Eventually(t, func() bool { return ask(http.MethodGet, orders) == nil }, 5*time.Second, 10*time.Millisecond)
	require.NoError(t, ask(http.MethodPost, orders))
}

// A body that does not come costs its connection, not one of the gateway's for
// the whole of a route's time; one that comes in time has no deadline left.
func TestASlowBody(t *testing.T) {
	f := fake(t, says(http.StatusOK, "application/json", `{}`))
	slow := &deadlines{ResponseRecorder: httptest.NewRecorder()}
	r := httptest.NewRequest(http.MethodPost, "/v1/x", strings.NewReader("body"))
	require.NoError(t, f.Forward(slow, r, to, caller.Caller{}, request))
	require.Len(t, slow.set, 2)
	require.InDelta(t, bodyGrace.Seconds(), time.Until(slow.set[0]).Seconds(), 1)
	require.True(t, slow.set[1].IsZero())

	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(20 * time.Millisecond))
		_, err := readBody(noDeadlines{w}, r, 64)
		if err == errSlow { //nolint:errorlint // it is returned as it is
			w.WriteHeader(http.StatusBadRequest)
		}
	}))
	defer front.Close()
	c, err := net.Dial("tcp", front.Listener.Addr().String())
	require.NoError(t, err)
	defer func() { _ = c.Close() }()
	_, err = io.WriteString(c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n1234")
	require.NoError(t, err)
	require.NoError(t, c.SetReadDeadline(time.Now().Add(5*time.Second)))
	answer, err := io.ReadAll(c)
	require.NoError(t, err, "the connection is closed")
	require.Contains(t, string(answer), "400 Bad Request")
}

// deadlines notes the read deadlines that are set.
type deadlines struct {
	*httptest.ResponseRecorder
	set []time.Time
}

func (d *deadlines) SetReadDeadline(t time.Time) error {
	d.set = append(d.set, t)
	return nil
}

// noDeadlines keeps the test's own deadline.
type noDeadlines struct{ w http.ResponseWriter }

func (n noDeadlines) Header() http.Header             { return n.w.Header() }
func (n noDeadlines) Write(b []byte) (int, error)     { return n.w.Write(b) }
func (n noDeadlines) WriteHeader(status int)          { n.w.WriteHeader(status) }
func (n noDeadlines) SetReadDeadline(time.Time) error { return nil }

// FuzzCookie: whatever a client sends as cookies, orders gets the one of the
// cart or none, and it is one cookie.
func FuzzCookie(f *testing.F) {
	for _, seed := range []string{
		"tienda_cart=abc", "a=b; tienda_cart=abc; c=d", `tienda_cart="abc"`, "tienda_cart=a; tienda_cart=b", "tienda_cart=", "tienda_cart", "=;;=", "tienda_cart=a,b",
		"tienda_cart=a\r\nDapr-App-Id: users", "tienda_cart=a\x00b", "tienda_cart=\xff", "TIENDA_CART=abc", "$Version=1; tienda_cart=abc", "tienda_cart=a;b=c", " tienda_cart = a ", `tienda_cart="a;b"`, "tienda_cart=%3B",
	} {
		f.Add(seed, "tienda_cart=second")
	}
	fw := New(Config{})
	f.Fuzz(func(t *testing.T, first, second string) {
		r := &http.Request{Header: http.Header{"Cookie": {first, second}}, URL: httptest.NewRequest(http.MethodGet, "/", nil).URL}
		for _, to := range []*route.Route{orders, to} {
			h, err := fw.header(r, to, caller.Caller{}, trace.Trace{})
			require.NoError(t, err)
			sent := h["Cookie"]
			if len(sent) == 0 {
				continue
			}
			require.Equal(t, "orders", to.App)
			require.Len(t, sent, 1)
			value, ok := strings.CutPrefix(sent[0], CartCookie+"=")
			require.True(t, ok)
			require.LessOrEqual(t, len(value), longestHeader)
			for i := range len(value) {
				c := value[i]
				require.True(t, c > 0x20 && c < 0x7f && c != ';' && c != '"' && c != '\\' && c != ',' || c == ' ' || c == ',', "%q", value)
			}
		}
	})
}
