package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/cmd/tienda/internal/local"
	"tienda/internal/profile/profiletest"
)

// The test binary plays the command itself.
func TestMain(m *testing.M) {
	if os.Getenv("TIENDA_ROLE") == "command" {
		main()
		return
	}
	os.Exit(m.Run())
}

func command(args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), "TIENDA_ROLE=command")
	return cmd
}

// start runs a shop of stubs and gives its state once it is open.
func start(t *testing.T, profile string) (*exec.Cmd, local.State) {
	t.Helper()
	dir := t.TempDir()
	ready := filepath.Join(dir, "ready.json")
	cmd := command("run", "-file", "internal/local/testdata", "-dir", dir, "-free-ports", "-no-seed", "-quiet", "-ready-file", ready, "-profile", profile)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(out.String())
		}
	})
	var st local.State
	require.Eventually(t, func() bool {
		b, err := os.ReadFile(ready)
		return err == nil && json.Unmarshal(b, &st) == nil
	}, 10*time.Minute, 50*time.Millisecond, "the first time builds the sidecar")
	return cmd, st
}

func TestNothingIsLeft(t *testing.T) {
	for _, c := range []struct {
		name, profile string
		sig           syscall.Signal
	}{
		{"Ctrl-C", "local", syscall.SIGINT},
		{"SIGTERM", "local", syscall.SIGTERM},
		{"kill -9", "local", syscall.SIGKILL},
		{"Ctrl-C on Redis", "redis", syscall.SIGINT},
		{"kill -9 on Redis", "redis", syscall.SIGKILL},
		{"Ctrl-C on Postgres", "postgres", syscall.SIGINT},
		{"kill -9 on Postgres", "postgres", syscall.SIGKILL},
	} {
		if !profiletest.Has(c.profile) {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			cmd, st := start(t, c.profile)
			sig := c.sig
			began := time.Now()
			require.NoError(t, cmd.Process.Signal(sig))
			err := cmd.Wait()
			if sig == syscall.SIGKILL {
				require.Error(t, err)
			} else {
				require.NoError(t, err, "it exits with 0")
			}
			require.Less(t, time.Since(began), 9*time.Second)
			for _, a := range st.Apps {
				for _, pid := range []int{a.PID, a.SidecarPID} {
					require.Eventually(t, func() bool { return pid == 0 || gone(pid) }, 5*time.Second, 20*time.Millisecond, "%s left %d", a.Name, pid)
				}
			}
			// Postgres has processes of its own, outside the group that is killed.
			require.Eventually(t, func() bool { return nobodyIn(st.DataDir) }, 5*time.Second, 20*time.Millisecond)
		})
	}
}

// nobodyIn says that no process works in a folder below dir, on Linux.
func nobodyIn(dir string) bool {
	links, _ := filepath.Glob("/proc/[0-9]*/cwd")
	for _, l := range links {
		if at, err := os.Readlink(l); err == nil && strings.HasPrefix(at, dir) {
			return false
		}
	}
	return true
}

// gone takes a zombie for gone: it is only waiting to be reaped by init.
func gone(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return true
	}
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	return err == nil && strings.Contains(string(stat), ") Z ")
}

func TestWrongUseIsOneLine(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		env  map[string]string
		want string
	}{
		"unknown command":  {[]string{"dance"}, nil, `"dance" is not a command: run, sidecar, seed or statecopy`},
		"stray word":       {[]string{"run", "now"}, nil, `"now" is not understood`},
		"PORT":             {[]string{"run"}, map[string]string{"PORT": "http"}, `PORT="http" is not a port`},
		"VIEW":             {[]string{"run"}, map[string]string{"VIEW": "on"}, `VIEW="on" is neither a port nor off`},
		"port too big":     {[]string{"run", "-port", "70000"}, nil, "70000 is not a port"},
		"replicas":         {[]string{"run", "-replicas", "catalog"}, nil, "is not app=n"},
		"listen":           {[]string{"run", "-listen", "broker"}, nil, "is neither broker=host:port nor store=host:port"},
		"through":          {[]string{"run", "-through", "gateway=127.0.0.1:1"}, nil, "is neither broker=host:port nor store=host:port"},
		"seed, no shop":    {[]string{"seed", "-token-file", "nowhere"}, nil, "is the shop running?"},
		"no such run file": {[]string{"run", "-file", "nowhere.yaml"}, nil, "run file"},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			err := run(t.Context(), c.args, func(k string) string { return c.env[k] }, nil, &out)
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), "\n")
		})
	}
}
