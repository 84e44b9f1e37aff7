package local

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"tienda/cmd/tienda/internal/runfile"
)

func TestSidecarsSendTracesWhereTheAppsDo(t *testing.T) {
	const mine = "../../../../dapr/config.yaml"
	theirs := filepath.Join(t.TempDir(), "config.yaml") // of another run file
	require.NoError(t, os.WriteFile(theirs, []byte("spec: {}\n"), 0o600))
	for _, c := range []struct {
		what string
		env  map[string]string
		want map[string]any // of otel; nil: the file stays as it is
		bad  string
	}{
		{what: "nothing is said", env: map[string]string{}},
		{"gRPC", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4999", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
			map[string]any{"endpointAddress": "127.0.0.1:4999", "isSecure": false, "protocol": "grpc"}, ""},
		{"HTTP, at its own port", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "https://collector.example", "OTEL_EXPORTER_OTLP_HEADERS": "x-key=a%20b"},
			map[string]any{"endpointAddress": "collector.example:4318", "isSecure": true, "protocol": "http", "headers": []any{"x-key=a b"}}, ""},
		{"no URL", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4317"}, nil, "no URL"},
	} {
		t.Run(c.what, func(t *testing.T) {
			s := &shop{data: t.TempDir(), o: Options{Getenv: func(k string) string { return c.env[k] }}}
			s.apps = []*instance{{app: runfile.App{Shared: runfile.Shared{ConfigFile: mine}}}, {app: runfile.App{Shared: runfile.Shared{ConfigFile: theirs}}}, {app: runfile.App{}}}
			err := s.renderConfigs()
			if c.bad != "" {
				require.ErrorContains(t, err, c.bad)
				return
			}
			require.NoError(t, err)
			if c.want == nil {
				require.Equal(t, map[string]string{mine: mine, theirs: theirs, "": ""}, s.configs)
				return
			}
			require.Equal(t, s.data, filepath.Dir(s.configs[mine]))
			b, err := os.ReadFile(s.configs[mine])
			require.NoError(t, err)
			var doc struct {
				Spec struct {
					NameResolution map[string]any `json:"nameResolution"`
					Tracing        struct {
						SamplingRate string         `json:"samplingRate"`
						Otel         map[string]any `json:"otel"`
					} `json:"tracing"`
				} `json:"spec"`
			}
			require.NoError(t, yaml.Unmarshal(b, &doc))
			require.Equal(t, c.want, doc.Spec.Tracing.Otel)
			require.NotContains(t, []string{"0", ""}, doc.Spec.Tracing.SamplingRate, "0 turns the spans of deliveries off")
			require.NotEmpty(t, doc.Spec.NameResolution, "the rest stays")
		})
	}
}
