// Package conformance runs the suites that fakes pass over the real thing.
package conformance

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/profile/profiletest"
	"tienda/internal/sidecar"
	"tienda/internal/state"
	"tienda/internal/state/statetest"
	"tienda/tests/shop"
)

// component is the store of a profile: components/<profile>/state-orders.yaml
// as it is, over a file or a private server of the test's own.
func component(t *testing.T, name, dir string) string {
	t.Helper()
	s, err := shop.OpenStores(t.Context(), name, dir)
	require.NoError(t, err)
	t.Cleanup(func() {
		s.Close()
		if t.Failed() {
			t.Logf("%s:\n%s", name, s.Log())
		}
	})
	return s.Resources
}

func start(t *testing.T, appID, dir, res string) *sidecar.Sidecar {
	t.Helper()
	s, err := shop.StartSidecar(t.Context(), appID, dir, res)
	require.NoError(t, err)
	t.Cleanup(func() {
		s.Stop()
		if t.Failed() {
			t.Logf("sidecar of %s:\n%s", appID, s.Log())
		}
	})
	return s.Sidecar
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
