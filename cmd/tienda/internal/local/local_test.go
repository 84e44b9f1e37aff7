package local_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"tienda/cmd/tienda/internal/local"
	"tienda/cmd/tienda/internal/supervise"
	"tienda/cmd/tienda/internal/ui"
)

func TestMain(m *testing.M) {
	if os.Getenv("LOCAL_ROLE") == "watchdog" {
		supervise.Watch(os.Stdin)
		return
	}
	os.Exit(m.Run())
}

// shop is a run under test.
type shop struct {
	t     *testing.T
	ready string
	out   *buffer
	stop  context.CancelFunc
	done  chan error
}

func options(t *testing.T, dir string, out io.Writer) local.Options {
	watchdog := exec.Command(os.Args[0])
	watchdog.Env = append(os.Environ(), "LOCAL_ROLE=watchdog")
	return local.Options{
		RunFile: "testdata", Dir: dir, FreePorts: true, Replicas: map[string]int{"catalog": 2},
		ReadyFile: filepath.Join(dir, "ready.json"), Screen: ui.NewScreen(out, false, os.Getenv), Stdout: out,
		Getenv: os.Getenv, Watchdog: watchdog,
	}
}

func open(t *testing.T, dir string, change ...func(*local.Options)) *shop {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	s := &shop{t: t, ready: filepath.Join(dir, "ready.json"), out: &buffer{}, stop: cancel, done: make(chan error, 1)}
	_ = os.Remove(s.ready)
	o := options(t, dir, s.out)
	for _, c := range change {
		c(&o)
	}
	go func() { s.done <- local.Run(ctx, o) }()
	t.Cleanup(func() {
		cancel()
		if t.Failed() {
			t.Log(s.out.String())
		}
	})
	require.Eventually(t, func() bool {
		select {
		case err := <-s.done:
			t.Log(s.out.String())
			require.FailNow(t, "the shop ended", "%v", err)
		default:
		}
		_, err := os.Stat(s.ready)
		return err == nil
	}, 10*time.Minute, 50*time.Millisecond, "the first time builds the sidecar")
	return s
}

func (s *shop) state() local.State {
	s.t.Helper()
	b, err := os.ReadFile(s.ready)
	require.NoError(s.t, err)
	var st local.State
	require.NoError(s.t, json.Unmarshal(b, &st))
	return st
}

func (s *shop) app(name string) local.App {
	s.t.Helper()
	for _, a := range s.state().Apps {
		if a.Name == name {
			return a
		}
	}
	require.FailNow(s.t, "no such app", name)
	return local.App{}
}

func (s *shop) call(method, url, body string, headers ...string) (int, string) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, url, strings.NewReader(body))
	require.NoError(s.t, err)
	b, err := os.ReadFile(s.state().TokensFile)
	require.NoError(s.t, err)
	token, _, _ := strings.Cut(strings.TrimPrefix(string(b), "DAPR_API_TOKEN="), "\n")
	req.Header.Set("dapr-api-token", token)
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = resp.Body.Close() }()
	answer, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(answer)
}

func (s *shop) close() {
	s.t.Helper()
	before := s.state()
	began := time.Now()
	s.stop()
	require.NoError(s.t, <-s.done)
	require.Less(s.t, time.Since(began), 9*time.Second)
	for _, a := range before.Apps {
		for _, pid := range []int{a.PID, a.SidecarPID} {
			if pid != 0 {
				require.ErrorIs(s.t, syscall.Kill(pid, 0), syscall.ESRCH, "%s left %d", a.Name, pid)
			}
		}
	}
}

func eventually(t *testing.T, what string, check func() bool) {
	t.Helper()
	require.Eventually(t, check, 30*time.Second, 50*time.Millisecond, what)
}

func TestTheWholeRun(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	st := s.state()
	require.Len(t, st.Apps, 4)
	orders, catalog := s.app("orders"), s.app("catalog")
	sidecar := fmt.Sprintf("http://127.0.0.1:%d", orders.HTTPPort)

	t.Run("both replicas get calls, with the app's token", func(t *testing.T) {
		seen := map[string]bool{}
		eventually(t, "both answer", func() bool {
			if code, who := s.call("GET", sidecar+"/who", "", "dapr-app-id", "catalog"); code == 200 {
				seen[who] = true
			}
			return seen["catalog"] && seen["catalog-2"]
		})
	})
	t.Run("no call without the sidecar's token", func(t *testing.T) {
		code, _ := s.call("GET", sidecar+"/who", "", "dapr-app-id", "catalog", "dapr-api-token", "guess")
		require.Equal(t, http.StatusUnauthorized, code)
	})
	t.Run("each app reaches its own store only", func(t *testing.T) {
		code, answer := s.call("POST", sidecar+"/v1.0/state/orders-state", `[{"key":"k","value":"kept"}]`)
		require.Equal(t, http.StatusNoContent, code, answer)
		require.FileExists(t, filepath.Join(dir, ".data", "local", "orders.db"))
		code, _ = s.call("POST", sidecar+"/v1.0/state/catalog-state", `[{"key":"k","value":1}]`)
		require.Equal(t, http.StatusBadRequest, code)
		code, _ = s.call("GET", sidecar+"/v1.0/secrets/secrets/users-key-encryption-key", "")
		require.NotEqual(t, http.StatusOK, code, "the key is not for orders")
	})
	t.Run("an event reaches one replica of the hearer", func(t *testing.T) {
		publish(s, sidecar, "tienda.orders.cancelled", "fine")
		eventually(t, "heard once", func() bool { return heard(s) == 1 })
	})
	t.Run("catalog may not speak for orders", func(t *testing.T) {
		url := fmt.Sprintf("http://127.0.0.1:%d/v1.0/publish/events-orders/orders", catalog.HTTPPort)
		code, _ := s.call("POST", url, `"forged"`)
		require.Equal(t, http.StatusForbidden, code)
	})
	t.Run("an event that fails for good is a dead letter, and those behind it are heard", func(t *testing.T) {
		publish(s, sidecar, "tienda.orders.cancelled", "poison")
		publish(s, sidecar, "tienda.orders.cancelled", "fine")
		eventually(t, "dead letter kept", func() bool { return deadLetters(t, st.Broker, "CATALOG") == 1 })
		eventually(t, "heard", func() bool { return heard(s) == 2 })
	})
	t.Run("a killed app and a killed sidecar come back", func(t *testing.T) {
		for _, pid := range []func() int{
			func() int { return s.app("orders").PID }, func() int { return s.app("orders").SidecarPID },
		} {
			old := pid()
			require.NoError(t, syscall.Kill(old, syscall.SIGKILL))
			eventually(t, "another process", func() bool { return pid() != old && pid() != 0 })
			eventually(t, "it answers", func() bool {
				code, _ := s.call("GET", fmt.Sprintf("http://127.0.0.1:%d/v1.0/invoke/orders/method/who", catalog.HTTPPort), "")
				return code == 200
			})
		}
		require.Contains(t, s.out.String(), "orders ended (signal: killed), starting it again in 200ms")
	})
	t.Run("a killed broker comes back with its consumers", func(t *testing.T) {
		before := heard(s)
		old := s.app("broker").PID
		require.NoError(t, syscall.Kill(old, syscall.SIGKILL))
		eventually(t, "another process", func() bool { pid := s.app("broker").PID; return pid != old && pid != 0 })
		eventually(t, "publishing works again", func() bool {
			code, _ := s.call("POST", sidecar+"/v1.0/publish/events-orders/orders",
				`{"specversion":"1.0","id":"after","source":"test","type":"tienda.orders.cancelled","data":"fine"}`,
				"Content-Type", "application/cloudevents+json")
			return code == http.StatusNoContent
		})
		eventually(t, "heard", func() bool { return heard(s) > before })
	})
	t.Run("a second run in the folder is refused", func(t *testing.T) {
		require.ErrorContains(t, local.Run(t.Context(), options(t, dir, io.Discard)), "another run uses")
	})
	require.Contains(t, s.out.String(), "catalog-2   | stub catalog-2")
	require.Contains(t, s.out.String(), "The shop is open")
	s.close()

	s = open(t, dir)
	_, kept := s.call("GET", fmt.Sprintf("http://127.0.0.1:%d/v1.0/state/orders-state/k", s.app("orders").HTTPPort), "")
	require.Equal(t, `"kept"`, kept, "data outlive a restart")
	s.close()

	s = open(t, dir, func(o *local.Options) { o.Fresh, o.Bin = true, filepath.Join(dir, ".data", "bin") })
	_, kept = s.call("GET", fmt.Sprintf("http://127.0.0.1:%d/v1.0/state/orders-state/k", s.app("orders").HTTPPort), "")
	require.Empty(t, kept, "a fresh start is empty")
	s.close()
}

func TestAnAppThatKeepsEndingFailsTheStart(t *testing.T) {
	o := options(t, t.TempDir(), io.Discard)
	o.RunFile, o.Replicas = "testdata/broken", nil
	require.ErrorContains(t, local.Run(t.Context(), o), "broken keeps ending: no luck today (all of it: ")
}

func TestRefusalsBeforeAnythingStarts(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = taken.Close() }()
	port := taken.Addr().(*net.TCPAddr).Port
	file := filepath.Join(t.TempDir(), "dapr.yaml")
	require.NoError(t, os.WriteFile(file, fmt.Appendf(nil, "version: 1\napps: [{appID: gateway, appDirPath: ., appPort: %d, command: [go, run, ./x]}]", port), 0o600))
	for name, c := range map[string]struct {
		change func(*local.Options)
		want   string
	}{
		"a port in use":     {func(o *local.Options) { o.RunFile, o.FreePorts = file, false }, fmt.Sprintf("gateway needs 127.0.0.1:%d, which is in use: stop what has it, or choose another: PORT=", port)},
		"an unknown app":    {func(o *local.Options) { o.Replicas["nobody"] = 2 }, "no such app"},
		"no folder":         {func(o *local.Options) { o.Dir = "/dev/null/x" }, "data folder cannot be made"},
		"no run file":       {func(o *local.Options) { o.RunFile = "nowhere.yaml" }, "run file"},
		"two brokers":       {func(o *local.Options) { o.Replicas["broker"] = 2 }, "takes no calls"},
		"missing built app": {func(o *local.Options) { o.Bin = t.TempDir() }, "is not built"},
	} {
		t.Run(name, func(t *testing.T) {
			o := options(t, t.TempDir(), io.Discard)
			o.Replicas = map[string]int{}
			if name == "a port in use" {
				o.Replicas = nil
			}
			c.change(&o)
			require.ErrorContains(t, local.Run(t.Context(), o), c.want)
		})
	}
}

func publish(s *shop, sidecar, kind, data string) {
	s.t.Helper()
	event := fmt.Sprintf(`{"specversion":"1.0","id":"%d","source":"test","type":%q,"datacontenttype":"application/json","data":%q}`, time.Now().UnixNano(), kind, data)
	code, answer := s.call("POST", sidecar+"/v1.0/publish/events-orders/orders", event, "Content-Type", "application/cloudevents+json")
	require.Equal(s.t, http.StatusNoContent, code, answer)
}

func heard(s *shop) int {
	sum := 0
	for _, name := range []string{"catalog", "catalog-2"} {
		_, n := s.call("GET", fmt.Sprintf("http://127.0.0.1:%d/heard", s.app(name).Port), "")
		var one int
		_, _ = fmt.Sscan(n, &one)
		sum += one
	}
	return sum
}

func deadLetters(t *testing.T, broker, app string) int {
	t.Helper()
	nc, err := nats.Connect("nats://" + broker)
	require.NoError(t, err)
	defer nc.Close()
	js, err := nc.JetStream()
	require.NoError(t, err)
	info, err := js.StreamInfo("DEADLETTER_" + app)
	require.NoError(t, err)
	return int(info.State.Msgs)
}

type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
