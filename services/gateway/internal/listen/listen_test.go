package listen

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// serve starts a server on a free port; the function that it gives stops it and
// gives its error.
func serve(t *testing.T, cfg Config, h http.HandlerFunc) (s *Server, address string, stop func() error) {
	t.Helper()
	cfg.Address = "127.0.0.1:0"
	if cfg.Limits.Total == 0 {
		cfg.Limits.Total, cfg.Limits.PerAddress = 1000, 1000
	}
	if cfg.Limits.Counted == nil {
		cfg.Limits.Counted = func(a netip.Addr) (netip.Addr, bool) { return a, true }
	}
	s = New(cfg, h, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Part(ctx) }()
	require.Eventually(t, func() bool { return s.listener.Load() != nil }, 5*time.Second, time.Millisecond)
	var once sync.Once
	stop = func() (err error) {
		once.Do(func() { cancel(); err = <-done })
		return err
	}
	t.Cleanup(func() { _ = stop() })
	return s, s.listener.Load().Addr().String(), stop
}

func ok(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }

// ask makes a request on a connection of its own and leaves it open.
func ask(t *testing.T, address string) (net.Conn, error) {
	t.Helper()
	c, err := net.Dial("tcp", address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	require.NoError(t, c.SetDeadline(time.Now().Add(5*time.Second)))
	if _, err = io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		return c, err
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err == nil {
		_, err = io.ReadAll(resp.Body)
		_ = resp.Body.Close()
	}
	return c, err
}

func TestConnectionsAreBounded(t *testing.T) {
	for _, c := range []struct {
		name            string
		total, each     int
		proxy           bool // the address is one of a proxy
		wantOpen, tries int
	}{
		{"in all", 3, 100, false, 3, 5},
		{"of an address", 100, 2, false, 2, 5},
		{"a proxy has many clients", 100, 2, true, 5, 5},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, address, _ := serve(t, Config{Limits: Limits{Total: c.total, PerAddress: c.each,
				Counted: func(a netip.Addr) (netip.Addr, bool) { return a, !c.proxy }}}, ok)
			var open []net.Conn
			for range c.tries {
				if conn, err := ask(t, address); err == nil {
					open = append(open, conn)
				}
			}
			require.Len(t, open, c.wantOpen)
			require.Equal(t, Stats{Open: int64(c.wantOpen), Refused: int64(c.tries - c.wantOpen)}, s.Stats())
			require.NoError(t, open[0].Close())
			require.Eventually(t, func() bool { return s.Stats().Open == int64(c.wantOpen-1) }, 5*time.Second, time.Millisecond)
			_, err := ask(t, address)
			require.NoError(t, err, "one has left")
		})
	}
}

// A client that never ends its header is let go, and so is one whose header is
// too large; others are served meanwhile.
func TestSlowAndLargeHeaders(t *testing.T) {
	// The real time is too long for a test.
	s, address, _ := serve(t, Config{headerTime: 100 * time.Millisecond}, ok)
	require.Equal(t, headerTime, New(Config{}, http.HandlerFunc(ok), slog.New(slog.DiscardHandler)).http.ReadHeaderTimeout)
	var slow []net.Conn
	for range 20 {
		c, err := net.Dial("tcp", address)
		require.NoError(t, err)
		defer func() { _ = c.Close() }()
		_, err = io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\nX-A: ")
		require.NoError(t, err)
		slow = append(slow, c)
	}
	_, err := ask(t, address)
	require.NoError(t, err)
	for _, c := range slow {
		require.NoError(t, c.SetDeadline(time.Now().Add(5*time.Second)))
		_, err := io.ReadAll(c)
		require.NoError(t, err, "it is closed")
	}
	require.Eventually(t, func() bool { return s.Stats().Open == 1 }, 5*time.Second, time.Millisecond)

	c, err := net.Dial("tcp", address)
	require.NoError(t, err)
	defer func() { _ = c.Close() }()
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\nX-A: "+strings.Repeat("x", headerBytes+8<<10)+"\r\n\r\n")
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusRequestHeaderFieldsTooLarge, resp.StatusCode)
}

// While the gateway stops, who balances load sends on for a while, until he has
// seen that readiness is off: all of it is answered, what is under way at the
// end too, and no connection is closed while somebody writes to it.
func TestNoRequestIsLostWhenItStops(t *testing.T) {
	var served atomic.Int64
	_, address, stop := serve(t, Config{ReadyOff: 500 * time.Millisecond, Drain: 10 * time.Second}, func(w http.ResponseWriter, r *http.Request) {
		work := 2 * time.Millisecond
		if r.URL.Path == "/long" { // longer than readiness is off
			work = time.Second
		}
		select {
		case <-time.After(work):
		case <-r.Context().Done():
			return
		}
		served.Add(1)
		ok(w, r)
	})
	transport := &http.Transport{MaxIdleConnsPerHost: 100}
	defer transport.CloseIdleConnections()
	away := make(chan struct{}) // the balancer has seen it
	var stopping atomic.Bool
	var answered, late, closed atomic.Int64
	post := func(path string) error { // which the transport does not repeat once it was sent
		req, err := http.NewRequest(http.MethodPost, "http://"+address+path, strings.NewReader("x"))
		if err != nil {
			return err
		}
		resp, err := transport.RoundTrip(req)
		if err != nil {
			return err
		}
		defer func() { _ = resp.Body.Close() }()
		if _, err = io.ReadAll(resp.Body); err != nil {
			return err
		}
		answered.Add(1)
		if resp.Close {
			closed.Add(1)
		}
		return nil
	}
	errs := make(chan error, 32)
	for i := range 16 {
		go func() {
			for {
				if stopping.Load() {
					late.Add(1)
				}
				if err := post(map[bool]string{true: "/long", false: "/"}[i == 0]); err != nil {
					errs <- err
					return
				}
				select {
				case <-away:
					errs <- nil
					return
				default:
				}
			}
		}()
	}
	require.Eventually(t, func() bool { return answered.Load() > 500 }, 20*time.Second, time.Millisecond)
	stopping.Store(true)
	time.AfterFunc(100*time.Millisecond, func() { close(away) })
	require.NoError(t, stop())
	for range 16 {
		require.NoError(t, <-errs)
	}
	t.Logf("%d answered, of them %d sent while it stopped, %d told to leave the connection", answered.Load(), late.Load(), closed.Load())
	require.Equal(t, served.Load(), answered.Load(), "each that was carried out was answered")
	require.Positive(t, late.Load())
	require.Positive(t, closed.Load())
	_, err := net.Dial("tcp", address)
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
}

func TestWhatCannotBeFinishedIsSaid(t *testing.T) {
	began := make(chan struct{})
	_, address, stop := serve(t, Config{Drain: 20 * time.Millisecond}, func(_ http.ResponseWriter, r *http.Request) {
		close(began)
		<-r.Context().Done()
	})
	go func() {
		resp, err := http.Get("http://" + address)
		if err == nil {
			_ = resp.Body.Close()
		}
	}()
	<-began
	require.ErrorContains(t, stop(), "requests were cut off")
}

func TestAPortThatIsTaken(t *testing.T) {
	_, address, _ := serve(t, Config{}, ok)
	s := New(Config{Address: address}, http.HandlerFunc(ok), slog.New(slog.DiscardHandler))
	require.ErrorContains(t, s.Part(t.Context()), "cannot listen")
}
