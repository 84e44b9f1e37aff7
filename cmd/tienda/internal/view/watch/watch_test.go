package watch

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/cmd/tienda/internal/view/figures"
	"tienda/cmd/tienda/internal/view/topology"
)

// answered is a gateway's figures after so many requests, all within 10 ms.
func answered(t *testing.T, ok, failed int) figures.Figures {
	t.Helper()
	text := "# TYPE tienda_gateway_request_seconds histogram\n"
	for status, n := range map[string]int{"2xx": ok, "5xx": failed} {
		labels := fmt.Sprintf(`route="/v1/orders",method="POST",status=%q`, status)
		text += fmt.Sprintf("tienda_gateway_request_seconds_bucket{%s,le=\"0.01\"} %d\ntienda_gateway_request_seconds_bucket{%s,le=\"+Inf\"} %d\n", labels, n, labels, n) +
			fmt.Sprintf("tienda_gateway_request_seconds_sum{%s} 1\ntienda_gateway_request_seconds_count{%s} %d\n", labels, labels, n)
	}
	f, err := figures.Read(strings.NewReader(text), wanted)
	require.NoError(t, err)
	return f
}

func TestRatesOfTheWindow(t *testing.T) {
	all := []Replica{{App: "gateway", Name: "gateway", Sidecar: true}, {App: "gateway", Name: "gateway-2", Sidecar: true}}
	w := New(func() []Replica { return all }, topology.Declared{})
	began := time.Now()
	look := func(after time.Duration, one, two figures.Figures) Now {
		w.take(nil, sample{began.Add(after), map[string]reading{"gateway": {app: one}, "gateway-2": {app: two}}})
		return w.now
	}
	now := look(0, answered(t, 100, 0), answered(t, 0, 0))
	require.Zero(t, now.Seconds)
	require.Empty(t, now.Routes, "one look has no rates")
	require.Empty(t, now.History)
	now = look(2*time.Second, answered(t, 120, 0), answered(t, 8, 4))
	require.InDelta(t, 2, now.Seconds, 1e-9)
	require.Len(t, now.Routes, 1)
	require.InDelta(t, 16, now.Routes[0].Rate, 1e-9, "of both replicas")
	require.InDelta(t, 2, now.Routes[0].Failing, 1e-9)
	require.InDelta(t, 5, *now.Routes[0].P50, 1e-9)
	require.InDelta(t, 16, now.History[0].Rate, 1e-9)
	now = look(4*time.Second, nil, answered(t, 8, 4))
	require.InDelta(t, 3, now.Routes[0].Rate, 1e-9, "one that does not answer has no rate")
	now = look(40*time.Second, answered(t, 500, 0), answered(t, 8, 4))
	require.Empty(t, now.Routes, "nobody has looked for long")
	require.Len(t, now.History, 2)
	now = look(20*time.Minute, answered(t, 500, 0), nil)
	require.Empty(t, now.History)
}

// Whoever looks often makes the processes no more work, and one that nobody looks at
// is not asked.
func TestLookAsksOnceInAWhile(t *testing.T) {
	var asked atomic.Int64
	var sick atomic.Bool
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if sick.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_, _ = w.Write([]byte("# TYPE tienda_outbox_backlog gauge\ntienda_outbox_backlog 3\n# TYPE tienda_http_request_seconds gauge\ntienda_http_request_seconds{route=\"/healthz\"} 9\n"))
	}))
	defer s.Close()
	port := s.Listener.Addr().(*net.TCPAddr).Port
	r := Replica{App: "orders", Name: "orders", PID: 1, Port: port, Figures: s.URL, Sidecar: true, SidecarPID: 0, SidecarHTTP: port, SidecarMetrics: port}
	server := Replica{App: "broker", Name: "broker", PID: 1, Listens: s.Listener.Addr().String()}
	w := New(func() []Replica { return []Replica{r, server} }, topology.Declared{})
	require.Zero(t, asked.Load())
	now := w.Look(t.Context())
	for range 20 {
		now = w.Look(t.Context())
	}
	require.EqualValues(t, 3, asked.Load(), "health and figures, and the sidecar's figures: it has no process to probe")
	require.Equal(t, []any{up, down, "no process"}, []any{now.Replicas[0].State, now.Replicas[0].Sidecar.State, now.Replicas[0].Sidecar.Why})
	require.Equal(t, up, now.Replicas[1].State)
	require.InDelta(t, 3, *now.Parts[0].Backlog, 0)
	require.Nil(t, now.Parts[0].Letters)
	_, found := w.samples[0].of["orders"].app.Sum("tienda_http_request_seconds")
	require.False(t, found, "probes are no traffic")
	sick.Store(true)
	w.now.At = time.Time{}
	require.Equal(t, unready, w.Look(t.Context()).Replicas[0].State)
	s.Close()
	w.now.At = time.Time{}
	now = w.Look(t.Context())
	require.Equal(t, []string{down, down}, []string{now.Replicas[0].State, now.Replicas[1].State})
}
