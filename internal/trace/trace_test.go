package trace

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

const theirs = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"

func recording(t testing.TB, o ...sdktrace.TracerProviderOption) (*Tracer, *tracetest.SpanRecorder) {
	t.Helper()
	seen := tracetest.NewSpanRecorder()
	tracer, err := New("shop", "shop-1", append(o, sdktrace.WithSpanProcessor(seen))...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, tracer.Close(context.Background())) })
	return tracer, seen
}

func TestBeginGoesOn(t *testing.T) {
	tracer, seen := recording(t)
	ctx, span := tracer.Begin(t.Context(), "GET /v1/things", Server, Trace{RequestID: "request-1", Parent: theirs, State: "a=b"})
	mine := From(ctx)
	require.Equal(t, "0123456789abcdef0123456789abcdef", mine.ID())
	require.Equal(t, "request-1", mine.RequestID)
	require.Equal(t, "a=b", mine.State)
	h := http.Header{}
	mine.SetHeader(h)
	require.Equal(t, "00-"+mine.ID()+"-"+mine.SpanID()+"-01", h.Get(HeaderTraceParent))
	require.NotEqual(t, "0123456789abcdef", mine.SpanID())

	inner, child := Start(ctx, Client, "GET", "catalog")
	require.Equal(t, mine.ID(), From(inner).ID())
	child.EndWith(errors.New("away"))
	span.Answered(200, true)
	span.End()
	ended := seen.Ended()
	require.Equal(t, []string{"GET catalog", "GET /v1/things"}, []string{ended[0].Name(), ended[1].Name()})
	require.Equal(t, mine.SpanID(), ended[0].Parent().SpanID().String())
	require.Equal(t, "away", ended[0].Status().Description)
	require.Equal(t, "0123456789abcdef", ended[1].Parent().SpanID().String())
}

func TestTheirsIsOnlyLinked(t *testing.T) {
	tracer, seen := recording(t)
	for _, parent := range []string{theirs, theirs[:53] + "00", ""} {
		ctx, span := tracer.BeginPublic(t.Context(), "GET", Server, Trace{Parent: parent})
		require.NotEqual(t, "0123456789abcdef0123456789abcdef", From(ctx).ID())
		span.End()
	}
	for i, links := range []int{1, 1, 0} {
		require.Len(t, seen.Ended()[i].Links(), links)
		require.True(t, seen.Ended()[i].SpanContext().IsSampled())
	}
}

// What is not sampled stays so: nothing is recorded, and who comes next is told.
func TestNotSampled(t *testing.T) {
	tracer, seen := recording(t, sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.NeverSample())))
	ctx, span := tracer.Begin(t.Context(), "GET", Server, Trace{})
	require.False(t, span.On())
	inner, child := Start(ctx, Client, "GET catalog")
	require.Equal(t, ctx, inner)
	require.False(t, child.On())
	require.Equal(t, "00", Kept(ctx).Parent[53:])
	child.End()
	span.End()
	require.Empty(t, seen.Ended())
}

func TestShared(t *testing.T) {
	tracer, seen := recording(t)
	a, one := tracer.Begin(t.Context(), "a", Server, Trace{})
	b, two := tracer.Begin(t.Context(), "b", Server, Trace{})
	base := context.Background()
	alone, none := Shared(base, Internal, "together", nil)
	require.Equal(t, base, alone)
	require.False(t, none.On())
	alone, none = Shared(base, Internal, "together", []context.Context{a})
	require.Equal(t, From(a), From(alone))
	require.False(t, none.On())
	both, span := Shared(base, Internal, "together", []context.Context{a, b})
	require.True(t, From(both).Same(From(a)))
	span.End()
	one.End()
	two.End()
	got := seen.Ended()
	require.Equal(t, From(b).ID(), got[0].Links()[0].SpanContext.TraceID().String())
	require.Empty(t, got[1].Links())
	require.Equal(t, From(both).SpanID(), got[2].Links()[0].SpanContext.SpanID().String())
}

func TestKeep(t *testing.T) {
	require.Equal(t, Trace{}, Keep("", "a=b"))
	require.Equal(t, Trace{}, Keep("nonsense", ""))
	require.Equal(t, Trace{Parent: theirs, State: "a=b"}, Keep(theirs, "a=b"))
	require.Equal(t, Trace{Parent: theirs, State: "a=b"}, FromEvent([]byte(`{"traceparent":"`+theirs+`","tracestate":"a=b"}`)))
	require.Equal(t, Trace{}, FromEvent([]byte("no event")))
	require.Equal(t, Trace{}, Kept(With(t.Context(), Trace{Parent: theirs})), "no tracer of ours made it")
}

func TestWanted(t *testing.T) {
	for _, c := range []struct {
		env  map[string]string
		want bool
	}{
		{map[string]string{}, false},
		{map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, true},
		{map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:4318/v1/traces"}, true},
		{map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_SDK_DISABLED": "true"}, false},
		{map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_TRACES_EXPORTER": "none"}, false},
		{map[string]string{"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://c:4318"}, false},
	} {
		require.Equal(t, c.want, Wanted(func(k string) string { return c.env[k] }), c.env)
	}
	_, err := Open(t.Context(), "shop", func(k string) string {
		return map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_EXPORTER_OTLP_PROTOCOL": "carrier pigeon"}[k]
	}, slog.New(slog.DiscardHandler))
	require.ErrorContains(t, err, "carrier pigeon")
	off, err := Open(t.Context(), "shop", func(string) string { return "" }, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	require.Nil(t, off)
	require.NoError(t, off.Close(t.Context()))
}

func TestLogLines(t *testing.T) {
	tracer, _ := recording(t)
	ctx, span := tracer.Begin(t.Context(), "GET", Server, Trace{RequestID: "request-1"})
	defer span.End()
	line := func(ctx context.Context, args ...any) map[string]any {
		var b bytes.Buffer
		slog.New(Logging(slog.NewJSONHandler(&b, nil))).With("app", "shop").InfoContext(ctx, "hello", args...)
		got := map[string]any{}
		require.NoError(t, json.Unmarshal(b.Bytes(), &got))
		delete(got, "time")
		delete(got, "level")
		return got
	}
	require.Equal(t, map[string]any{"msg": "hello", "app": "shop", "request_id": "request-1", "trace_id": From(ctx).ID(), "span_id": From(ctx).SpanID()}, line(ctx))
	require.Equal(t, "request-2", line(ctx, "request_id", "request-2")["request_id"])
	require.Equal(t, map[string]any{"msg": "hello", "app": "shop"}, line(t.Context()))
	require.Equal(t, map[string]any{"msg": "hello", "app": "shop", "request_id": "request-1"}, line(With(t.Context(), Trace{RequestID: "request-1", Parent: theirs})))
}

// Without a tracer what is asked for at every call takes nothing from the heap.
func TestOffCostsNothing(t *testing.T) {
	ctx := With(t.Context(), Trace{RequestID: "request-1", Parent: theirs})
	app := "catalog"
	require.Zero(t, testing.AllocsPerRun(100, func() {
		in, span := Start(ctx, Client, http.MethodGet, app)
		span.Say("a", app)
		span.Request(app, app, app)
		span.Answered(500, true)
		_, both := Shared(in, Internal, "together", nil)
		both.End()
		if Current(in).On() || Kept(in) != (Trace{}) {
			panic("there is no tracer")
		}
		span.EndWith(nil)
	}))
}

func BenchmarkStart(b *testing.B) {
	tracer, err := New("shop", "shop-1", sdktrace.WithBatcher(tracetest.NewNoopExporter()))
	require.NoError(b, err)
	on, span := tracer.Begin(b.Context(), "GET", Server, Trace{})
	defer span.End()
	for name, ctx := range map[string]context.Context{"off": With(b.Context(), Trace{Parent: theirs}), "on": on} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, span := Start(ctx, Client, "GET", "catalog")
				span.End()
			}
		})
	}
}
