package local

import (
	"cmp"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"sigs.k8s.io/yaml"

	"tienda/internal/trace"
)

// followOnly is the rate at which a sidecar samples what has no trace: practically never.
// Where an app has decided the sidecar follows it; 0 would turn off the spans of
// deliveries altogether.
const followOnly = "0.000000001"

// renderConfigs gives the sidecars the Configurations of the run file. Where the
// environment, or the view, names a collector of traces they are copies that send spans there, too.
func (s *shop) renderConfigs() error {
	s.configs = map[string]string{}
	var tracing map[string]any
	if trace.Wanted(s.getenv) {
		var err error
		if tracing, err = sidecarTracing(s.getenv); err != nil {
			return err
		}
	}
	for _, i := range s.apps {
		file := i.app.ConfigFile
		if _, done := s.configs[file]; done {
			continue
		}
		s.configs[file] = file
		if file == "" || tracing == nil {
			continue
		}
		out := filepath.Join(s.data, fmt.Sprintf("config-%d-%s", len(s.configs), filepath.Base(file))) // run files may call theirs the same
		if err := writeTracing(file, out, tracing); err != nil {
			return fmt.Errorf("sidecar configuration: %w", err)
		}
		s.configs[file] = out
	}
	return nil
}

func writeTracing(from, to string, tracing map[string]any) error {
	b, err := os.ReadFile(from) //nolint:gosec // of the run file
	if err != nil {
		return err
	}
	var doc map[string]any
	if err := yaml.Unmarshal(b, &doc); err != nil {
		return fmt.Errorf("%s: %w", from, err)
	}
	spec, ok := doc["spec"].(map[string]any)
	if !ok {
		return fmt.Errorf("%s has no spec", from)
	}
	spec["tracing"] = tracing
	if b, err = yaml.Marshal(doc); err != nil {
		return err
	}
	return os.WriteFile(to, b, 0o600)
}

// sidecarTracing says to a sidecar what OpenTelemetry's variables say to an app. Of an
// HTTP endpoint it takes host and port only: the path is always /v1/traces.
func sidecarTracing(getenv func(string) string) (map[string]any, error) {
	endpoint := cmp.Or(getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"), getenv("OTEL_EXPORTER_OTLP_ENDPOINT"))
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("the collector of traces %q is no URL with http or https", endpoint)
	}
	protocol, err := trace.Protocol(getenv)
	if err != nil {
		return nil, err
	}
	port := map[string]string{"grpc": "4317", "http/protobuf": "4318"}[protocol]
	if u.Port() != "" {
		port = u.Port()
	}
	short, _, _ := strings.Cut(protocol, "/")
	otel := map[string]any{
		"endpointAddress": net.JoinHostPort(u.Hostname(), port), "isSecure": u.Scheme == "https", "protocol": short,
	}
	if h := cmp.Or(getenv("OTEL_EXPORTER_OTLP_TRACES_HEADERS"), getenv("OTEL_EXPORTER_OTLP_HEADERS")); h != "" {
		var all []string // as a sidecar without a control plane takes them
		for pair := range strings.SplitSeq(h, ",") {
			name, value, _ := strings.Cut(pair, "=")
			if v, err := url.PathUnescape(value); err == nil {
				value = v
			}
			all = append(all, strings.TrimSpace(name)+"="+strings.TrimSpace(value))
		}
		otel["headers"] = all
	}
	return map[string]any{"samplingRate": followOnly, "otel": otel}, nil
}
