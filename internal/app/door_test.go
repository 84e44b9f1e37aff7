package app

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/daprd"
	"tienda/internal/problem"
	"tienda/internal/sidecar"
)

// opened serves a door on a free port. stop tells it to stop, and ended gives Part's error.
func opened(t *testing.T, c Config, h http.HandlerFunc) (d *Door, base string, stop func(), ended chan error) {
	t.Helper()
	ports, err := daprd.FreePorts(1)
	require.NoError(t, err)
	c.Host, c.Port = "127.0.0.1", ports[0]
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/work", h)
	d = NewDoor(c, mux, slog.New(slog.DiscardHandler))
	ctx, stop := context.WithCancel(t.Context())
	ended = make(chan error, 1)
	go func() { ended <- d.Part(ctx) }()
	t.Cleanup(func() {
		stop()
		_ = d.http.Close()
	})
	base = fmt.Sprintf("http://127.0.0.1:%d", c.Port)
	require.Eventually(t, func() bool { return daprd.Healthy(t.Context(), base+"/healthz") }, 5*time.Second, time.Millisecond)
	return d, base, stop, ended
}

func get(t *testing.T, url string) (status int, elsewhere bool) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, resp.Header.Get(problem.HeaderElsewhere) != ""
}

// A door that is told to stop finishes what is under way, sends elsewhere what comes, and
// closes once its sidecar has seen that it has ended.
func TestADoorIsLeft(t *testing.T) {
	began, goOn := make(chan struct{}), make(chan struct{})
	d, base, stop, ended := opened(t, Config{DrainTime: time.Minute, LingerTime: time.Minute}, func(http.ResponseWriter, *http.Request) {
		close(began)
		<-goOn
	})
	answered := make(chan int, 1)
	go func() {
		status, _ := get(t, base+"/work")
		answered <- status
	}()
	<-began
	stop()
	require.Eventually(t, func() bool {
		status, elsewhere := get(t, base+"/other")
		return status == http.StatusServiceUnavailable && elsewhere
	}, 5*time.Second, time.Millisecond, "new requests are sent elsewhere")
	require.True(t, daprd.Healthy(t.Context(), base+"/healthz"), "its sidecar is still needed")
	select {
	case <-ended:
		t.Fatal("a request is under way")
	default:
	}
	close(goOn)
	require.Equal(t, http.StatusOK, <-answered)
	require.NoError(t, <-ended)

	var up atomic.Bool
	up.Store(true)
	fake := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if !up.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer fake.Close()
	u, err := url.Parse(fake.URL)
	require.NoError(t, err)
	port, err := strconv.Atoi(u.Port())
	require.NoError(t, err)
	side, err := sidecar.Connect(sidecar.Config{HTTPPort: port, GRPCPort: 1})
	require.NoError(t, err)
	defer side.Close()
	closed := make(chan error, 1)
	go func() { closed <- d.Close(t.Context(), side) }()
	require.Eventually(t, func() bool {
		status, _ := get(t, base+"/healthz")
		return status == http.StatusServiceUnavailable
	}, 5*time.Second, time.Millisecond, "health is off")
	_, elsewhere := get(t, base+"/work")
	require.True(t, elsewhere, "while the sidecar is there it is answered")
	up.Store(false)
	require.NoError(t, <-closed)
	require.False(t, daprd.Healthy(t.Context(), base+"/healthz"))
}

func TestADoorIsNotHeldOpenForEver(t *testing.T) {
	d, base, stop, ended := opened(t, Config{DrainTime: time.Millisecond}, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/work", nil)
	require.NoError(t, err)
	go func() {
		if resp, err := http.DefaultClient.Do(req); err == nil {
			_ = resp.Body.Close()
		}
	}()
	require.Eventually(t, func() bool {
		d.mu.Lock()
		defer d.mu.Unlock()
		return d.busy == 1
	}, 5*time.Second, time.Millisecond)
	stop()
	require.ErrorContains(t, <-ended, "cut off")
	require.NoError(t, d.Close(t.Context(), nil))
}
