package daprd

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestVersions(t *testing.T) {
	for _, c := range []struct {
		says, version string
		fits          bool
	}{
		{"1.18.3", "1.18.3", true},
		{"v1.18.0\n", "1.18.0", true},
		{"Version: 1.18.12\nGit Commit: abc", "1.18.12", true},
		{"1.18.0-rc.2", "1.18.0-rc.2", false},
		{"1.17.9", "1.17.9", false},
		{"1.19.0", "1.19.0", false},
		{"1.180.1", "1.180.1", false},
		{"11.18.1", "11.18.1", false},
		{"edge", "", false},
		{"", "", false},
	} {
		v := number.FindString(c.says)
		require.Equal(t, c.version, v, c.says)
		require.Equal(t, c.fits, Fits(v), c.says)
	}
}

// script is a program that answers --version.
func script(t *testing.T, dir, version string) string {
	t.Helper()
	require.NoError(t, os.MkdirAll(dir, 0o755))
	path := filepath.Join(dir, "daprd")
	require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\necho "+version+"\n"), 0o755))
	return path
}

func env(m map[string]string) func(string) string { return func(k string) string { return m[k] } }

func TestEnsureTakesWhatIsThere(t *testing.T) {
	dir := t.TempDir()
	good, old := script(t, filepath.Join(dir, "good"), "1.18.2"), script(t, filepath.Join(dir, "old"), "1.15.0")
	home := filepath.Join(dir, "home")
	script(t, filepath.Join(home, ".dapr", "bin"), "1.18.1")

	b, err := Ensure(t.Context(), Options{Getenv: env(map[string]string{"DAPRD": good})})
	require.NoError(t, err)
	require.Equal(t, Binary{good, "1.18.2", "DAPRD"}, b)

	_, err = Ensure(t.Context(), Options{Getenv: env(map[string]string{"DAPRD": old})})
	require.ErrorContains(t, err, "is version 1.15.0")
	_, err = Ensure(t.Context(), Options{Getenv: env(map[string]string{"DAPRD": filepath.Join(dir, "none")})})
	require.ErrorContains(t, err, "cannot be used")

	b, err = Ensure(t.Context(), Options{Getenv: env(map[string]string{"PATH": filepath.Dir(good), "HOME": home})})
	require.NoError(t, err)
	require.Equal(t, "PATH", b.Origin)

	b, err = Ensure(t.Context(), Options{Getenv: env(map[string]string{"PATH": filepath.Dir(old), "HOME": home})})
	require.NoError(t, err)
	require.Equal(t, "~/.dapr/bin", b.Origin, "the one on PATH does not fit")
}

// A sidecar runs in another folder, so a relative DAPRD must not stay relative;
// and without HOME nothing in the working folder may be run.
func TestEnsureGivesAbsolutePaths(t *testing.T) {
	dir := t.TempDir()
	script(t, filepath.Join(dir, ".dapr", "bin"), "1.18.1")
	t.Chdir(dir)
	b, err := Ensure(t.Context(), Options{Getenv: env(map[string]string{"DAPRD": ".dapr/bin/daprd"})})
	require.NoError(t, err)
	require.True(t, filepath.IsAbs(b.Path), b.Path)
	require.Empty(t, ofCLI(""))
	require.Empty(t, onPath(".dapr/bin"))
}

func TestEnsureSaysWhatToDo(t *testing.T) {
	module := source(t)
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for name, c := range map[string]struct{ source, cache, path, want string }{
		"cache not writable": {module, file, os.Getenv("PATH"), "set XDG_CACHE_HOME, or name a daprd with DAPRD=/path"},
		"no go":              {module, t.TempDir(), t.TempDir(), "install it from https://go.dev/dl"},
		"no sources":         {t.TempDir(), t.TempDir(), os.Getenv("PATH"), "the sources of"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("XDG_CACHE_HOME", c.cache)
			t.Setenv("HOME", c.cache)
			t.Setenv("PATH", c.path)
			_, err := Ensure(t.Context(), Options{SourceDir: c.source, Getenv: env(nil)})
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), "\n")
		})
	}
}

// source is a module that can be named by its key; it is never built.
func source(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, f := range []string{"main.go", "go.mod", "go.sum"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, f), []byte(f), 0o600))
	}
	return dir
}

func TestSourceKeyFollowsTheSources(t *testing.T) {
	first, err := compilation{source: source(t), pkg: "."}.key()
	require.NoError(t, err)
	again, err := compilation{source: source(t), pkg: "."}.key()
	require.NoError(t, err)
	require.Equal(t, first, again, "where the clone lies does not count")
	for _, f := range []string{"main.go", "more.go", "go.mod", "go.sum"} {
		dir := source(t)
		require.NoError(t, os.WriteFile(filepath.Join(dir, f), []byte("changed"), 0o600))
		changed, err := compilation{source: dir, pkg: "."}.key()
		require.NoError(t, err)
		require.NotEqual(t, first, changed, f)
	}
}

func TestOneBuildAtATime(t *testing.T) {
	dir := t.TempDir()
	unlock, err := lock(t.Context(), dir, "it", io.Discard)
	require.NoError(t, err)
	var said bytes.Buffer
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = lock(ctx, dir, "it", &said)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Contains(t, said.String(), "waiting for it")
	unlock()
	unlock, err = lock(t.Context(), dir, "it", io.Discard)
	require.NoError(t, err)
	unlock()
}

// A build that fails or is stopped leaves nothing that looks like a sidecar.
func TestFailedBuildLeavesNothing(t *testing.T) {
	out := t.TempDir()
	c := compilation{source: source(t), pkg: ".", flags: buildFlags, progress: io.Discard}
	require.ErrorContains(t, c.build(t.Context(), out, filepath.Join(out, "daprd")), "go.mod", "the compiler's words are passed on")
	requireEmpty(t, out)

	// A compiler that never ends, and the user who has seen enough.
	bin := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(bin, "go"), []byte("#!/bin/sh\ntouch started\nexec sleep 60\n"), 0o755))
	t.Setenv("PATH", bin+string(filepath.ListSeparator)+os.Getenv("PATH"))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- c.build(ctx, out, filepath.Join(out, "daprd")) }()
	require.Eventually(t, func() bool {
		_, err := os.Stat(filepath.Join(c.source, "started"))
		return err == nil
	}, 10*time.Second, 5*time.Millisecond)
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)
	requireEmpty(t, out)
}

// A program is built once, and again when its sources are others.
func TestPrograms(t *testing.T) {
	dir, bin := t.TempDir(), t.TempDir()
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	require.NoError(t, os.Mkdir(filepath.Join(dir, "it"), 0o700))
	for _, f := range []string{"it/main.go", "go.mod", "go.sum"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, f), []byte(f), 0o600))
	}
	// A compiler that counts, and makes what -o names.
	require.NoError(t, os.WriteFile(filepath.Join(bin, "go"), []byte("#!/bin/sh\necho built >>count\nfor o; do [ \"$last\" = -o ] && echo >\"$o\"; last=$o; done\n"), 0o755))
	t.Setenv("PATH", bin+string(filepath.ListSeparator)+os.Getenv("PATH"))
	p := Program{Name: "it", What: "it", SourceDir: dir, Package: "./it", Takes: "no time"}
	var said bytes.Buffer
	first, err := p.Ensure(t.Context(), &said)
	require.NoError(t, err)
	require.FileExists(t, first)
	require.Contains(t, said.String(), "building it once for this machine")
	again, err := p.Ensure(t.Context(), io.Discard)
	require.NoError(t, err)
	require.Equal(t, first, again)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "it", "main.go"), []byte("changed"), 0o600))
	other, err := p.Ensure(t.Context(), io.Discard)
	require.NoError(t, err)
	require.NotEqual(t, first, other)
	count, err := os.ReadFile(filepath.Join(dir, "count"))
	require.NoError(t, err)
	require.Equal(t, "built\nbuilt\n", string(count))
}

func requireEmpty(t *testing.T, dir string) {
	t.Helper()
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)
}

const store = `
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: kept}
spec:
  type: state.sqlite
  version: v1
  metadata: [{name: connectionString, value: kept.db}]
`

// Without it names go by mDNS, which listens on every interface.
const loopback = `
apiVersion: dapr.io/v1alpha1
kind: Configuration
metadata: {name: loopback}
spec:
  nameResolution: {component: sqlite, version: v1, configuration: {connectionString: names.db}}
`

// A real sidecar keeps state, asks for its token, and is gone after Stop.
func TestRealSidecar(t *testing.T) {
	b, err := Ensure(t.Context(), Options{SourceDir: "../../dapr/daprd", Progress: os.Stderr, Getenv: os.Getenv})
	require.NoError(t, err)
	dir := t.TempDir()
	res := filepath.Join(dir, "components")
	require.NoError(t, os.MkdirAll(res, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(res, "store.yaml"), []byte(store), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "config.yaml"), []byte(loopback), 0o600))
	ports, err := FreePorts(3)
	require.NoError(t, err)
	var log bytes.Buffer
	s, err := Start(t.Context(), Config{
		Binary: b.Path, AppID: "one", HTTPPort: ports[0], GRPCPort: ports[1], InternalGRPCPort: ports[2],
		ResourcesPaths: []string{res}, ConfigFile: "config.yaml", Dir: dir, Env: []string{"DAPR_API_TOKEN=secret"}, Output: &log,
	})
	require.NoError(t, err)
	t.Cleanup(func() {
		s.Stop(5 * time.Second)
		if t.Failed() {
			t.Log(log.String())
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	require.NoError(t, s.WaitReady(ctx))
	base := fmt.Sprintf("http://127.0.0.1:%d/v1.0/state/kept", ports[0])
	require.Equal(t, http.StatusUnauthorized, call(t, "GET", base+"/a", "", "").StatusCode)
	require.Equal(t, http.StatusNoContent, call(t, "POST", base, "secret", `[{"key":"a","value":7}]`).StatusCode)
	resp := call(t, "GET", base+"/a", "secret", "")
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, "7", string(body))
	require.FileExists(t, filepath.Join(dir, "kept.db"), "relative paths are resolved in Dir")
	pid := s.PID()
	s.Stop(5 * time.Second)
	require.ErrorIs(t, syscall.Kill(pid, 0), syscall.ESRCH)
	require.NotContains(t, log.String(), "level=info", "the components' logger keeps to the level, too")
}

func TestWaitReadySaysThatTheSidecarDied(t *testing.T) {
	ports, err := FreePorts(1)
	require.NoError(t, err)
	s, err := Start(t.Context(), Config{Binary: lookPath(t, "false"), AppID: "dead", HTTPPort: ports[0], Dir: t.TempDir(), Output: io.Discard})
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	require.ErrorContains(t, s.WaitReady(ctx), "ended before it was ready, see its log: exit status 1")
	s.Stop(time.Second)
}

func lookPath(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	require.NoError(t, err)
	return path
}

func call(t *testing.T, method, url, token, body string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("dapr-api-token", token)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}
