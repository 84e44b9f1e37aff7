package trace

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"
)

// Tracer makes the spans of an app and has them sent to a collector. nil is one
// that makes none.
type Tracer struct {
	provider *sdktrace.TracerProvider
	tracer   oteltrace.Tracer
}

// flushLimit bounds sending what is left at a stop; complainEvery is how often it is
// logged that spans cannot be sent.
const (
	flushLimit    = 2 * time.Second
	complainEvery = 30 * time.Second
)

// Wanted says whether the environment names a collector: OTEL_EXPORTER_OTLP_ENDPOINT or
// OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, without OTEL_SDK_DISABLED=true or
// OTEL_TRACES_EXPORTER=none.
func Wanted(getenv func(string) string) bool {
	named := getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") != ""
	return named && !strings.EqualFold(getenv("OTEL_SDK_DISABLED"), "true") && getenv("OTEL_TRACES_EXPORTER") != "none"
}

// Protocol is how the collector is spoken to: "grpc" or, as OpenTelemetry has it
// where nothing is said, "http/protobuf".
func Protocol(getenv func(string) string) (string, error) {
	for _, name := range []string{"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"} {
		switch v := getenv(name); v {
		case "":
		case "grpc", "http/protobuf":
			return v, nil
		default:
			return "", fmt.Errorf("%s=%q is neither grpc nor http/protobuf", name, v)
		}
	}
	return "http/protobuf", nil
}

// Open gives the tracer of an app, nil where no collector is Wanted. Sampler
// (OTEL_TRACES_SAMPLER), batches (OTEL_BSP_...) and the exporter's other settings are
// read from the process's environment, as OpenTelemetry has them. A collector that is
// away holds up nothing: its spans are dropped.
func Open(ctx context.Context, app string, getenv func(string) string, log *slog.Logger) (*Tracer, error) {
	if !Wanted(getenv) {
		return nil, nil
	}
	protocol, err := Protocol(getenv)
	if err != nil {
		return nil, err
	}
	var exporter *otlptrace.Exporter
	if protocol == "grpc" {
		exporter, err = otlptracegrpc.New(ctx)
	} else {
		exporter, err = otlptracehttp.New(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("traces: %w", err)
	}
	otel.SetErrorHandler(complaints(log))
	replica := getenv("TIENDA_REPLICA")
	if replica == "" {
		replica, _ = os.Hostname()
	}
	return New(app, replica, sdktrace.WithBatcher(exporter))
}

// New gives a tracer of a replica of an app that sends its spans where the options say.
func New(app, replica string, options ...sdktrace.TracerProviderOption) (*Tracer, error) {
	about, err := resource.New(context.Background(),
		resource.WithAttributes(attribute.String("service.name", app), attribute.String("service.namespace", "tienda"), attribute.String("service.instance.id", replica)),
		resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("traces: %w", err)
	}
	p := sdktrace.NewTracerProvider(append([]sdktrace.TracerProviderOption{sdktrace.WithResource(about)}, options...)...)
	return &Tracer{provider: p, tracer: p.Tracer(scope)}, nil
}

// Close sends what is left, for 2 s at most, also past the end of ctx.
func (t *Tracer) Close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushLimit)
	defer cancel()
	return errors.Join(t.provider.ForceFlush(ctx), t.provider.Shutdown(ctx))
}

// complaints logs that spans cannot be sent, now and then.
func complaints(log *slog.Logger) otel.ErrorHandlerFunc {
	var mu sync.Mutex
	var last time.Time
	return func(err error) {
		mu.Lock()
		defer mu.Unlock()
		if time.Since(last) < complainEvery {
			return
		}
		last = time.Now()
		log.Warn("traces cannot be sent, they are dropped", "error", err)
	}
}
