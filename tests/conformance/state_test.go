// Package conformance runs the suites that fakes pass over the real thing.
package conformance

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/daprd"
	"tienda/internal/profile"
	"tienda/internal/profile/profiletest"
	"tienda/internal/sidecar"
	"tienda/internal/state"
	"tienda/internal/state/statetest"
)

// component is the store of a profile: components/<profile>/state-orders.yaml
// as it is, over a file or a private server of the test's own.
func component(t *testing.T, name, dir string) string {
	t.Helper()
	res := filepath.Join(dir, "components")
	require.NoError(t, os.MkdirAll(res, 0o755))
	data := filepath.Join(dir, ".data", name)
	require.NoError(t, os.MkdirAll(data, 0o755))
	server, err := profile.Open(t.Context(), profile.Config{Name: name, Dir: data, Private: true})
	require.NoError(t, err)
	if server != nil {
		serve(t, server)
	}
	for _, file := range []string{"state-orders.yaml", "secrets-store.yaml"} {
		y, err := os.ReadFile(filepath.Join("..", "..", "components", name, file))
		if os.IsNotExist(err) && file != "state-orders.yaml" {
			continue // only some stores ask for a password
		}
		require.NoError(t, err)
		if server != nil {
			y = []byte(server.Render(string(y)))
		}
		require.NoError(t, os.WriteFile(filepath.Join(res, file), y, 0o600))
	}
	return res
}

// serve runs a private server until the test ends.
func serve(t *testing.T, server *profile.Server) {
	t.Helper()
	cmd := server.Command()
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	require.NoError(t, daprd.StartChild(cmd))
	t.Cleanup(func() {
		_ = cmd.Process.Signal(server.StopSignal)
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s:\n%s", server.Name, log.String())
		}
	})
	require.Eventually(t, func() bool { return server.Ready(t.Context()) == nil }, 30*time.Second, 50*time.Millisecond)
}

func start(t *testing.T, appID, dir, res string) *sidecar.Sidecar {
	t.Helper()
	b, err := daprd.Ensure(t.Context(), daprd.Options{SourceDir: "../../dapr/daprd", Progress: os.Stderr, Getenv: os.Getenv})
	require.NoError(t, err)
	ports, err := daprd.FreePorts(3)
	require.NoError(t, err)
	var log bytes.Buffer
	s, err := daprd.Start(t.Context(), daprd.Config{
		Binary: b.Path, AppID: appID, HTTPPort: ports[0], GRPCPort: ports[1], InternalGRPCPort: ports[2],
		ResourcesPaths: []string{res}, Dir: dir, Env: []string{"DAPR_API_TOKEN=test"}, Output: &log,
	})
	require.NoError(t, err)
	t.Cleanup(func() {
		s.Stop(5 * time.Second)
		if t.Failed() {
			t.Logf("sidecar of %s:\n%s", appID, log.String())
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	require.NoError(t, s.WaitReady(ctx))
	side, err := sidecar.Connect(sidecar.Config{HTTPPort: ports[0], GRPCPort: ports[1], APIToken: "test"})
	require.NoError(t, err)
	t.Cleanup(side.Close)
	return side
}

func TestStoresConform(t *testing.T) {
	for _, name := range profiletest.Names() {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			side := start(t, "orders", dir, component(t, name, dir))
			statetest.Conformance(t, state.Dapr(side, "orders-state"))
		})
	}
}

// Another app's sidecar with the same component files sees neither the store
// (it is scoped) nor, where somebody opened the scope, the keys.
func TestOneAppCannotReadAnothersState(t *testing.T) {
	for _, name := range profiletest.Names() {
		t.Run(name, func(t *testing.T) { isApart(t, name) })
	}
}

func isApart(t *testing.T, name string) {
	dir := t.TempDir()
	res := component(t, name, dir)
	owner := start(t, "orders", dir, res)
	require.NoError(t, state.Dapr(owner, "orders-state").Commit(t.Context(), state.Op{Key: "secret", Value: []byte(`"mine"`)}))

	other := start(t, "support", dir, res)
	_, err := state.Dapr(other, "orders-state").Get(t.Context(), "secret")
	require.ErrorContains(t, err, "orders-state", "the component is not there for another app")

	open := filepath.Join(dir, "open")
	require.NoError(t, os.CopyFS(open, os.DirFS(res)))
	y, err := os.ReadFile(filepath.Join(res, "state-orders.yaml"))
	require.NoError(t, err)
	y = bytes.ReplaceAll(y, []byte("scopes: [orders]"), nil)
	require.NoError(t, os.WriteFile(filepath.Join(open, "state-orders.yaml"), y, 0o600))
	third := start(t, "catalog", dir, open)
	for _, key := range []string{"secret", "orders||secret"} {
		items, err := state.Dapr(third, "orders-state").Get(t.Context(), key)
		if err == nil {
			require.Empty(t, items[0].ETag, "%s is read by another app", key)
		}
	}
	items, err := state.Dapr(owner, "orders-state").Get(t.Context(), "secret")
	require.NoError(t, err)
	require.Equal(t, `"mine"`, string(items[0].Value), "still the owner's")
}
