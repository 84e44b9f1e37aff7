// Package traces takes in spans as a collector of OpenTelemetry does, over HTTP, and
// keeps the last traces in memory: those with errors and the slow ones longest.
package traces

import (
	"cmp"
	"compress/gzip"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

const (
	mediaType  = "application/x-protobuf"
	maxRequest = 16 << 20 // bytes of one request, unpacked
	longest    = 300      // bytes of a name or an attribute that are kept
)

// Span is one that has come. Begun and Ended are nanoseconds since 1970.
type Span struct {
	Trace  string            `json:"-"`
	ID     string            `json:"id"`
	Parent string            `json:"parent,omitempty"` // "": it is the first of its trace
	App    string            `json:"app"`
	Of     string            `json:"replica,omitempty"`
	Side   bool              `json:"sidecar,omitempty"` // made by the app's sidecar
	Name   string            `json:"name"`
	Kind   string            `json:"kind"` // server, client, producer, consumer or internal
	Begun  int64             `json:"begun_ns,string"`
	Ended  int64             `json:"ended_ns,string"`
	Failed bool              `json:"failed,omitempty"`
	Why    string            `json:"why,omitempty"`
	Attrs  map[string]string `json:"attributes"`
	Links  []string          `json:"links,omitempty"` // trace IDs
}

// status is what was answered to a request; 0: it is of none, or had no answer.
func (s *Span) status() int {
	n, _ := strconv.Atoi(s.Attrs["http.response.status_code"])
	return n
}

// ServeHTTP implements OTLP over HTTP: POST of an ExportTraceServiceRequest as protobuf,
// gzip or plain; 415 for another type, 400 for what cannot be read.
func (r *Ring) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if req.Header.Get("Content-Type") != mediaType {
		http.Error(w, "spans come as "+mediaType, http.StatusUnsupportedMediaType)
		return
	}
	var body io.Reader = http.MaxBytesReader(w, req.Body, maxRequest)
	if req.Header.Get("Content-Encoding") == "gzip" {
		unpacked, err := gzip.NewReader(body)
		if err != nil {
			http.Error(w, "the body is no gzip", http.StatusBadRequest)
			return
		}
		body = unpacked
	}
	b, err := io.ReadAll(io.LimitReader(body, maxRequest))
	var in collector.ExportTraceServiceRequest
	if err != nil || proto.Unmarshal(b, &in) != nil {
		http.Error(w, "the body is no request of OTLP", http.StatusBadRequest)
		return
	}
	r.Add(spans(&in))
	w.Header().Set("Content-Type", mediaType)
	w.WriteHeader(http.StatusOK) // an empty ExportTraceServiceResponse
}

func spans(in *collector.ExportTraceServiceRequest) (all []Span) {
	for _, of := range in.GetResourceSpans() {
		about := attributes(of.GetResource().GetAttributes())
		for _, scope := range of.GetScopeSpans() {
			side := scope.GetScope().GetName() != "tienda"
			for _, s := range scope.GetSpans() {
				one := Span{
					Trace: hex.EncodeToString(s.GetTraceId()), ID: hex.EncodeToString(s.GetSpanId()), Parent: hex.EncodeToString(s.GetParentSpanId()),
					App: about["service.name"], Of: about["service.instance.id"], Side: side, Name: cut(s.GetName()), Kind: kind(s.GetKind()),
					Begun: int64(s.GetStartTimeUnixNano()), Ended: int64(s.GetEndTimeUnixNano()), //nolint:gosec // times until the year 2262
					Failed: s.GetStatus().GetCode() == otlp.Status_STATUS_CODE_ERROR, Why: cut(s.GetStatus().GetMessage()),
					Attrs: attributes(s.GetAttributes()),
				}
				if side {
					one.Of = ""
				}
				for _, l := range s.GetLinks() {
					one.Links = append(one.Links, hex.EncodeToString(l.GetTraceId()))
				}
				all = append(all, one)
			}
		}
	}
	return all
}

func kind(k otlp.Span_SpanKind) string {
	return strings.ToLower(strings.TrimPrefix(k.String(), "SPAN_KIND_"))
}

func attributes(in []*common.KeyValue) map[string]string {
	out := make(map[string]string, len(in))
	for _, a := range in {
		out[a.GetKey()] = cut(text(a.GetValue()))
	}
	return out
}

func text(v *common.AnyValue) string {
	switch v := v.GetValue().(type) {
	case *common.AnyValue_IntValue:
		return strconv.FormatInt(v.IntValue, 10)
	case *common.AnyValue_BoolValue:
		return strconv.FormatBool(v.BoolValue)
	case *common.AnyValue_DoubleValue:
		return fmt.Sprint(v.DoubleValue)
	case *common.AnyValue_StringValue:
		return v.StringValue
	}
	return cmp.Or(v.String(), "")
}

func cut(s string) string {
	if len(s) > longest {
		return strings.ToValidUTF8(s[:longest], "") + "…"
	}
	return s
}
