package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"tienda/monolith/local/localtest"
	"tienda/monolith/traffic"
)

// The test binary plays the command itself.
func TestMain(m *testing.M) {
	if os.Getenv("MONOLITH_ROLE") == "command" {
		main()
		return
	}
	os.Exit(m.Run())
}

// running is a monolith as another process.
type running struct {
	where
	cmd *exec.Cmd
	out *bytes.Buffer
}

func start(t *testing.T, dir string) running {
	t.Helper()
	ready := filepath.Join(t.TempDir(), "ready")
	r := running{cmd: exec.Command(os.Args[0], "serve", "-data", dir, "-port", "0", "-database-port", "0", "-size", "30", "-odd", "1", "-rate", "100", "-ready-file", ready), out: &bytes.Buffer{}}
	r.cmd.Env = append(os.Environ(), "MONOLITH_ROLE=command")
	r.cmd.Stdout, r.cmd.Stderr = r.out, r.out
	require.NoError(t, r.cmd.Start())
	t.Cleanup(func() {
		if r.cmd.ProcessState == nil {
			_ = r.cmd.Process.Kill()
			_ = r.cmd.Wait()
		}
		if t.Failed() {
			t.Log(r.out.String())
		}
	})
	require.Eventually(t, func() bool {
		b, err := os.ReadFile(ready)
		return err == nil && json.Unmarshal(b, &r.where) == nil
	}, time.Minute, 50*time.Millisecond)
	return r
}

// writes waits for so many acknowledged orders in the saved ledger.
func (r running) writes(t *testing.T, n int) {
	t.Helper()
	require.Eventually(t, func() bool {
		e, err := traffic.Load(r.Ledger)
		return err == nil && e.Counts["order"] != nil && e.Counts["order"].Acknowledged >= n
	}, time.Minute, 50*time.Millisecond)
}

// stopped says that PostgreSQL is gone: nothing answers where it was.
func (r running) stopped(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool {
		conn, err := pgx.Connect(t.Context(), r.OwnerDSN)
		if err == nil {
			_ = conn.Close(t.Context())
		}
		return err != nil
	}, 30*time.Second, 50*time.Millisecond)
}

// It starts, writes, ends with nothing left behind, and goes on with what it had; killed,
// it takes PostgreSQL with it and starts again.
func TestServe(t *testing.T) {
	localtest.Needs(t)
	dir := filepath.Join(t.TempDir(), "monolith")
	first := start(t, dir)
	require.EqualValues(t, 30+2, first.Rows["customers"])
	require.Len(t, first.Rejected, 6)
	require.FileExists(t, filepath.Join(dir, "postgres.log"))
	res, err := http.Get(first.URL + "/v1/categories")
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, res.StatusCode)
	require.NoError(t, res.Body.Close())
	first.writes(t, 20)
	require.NoError(t, first.cmd.Process.Signal(os.Interrupt))
	require.NoError(t, first.cmd.Wait(), first.out.String())
	require.Contains(t, first.out.String(), "all that were acknowledged are in the database")
	first.stopped(t)

	second := start(t, dir)
	require.GreaterOrEqual(t, second.Rows["orders"], int64(4*30+20), "what was bought is still there")
	second.writes(t, 1)
	require.NoError(t, second.cmd.Process.Signal(syscall.SIGKILL))
	require.Error(t, second.cmd.Wait())
	second.stopped(t)

	third := start(t, dir)
	require.GreaterOrEqual(t, third.Rows["orders"], second.Rows["orders"])
	require.NoError(t, third.cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(t, third.cmd.Wait(), third.out.String())
}

func TestBadArguments(t *testing.T) {
	for want, args := range map[string][]string{
		"monolith serve": {}, "monolith serve ": {"run"}, "not understood": {"serve", "x"}, "port": {"serve", "-port", "70000"}, "rate": {"serve", "-rate", "-1"},
	} {
		require.ErrorContains(t, run(t.Context(), args, &bytes.Buffer{}), string(bytes.TrimSpace([]byte(want))), "%v", args)
	}
}

// A machine without PostgreSQL is told what to install.
func TestMissingPostgres(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "data"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "data", "PG_VERSION"), []byte("9.1\n"), 0o600))
	t.Setenv("PATH", t.TempDir())
	err := run(t.Context(), []string{"serve", "-data", dir, "-port", "0", "-database-port", "0"}, &bytes.Buffer{})
	require.ErrorContains(t, err, "apt-get install postgresql-9.1")
}
