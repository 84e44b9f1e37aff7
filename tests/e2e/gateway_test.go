package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
	"tienda/internal/daprd"
	"tienda/tests/shop"
)

// gatewayReplica is one more gateway beside the shop's own sidecar, which it
// shares: to the store they are replicas.
type gatewayReplica struct {
	base, metrics string
	cmd           *exec.Cmd
}

func startGateway(t *testing.T, env ...string) gatewayReplica {
	t.Helper()
	require.NoError(t, the.Reload())
	tokens, err := the.Tokens()
	require.NoError(t, err)
	ports, err := daprd.FreePorts(1)
	require.NoError(t, err)
	own := the.Of("gateway")[0]
	cmd := exec.Command(filepath.Join(bin, "gateway"))
	cmd.Env = append(os.Environ(), "APP_PORT="+strconv.Itoa(ports[0]), "DAPR_HTTP_PORT="+strconv.Itoa(own.HTTPPort), "DAPR_GRPC_PORT="+strconv.Itoa(own.GRPCPort),
		"DAPR_API_TOKEN="+tokens["DAPR_API_TOKEN"], "GATEWAY_METRICS_ADDRESS=127.0.0.1:0", "TIENDA_READY_OFF=0s")
	cmd.Env = append(cmd.Env, env...)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	cmd.SysProcAttr = daprd.ChildAttr()
	require.NoError(t, daprd.StartChild(cmd))
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
	figures := make(chan string, 1)
	go func() {
		at := regexp.MustCompile(`"metrics":"(http://[^"]+)"`)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if m := at.FindStringSubmatch(lines.Text()); m != nil {
				figures <- m[1]
			}
		}
	}()
	g := gatewayReplica{base: "http://127.0.0.1:" + strconv.Itoa(ports[0]), cmd: cmd}
	select {
	case g.metrics = <-figures:
	case <-time.After(10 * time.Second):
		t.Fatal("the gateway does not say where its figures are")
	}
	eventually(t, "the gateway is ready", func() bool { return daprd.Healthy(t.Context(), g.base+"/readyz") })
	return g
}

// figure reads one figure of the gateway.
func (g gatewayReplica) figure(t *testing.T, name string) float64 {
	t.Helper()
	resp, err := http.Get(g.metrics)
	require.NoError(t, err)
	b, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	require.NoError(t, err)
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), name+" "); ok {
			n, err := strconv.ParseFloat(v, 64)
			require.NoError(t, err)
			return n
		}
	}
	t.Fatalf("no figure %s", name)
	return 0
}

// tableWith gives a file of the shop's route table with something in it changed.
func tableWith(t *testing.T, from, to string) string {
	t.Helper()
	root, err := shop.Root()
	require.NoError(t, err)
	b, err := os.ReadFile(filepath.Join(root, "services", "gateway", "routes.yaml"))
	require.NoError(t, err)
	require.Contains(t, string(b), from)
	file := filepath.Join(t.TempDir(), "routes.yaml")
	require.NoError(t, os.WriteFile(file, []byte(strings.ReplaceAll(string(b), from, to)), 0o600))
	return file
}

// A client spreads his requests over two replicas, which tell each other of them
// through the real store. In the long run he gets what one would give him.
func TestReplicasShareARateLimit(t *testing.T) {
	const quota, window = 40, 4 * time.Second
	file := tableWith(t, "read: {by: client, quota: 600, window: 10s}", fmt.Sprintf("read: {by: client, quota: %d, window: %s}", quota, window))
	a, b := startGateway(t, "GATEWAY_ROUTES="+file), startGateway(t, "GATEWAY_ROUTES="+file)
	clients := []*client{{base: a.base}, {base: b.base}}
	// They have to know of each other first.
	eventually(t, "each has heard of the other", func() bool {
		for _, c := range clients {
			for range 8 {
				c.call(t, "GET", "/v1/categories", nil)
			}
		}
		return a.figure(t, "tienda_gateway_limit_heard_total") > 0 && b.figure(t, "tienda_gateway_limit_heard_total") > 0
	})
	const windows = 5
	var passed [windows]int
	var refused int
	began := time.Now()
	for n := 0; ; n++ {
		w := int(time.Since(began) / window)
		if w >= windows {
			break
		}
		got := clients[n%2].call(t, "GET", "/v1/categories", nil) // held to the contract
		switch got.status {
		case http.StatusOK:
			passed[w]++
		case http.StatusTooManyRequests:
			refused++
			retry, err := strconv.Atoi(got.header.Get("Retry-After"))
			require.NoError(t, err)
			require.Positive(t, retry)
			require.Regexp(t, `^"(read|address)";r=0;t=\d+$`, got.header.Get("RateLimit"))
			require.Contains(t, got.header.Get("RateLimit-Policy"), fmt.Sprintf(`"read";q=%d;w=4`, quota))
			<-time.After(5 * time.Millisecond) // a client who asks 200 times a second
		default:
			t.Fatalf("%d %s", got.status, got.body)
		}
	}
	t.Logf("quota %d in %s, two replicas: passed in each window %v, refused %d", quota, window, passed, refused)
	later := 0
	for _, n := range passed[2:] {
		later += n
	}
	require.InEpsilon(t, 3*quota, later, 0.2, "what one replica would let through is %d in a window", quota)
	require.Greater(t, refused, 2*later)
	require.Positive(t, a.figure(t, `tienda_gateway_limited_total{limit="read"}`))
}

// The table of a running gateway is changed; one that is wrong is refused.
func TestTheRouteTableIsTakenAgain(t *testing.T) {
	const categories = "path: /v1/categories, methods: [GET], app: catalog, access: "
	file := tableWith(t, categories, categories)
	g := startGateway(t, "GATEWAY_ROUTES="+file)
	c := &client{base: g.base}
	require.Equal(t, http.StatusOK, c.call(t, "GET", "/v1/categories", nil).status)
	b, err := os.ReadFile(file)
	require.NoError(t, err)
	closed := strings.ReplaceAll(string(b), categories+"public, timeout: 5s, cache: 1s,", categories+"[admin], timeout: 5s,")
	require.NotEqual(t, string(b), closed)
	require.NoError(t, os.WriteFile(file, []byte(closed), 0o600))
	eventually(t, "the new table is in use", func() bool { return c.call(t, "GET", "/v1/categories", nil).status == http.StatusUnauthorized })
	require.NoError(t, os.WriteFile(file, []byte("routes: ["), 0o600))
	require.NoError(t, g.cmd.Process.Signal(syscall.SIGHUP))
	eventually(t, "the bad one is refused", func() bool { return g.figure(t, "tienda_gateway_routes_stale") == 1 })
	require.Equal(t, http.StatusUnauthorized, c.call(t, "GET", "/v1/categories", nil).status, "the one before stays")
	require.NoError(t, os.WriteFile(file, b, 0o600))
	eventually(t, "the good one is taken", func() bool { return c.call(t, "GET", "/v1/categories", nil).status == http.StatusOK })
	require.Zero(t, g.figure(t, "tienda_gateway_routes_stale"))
	require.EqualValues(t, 3, g.figure(t, "tienda_gateway_routes_loaded_total"))
}

// An app that stands still fails its own routes, soon without being waited for,
// and nobody else's.
func TestADeadServiceDegradesItsOwnRoutesOnly(t *testing.T) {
	c, _ := newCustomer(t)
	agent := staff(t, caller.SupportAgent)
	require.Equal(t, http.StatusOK, c.call(t, "GET", "/v1/tickets", nil).status)
	require.NoError(t, the.Reload())
	pid := the.Of("support")[0].PID
	require.NoError(t, syscall.Kill(pid, syscall.SIGSTOP))
	defer func() { _ = syscall.Kill(pid, syscall.SIGCONT) }()

	stop := make(chan struct{})
	failed := make(chan string, 4)
	var slowest, asked atomic.Int64
	for _, path := range []string{"/v1/products?limit=5", "/v1/cart", "/v1/me", "/v1/orders"} {
		go func() {
			for {
				select {
				case <-stop:
					failed <- ""
					return
				default:
				}
				began := time.Now()
				a, err := c.try("GET", path, nil)
				if err != nil || a.status != http.StatusOK {
					failed <- fmt.Sprintf("%s: %d %v", path, a.status, err)
					return
				}
				slowest.Store(max(slowest.Load(), int64(time.Since(began))))
				asked.Add(1)
			}
		}()
	}
	fast := 0
	// First its sidecar has to see it, then five have to have waited for it.
	within(t, time.Minute, "its own routes fail at once", func() bool {
		began := time.Now()
		a := agent.call(t, "GET", "/v1/tickets", nil)
		require.Contains(t, []int{http.StatusServiceUnavailable, http.StatusGatewayTimeout}, a.status)
		if a.status == http.StatusServiceUnavailable && time.Since(began) < 300*time.Millisecond {
			require.Contains(t, string(a.body), "support_unavailable")
			require.Equal(t, "1", a.header.Get("Retry-After"))
			fast++
		}
		return fast >= 3
	})
	before := asked.Load()
	eventually(t, "the others go on", func() bool { return asked.Load() > before+100 })
	close(stop)
	for range 4 {
		require.Empty(t, <-failed)
	}
	t.Logf("%d requests to the other apps, the slowest took %s", asked.Load(), time.Duration(slowest.Load()))
	require.Less(t, time.Duration(slowest.Load()), 5*time.Second)
	require.NoError(t, syscall.Kill(pid, syscall.SIGCONT))
	eventually(t, "it is back", func() bool { return c.call(t, "GET", "/v1/tickets", nil).status == http.StatusOK })
	allReady(t)
}
