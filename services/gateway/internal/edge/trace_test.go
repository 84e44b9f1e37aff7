package edge

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"tienda/internal/trace"
)

// A client decides neither what is sampled nor whose trace grows, unless it is trusted.
func TestClientsTraceIsNotGoneOnWith(t *testing.T) {
	const theirs = "00-11111111111111111111111111111111-1111111111111111-00"
	for _, trust := range []bool{false, true} {
		seen := tracetest.NewSpanRecorder()
		tracer, err := trace.New("gateway", "gateway-1", sdktrace.WithSpanProcessor(seen))
		require.NoError(t, err)
		s := edge(t)
		s.o.Tracer, s.o.Trust = tracer, trust
		s.do("GET", "/v1/open", "Traceparent", theirs)
		if trust { // and has said that it is not sampled
			require.Empty(t, seen.Ended())
			continue
		}
		require.Len(t, seen.Ended(), 1)
		span := seen.Ended()[0]
		require.Equal(t, "GET /v1/open", span.Name())
		require.NotEqual(t, "11111111111111111111111111111111", span.SpanContext().TraceID().String())
		require.Equal(t, "11111111111111111111111111111111", span.Links()[0].SpanContext.TraceID().String())
		s.do("GET", "/healthz")
		require.Len(t, seen.Ended(), 1, "a probe has none")
		s.do("BREW", "/v1/nowhere/7")
		require.Equal(t, "other none", seen.Ended()[1].Name(), "what a client makes up is no name")
		s.do("GET", "/v1/open?"+strings.Repeat("x", longestQuery+1))
		require.Contains(t, seen.Ended()[2].Attributes(), attribute.String("tienda.problem", "invalid_request"), "a refusal of the gateway's own is named")
	}
}
