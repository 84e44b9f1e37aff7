package telemetry

import (
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
)

// span is one that has come, with the service that made it.
type span struct {
	service string
	sidecar bool // made by a sidecar
	name    string
	kind    otlp.Span_SpanKind
	id      string
	parent  string // "": it is the first of its trace
	trace   string
	links   []string // traces
	begun   uint64
	failed  bool
	why     string // it has failed
	attrs   map[string]string
}

func (s span) String() string {
	who := s.service
	if s.sidecar {
		who += " (sidecar)"
	}
	return who + ": " + s.name
}

// receiver is a collector that keeps what it is sent.
type receiver struct {
	collector.UnimplementedTraceServiceServer
	address string
	server  *grpc.Server

	mu    sync.Mutex
	spans map[string][]span // by trace
}

func listen(ctx context.Context) (*receiver, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &receiver{address: "http://" + l.Addr().String(), server: grpc.NewServer(), spans: map[string][]span{}}
	collector.RegisterTraceServiceServer(r.server, r)
	go func() { _ = r.server.Serve(l) }()
	return r, nil
}

// Export implements OTLP.
func (r *receiver) Export(_ context.Context, in *collector.ExportTraceServiceRequest) (*collector.ExportTraceServiceResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, of := range in.GetResourceSpans() {
		service := ""
		for _, a := range of.GetResource().GetAttributes() {
			if a.GetKey() == "service.name" {
				service = a.GetValue().GetStringValue()
			}
		}
		for _, scope := range of.GetScopeSpans() {
			for _, s := range scope.GetSpans() {
				one := span{
					service: service, sidecar: scope.GetScope().GetName() != "tienda", name: s.GetName(), kind: s.GetKind(), begun: s.GetStartTimeUnixNano(),
					id: hex.EncodeToString(s.GetSpanId()), parent: hex.EncodeToString(s.GetParentSpanId()), trace: hex.EncodeToString(s.GetTraceId()),
					failed: s.GetStatus().GetCode() == otlp.Status_STATUS_CODE_ERROR, why: s.GetStatus().GetMessage(), attrs: map[string]string{},
				}
				for _, l := range s.GetLinks() {
					one.links = append(one.links, hex.EncodeToString(l.GetTraceId()))
				}
				for _, a := range s.GetAttributes() {
					one.attrs[a.GetKey()] = cmp.Or(a.GetValue().GetStringValue(), fmt.Sprint(a.GetValue().GetIntValue()))
				}
				r.spans[one.trace] = append(r.spans[one.trace], one)
			}
		}
	}
	return &collector.ExportTraceServiceResponse{}, nil
}

// of gives the spans of a trace, in the order of their beginnings.
func (r *receiver) of(trace string) []span {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.SortedFunc(slices.Values(r.spans[trace]), func(a, b span) int { return cmp.Compare(a.begun, b.begun) })
}

// find gives the spans of all traces that are accepted.
func (r *receiver) find(accept func(span) bool) (found []span) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, spans := range r.spans {
		for _, s := range spans {
			if accept(s) {
				found = append(found, s)
			}
		}
	}
	return found
}

// lost gives the spans of a trace whose parent has not come.
func lost(spans []span) (names []string) {
	there := map[string]bool{"": true}
	for _, s := range spans {
		there[s.id] = true
	}
	for _, s := range spans {
		if !there[s.parent] {
			names = append(names, s.String()+" of "+s.id)
		}
	}
	return names
}

// has says whether a service has made a span of a name; a name that ends with "…" is the
// beginning of one. "sidecar <service>" is its sidecar.
func has(spans []span, service, name string) bool {
	return slices.ContainsFunc(spans, func(s span) bool {
		who := s.service
		if s.sidecar {
			who = "sidecar " + who
		}
		if start, open := strings.CutSuffix(name, "…"); open {
			return who == service && strings.HasPrefix(s.name, start)
		}
		return who == service && s.name == name
	})
}

// missing gives those of "service: name" that are not there.
func missing(spans []span, want ...string) (gone []string) {
	for _, w := range want {
		service, name, _ := strings.Cut(w, ": ")
		if !has(spans, service, name) {
			gone = append(gone, w)
		}
	}
	return gone
}

// tree writes a trace down for who reads a failure.
func tree(spans []span) string {
	children := map[string][]span{}
	there := map[string]bool{}
	for _, s := range spans {
		there[s.id] = true
	}
	for _, s := range spans {
		at := s.parent
		if !there[at] {
			at = ""
		}
		children[at] = append(children[at], s)
	}
	var b strings.Builder
	var write func(id string, depth int)
	write = func(id string, depth int) {
		for _, s := range children[id] {
			fmt.Fprintf(&b, "%s%s\n", strings.Repeat("  ", depth), s)
			write(s.id, depth+1)
		}
	}
	write("", 0)
	return b.String()
}
