package traces_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	resource "go.opentelemetry.io/proto/otlp/resource/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"tienda/cmd/tienda/internal/view/traces"
)

const own = "0000000000000000000000000000beef"

var limits = traces.Limits{Traces: 8, Spans: 100, PerTrace: 5, Slow: 250 * time.Millisecond}

func any1(traces.Summary) bool { return true }

// root is the first span of a trace, of a request.
func root(trace string, at, took time.Duration, status int) traces.Span {
	return traces.Span{Trace: trace, ID: "r" + trace, App: "gateway", Name: "POST /v1/orders", Kind: "server", Begun: int64(at), Ended: int64(at + took), Failed: status >= 500,
		Attrs: map[string]string{"http.response.status_code": fmt.Sprint(status), "tienda.app": "orders"}}
}

func ids(all []traces.Summary) (ids []string) {
	for _, s := range all {
		ids = append(ids, s.ID)
	}
	return ids
}

func TestErrorsAndSlowOnesAreKeptLongest(t *testing.T) {
	r := traces.New(limits, own)
	r.Add([]traces.Span{root("refused", 1, time.Millisecond, 422), root("broken", 2, time.Millisecond, 500), root("slow", 3, time.Second, 201)})
	for n := range 50 {
		r.Add([]traces.Span{root(fmt.Sprint("plain", n), time.Duration(10+n), time.Millisecond, 200)})
	}
	require.Equal(t, []string{"plain49", "plain48", "plain47", "plain46", "plain45", "slow", "broken", "refused"}, ids(r.List(100, any1)))
	for n := range 50 {
		r.Add([]traces.Span{root(fmt.Sprint("bad", n), time.Duration(100+n), time.Millisecond, 503)})
	}
	got := ids(r.List(100, any1))
	require.Len(t, got, limits.Traces)
	require.Contains(t, got, "slow", "errors do not push all else out")
	require.Contains(t, got, "plain49")
	require.NotContains(t, got, "refused", "nor are they kept for ever")
	require.Equal(t, "bad49", got[0])
}

func TestSpansAreBounded(t *testing.T) {
	r := traces.New(limits, own)
	for n := range 60 {
		for m := range 20 {
			r.Add([]traces.Span{{Trace: fmt.Sprint(n), ID: fmt.Sprint(m), Parent: "x"}})
		}
	}
	require.Len(t, r.List(100, any1), limits.Traces)
	spans, dropped := r.Trace("59")
	require.Len(t, spans, limits.PerTrace)
	require.Equal(t, 15, dropped)
	require.Equal(t, 20, r.List(1, func(s traces.Summary) bool { return s.ID == "59" })[0].Spans)
	few := traces.New(traces.Limits{Traces: 100, Spans: 12, PerTrace: 5}, own)
	for n := range 60 {
		few.Add([]traces.Span{{Trace: fmt.Sprint(n), ID: "a", Parent: "x"}, {Trace: fmt.Sprint(n), ID: "b", Parent: "a"}})
	}
	require.Len(t, few.List(100, any1), 6)
}

// What the view asks for itself is not shown, whichever of its spans comes first.
func TestOwnTracesAreHidden(t *testing.T) {
	r := traces.New(limits, own)
	mine := root("mine", 1, time.Millisecond, 401)
	mine.Links = []string{own}
	r.Add([]traces.Span{{Trace: "mine", ID: "early", Parent: "r"}})
	r.Add([]traces.Span{mine})
	r.Add([]traces.Span{{Trace: "mine", ID: "late", Parent: "r"}, root("theirs", 2, time.Millisecond, 200)})
	require.Equal(t, []string{"theirs"}, ids(r.List(100, any1)))
	require.Empty(t, r.Problems(10))
}

func TestProblems(t *testing.T) {
	r := traces.New(traces.Usual, own)
	inner := func(trace, app, kind, code string, status int) traces.Span {
		return traces.Span{Trace: trace, ID: "i" + trace + app, Parent: "r" + trace, App: app, Name: "POST /x", Kind: kind, Begun: 5, Ended: 6, Failed: status >= 500 || kind == "client",
			Attrs: map[string]string{"http.response.status_code": fmt.Sprint(status), "tienda.problem": code}}
	}
	for n := range 7 {
		id := fmt.Sprint("refused", n)
		r.Add([]traces.Span{root(id, time.Duration(100+n), time.Millisecond, 422), inner(id, "orders", "server", "out_of_stock", 422), inner(id, "catalog", "server", "out_of_stock", 422)})
	}
	r.Add([]traces.Span{root("broken", 200, time.Millisecond, 500), inner("broken", "orders", "server", "internal", 500)})
	r.Add([]traces.Span{root("fine", 300, time.Millisecond, 200), inner("fine", "orders", "client", "", 404), inner("fine", "catalog", "consumer", "internal", 500)})
	got := r.Problems(10)
	require.Len(t, got, 3)
	require.Equal(t, []any{"gateway", 500, "internal", 1, []string{"broken"}}, []any{got[0].App, got[0].Status, got[0].Code, got[0].Count, got[0].Traces})
	require.Equal(t, []any{"gateway", 422, "out_of_stock", 7}, []any{got[1].App, got[1].Status, got[1].Code, got[1].Count})
	require.Equal(t, []string{"refused6", "refused5", "refused4", "refused3", "refused2"}, got[1].Traces)
	require.Equal(t, []any{"catalog", 500, []string{"fine"}}, []any{got[2].App, got[2].Status, got[2].Traces}, "an event that was refused")
	require.Len(t, r.Problems(1), 1)
}

func TestSummary(t *testing.T) {
	r := traces.New(traces.Usual, own)
	r.Add([]traces.Span{{Trace: "a", ID: "late", Parent: "ra", App: "support", Begun: int64(2 * time.Second), Ended: int64(3 * time.Second)}, root("a", time.Second, 20*time.Millisecond, 201)})
	require.Equal(t, []traces.Summary{{ID: "a", Name: "POST /v1/orders", App: "gateway", At: time.Unix(1, 0).UTC(), Status: 201, TookMS: 20, Whole: 2000, Spans: 2, Apps: []string{"gateway", "support"}}}, r.List(5, any1))
	spans, _ := r.Trace("a")
	require.Equal(t, []string{"ra", "late"}, []string{spans[0].ID, spans[1].ID})
}

func TestReceive(t *testing.T) {
	r := traces.New(traces.Usual, own)
	id := bytes.Repeat([]byte{0xab}, 16)
	str := func(v string) *common.AnyValue {
		return &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: v}}
	}
	span := func(b byte, name string) *otlp.Span {
		return &otlp.Span{TraceId: id, SpanId: []byte{b}, Name: name, Kind: otlp.Span_SPAN_KIND_SERVER, StartTimeUnixNano: uint64(b), EndTimeUnixNano: 9,
			Status: &otlp.Status{Code: otlp.Status_STATUS_CODE_ERROR, Message: "why"}, Links: []*otlp.Span_Link{{TraceId: []byte{1}}},
			Attributes: []*common.KeyValue{{Key: "http.response.status_code", Value: &common.AnyValue{Value: &common.AnyValue_IntValue{IntValue: 503}}}}}
	}
	raw, err := proto.Marshal(&collector.ExportTraceServiceRequest{ResourceSpans: []*otlp.ResourceSpans{{
		Resource: &resource.Resource{Attributes: []*common.KeyValue{{Key: "service.name", Value: str("orders")}, {Key: "service.instance.id", Value: str("orders-2")}}},
		ScopeSpans: []*otlp.ScopeSpans{
			{Scope: &common.InstrumentationScope{Name: "tienda"}, Spans: []*otlp.Span{span(1, "POST /v1/orders")}},
			{Scope: &common.InstrumentationScope{Name: "dapr"}, Spans: []*otlp.Span{span(2, "CallLocal")}},
		},
	}}})
	require.NoError(t, err)
	post := func(body []byte, headers ...string) int {
		req := httptest.NewRequest(http.MethodPost, "/v1/traces", bytes.NewReader(body))
		req.Header.Set("Content-Type", "application/x-protobuf")
		for i := 0; i < len(headers); i += 2 {
			req.Header.Set(headers[i], headers[i+1])
		}
		w := httptest.NewRecorder()
		r.ServeHTTP(w, req)
		return w.Code
	}
	require.Equal(t, http.StatusUnsupportedMediaType, post(raw, "Content-Type", "text/plain"), "what a foreign page can send without being asked")
	require.Equal(t, http.StatusBadRequest, post([]byte("nonsense")))
	require.Equal(t, http.StatusBadRequest, post(raw, "Content-Encoding", "gzip"))
	require.Empty(t, r.List(5, any1))
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = z.Write(raw)
	require.NoError(t, z.Close())
	require.Equal(t, http.StatusOK, post(packed.Bytes(), "Content-Encoding", "gzip"))
	spans, _ := r.Trace("abababababababababababababababab")
	require.Len(t, spans, 2)
	require.Equal(t, traces.Span{Trace: "abababababababababababababababab", ID: "01", App: "orders", Of: "orders-2", Name: "POST /v1/orders", Kind: "server", Begun: 1, Ended: 9,
		Failed: true, Why: "why", Attrs: map[string]string{"http.response.status_code": "503"}, Links: []string{"01"}}, spans[0])
	require.True(t, spans[1].Side)
	require.Equal(t, http.StatusOK, post(raw))
}
