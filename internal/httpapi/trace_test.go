package httpapi

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	oteltrace "go.opentelemetry.io/otel/trace"

	"tienda/internal/contract"
	"tienda/internal/trace"
)

const hears = `
openapi: 3.1.0
info: {title: Test, version: "1"}
paths:
  /probe: {get: {operationId: probe, responses: {"200": {description: ok}}}}
  /things/{id}: {get: {operationId: thing, parameters: [{name: id, in: path, required: true, schema: {type: string}}], responses: {"200": {description: ok}}}}
  /events/orders:
    post:
      operationId: hear
      requestBody: {required: true, content: {application/cloudevents+json: {schema: {type: object}}}}
      responses: {"200": {description: ok}}
`

func traced(t testing.TB, tracer *trace.Tracer, status int) http.Handler {
	t.Helper()
	c, err := contract.Load(fstest.MapFS{"openapi/t.yaml": {Data: []byte(hears)}}, "t")
	require.NoError(t, err)
	ok := func(w http.ResponseWriter, r *http.Request) error {
		if r.Method == http.MethodPost {
			var event map[string]any
			if err := Decode(r, &event); err != nil || event["id"] == nil {
				return err
			}
		}
		return Write(w, status, trace.From(r.Context()).Parent)
	}
	h, err := New(Options{Contract: c, AppToken: "secret", Log: slog.New(slog.DiscardHandler), Tracer: tracer, Routes: []Route{
		{http.MethodGet, "/probe", Probe, ok}, {http.MethodGet, "/things/{id}", Anyone, ok}, {http.MethodPost, "/events/orders", Sidecar, ok},
	}})
	require.NoError(t, err)
	return h
}

const (
	ofHeader = "00-11111111111111111111111111111111-1111111111111111-01"
	ofEvent  = "00-22222222222222222222222222222222-2222222222222222-01"
)

func TestSpans(t *testing.T) {
	for _, c := range []struct {
		what, method, path, header, event string
		status                            int
		name                              string
		kind                              oteltrace.SpanKind
		parent, link                      string
		failed                            bool
	}{
		{what: "a request", method: "GET", path: "/things/7", header: ofHeader, status: 200, name: "GET /things/{id}", kind: trace.Server, parent: ofHeader},
		{what: "one that fails", method: "GET", path: "/things/7", header: ofHeader, status: 503, name: "GET /things/{id}", kind: trace.Server, parent: ofHeader, failed: true},
		{what: "one without a trace", method: "GET", path: "/things/7", status: 200, name: "GET /things/{id}", kind: trace.Server},
		{what: "a delivery", method: "POST", path: "/events/orders", header: ofHeader[:36] + "3333333333333333-01", event: ofHeader, status: 200, name: "POST /events/orders", kind: trace.Consumer, parent: ofHeader},
		{what: "a delivery of a sidecar without traces", method: "POST", path: "/events/orders", event: ofEvent, status: 200, name: "POST /events/orders", kind: trace.Consumer, parent: ofEvent},
		{what: "a replay", method: "POST", path: "/events/orders", header: ofHeader, event: ofEvent, status: 200, name: "POST /events/orders", kind: trace.Consumer, parent: ofHeader, link: ofEvent},
	} {
		t.Run(c.what, func(t *testing.T) {
			seen := tracetest.NewSpanRecorder()
			tracer, err := trace.New("t", "t-1", sdktrace.WithSpanProcessor(seen))
			require.NoError(t, err)
			r := httptest.NewRequest(c.method, c.path, nil)
			if c.event != "" {
				r = httptest.NewRequest(c.method, c.path, strings.NewReader(`{"id":"1","traceparent":"`+c.event+`"}`))
				r.Header.Set("Content-Type", "application/cloudevents+json")
			}
			if c.header != "" {
				r.Header.Set("Traceparent", c.header)
			}
			r.Header.Set(HeaderAppToken, "secret")
			w := httptest.NewRecorder()
			traced(t, tracer, c.status).ServeHTTP(w, r)
			require.Equal(t, c.status, w.Code, w.Body)
			require.Len(t, seen.Ended(), 1)
			s := seen.Ended()[0]
			require.Equal(t, c.name, s.Name())
			require.Equal(t, c.kind, s.SpanKind())
			if c.parent != "" {
				require.Equal(t, c.parent[3:35], s.SpanContext().TraceID().String())
			}
			require.Contains(t, w.Body.String(), s.SpanContext().SpanID().String(), "the handler goes on from it")
			require.Equal(t, c.link != "", len(s.Links()) == 1)
			require.Equal(t, c.failed, s.Status().Description != "" || s.Status().Code != 0)
		})
	}
}

func TestNoSpans(t *testing.T) {
	seen := tracetest.NewSpanRecorder()
	tracer, err := trace.New("t", "t-1", sdktrace.WithSpanProcessor(seen))
	require.NoError(t, err)
	h := traced(t, tracer, 200)
	for _, path := range []string{"/probe", "/none"} {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, path, nil))
	}
	require.Empty(t, seen.Started())
}

// BenchmarkRequest says what a span of a request costs: "off" is how it is without a
// collector.
func BenchmarkRequest(b *testing.B) {
	on, err := trace.New("t", "t-1", sdktrace.WithBatcher(tracetest.NewNoopExporter()))
	require.NoError(b, err)
	for name, tracer := range map[string]*trace.Tracer{"off": nil, "on": on} {
		b.Run(name, func(b *testing.B) {
			h := traced(b, tracer, 200)
			r := httptest.NewRequest(http.MethodGet, "/things/7", nil)
			r.Header.Set("Traceparent", ofHeader)
			r.Header.Set(HeaderAppToken, "secret")
			b.ReportAllocs()
			for b.Loop() {
				h.ServeHTTP(httptest.NewRecorder(), r)
			}
		})
	}
}

// A request that is refused has the code of its problem document, for who looks through
// traces.
func TestASpanNamesTheProblem(t *testing.T) {
	seen := tracetest.NewSpanRecorder()
	tracer, err := trace.New("t", "t-1", sdktrace.WithSpanProcessor(seen))
	require.NoError(t, err)
	w := httptest.NewRecorder()
	traced(t, tracer, http.StatusOK).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/things/7", nil)) // without the app's token
	require.Equal(t, http.StatusForbidden, w.Code)
	var said struct{ Code string }
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &said))
	require.NotEmpty(t, said.Code)
	require.Contains(t, seen.Ended()[0].Attributes(), attribute.String("tienda.problem", said.Code))
}
