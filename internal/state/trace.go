package state

import (
	"context"
	"encoding/json"

	"tienda/internal/trace"
)

// What is done at once for several, a commit, a read or a publication, is of the trace of
// the first of them that has one; the others are linked (trace.Shared). What goes on
// after its request has ended goes on in the trace that the event or the document keeps
// (docs/adr/0050).

// Trace has spans made of what the DB publishes, and of what is done later of what its
// documents have begun. Without it, or with nil, there are none. Call it before Start.
func (db *DB) Trace(t *trace.Tracer) { db.tracer = t }

// Tracer gives what Trace was told; nil: there are no spans.
func (db *DB) Tracer() *trace.Tracer { return db.tracer }

// Resume begins a span of work that a document has begun, in the trace of the commit that
// did so, or that last announced something of it. Where the document keeps no trace it is
// a span of the context's, else a trace of its own. A context with a span of another trace
// is linked. State: 1 get where there is a tracer, else nothing.
func (db *DB) Resume(ctx context.Context, key, name string) (context.Context, trace.Span) {
	if db.tracer == nil {
		return ctx, trace.Span{}
	}
	var kept trace.Trace
	if items, err := db.store.Get(ctx, key); err == nil { // who cannot read it now will be told so by the work itself
		var e envelope
		if json.Unmarshal(items[0].Value, &e) == nil {
			kept = trace.Keep(e.Trace, "")
		}
	}
	now := trace.Kept(ctx)
	if kept.ID() == "" && now.ID() != "" || kept.Same(now) && kept.ID() != "" {
		return trace.Start(ctx, trace.Internal, name)
	}
	kept.RequestID = trace.From(ctx).RequestID
	return db.tracer.Begin(ctx, name, trace.Internal, kept)
}

// traced gives the contexts of those that have a span.
func traced[T any](all []T, of func(T) context.Context) (found []context.Context) {
	for _, one := range all {
		if ctx := of(one); trace.Current(ctx).On() {
			found = append(found, ctx)
		}
	}
	return found
}

// producing begins the span of an event's publication, in the trace of the commit that has
// announced it.
func (o *outbox) producing(ctx context.Context, event json.RawMessage) (context.Context, trace.Span) {
	if o.db.tracer == nil {
		return ctx, trace.Span{}
	}
	var e struct {
		ID          string `json:"id"`
		Type        string `json:"type"`
		TraceParent string `json:"traceparent"`
		TraceState  string `json:"tracestate"`
	}
	if json.Unmarshal(event, &e) != nil || e.TraceParent == "" { // written without a tracer
		return ctx, trace.Span{}
	}
	ctx, span := o.db.tracer.Begin(ctx, "publish "+e.Type, trace.Producer, trace.Keep(e.TraceParent, e.TraceState))
	span.Say("messaging.message.id", e.ID)
	return ctx, span
}

// producingAll is producing for the events of one call.
func (o *outbox) producingAll(ctx context.Context, batch []job) (context.Context, func(error)) {
	if o.db.tracer == nil {
		return ctx, func(error) {}
	}
	var all []context.Context
	var spans []trace.Span
	for _, j := range batch {
		of, span := o.producing(ctx, j.event)
		if span.On() {
			all, spans = append(all, of), append(spans, span)
		}
	}
	ctx, shared := trace.Shared(ctx, trace.Producer, "publish together", all)
	return ctx, func(err error) {
		shared.EndWith(err)
		for _, span := range spans {
			span.EndWith(err)
		}
	}
}
