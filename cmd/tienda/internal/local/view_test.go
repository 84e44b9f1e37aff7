package local

import (
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/cmd/tienda/internal/runfile"
)

func viewed(t *testing.T, env map[string]string) *shop {
	t.Helper()
	s := &shop{data: t.TempDir(), isUp: make(chan struct{}), o: Options{View: true, FreePorts: true, Getenv: func(k string) string { return env[k] }}}
	config := runfile.Shared{ConfigFile: "../../../../dapr/config.yaml"}
	s.apps = []*instance{{app: runfile.App{ID: "mailbox"}, name: "mailbox"}, {app: runfile.App{ID: "gateway", Port: 8080, Shared: config}, name: "gateway", port: 8080}, {app: runfile.App{ID: "orders", Port: 8083, Shared: config}, name: "orders", port: 8083}}
	require.NoError(t, s.openView(t.Context()))
	t.Cleanup(s.view.Close)
	return s
}

// Apps and sidecars send their spans to the view, with its header, and serve their
// figures where it finds them.
func TestTheViewIsTheCollector(t *testing.T) {
	s := viewed(t, nil)
	url, header := s.view.Collector()
	env := s.viewEnv(s.apps[2])
	require.Contains(t, env, "OTEL_EXPORTER_OTLP_ENDPOINT="+url)
	require.Contains(t, env, "OTEL_EXPORTER_OTLP_HEADERS="+header)
	require.Contains(t, env, "TIENDA_METRICS_ADDRESS="+s.apps[2].figures)
	require.NotEqual(t, s.apps[1].figures, s.apps[2].figures)
	require.Empty(t, s.viewEnv(s.apps[0]), "the mailbox has neither")
	require.NoError(t, s.renderConfigs())
	b, err := os.ReadFile(s.configs[s.apps[2].app.ConfigFile])
	require.NoError(t, err)
	require.Contains(t, string(b), strings.TrimPrefix(url, "http://"))
	require.Contains(t, string(b), "- "+header)
	require.Equal(t, []string{"OTEL_BSP_SCHEDULE_DELAY=1000"}, s.sidecarViewEnv())
	require.Empty(t, s.replicas(), "it is not up")
}

// Where the environment says where spans go, or that there are none, that holds.
func TestTheViewLeavesACollectorAlone(t *testing.T) {
	for _, env := range []map[string]string{
		{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}, {"OTEL_SDK_DISABLED": "true"}, {"OTEL_TRACES_EXPORTER": "none"},
	} {
		s := viewed(t, env)
		require.Empty(t, s.tracesToView(), env)
		require.False(t, slices.ContainsFunc(s.viewEnv(s.apps[2]), func(kv string) bool { return strings.HasPrefix(kv, "OTEL_") }), env)
	}
	s := viewed(t, map[string]string{"GATEWAY_METRICS_ADDRESS": "127.0.0.1:9191"})
	require.Equal(t, "127.0.0.1:9191", s.apps[1].figures)
}

func TestThePortOfTheView(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = l.Close() }()
	s := &shop{o: Options{View: true, ViewPort: l.Addr().(*net.TCPAddr).Port, Getenv: func(string) string { return "" }}}
	require.ErrorContains(t, s.openView(t.Context()), "address already in use", "what was asked for is taken")
	s.o.ViewPort = 0
	usual, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(defaultView))
	if err == nil { // else something else has it: all the same
		defer func() { _ = usual.Close() }()
	}
	require.NoError(t, s.openView(t.Context()), "the usual one is taken")
	defer s.view.Close()
	off := &shop{}
	require.NoError(t, off.openView(t.Context()))
	require.Nil(t, off.view)
	require.Empty(t, off.viewEnv(&instance{}))
}
