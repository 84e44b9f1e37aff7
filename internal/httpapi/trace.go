package httpapi

import (
	"bytes"
	"context"
	"crypto/subtle"
	"io"
	"net/http"

	"tienda/internal/caller"
	"tienda/internal/trace"
)

// begin begins the span of a request, where there is a tracer, and gives its trace.
func (e *endpoint) begin(r *http.Request) (context.Context, trace.Span, trace.Trace) {
	t := trace.FromHeader(r.Header)
	if e.tracer == nil || e.route.Who.probe {
		return trace.With(r.Context(), t), trace.Span{}, t
	}
	kind := trace.Server
	var said trace.Trace
	if e.route.Who.name == Sidecar.name {
		kind, said = trace.Consumer, e.said(r)
		if t.Parent == "" { // a sidecar without traces of its own
			t.Parent, t.State = said.Parent, said.State
		}
	}
	ctx, span := e.tracer.Begin(r.Context(), e.name, kind, t)
	span.Request(r.Method, e.route.Path, r.URL.Path)
	if said.Parent != "" && !said.Same(t) { // a replay by hand
		span.Link(said)
	}
	return ctx, span, trace.From(ctx)
}

// said gives the trace that a delivered event keeps. It reads the body, and leaves it in r.
func (e *endpoint) said(r *http.Request) trace.Trace {
	if subtle.ConstantTimeCompare([]byte(r.Header.Get(HeaderAppToken)), e.token) != 1 || r.Body == nil {
		return trace.Trace{}
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, e.op.MaxBody+1))
	rest := io.Reader(r.Body)
	if err != nil {
		rest = failed{err}
	}
	r.Body = readCloser{io.MultiReader(bytes.NewReader(body), rest), r.Body}
	return trace.FromEvent(body)
}

// end says how a request ended. It is deferred: what was cut off has no status.
func (e *endpoint) end(span trace.Span, out *recorder, c caller.Caller) {
	span.Answered(out.status, true)
	if c.App != "" {
		span.Say("tienda.caller", c.App)
	}
	span.End()
}

type readCloser struct {
	io.Reader
	io.Closer
}

type failed struct{ err error }

func (f failed) Read([]byte) (int, error) { return 0, f.err }
