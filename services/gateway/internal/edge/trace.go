package edge

import (
	"net/http"

	"tienda/internal/trace"
)

// begin begins the span of a request, where there is a tracer: of a trace of its own, that
// is linked to the client's. Who may call anybody decides neither what is sampled nor
// whose trace grows. Probes have none.
func (e *Edge) begin(x *exchange, r *http.Request) *http.Request {
	if e.o.Tracer == nil || isProbe(r) {
		return r
	}
	begin := e.o.Tracer.BeginPublic
	if e.o.Trust {
		begin = e.o.Tracer.Begin
	}
	ctx, span := begin(r.Context(), method(r), trace.Server, x.trace.Named())
	x.trace, x.span = trace.From(ctx), span
	return r.WithContext(ctx)
}

// ended names the span after its route and ends it.
func (e *Edge) ended(x *exchange, r *http.Request) {
	if !x.span.On() {
		return
	}
	pattern := x.pattern(r)
	x.span.Name(method(r) + " " + pattern)
	x.span.Request(method(r), pattern, r.URL.Path)
	if x.app != "" {
		x.span.Say("tienda.app", x.app)
	}
	x.span.Answered(x.status, true)
	x.span.End()
}

// method is one of HTTP's own, or what stands for all others.
func method(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return r.Method
	}
	return "other"
}
