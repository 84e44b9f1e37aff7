package e2e

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/contract/contracttest"
	"tienda/tests/shop"
)

// notInACluster are the tests that a shop in a cluster is not put to (`make k8s-e2e`), and
// why: all others are.
var notInACluster = map[string]string{
	"TestBacklogOfAKilledReplica":     "it starts a shop of its own, with replicas",
	"TestReplicas":                    "it starts a shop of its own, with replicas",
	"TestTokensOnEveryReplica":        "it starts a shop of its own, with replicas",
	"TestRunsKeepDataAndLeaveNothing": "it is about the local runner: a folder that is started over",
	"TestListenersAreOnLoopback":      "apps in pods listen at the pod's address, for the kubelet's probes",
	"TestTokensAreNotKept":            "it reads the sandbox's ledger, which is in the pod of orders; what pods print, TestSecretsStayOut reads",
}

// triedElsewhere are the operations that only those tests see succeed.
var triedElsewhere = map[string]string{
	"POST /v1/ops/signing-keys/rotate": "TestTokensOnEveryReplica",
}

// there runs the tests against a shop in a cluster, which the ready file in SHOP tells of.
func there(m *testing.M, ready string) int {
	dir, err := os.MkdirTemp("", "tienda-e2e-")
	if err != nil {
		return fail(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	bin = filepath.Join(dir, "bin")
	if err := shop.Build(context.Background(), bin); err != nil { // some tests start a gateway more
		return fail(err)
	}
	if the, err = shop.Attach(ready); err != nil {
		return fail(err)
	}
	if http.DefaultClient.Transport, err = byTheDoor(the.State); err != nil {
		return fail(err)
	}
	if events, err = record(the.State); err != nil {
		return fail(err)
	}
	defer events.close()
	// A kubelet is slower than the runner to bring back what was killed, and Redis gives a message
	// again whose hearer is gone after 12 s.
	patience = 45 * time.Second
	return runWithout(m, "in a cluster", notInACluster)
}

// runWithout runs all tests but some, which it names.
func runWithout(m *testing.M, where string, leftOut map[string]string) int {
	flag.Parse()
	names := slices.Sorted(maps.Keys(leftOut))
	for _, name := range names {
		fmt.Printf("not tried %s: %s: %s\n", where, name, leftOut[name])
	}
	if err := flag.Set("test.skip", "^("+strings.Join(names, "|")+")$"); err != nil {
		return fail(err)
	}
	for op, test := range triedElsewhere {
		fmt.Printf("not tried %s: %s, which %s has\n", where, op, test)
		tried[op] = true
	}
	code := m.Run()
	if code == 0 {
		code = everythingTried()
	}
	return code
}

// byTheDoor gives a transport that finds the shop's host at its ingress. Requests come from
// many addresses by turns: what one may ask for is limited.
func byTheDoor(s shop.State) (http.RoundTripper, error) {
	pem, err := os.ReadFile(s.Authority)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, errors.New("the shop's authority has no certificate")
	}
	at, err := url.Parse(s.Gateway)
	if err != nil {
		return nil, err
	}
	all := &turns{}
	for _, address := range s.Clients {
		there := &net.Dialer{Timeout: 5 * time.Second}
		from := &net.Dialer{Timeout: 5 * time.Second, LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
		all.of = append(all.of, &http.Transport{
			TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true, IdleConnTimeout: 30 * time.Second,
			DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				if host, _, err := net.SplitHostPort(address); err == nil && host == at.Hostname() {
					return from.DialContext(ctx, network, s.Door)
				}
				return there.DialContext(ctx, network, address)
			},
		})
	}
	if len(all.of) == 0 {
		return nil, errors.New("the shop names no address to come from")
	}
	return all, nil
}

// turns is transports that take turns.
type turns struct {
	next atomic.Uint64
	of   []*http.Transport
}

func (t *turns) RoundTrip(r *http.Request) (*http.Response, error) {
	return t.of[t.next.Add(1)%uint64(len(t.of))].RoundTrip(r)
}

// What is left out elsewhere are tests that there are.
func TestLeftOutTestsAreThere(t *testing.T) {
	files, err := filepath.Glob("*_test.go")
	require.NoError(t, err)
	all := map[string]bool{}
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		for _, d := range f.Decls {
			if f, ok := d.(*ast.FuncDecl); ok {
				all[f.Name.Name] = true
			}
		}
	}
	for _, leftOut := range []map[string]string{notInACluster, notByTheCLI} {
		for name, why := range leftOut {
			require.True(t, all[name], "%s is no test", name)
			require.NotEmpty(t, why)
		}
	}
	for op, test := range triedElsewhere {
		require.Contains(t, notInACluster, test)
		require.Contains(t, notByTheCLI, test)
		method, path, _ := strings.Cut(op, " ")
		require.NotNil(t, contracttest.Find(public, method, path), op)
	}
}

// Every pod is replaced while guests buy: in the order that the cluster goes by, with the times
// that the manifests have. With one replica of each app there is no other to ask; no request
// fails all the same.
func TestNewPodsUnderLoad(t *testing.T) {
	if len(the.Kubectl) == 0 {
		t.Skip("it is about a cluster: make k8s-e2e")
	}
	_, sku := ownProduct(t, 10_000)
	require.NoError(t, buy(the.Gateway, sku))
	var bought atomic.Int64
	var failed []string
	var mu sync.Mutex
	ctx, stop := context.WithCancel(t.Context())
	var buyers sync.WaitGroup
	for range 4 {
		buyers.Go(func() {
			for ctx.Err() == nil {
				if err := buy(the.Gateway, sku); err != nil {
					mu.Lock()
					failed = append(failed, time.Now().Format("15:04:05.000")+" "+err.Error())
					mu.Unlock()
				} else {
					bought.Add(1)
				}
			}
		})
	}
	for _, app := range append(slices.Clone(services), "gateway") {
		before := bought.Load()
		kubectl(t, "rollout", "restart", "deployment/"+app)
		kubectl(t, "rollout", "status", "deployment/"+app, "--timeout=3m")
		t.Logf("%s: %d bought while its pod was replaced", app, bought.Load()-before)
	}
	within(t, 2*time.Minute, "the old pods are gone", func() bool {
		return len(strings.Fields(kubectl(t, "get", "pods", "--selector=tienda.dev/app", "--output=name"))) == len(services)+1
	})
	stop()
	buyers.Wait()
	require.NoError(t, the.Reload())
	require.Empty(t, failed, "%d were bought", bought.Load())
	require.Positive(t, bought.Load())
}

func kubectl(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), the.Kubectl[0], slices.Concat(the.Kubectl[1:], args)...)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%v: %s", args, out)
	return string(out)
}
