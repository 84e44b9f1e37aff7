package metrics

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func scrape(t *testing.T, m *Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	require.Equal(t, http.StatusOK, w.Code)
	return w.Body.String()
}

func TestFigures(t *testing.T) {
	m := New("tienda_gateway")
	m.Gauges("tienda_gateway_breaker", "x", "app", func() map[string]float64 { return map[string]float64{"orders": 1} })
	m.Counter("tienda_gateway_cache_total", "x", func() float64 { return 7 }, "result", "hit")
	for range 3 {
		m.Begin()
	}
	m.End("/v1/orders/{id}", "GET", 200, 30*time.Millisecond)
	m.End("/v1/orders/{id}", "BREW", 404, time.Second)
	m.Events("tienda_gateway_limited_total", "x", "limit")("read")
	text := scrape(t, m)
	for _, want := range []string{
		`tienda_gateway_request_seconds_bucket{method="GET",route="/v1/orders/{id}",status="2xx",le="0.05"} 1`,
		`tienda_gateway_request_seconds_bucket{method="GET",route="/v1/orders/{id}",status="2xx",le="0.025"} 0`,
		`tienda_gateway_request_seconds_count{method="other",route="/v1/orders/{id}",status="4xx"} 1`,
		`tienda_gateway_in_flight 1`, `tienda_gateway_limited_total{limit="read"} 1`, `tienda_gateway_breaker{app="orders"} 1`,
		`tienda_gateway_cache_total{result="hit"} 7`, `go_goroutines`, `process_resident_memory_bytes`,
	} {
		require.Contains(t, text, want)
	}
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/debug", nil))
	require.Equal(t, http.StatusNotFound, w.Code)
}

// What clients make up does not become a series.
func TestTheSeriesAreBounded(t *testing.T) {
	m := New("tienda_gateway")
	for i := range 1000 {
		m.Begin()
		m.End("none", strings.Repeat("X", 1+i%50), i, time.Millisecond)
	}
	require.LessOrEqual(t, len(*m.known.Load()), len(classes))
}

func TestManyAtOnce(t *testing.T) {
	m := New("tienda_gateway")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 500 {
				m.Begin()
				m.End([]string{"/a", "/b", "/c"}[i%3], "GET", 200+i%4*100, time.Millisecond)
			}
		})
	}
	wg.Wait()
	require.Equal(t, 12, strings.Count(scrape(t, m), "tienda_gateway_request_seconds_count"))
	require.Zero(t, m.inFlight.Load())
}

func TestServe(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := l.Addr().String()
	m := New("tienda_gateway")
	require.ErrorContains(t, m.Serve(t.Context(), address, slog.New(slog.DiscardHandler)), "metrics", "the port is taken")
	require.NoError(t, l.Close())
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- m.Serve(ctx, address, slog.New(slog.DiscardHandler)) }()
	require.Eventually(t, func() bool {
		resp, err := http.Get("http://" + address + "/metrics")
		if err != nil {
			return false
		}
		b, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		return strings.Contains(string(b), "tienda_gateway_in_flight")
	}, 5*time.Second, 5*time.Millisecond)
	stop()
	require.NoError(t, <-done)
}

func BenchmarkObserve(b *testing.B) {
	m := New("tienda_gateway")
	b.ReportAllocs()
	for b.Loop() {
		m.Begin()
		m.End("/v1/products/{id}", "GET", 200, time.Millisecond)
	}
}
