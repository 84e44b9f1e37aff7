//go:build k8s

package k8s

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"tienda/contracts"
	"tienda/internal/contract"
	"tienda/internal/daprd"
)

// mesh is sidecars that know each other by certificates of one Sentry, each with the
// Configuration of its manifest.
type mesh struct {
	dir, binary, anchors string
	sentry               int               // its port
	ports                map[string]string // of each sidecar's HTTP API, by app.namespace
}

// TestSidecarsLetThroughWhatTheListsSay tries the access-control lists for real: every
// operation of the contracts, asked for by every app and two that are none.
func TestSidecarsLetThroughWhatTheListsSay(t *testing.T) {
	m := startMesh(t)
	lists := named(built(t, everyOverlay(t)["dev-postgres"]), "Configuration")
	callees := []string{"users", "catalog", "orders", "support", "gateway"}
	for _, app := range callees {
		m.join(t, app, "tienda", lists[app].raw)
	}
	m.join(t, "ingress", "ingress-nginx", named(built(t, everyOverlay(t)["dev-ingress"]), "Configuration")["ingress"].raw)
	m.join(t, "nobody", "tienda", nil)
	m.join(t, "stranger", "elsewhere", nil)

	public := publicOperations(t)
	allowed, denied := 0, 0
	for _, app := range callees[:4] {
		c, err := contract.Load(contracts.FS, app)
		require.NoError(t, err)
		for _, op := range c.Operations() {
			for by := range m.ports {
				id, namespace, _ := strings.Cut(by, ".")
				if id == app && namespace == "tienda" {
					continue // a sidecar asks nobody for its own app
				}
				want := http.StatusForbidden
				if namespace == "tienda" && (slices.Contains(op.Callers, id) || id == "gateway" && public[app+" "+op.Method+" "+op.Path]) {
					want = http.StatusOK
					allowed++
				} else {
					denied++
				}
				status, body := m.call(t, by, app, op.Method, filled(op.Path))
				require.Equal(t, want, status, "%s asks %s for %s %s: %s", by, app, op.Method, op.Path, body)
			}
		}
	}
	t.Logf("%d calls let through, %d refused", allowed, denied)
	require.Greater(t, allowed, 100)

	for by := range m.ports {
		if by == "gateway.tienda" {
			continue
		}
		want := http.StatusForbidden
		if by == "ingress.ingress-nginx" {
			want = http.StatusOK
		}
		status, body := m.call(t, by, "gateway", http.MethodGet, "/v1/products")
		require.Equal(t, want, status, "%s asks the gateway: %s", by, body)
	}
	t.Run("the way of the ingress", func(t *testing.T) { throughTheIngress(t, m) })
}

// throughTheIngress asks as nginx does, with the path of ingress.yaml and the address of a
// client.
func throughTheIngress(t *testing.T, m *mesh) {
	base := "http://127.0.0.1:" + m.ports["ingress.ingress-nginx"]
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/v1.0/invoke/gateway.tienda/method/v1/products?limit=5", nil)
	require.NoError(t, err)
	r.Header.Set("X-Forwarded-For", "203.0.113.7")
	resp, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	require.Equal(t, http.StatusOK, resp.StatusCode)
	var got seen
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&got))
	require.Equal(t, "/v1/products?limit=5", got.URL)
	require.Equal(t, "ingress", got.Caller)
	hops := strings.Split(strings.ReplaceAll(strings.Join(got.Forwarded, ","), " ", ""), ",")
	require.Equal(t, "203.0.113.7", hops[0])
	for _, hop := range hops[1:] {
		require.Equal(t, "127.0.0.1", hop, "a sidecar adds its own address, which gateways trust")
	}
	for path, want := range map[string]int{
		"/v1.0/invoke/users.tienda/method/v1/users": http.StatusForbidden, // the list of users
		"/v1.0/state/users-state/x":                 http.StatusNotFound,  // no other API
		"/v1.0/metadata":                            http.StatusNotFound,
	} {
		status, body := get(t, base+path)
		require.Equal(t, want, status, "%s: %s", path, body)
	}
}

func publicOperations(t *testing.T) map[string]bool {
	t.Helper()
	raw, err := os.ReadFile("../../services/gateway/routes.yaml")
	require.NoError(t, err)
	var table struct {
		Routes []struct {
			Path, App string
			Methods   []string
		}
	}
	require.NoError(t, yaml.Unmarshal(raw, &table))
	public := map[string]bool{} // app, method and path
	for _, r := range table.Routes {
		for _, m := range r.Methods {
			public[r.App+" "+m+" "+r.Path] = true
		}
	}
	require.NotEmpty(t, public)
	return public
}

func startMesh(t *testing.T) *mesh {
	t.Helper()
	binary, err := daprd.Ensure(t.Context(), daprd.Options{SourceDir: sidecar, Progress: os.Stderr, Getenv: os.Getenv})
	require.NoError(t, err)
	path, err := daprd.Program{
		Name: "sentry", What: "Dapr's certificate authority", SourceDir: sidecar, Package: "./sentry", Takes: "a minute",
	}.Ensure(t.Context(), os.Stderr)
	require.NoError(t, err)
	ports, err := daprd.FreePorts(3)
	require.NoError(t, err)
	m := &mesh{dir: t.TempDir(), binary: binary.Path, sentry: ports[0], ports: map[string]string{}}
	keys := filepath.Join(m.dir, "keys")
	require.NoError(t, os.Mkdir(keys, 0o700))
	config := filepath.Join(m.dir, "sentry.yaml")
	require.NoError(t, os.WriteFile(config, []byte("{apiVersion: dapr.io/v1alpha1, kind: Configuration, metadata: {name: daprsystem}, spec: {mtls: {enabled: true}}}"), 0o600))
	ctx, stop := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, path, "-port", strconv.Itoa(ports[0]), "-healthz-port", strconv.Itoa(ports[1]), "-metrics-port", strconv.Itoa(ports[2]),
		"-listen-address", "127.0.0.1", "-healthz-listen-address", "127.0.0.1", "-metrics-listen-address", "127.0.0.1", "-issuer-credentials", keys, "-config", config,
		"-issuer-ca-filename", "ca.crt", "-issuer-certificate-filename", "issuer.crt", "-issuer-key-filename", "issuer.key")
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	require.NoError(t, daprd.StartChild(cmd))
	t.Cleanup(func() {
		stop()
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(log.String())
		}
	})
	require.Eventually(t, func() bool {
		raw, err := os.ReadFile(filepath.Join(keys, "ca.crt"))
		m.anchors = string(raw)
		return err == nil && len(raw) > 0 && daprd.Healthy(t.Context(), "http://127.0.0.1:"+strconv.Itoa(ports[1])+"/healthz")
	}, time.Minute, 50*time.Millisecond, "Sentry does not come up")
	return m
}

// seen is what an app sees of a call.
type seen struct {
	URL, Caller string
	Forwarded   []string
}

// join starts a sidecar and an app that answers whatever it is asked.
func (m *mesh) join(t *testing.T, app, namespace string, configuration []byte) {
	t.Helper()
	behind := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = json.NewEncoder(w).Encode(seen{r.URL.String(), r.Header.Get("Dapr-Caller-App-Id"), r.Header.Values("X-Forwarded-For")})
	}))
	t.Cleanup(behind.Close)
	_, port, err := net.SplitHostPort(behind.Listener.Addr().String())
	require.NoError(t, err)
	appPort, err := strconv.Atoi(port)
	require.NoError(t, err)
	ports, err := daprd.FreePorts(3)
	require.NoError(t, err)
	log, err := os.Create(filepath.Join(m.dir, app+"."+namespace+".log"))
	require.NoError(t, err)
	s, err := daprd.Start(t.Context(), daprd.Config{
		Binary: m.binary, AppID: app, AppPort: appPort, HTTPPort: ports[0], GRPCPort: ports[1], InternalGRPCPort: ports[2],
		ConfigFile: m.configuration(t, app+"."+namespace, configuration), Dir: m.dir, Output: log,
		Env:   []string{"NAMESPACE=" + namespace, "DAPR_TRUST_ANCHORS=" + m.anchors},
		Flags: []string{"--enable-mtls", "--sentry-address", "127.0.0.1:" + strconv.Itoa(m.sentry), "--control-plane-trust-domain", "localhost"},
	})
	require.NoError(t, err)
	t.Cleanup(func() {
		s.Stop(5 * time.Second)
		_ = log.Close()
		if raw, err := os.ReadFile(log.Name()); t.Failed() && err == nil {
			t.Logf("%s.%s: %s", app, namespace, raw)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	require.NoError(t, s.WaitReady(ctx))
	m.ports[app+"."+namespace] = strconv.Itoa(ports[0])
}

// configuration writes that of a manifest, with what is different on one machine: names
// are in a file, and sidecars outside of Kubernetes have the trust domain "public".
func (m *mesh) configuration(t *testing.T, name string, raw []byte) string {
	t.Helper()
	doc := map[string]any{"apiVersion": "dapr.io/v1alpha1", "kind": "Configuration", "metadata": map[string]any{"name": name}, "spec": map[string]any{}}
	if raw != nil {
		require.NoError(t, yaml.Unmarshal(bytes.ReplaceAll(raw, []byte("trustDomain: tienda"), []byte("trustDomain: public")), &doc))
	}
	maps.Copy(doc["spec"].(map[string]any), map[string]any{
		"nameResolution": map[string]any{
			"component": "sqlite", "version": "v1",
			"configuration": map[string]any{"connectionString": filepath.Join(m.dir, "names.db"), "updateInterval": "60s", "timeout": "20s"},
		},
	})
	out, err := yaml.Marshal(doc)
	require.NoError(t, err)
	file := filepath.Join(m.dir, name+".yaml")
	require.NoError(t, os.WriteFile(file, out, 0o600))
	return file
}

// call asks for an operation of an app in the namespace tienda through the sidecar of by.
func (m *mesh) call(t *testing.T, by, app, method, path string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, fmt.Sprintf("http://127.0.0.1:%s%s", m.ports[by], path), nil)
	require.NoError(t, err)
	r.Header.Set("Dapr-App-Id", app+".tienda")
	return answered(t, r)
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	return answered(t, r)
}

func answered(t *testing.T, r *http.Request) (int, string) {
	t.Helper()
	resp, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(body)
}
