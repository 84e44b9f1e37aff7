package local_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/cmd/tienda/internal/local"
	"tienda/internal/profile/profiletest"
)

// The migration of another run file runs beside the shop: same profile, same tokens, a
// sidecar of its own; and nobody but itself and whoever holds the app token reaches it.
func TestWith(t *testing.T) {
	for _, profile := range profiletest.Names() {
		t.Run(profile, func(t *testing.T) { with(t, profile) })
	}
}

func with(t *testing.T, profile string) {
	dir := t.TempDir()
	s := open(t, dir, func(o *local.Options) {
		o.With, o.Replicas, o.Profile = []string{"testdata/migration/dapr.yaml"}, nil, profile
	})
	migration, orders := s.app("migration"), s.app("orders")
	require.NotZero(t, migration.SidecarPID)
	tokens, err := os.ReadFile(s.state().TokensFile)
	require.NoError(t, err)
	_, appToken, _ := strings.Cut(strings.TrimSpace(string(tokens)), "APP_API_TOKEN=")
	own := fmt.Sprintf("http://127.0.0.1:%d", migration.Port)
	through := func(a local.App) string {
		return fmt.Sprintf("http://127.0.0.1:%d/v1.0/invoke/migration/method", a.HTTPPort)
	}

	var code int
	var answer string
	eventually(t, "it has read its own state", func() bool {
		code, answer = s.call("GET", own+"/v1/migration", "", "dapr-api-token", appToken)
		return code != http.StatusServiceUnavailable
	})
	require.Equal(t, http.StatusOK, code, answer)
	require.Contains(t, answer, `"phase":"idle"`)
	require.Contains(t, answer, `"mapping":"example"`)
	code, answer = s.call("GET", own+"/v1/migration/preflight", "", "dapr-api-token", appToken)
	require.Equal(t, http.StatusOK, code, answer)
	require.Contains(t, answer, "no_source")
	code, answer = s.call("POST", own+"/v1/migration/start", "", "dapr-api-token", appToken)
	require.Equal(t, http.StatusConflict, code, answer)
	_, answer = s.call("GET", own+"/metrics", "")
	require.Contains(t, answer, `tienda_migration_phase{phase="idle"} 1`)
	code, answer = s.call("GET", through(migration)+"/v1/migration", "")
	require.Equal(t, http.StatusOK, code, "its own sidecar: %s", answer)
	for _, no := range []struct{ url, token string }{{own, "guess"}, {own, ""}, {through(orders), ""}} {
		for _, r := range []struct{ method, path string }{{"GET", "/v1/migration"}, {"POST", "/v1/migration/stop"}} {
			headers := []string{}
			if no.url == own {
				headers = []string{"dapr-api-token", no.token}
			}
			code, answer = s.call(r.method, no.url+r.path, "", headers...)
			require.Equal(t, http.StatusForbidden, code, "%+v %+v: %s", no, r, answer)
		}
	}
	for _, name := range []string{"migration", ""} {
		code, answer = s.call("POST", through(orders)+"/v1/migration/stop", "", "Dapr-Caller-App-Id", name)
		require.Equal(t, http.StatusForbidden, code, "orders in the name of %q: %s", name, answer)
	}
	code, answer = s.call("GET", own+"/", "", "dapr-api-token", "")
	require.Equal(t, http.StatusOK, code)
	require.Contains(t, answer, "<title>Migration</title>")

	secret := "/v1.0/secrets/secrets-migration/monolith-dsn"
	code, answer = s.call("GET", fmt.Sprintf("http://127.0.0.1:%d", migration.HTTPPort)+secret, "")
	require.Equal(t, http.StatusOK, code, answer)
	require.JSONEq(t, `{"monolith-dsn":""}`, answer)
	code, _ = s.call("GET", fmt.Sprintf("http://127.0.0.1:%d", orders.HTTPPort)+secret, "")
	require.NotEqual(t, http.StatusOK, code, "the monolith's password is for the migration alone")
	code, answer = s.call("POST", fmt.Sprintf("http://127.0.0.1:%d/v1.0/state/migration-state", migration.HTTPPort), `[{"key":"k","value":1}]`)
	require.Equal(t, http.StatusNoContent, code, answer)
	code, _ = s.call("POST", fmt.Sprintf("http://127.0.0.1:%d/v1.0/state/migration-state", orders.HTTPPort), `[{"key":"k","value":1}]`)
	require.Equal(t, http.StatusBadRequest, code)

	require.Contains(t, s.out.String(), own+"/#token=$APP_API_TOKEN")
	require.NotContains(t, s.out.String(), appToken, "the token is never printed")
	s.close()
	require.FileExists(t, filepath.Join(dir, ".data", "logs", "migration-d.log"))
}
