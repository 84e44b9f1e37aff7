package ingress_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tienda/internal/daprd"
	"tienda/tests/ingress"
	"tienda/tests/shop"
)

// shopper buys until he is told to stop, and repeats with the same key what got no answer or
// a 503. He fails the test over any other answer.
type shopper struct {
	*client
	sku             string
	orders, refused int
	err             error
}

func (s *shopper) buy(stop <-chan struct{}) {
	const most = 15 // of the 20 checkouts a minute that the gateway lets through
	for {
		select {
		case <-stop:
			return
		default:
		}
		if s.orders < most {
			if s.err = s.until(http.StatusOK, "PUT", "/v1/cart/items/"+s.sku, `{"quantity":1}`); s.err != nil {
				return
			}
			if s.err = s.until(http.StatusCreated, "POST", "/v1/orders", checkout, "Idempotency-Key", uuid.NewString()); s.err != nil {
				return
			}
			s.orders++
		}
		if s.err = s.until(http.StatusOK, "GET", "/v1/cart", ""); s.err != nil {
			return
		}
		<-time.After(20 * time.Millisecond) // 50 a second, below the limits
	}
}

const checkout = `{"payment_method":"invoice","address":{"name":"L","line1":"Calle Mayor 1","city":"Madrid","postal_code":"28013","country":"ES"}}`

// until repeats a request for half a minute at most.
func (s *shopper) until(want int, method, path, body string, headers ...string) error {
	for end := time.Now().Add(30 * time.Second); ; {
		a, err := s.try(method, path, body, headers...)
		switch {
		case err != nil:
			return err // nginx is there all the time
		case a.status == want:
			return nil
		case a.status != http.StatusServiceUnavailable || a.header.Get("Content-Type") != "application/problem+json" || a.header.Get("Retry-After") == "":
			return fmt.Errorf("%s %s: %d %s", method, path, a.status, a.body)
		case time.Now().After(end):
			return fmt.Errorf("%s %s fails for half a minute: %s", method, path, a.body)
		}
		s.refused++
		<-time.After(50 * time.Millisecond)
	}
}

// A gateway and then another's sidecar are killed while customers buy. What they repeat is
// carried out once, and what they see meanwhile is a 503 that says so.
func TestGatewaysDieWhileRequestsRun(t *testing.T) {
	first := from(t, "127.0.0.30")
	sku := anySKU(t, first)
	var shoppers []*shopper
	for n := range 4 {
		s := &shopper{client: from(t, "127.0.0."+strconv.Itoa(31+n)), sku: sku}
		s.signUp(t)
		shoppers = append(shoppers, s)
	}
	stop := make(chan struct{})
	var all sync.WaitGroup
	for _, s := range shoppers {
		all.Go(func() { s.buy(stop) })
	}
	for n, kill := range []func(shop.App) int{func(a shop.App) int { return a.PID }, func(a shop.App) int { return a.SidecarPID }} {
		require.NoError(t, the.Reload())
		before := kill(the.Of("gateway")[n])
		require.NoError(t, syscall.Kill(before, syscall.SIGKILL))
		require.Eventually(t, func() bool {
			if the.Reload() != nil {
				return false
			}
			a := the.Of("gateway")[n]
			return kill(a) != before && kill(a) != 0 && daprd.Healthy(t.Context(), fmt.Sprintf("http://127.0.0.1:%d/readyz", a.Port)) &&
				daprd.Healthy(t.Context(), fmt.Sprintf("http://127.0.0.1:%d/v1.0/healthz", a.HTTPPort))
		}, 30*time.Second, 20*time.Millisecond, "another takes its place")
	}
	close(stop)
	all.Wait()
	orders, refused := 0, 0
	for _, s := range shoppers {
		require.NoError(t, s.err)
		var list struct{ Items []struct{ Status string } }
		require.Eventually(t, func() bool { // sidecars ask for a dead one for 4 s (dapr/config.yaml)
			a := s.call(t, "GET", "/v1/orders?limit=100", "")
			return a.status == http.StatusOK && json.Unmarshal(a.body, &list) == nil
		}, 15*time.Second, 50*time.Millisecond)
		require.Len(t, list.Items, s.orders)
		for _, o := range list.Items {
			require.Equal(t, "confirmed", o.Status)
		}
		orders, refused = orders+s.orders, refused+s.refused
	}
	t.Logf("%d orders, %d answers were a 503", orders, refused)
	require.Positive(t, orders)
}

// A request whose connection to the gateway's sidecar breaks is not made a second time: only
// the client knows whether to. The sidecar dies under the request and is back at the same
// address at once, where Dapr's own repeats would find it.
func TestNothingIsSentTwice(t *testing.T) {
	from(t, "") // skips
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, ".data", "local"), 0o700))
	root, err := shop.Root()
	require.NoError(t, err)
	binary, err := daprd.Ensure(t.Context(), daprd.Options{SourceDir: filepath.Join(root, "dapr", "daprd"), Progress: os.Stderr, Getenv: os.Getenv})
	require.NoError(t, err)
	var asked atomic.Int64
	arrived := make(chan struct{}, 8)
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Request-Id", r.Header.Get("X-Request-Id"))
		if r.Method != http.MethodPost {
			return
		}
		_, _ = io.Copy(io.Discard, r.Body)
		if asked.Add(1) == 1 {
			arrived <- struct{}{}
			<-r.Context().Done()
		}
	}))
	t.Cleanup(app.Close)
	port, err := strconv.Atoi(app.URL[strings.LastIndexByte(app.URL, ':')+1:])
	require.NoError(t, err)
	ports, err := daprd.FreePorts(3)
	require.NoError(t, err)
	start := func() *daprd.Sidecar {
		s, err := daprd.Start(t.Context(), daprd.Config{
			Binary: binary.Path, AppID: "gateway", AppPort: port, HTTPPort: ports[0], GRPCPort: ports[1], InternalGRPCPort: ports[2],
			ConfigFile: filepath.Join(root, "dapr", "config.yaml"), Dir: dir, Env: []string{"NAMESPACE=tienda"}, Output: io.Discard,
		})
		require.NoError(t, err)
		t.Cleanup(func() { s.Stop(5 * time.Second) })
		return s
	}
	first := start()
	require.NoError(t, first.WaitReady(t.Context()))
	own, err := ingress.Prepare(filepath.Join(dir, "ingress"))
	require.NoError(t, err)
	require.NoError(t, own.Open(t.Context(), &shop.Shop{State: shop.State{DataDir: filepath.Join(dir, ".data")}}))
	t.Cleanup(own.Close)
	got := make(chan answer, 1)
	go func() {
		defer close(got)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, own.URL+"/v1/tickets", strings.NewReader("{}"))
		if err != nil {
			return
		}
		resp, err := (&http.Client{Transport: own.Transport("")}).Do(req)
		if err != nil {
			return
		}
		defer func() { _ = resp.Body.Close() }()
		body, err := io.ReadAll(resp.Body)
		if err == nil {
			got <- answer{status: resp.StatusCode, header: resp.Header, body: body}
		}
	}()
	<-arrived
	first.Stop(0) // kill -9 at once
	require.NoError(t, start().WaitReady(t.Context()))
	a, answered := <-got
	require.True(t, answered)
	require.EqualValues(t, 1, asked.Load(), "%d %s", a.status, a.body)
	a.refused(t, http.StatusServiceUnavailable)
}
