package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
)

var services = []string{"users", "catalog", "orders", "support"}

// One real daprd for each service.
func TestEveryServiceHasItsOwnSidecar(t *testing.T) {
	seen := map[int]bool{}
	for _, app := range append(services, "gateway") {
		replicas := the.Of(app)
		require.Len(t, replicas, 1)
		pid := replicas[0].SidecarPID
		require.False(t, seen[pid])
		seen[pid] = true
		cmdline, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if os.IsNotExist(err) {
			t.Skip("it reads /proc, which this system has not")
		}
		require.NoError(t, err)
		args := strings.Split(string(cmdline), "\x00")
		require.Equal(t, "daprd", filepath.Base(args[0]))
		require.Contains(t, strings.Join(args, " "), "--app-id "+app)
	}
}

// The store of each service holds keys of that service only, and some.
func TestStateIsApart(t *testing.T) {
	c, _ := newCustomer(t)
	must[ticket](t, c, http.StatusCreated, "POST", "/v1/tickets", map[string]any{"subject": "S", "message": "M"})
	_, sku := ownProduct(t, 1)
	put(t, c, sku, 1)
	for _, app := range services {
		keys := storedKeys(t, the.State, app)
		require.NotEmpty(t, keys, "the store of %s is empty", app)
		for _, key := range keys {
			require.True(t, strings.HasPrefix(key, app+"||"), "the store of %s holds %s", app, key)
		}
	}
}

// Another service's sidecar does not even have the store.
func TestOtherSidecarsCannotReadIt(t *testing.T) {
	tokens, err := the.Tokens()
	require.NoError(t, err)
	for _, owner := range services {
		for _, other := range append(services, "gateway") {
			url := fmt.Sprintf("http://127.0.0.1:%d/v1.0/state/%s-state/anything", the.Of(other)[0].HTTPPort, owner)
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
			require.NoError(t, err)
			req.Header.Set("dapr-api-token", tokens["DAPR_API_TOKEN"])
			resp, err := http.DefaultClient.Do(req)
			require.NoError(t, err)
			body, _ := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if owner == other {
				require.Equal(t, http.StatusNoContent, resp.StatusCode, "%s", body)
				continue
			}
			require.GreaterOrEqual(t, resp.StatusCode, 400, "%s reads the state of %s: %s", other, owner, body)
		}
	}
}

// Only users can ask for the keys that it seals and signs with: not the gateway,
// which the internet touches.
func TestOnlyUsersReadsItsSecrets(t *testing.T) {
	tokens, err := the.Tokens()
	require.NoError(t, err)
	for _, app := range append(services, "gateway") {
		url := fmt.Sprintf("http://127.0.0.1:%d/v1.0/secrets/secrets/users-key-encryption-key", the.Of(app)[0].HTTPPort)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		require.NoError(t, err)
		req.Header.Set("dapr-api-token", tokens["DAPR_API_TOKEN"])
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		_ = resp.Body.Close()
		require.Equal(t, app == "users", resp.StatusCode == http.StatusOK, "%s: %s", app, resp.Status)
	}
}

// The gateway, which passes on what clients say, cannot be made to call in the name of an
// app that may do more: its sidecar's name goes with the call, and a second one spoils it.
func TestNoServicePosesAsAnother(t *testing.T) {
	tokens, err := the.Tokens()
	require.NoError(t, err)
	ask := func(path string, names ...string) int {
		url := fmt.Sprintf("http://127.0.0.1:%d%s", the.Of("gateway")[0].HTTPPort, path)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		require.NoError(t, err)
		req.Header.Set("dapr-app-id", "users")
		req.Header.Set("dapr-api-token", tokens["DAPR_API_TOKEN"])
		for _, name := range names {
			req.Header.Add(caller.HeaderApp, name)
		}
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		return resp.StatusCode
	}
	require.Equal(t, http.StatusOK, ask("/internal/v1/revocations"), "what the gateway may ask")
	for _, names := range [][]string{{}, {"migration"}, {"gateway", "migration"}, {"migration", "gateway"}, {"migration", "migration"}} {
		require.Equal(t, http.StatusForbidden, ask("/internal/v1/sync/users", names...), "%q", names)
	}
}

// Sidecars ask for the apps' token, apps for the sidecars'.
func TestTokensAreAskedFor(t *testing.T) {
	for _, app := range services {
		a := the.Of(app)[0]
		for _, url := range []string{
			fmt.Sprintf("http://127.0.0.1:%d/v1.0/state/%s-state/x", a.HTTPPort, app),
			fmt.Sprintf("http://127.0.0.1:%d/v1/me", a.Port),
			fmt.Sprintf("http://127.0.0.1:%d/v1/products", a.Port),
			fmt.Sprintf("http://127.0.0.1:%d/v1/orders", a.Port),
			fmt.Sprintf("http://127.0.0.1:%d/v1/tickets", a.Port),
		} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
			require.NoError(t, err)
			req.Header.Set("Tienda-User", "someone")
			resp, err := http.DefaultClient.Do(req)
			require.NoError(t, err)
			_ = resp.Body.Close()
			require.Contains(t, []int{401, 403, 404}, resp.StatusCode, url)
		}
	}
}

// Everything but the gateway's port would be refused from outside: all listen
// on loopback, the gateway too unless it is told otherwise.
func TestListenersAreOnLoopback(t *testing.T) {
	ours := map[int]bool{}
	for _, pid := range the.PIDs() {
		ours[pid] = true
	}
	tables, err := filepath.Glob("/proc/net/tcp*")
	if err != nil || len(tables) == 0 {
		t.Skip("it reads /proc, which this system has not")
	}
	inodes := map[string]int{}
	for pid := range ours {
		fds, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
		for _, fd := range fds {
			if l, err := os.Readlink(fd); err == nil && strings.HasPrefix(l, "socket:[") {
				inodes[strings.TrimSuffix(strings.TrimPrefix(l, "socket:["), "]")] = pid
			}
		}
	}
	found := 0
	for _, table := range tables {
		b, err := os.ReadFile(table)
		require.NoError(t, err)
		for line := range bytes.Lines(b) {
			f := strings.Fields(string(line))
			if len(f) < 10 || f[3] != "0A" { // LISTEN
				continue
			}
			pid, is := inodes[f[9]]
			if !is {
				continue
			}
			found++
			host := strings.Split(f[1], ":")[0]
			require.Contains(t, []string{"0100007F", "00000000000000000000000001000000"}, host, "process %d listens on %s", pid, f[1])
		}
	}
	require.GreaterOrEqual(t, found, 5)
}

// No secret of the run is in any log or in any store.
func TestSecretsStayOut(t *testing.T) {
	staff(t, caller.Admin)
	tokens, err := the.Tokens()
	require.NoError(t, err)
	needles := []string{"a long password"}
	for _, v := range tokens {
		needles = append(needles, v)
	}
	c, _ := newCustomer(t)
	needles = append(needles, c.token, c.refresh)
	for _, dir := range []string{"logs", the.Profile} {
		files := 0
		require.NoError(t, filepath.WalkDir(filepath.Join(the.DataDir, dir), func(f string, e fs.DirEntry, err error) error {
			if err != nil || !e.Type().IsRegular() {
				return ignoreGone(err)
			}
			b, err := os.ReadFile(f)
			if err != nil {
				return ignoreGone(err)
			}
			files++
			for _, n := range needles {
				require.False(t, bytes.Contains(b, []byte(n)), "%s holds a secret", f)
			}
			return nil
		}))
		require.NotZero(t, files)
	}
}

// ignoreGone takes it that a running server removes files of its own.
func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
