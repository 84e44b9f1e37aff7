package local_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/cmd/tienda/internal/local"
	"tienda/internal/profile/profiletest"
)

// The same shop over another profile: state and events work, a killed server
// comes back with what it had acknowledged, the data outlive a restart, and a
// fresh start empties this profile only.
func TestProfiles(t *testing.T) {
	profiletest.OnServers(t, func(t *testing.T, name string) {
		dir := t.TempDir()
		use := func(o *local.Options) { o.Profile = name }
		s := open(t, dir, use)
		require.Equal(t, name, s.state().Profile)
		require.NotEmpty(t, s.state().Store)
		orders := s.app("orders")
		sidecar := fmt.Sprintf("http://127.0.0.1:%d", orders.HTTPPort)
		read := func() (int, string) { return s.call("GET", sidecar+"/v1.0/state/orders-state/k", "") }

		code, answer := s.call("POST", sidecar+"/v1.0/state/orders-state", `[{"key":"k","value":"kept"}]`)
		require.Equal(t, http.StatusNoContent, code, answer)
		code, _ = s.call("GET", sidecar+"/v1.0/state/catalog-state/k", "")
		require.Equal(t, http.StatusBadRequest, code, "another's store")
		code, _ = s.call("GET", sidecar+"/v1.0/secrets/store-secrets/postgres-password", "")
		require.NotEqual(t, http.StatusOK, code, "the apps have no business with the password")

		publish(s, sidecar, "tienda.orders.cancelled", "fine")
		publish(s, sidecar, "tienda.orders.cancelled", "poison")
		publish(s, sidecar, "tienda.orders.cancelled", "fine")
		eventually(t, "those around a bad event are heard, once", func() bool { return heard(s) == 2 })

		old := s.app(name).PID
		require.NoError(t, syscall.Kill(old, syscall.SIGKILL))
		eventually(t, "another server", func() bool { pid := s.app(name).PID; return pid != old && pid != 0 })
		eventually(t, "the state is there", func() bool { _, kept := read(); return kept == `"kept"` })
		eventually(t, "publishing works again", func() bool {
			code, _ := s.call("POST", sidecar+"/v1.0/publish/events-orders/orders",
				fmt.Sprintf(`{"specversion":"1.0","id":"%d","source":"test","type":"tienda.orders.cancelled","data":"fine"}`, time.Now().UnixNano()),
				"Content-Type", "application/cloudevents+json")
			return code == http.StatusNoContent
		})
		eventually(t, "events are heard again", func() bool { return heard(s) > 2 })
		s.close()

		other := filepath.Join(dir, ".data", "local", "another-profile")
		require.NoError(t, os.WriteFile(other, nil, 0o600))
		s = open(t, dir, use)
		sidecar = fmt.Sprintf("http://127.0.0.1:%d", s.app("orders").HTTPPort)
		_, kept := read()
		require.Equal(t, `"kept"`, kept, "data outlive a restart")
		s.close()

		s = open(t, dir, use, func(o *local.Options) { o.Fresh = true })
		sidecar = fmt.Sprintf("http://127.0.0.1:%d", s.app("orders").HTTPPort)
		_, kept = read()
		require.Empty(t, kept, "a fresh start is empty")
		require.FileExists(t, other)
		s.close()
	})
}

func TestUnknownProfile(t *testing.T) {
	o := options(t, t.TempDir(), nil)
	o.Profile = "oracle"
	err := local.Run(t.Context(), o)
	require.ErrorContains(t, err, `there is no profile "oracle"`)
	require.ErrorContains(t, err, "local, postgres, redis")
}
