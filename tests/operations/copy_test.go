package operations

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"tienda/internal/daprd"
	"tienda/internal/profile"
	"tienda/internal/profile/profiletest"
	"tienda/tests/shop"
)

// withState are the apps that have a state store.
var withState = []string{"users", "catalog", "orders", "support", "gateway"}

// The state of every app is copied, while the shop stands still, from SQLite or Redis to
// Postgres, and the shop is started over that: everything is there, sessions and carts too,
// and it sells on.
func TestStateIsCopiedToAnotherStore(t *testing.T) {
	profiletest.Needs(t, "postgres")
	for _, from := range []string{"local", "redis"} {
		t.Run(from, func(t *testing.T) {
			profiletest.Needs(t, from)
			copied(t, from, "postgres")
		})
	}
}

func copied(t *testing.T, from, to string) {
	dir := t.TempDir()
	u := runs(t, dir, from, func(s *shop.Shop) *used { return use(t, s) })

	source, _, stopSource := opened(t, dir, from)
	target, server, stopTarget := opened(t, dir, to)
	for _, app := range withState {
		said := tool(t, dir, "-app", app, "-from", source, "-to", target)
		t.Logf("%s: %s", app, said)
		require.Contains(t, said, "equal: ")
		require.Contains(t, tool(t, dir, "-app", app, "-from", source, "-to", target), "\n0 documents written", "it is done once")
	}
	resumes(t, dir, source, target, server)
	stopSource()
	stopTarget()

	runs(t, dir, to, func(s *shop.Shop) *used {
		u.requireSame(t, s)
		return u
	})

	// What was sold since is not overwritten with the state of before.
	source, _, stopSource = opened(t, dir, from)
	target, _, stopTarget = opened(t, dir, to)
	_, err := try(dir, "-app", "orders", "-from", source, "-to", target)
	require.ErrorContains(t, err, "that the source does not have")
	stopSource()
	stopTarget()
}

// resumes loses documents and damages one, as a copy that broke off would: a comparison finds
// them, and another copy writes no more than those.
func resumes(t *testing.T, dir, source, target string, server *profile.Server) {
	t.Helper()
	db, err := pgx.Connect(t.Context(), server.DSN("tienda"))
	require.NoError(t, err)
	defer func() { _ = db.Close(context.WithoutCancel(t.Context())) }()
	_, err = db.Exec(t.Context(), "DELETE FROM orders_state WHERE key IN (SELECT key FROM orders_state ORDER BY key LIMIT 3)")
	require.NoError(t, err)
	_, err = db.Exec(t.Context(), `UPDATE orders_state SET value = '\x5b5d' WHERE key IN (SELECT key FROM orders_state ORDER BY key DESC LIMIT 1)`)
	require.NoError(t, err)
	_, err = try(dir, "-app", "orders", "-from", source, "-to", target, "-compare")
	require.ErrorContains(t, err, "differ")
	require.Contains(t, tool(t, dir, "-app", "orders", "-from", source, "-to", target), "\n4 documents written")
	require.Contains(t, tool(t, dir, "-app", "orders", "-from", source, "-to", target, "-compare"), "equal: ")
}

// A shop's state is saved into files, its stores are lost, and the files are restored.
func TestBackupIsRestored(t *testing.T) {
	dir := t.TempDir()
	u := runs(t, dir, "local", func(s *shop.Shop) *used { return use(t, s) })
	store, _, stop := opened(t, dir, "local")
	defer stop()
	saved := func(app string) string { return filepath.Join(dir, app+".state.gz") }
	for _, app := range withState {
		require.Contains(t, tool(t, dir, "-app", app, "-from", store, "-file", saved(app)), "equal: ")
		info, err := os.Stat(saved(app))
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), "it has what customers have told")
	}
	files, err := filepath.Glob(filepath.Join(dir, ".data", "local", "*.db*"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, f := range files {
		require.NoError(t, os.Remove(f))
	}

	whole, err := os.ReadFile(saved("orders"))
	require.NoError(t, err)
	for name, broken := range map[string][]byte{"cut": whole[:len(whole)/2], "of another app": nil} {
		path := filepath.Join(dir, "broken")
		if broken == nil {
			path = saved("users")
		} else {
			require.NoError(t, os.WriteFile(path, broken, 0o600))
		}
		_, err := try(dir, "-app", "orders", "-to", store, "-file", path)
		require.Error(t, err, name)
	}
	for _, app := range withState {
		said := tool(t, dir, "-app", app, "-to", store, "-file", saved(app))
		t.Logf("%s: %s", app, said)
		require.Contains(t, said, "equal: ")
	}
	runs(t, dir, "local", func(s *shop.Shop) *used {
		u.requireSame(t, s)
		return u
	})
}

// runs starts a shop over what dir has, does something with it, and stops it.
func runs(t *testing.T, dir, profile string, do func(*shop.Shop) *used) *used {
	t.Helper()
	_, err := os.Stat(filepath.Join(dir, ".data"))
	s, err := shop.Start(t.Context(), shop.Options{Bin: bin, Dir: dir, Profile: profile, NoSeed: err == nil, Env: []string{issuer}})
	require.NoError(t, err)
	defer s.Stop()
	return do(s)
}

// opened gives a folder with the state stores of a profile, over the data of the shop in dir,
// and starts their server.
func opened(t *testing.T, dir, name string) (folder string, server *profile.Server, stop func()) {
	t.Helper()
	root, err := shop.Root()
	require.NoError(t, err)
	server, err = profile.Open(t.Context(), profile.Config{Name: name, Dir: filepath.Join(dir, ".data", name), Private: true})
	require.NoError(t, err)
	folder, stop = t.TempDir(), func() {}
	files, err := filepath.Glob(filepath.Join(root, "components", name, "*.yaml"))
	require.NoError(t, err)
	for _, f := range files {
		if base := filepath.Base(f); strings.HasPrefix(base, "state-") || base == "secrets-store.yaml" {
			b, err := os.ReadFile(f)
			require.NoError(t, err)
			if server != nil {
				b = []byte(server.Render(string(b)))
			}
			require.NoError(t, os.WriteFile(filepath.Join(folder, base), b, 0o600))
		}
	}
	if server == nil {
		return folder, nil, stop
	}
	cmd := server.Command()
	require.NoError(t, daprd.StartChild(cmd))
	stop = func() {
		_ = cmd.Process.Signal(server.StopSignal)
		_ = cmd.Wait()
	}
	require.Eventually(t, func() bool { return server.Ready(t.Context()) == nil }, 30*time.Second, 100*time.Millisecond)
	return folder, server, stop
}

// tool runs the tool in the shop's folder, which the components' paths are relative to.
func tool(t *testing.T, dir string, args ...string) string {
	t.Helper()
	said, err := try(dir, args...)
	require.NoError(t, err, said)
	return said
}

func try(dir string, args ...string) (string, error) {
	root, err := shop.Root()
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute) // it may have to be built
	defer cancel()
	path, err := daprd.StateCopy(filepath.Join(root, "dapr", "daprd")).Ensure(ctx, os.Stderr)
	if err != nil {
		return "", err
	}
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, &out
	if err := cmd.Run(); err != nil {
		return "", errors.Join(err, fmt.Errorf("%s", out.String()))
	}
	return "\n" + out.String(), nil
}
