package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/services/gateway/internal/listen"
)

// overTCP serves the whole gateway as it is served to clients, and gives its
// address.
func overTCP(t *testing.T, apps http.HandlerFunc, env map[string]string) (address string, s *shop) {
	t.Helper()
	s = start(t, apps, env)
	cfg, err := loadConfig(func(name string) string { return env[name] })
	require.NoError(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address = l.Addr().String()
	require.NoError(t, l.Close())
	cfg.open.PerAddress = cfg.open.Total
	server := listen.New(listen.Config{Address: address, Limits: cfg.open, Drain: 5 * time.Second}, s.handler, slog.New(slog.DiscardHandler))
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- server.Part(ctx) }()
	t.Cleanup(func() { stop(); require.NoError(t, <-done) })
	require.Eventually(t, func() bool {
		c, err := net.Dial("tcp", address)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	}, 5*time.Second, time.Millisecond)
	return address, s
}

// raw sends bytes and gives the statuses of all that comes back until the
// connection is closed.
func raw(t *testing.T, address, bytes string) (statuses []int, said string) {
	t.Helper()
	c, err := net.Dial("tcp", address)
	require.NoError(t, err)
	defer func() { _ = c.Close() }()
	require.NoError(t, c.SetDeadline(time.Now().Add(10*time.Second)))
	_, err = io.WriteString(c, bytes)
	require.NoError(t, err)
	r := bufio.NewReader(c)
	for {
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			return statuses, said
		}
		b, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		statuses, said = append(statuses, resp.StatusCode), said+string(b)
	}
}

// The targets are sent as they stand, byte for byte: no client library cleans
// them first.
var tricks = []string{
	// what is not for the public, plainly
	"/internal", "/internal/v1/quotes", "/internal/v1/users/0198", "/internal/v1/import/products", "/events/orders", "/events", "/dapr", "/dapr/subscribe", "/dapr/config",
	"/metrics", "/v1.0/invoke/users/method/v1/me", "/v1.0/state/users-state/x", "/v1.0/secrets/secrets/users-signing-key", "/v1.0/healthz", "/v1.0/metadata", "/v1.0/shutdown",
	"/v1.0-alpha1/state/x/query", "/v1.0-beta1/x", "/healthz/..", "/healthz/../internal/v1/quotes", "/healthz/", "/readyz/x", "/HEALTHZ", "/debug/pprof/", "/actuator/env", "/.env", "/.git/config",
	// dots
	"/v1/../internal/v1/quotes", "/v1/products/../../internal/v1/quotes", "/./internal/v1/quotes", "/v1/./products", "/v1/products/.", "/v1/products/..", "/v1/products/../../../../etc/passwd",
	"/..", "/../", "/v1/..", "/.well-known/../internal/v1/quotes", "/v1/products/..;/..;/internal/v1/quotes", "/v1/products/.../../internal", "/v1/products/a/../../../internal",
	// encoded dots and slashes
	"/v1/%2e%2e/internal/v1/quotes", "/v1/%2E%2E/internal/v1/quotes", "/v1/.%2e/internal", "/v1/%2e./internal", "/v1/products/%2e%2e%2f%2e%2e%2finternal", "/v1/products/..%2f..%2finternal",
	"/v1/products/..%5c..%5cinternal", "/v1%2fproducts", "/%76%31/products", "/v1/products%2f..", "/v1/products/%2F", "/v1/products/%2f%2finternal", "/%2finternal/v1/quotes", "/v1/orders/%2e",
	// encoded twice
	"/v1/products/%252e%252e%252finternal", "/v1/%252e%252e/internal", "/v1/products/%25%32%65", "/v1/products/%2525", "/v1/products/a%252fb",
	// overlong and broken encodings
	"/v1/products/%c0%ae%c0%ae/internal", "/v1/products/%c0%af..%c0%afinternal", "/v1/products/%e0%80%ae", "/v1/products/%u002e", "/v1/products/%", "/v1/products/%2", "/v1/products/%zz", "/v1/products/%ff",
	"/v1/products/\xc0\xae\xc0\xae", "/v1/products/\xff", "/v1/products/d\xc3\xada",
	// empty segments and slashes at the end
	"//v1/products", "//internal/v1/quotes", "/v1//products", "/v1/products//", "/v1/products/", "///", "/v1/cart/", "//evil.example/v1/products", "/v1/orders//cancel",
	// other separators and characters that somebody cuts at
	"/v1/products;x=1", "/v1/products/a;b", "/v1;/products", "/internal;/v1/quotes", "/v1/products/a%3bb", "/v1/products\\..\\internal", "/v1\\products", "/v1/products/%5c..", "/v1/products/a%3f", "/v1/products/a%23b",
	"/v1/products/a%00", "/v1/products/%00", "/v1/products%00.json", "/v1/products/a\x00b", "/v1/products/a%0d%0aDapr-App-Id:%20users", "/v1/products/a%20b", "/v1/products/a+b", "/v1/products/a,b", "/v1/products/a@b", "/v1/products/{id}", "/v1/products/*",
	"/v1/products/a%7f", "/v1/products/\x7f", "/v1/products/a|b", "/v1/products/a'b", "/v1/products/$(x)", "/v1/products/~%2e",
	// case, dots at the end, extensions
	"/V1/products", "/v1/Products", "/v1/PRODUCTS", "/INTERNAL/v1/quotes", "/v1/products.", "/v1/products..", "/v1/products.json", "/v1./products", "/v1/cart.", "/v1/me.",
	// other forms of target
	"http://127.0.0.1/internal/v1/quotes", "http://evil.example/internal/v1/quotes", "http://users/v1.0/state/x", "HTTP://evil.example//v1/products", "http://evil.example/v1/%2e%2e/internal", "http:/internal", "https:internal", "*",
	"internal/v1/quotes", "v1/products", "?", "", "evil.example:443", "/" + strings.Repeat("a/", 600), "/v1/products/" + strings.Repeat("a", 2000), "/v1/products/" + strings.Repeat("../", 200),
}

// No trick of the target reaches an app: each ends in a 4xx of the gateway.
func TestPathTricks(t *testing.T) {
	var reached atomic.Value
	address, s := overTCP(t, func(w http.ResponseWriter, r *http.Request) {
		reached.Store(r.RequestURI)
		w.WriteHeader(http.StatusNoContent)
	}, map[string]string{"GATEWAY_LIMIT_FACTOR": "1000"})
	require.Greater(t, len(tricks), 60)
	token := s.token(t, "admin")
	for _, target := range tricks {
		for _, method := range []string{"GET", "POST", "DELETE"} {
			statuses, said := raw(t, address, method+" "+target+" HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: "+token+"\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
			require.Len(t, statuses, 1, "%s %q", method, target)
			require.Contains(t, []int{400, 404, 405}, statuses[0], "%s %q", method, target)
			require.Nil(t, reached.Load(), "%s %q reached an app", method, target)
			for _, inside := range []string{"users-signing-key", "127.0.0.1:", "goroutine", ".go:", "mux", "daprd"} {
				require.NotContains(t, said, inside, "%s %q", method, target)
			}
		}
	}
	// The other way round: a plain target does reach its app, however it is sent.
	for target, want := range map[string]string{"/v1/me": "/v1/me", "/v1/me?x=../internal": "/v1/me?x=../internal", "http://any.example/v1/me": "/v1/me"} {
		statuses, _ := raw(t, address, "GET "+target+" HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: "+token+"\r\nConnection: close\r\n\r\n")
		require.Equal(t, []int{204}, statuses, target)
		require.Equal(t, want, reached.Load(), target)
	}
}

// Where two servers could see different requests in the same bytes, one request
// at most is answered, and never the second one that is hidden in it.
func TestRequestsWithinRequests(t *testing.T) {
	var paths atomic.Value
	var bodies atomic.Value
	address, _ := overTCP(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		old, _ := paths.Load().(string)
		paths.Store(old + r.Method + " " + r.URL.Path + "\n")
		bodies.Store(string(b))
		w.WriteHeader(http.StatusNoContent)
	}, nil)
	const hidden = "GET /v1/products HTTP/1.1\r\nHost: x\r\n\r\n"
	for _, c := range []struct {
		name, request string
		status        int // of the only answer
	}{
		{"two lengths that differ", "PUT /v1/cart/items/A HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nContent-Length: 44\r\n\r\n" + hidden, 400},
		{"a list of lengths", "PUT /v1/cart/items/A HTTP/1.1\r\nHost: x\r\nContent-Length: 0, 44\r\n\r\n" + hidden, 400},
		{"a length with a sign", "PUT /v1/cart/items/A HTTP/1.1\r\nHost: x\r\nContent-Length: +0\r\n\r\n" + hidden, 400},
		{"a negative length", "PUT /v1/cart/items/A HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n" + hidden, 400},
		{"a length in hex", "PUT /v1/cart/items/A HTTP/1.1\r\nHost: x\r\nContent-Length: 0x0\r\n\r\n" + hidden, 400},
		{"chunks and a length", "PUT /v1/cart/items/A HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n" + hidden, 204},
		{"chunks and a length, the other way round", "PUT /v1/cart/items/A HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 200\r\n\r\n2\r\n{}\r\n0\r\n\r\n" + hidden, 204},
		{"an encoding that nobody knows", "PUT /v1/cart/items/A HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + hidden, 501},
		{"two encodings", "PUT /v1/cart/items/A HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + hidden, 501},
		{"a list of encodings", "PUT /v1/cart/items/A HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" + hidden, 501},
		{"a space before the colon", "PUT /v1/cart/items/A HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\nContent-Length: 0\r\n\r\n" + hidden, 400},
		{"a folded line", "PUT /v1/cart/items/A HTTP/1.1\r\nHost: x\r\nX-A: b\r\n Transfer-Encoding: chunked\r\nContent-Length: -\r\n\r\n" + hidden, 400},
		{"a line that begins with a space", "GET /v1/cart HTTP/1.1\r\n Host: x\r\nHost: x\r\n\r\n", 400},
		{"two hosts", "GET /v1/cart HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400},
		{"no host", "GET /v1/cart HTTP/1.1\r\n\r\n", 400},
		{"a null in a header", "GET /v1/cart HTTP/1.1\r\nHost: x\r\nX-A: a\x00b\r\n\r\n", 400},
		{"a return in a header", "GET /v1/cart HTTP/1.1\r\nHost: x\r\nX-A: a\rTienda-User: root\r\n\r\n", 400},
		{"a header without a name", "GET /v1/cart HTTP/1.1\r\nHost: x\r\n: a\r\n\r\n", 400},
		{"a chunk of a size that is none", "PUT /v1/cart/items/A HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n", 400},
		{"a chunk that overflows", "PUT /v1/cart/items/A HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000002\r\n{}\r\n0\r\n\r\n" + hidden, 400},
		{"another protocol", "GET /v1/cart HTTP/9.9\r\nHost: x\r\n\r\n", 505},
		{"the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 404},
		{"no protocol", "GET /v1/cart\r\n\r\n", 400},
		{"a tunnel", "CONNECT users:80 HTTP/1.1\r\nHost: users:80\r\nConnection: close\r\n\r\n", 404},
		{"an upgrade", "GET /v1/nowhere HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\nUpgrade: h2c\r\n\r\n", 404},
	} {
		paths.Store("")
		began := time.Now()
		statuses, said := raw(t, address, c.request)
		require.Equal(t, []int{c.status}, statuses, c.name)
		require.Less(t, time.Since(began), 9*time.Second, "the connection is closed: %s", c.name)
		require.NotContains(t, paths.Load(), "products", c.name)
		require.NotContains(t, said, ".go:", c.name)
		if c.status == 204 {
			require.Equal(t, "{}", bodies.Load(), "what the chunks say: %s", c.name)
		} else {
			require.Empty(t, paths.Load(), c.name)
		}
	}
	statuses, _ := raw(t, address, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	require.Equal(t, []int{200, 200}, statuses, "two that stand one after another are two")
}

// A table is swapped while thousands of requests are served: none fails, each is
// answered by the app of one table or the other.
func TestTheTableIsSwappedUnderLoad(t *testing.T) {
	file := t.TempDir() + "/routes.yaml"
	one := bytes.ReplaceAll(defaultRoutes, []byte("{path: /v1/cart, methods: [GET, DELETE], app: orders"), []byte("{path: /v1/cart, methods: [GET, DELETE], app: support"))
	require.NotEqual(t, one, defaultRoutes)
	writeFile(t, file, defaultRoutes)
	var byOrders, bySupport atomic.Int64
	address, s := overTCP(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.Header.Get("Dapr-App-Id") {
		case "orders":
			byOrders.Add(1)
		case "support":
			bySupport.Add(1)
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{}`)
	}, map[string]string{"GATEWAY_ROUTES": file, "GATEWAY_LIMIT_FACTOR": "10000"})
	stop := make(chan struct{})
	var asked atomic.Int64
	errs := make(chan error, 8)
	// A transport that finds no idle connection dials one more, although one comes back meanwhile.
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8, MaxConnsPerHost: 8}}
	defer client.CloseIdleConnections()
	connections := sync.Map{}
	for range 8 {
		go func() {
			for {
				select {
				case <-stop:
					errs <- nil
					return
				default:
				}
				if err := cart(client, address, &connections); err != nil {
					errs <- err
					return
				}
				asked.Add(1)
			}
		}()
	}
	swaps := 0
	for ; asked.Load() < 4000 || swaps < 50; swaps++ {
		switch swaps % 3 {
		case 0:
			writeFile(t, file, one)
		case 1:
			writeFile(t, file, []byte("routes: [{path: /internal}]"))
		default:
			writeFile(t, file, defaultRoutes)
		}
		err := s.table.Reload()
		require.Equal(t, swaps%3 == 1, err != nil)
	}
	close(stop)
	for range 8 {
		require.NoError(t, <-errs)
	}
	opened := 0
	connections.Range(func(any, any) bool { opened++; return true })
	t.Logf("%d requests on %d connections, %d swaps, %d answered by one table and %d by the other", asked.Load(), opened, swaps, byOrders.Load(), bySupport.Load())
	require.Equal(t, asked.Load(), byOrders.Load()+bySupport.Load())
	require.Positive(t, byOrders.Load())
	require.Positive(t, bySupport.Load())
	// A swap that dropped connections would cost up to 8 each time; on a busy machine the
	// client itself opens one more now and then.
	require.Less(t, opened, swaps, "no connection was dropped")
}

// The figures are nowhere on the public port, whoever asks.
func TestTheFiguresAreNotPublic(t *testing.T) {
	s := start(t, func(http.ResponseWriter, *http.Request) { t.Error("sent on") }, map[string]string{"GATEWAY_METRICS_ADDRESS": "127.0.0.1:0"})
	for _, path := range []string{"/metrics", "/v1/metrics", "/debug/vars", "/v1/ops/metrics"} {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodGet, path, nil)
		r.Header.Set("Authorization", s.token(t, "admin"))
		r.Header.Set("Dapr-Api-Token", "")
		s.handler.ServeHTTP(w, r)
		require.Equal(t, http.StatusNotFound, w.Code, path)
	}
}

// cart reads a cart and notes the connection.
func cart(client *http.Client, address string, connections *sync.Map) error {
	req, err := http.NewRequest(http.MethodGet, "http://"+address+"/v1/cart", nil)
	if err != nil {
		return err
	}
	trace := &httptrace.ClientTrace{GotConn: func(c httptrace.GotConnInfo) { connections.Store(c.Conn.LocalAddr().String(), true) }}
	resp, err := client.Do(req.WithContext(httptrace.WithClientTrace(req.Context(), trace)))
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return errors.New(resp.Status)
	}
	return nil
}

func writeFile(t *testing.T, file string, b []byte) {
	t.Helper()
	require.NoError(t, os.WriteFile(file, b, 0o600))
}
