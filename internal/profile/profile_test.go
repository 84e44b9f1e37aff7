package profile_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/daprd"
	"tienda/internal/profile"
	"tienda/internal/profile/profiletest"
)

// launch starts a private server and waits until it takes work.
func launch(t *testing.T, s *profile.Server) *exec.Cmd {
	t.Helper()
	cmd := s.Command()
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	require.NoError(t, daprd.StartChild(cmd))
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
		if t.Failed() {
			t.Log(log.String())
		}
	})
	require.Eventually(t, func() bool { return s.Ready(t.Context()) == nil }, 30*time.Second, 50*time.Millisecond)
	return cmd
}

func TestPrivateServers(t *testing.T) {
	profiletest.OnServers(t, func(t *testing.T, name string) {
		dir := filepath.Join(t.TempDir(), name)
		s, err := profile.Open(t.Context(), profile.Config{Name: name, Dir: dir, Private: true})
		require.NoError(t, err)
		require.True(t, s.Private)
		require.NotEmpty(t, s.Password)
		require.Error(t, s.Ready(t.Context()), "it is not started yet")
		cmd := launch(t, s)

		stranger := *s
		for _, wrong := range []string{"", "guess"} {
			stranger.Password = wrong
			require.Error(t, stranger.Ready(t.Context()), "with the password %q", wrong)
		}
		info, err := os.Stat(s.SecretsFile())
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
		b, err := os.ReadFile(s.SecretsFile())
		require.NoError(t, err)
		require.JSONEq(t, `{"`+name+`-password": "`+s.Password+`"}`, string(b))

		// Killed, and started again from what is there, as the supervisor does.
		require.NoError(t, cmd.Process.Signal(syscall.SIGKILL))
		_ = cmd.Wait()
		cmd = launch(t, s)
		require.NoError(t, cmd.Process.Signal(s.StopSignal))
		require.NoError(t, cmd.Wait(), "it ends cleanly")

		if name == "postgres" { // what a killed one leaves, its process dead but not reaped
			lock := filepath.Join(dir, "data", "postmaster.pid")
			require.NoError(t, os.WriteFile(lock, fmt.Appendf(nil, "%d\n%s\n", os.Getpid(), dir), 0o600))
		}
		again, err := profile.Open(t.Context(), profile.Config{Name: name, Dir: dir, Private: true})
		require.NoError(t, err)
		require.Equal(t, s.Password, again.Password)
		launch(t, again)
	})
}

func TestTheLocalProfileHasNoServer(t *testing.T) {
	s, err := profile.Open(t.Context(), profile.Config{Name: profile.Local, Dir: t.TempDir()})
	require.NoError(t, err)
	require.Nil(t, s)
}

// A missing program is one line that names the package.
func TestMissingPrograms(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := profile.Open(t.Context(), profile.Config{Name: "redis", Dir: t.TempDir(), Private: true})
	require.ErrorContains(t, err, "apt-get install redis-server")
	require.NotContains(t, err.Error(), "\n")

	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "data"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "data", "PG_VERSION"), []byte("9.1\n"), 0o600))
	_, err = profile.Open(t.Context(), profile.Config{Name: "postgres", Dir: dir, Private: true})
	require.ErrorContains(t, err, "apt-get install postgresql-9.1")
	require.NotContains(t, err.Error(), "\n")
}

// What the component files say is what Render looks for.
func TestComponentFilesAreRendered(t *testing.T) {
	profiletest.OnServers(t, func(t *testing.T, name string) {
		s, err := profile.Open(t.Context(), profile.Config{Name: name, Dir: t.TempDir(), Private: true})
		require.NoError(t, err)
		files, err := filepath.Glob(filepath.Join("..", "..", "components", name, "*.yaml"))
		require.NoError(t, err)
		require.Greater(t, len(files), 9)
		for _, f := range files {
			b, err := os.ReadFile(f)
			require.NoError(t, err)
			text := s.Render(string(b))
			if name == "redis" && bytes.Contains(b, []byte("redisHost")) {
				require.Contains(t, text, s.Addr, f)
				require.Contains(t, text, s.Password, f)
				require.NotContains(t, text, ":6379", f)
			}
			require.NotContains(t, text, "port=5432", f)
		}
	})
}
