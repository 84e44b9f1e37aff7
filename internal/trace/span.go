package trace

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	oteltrace "go.opentelemetry.io/otel/trace"
)

// Kind says what a span is of.
type Kind = oteltrace.SpanKind

// The kinds.
const (
	Server   = oteltrace.SpanKindServer   // a request that was taken
	Client   = oteltrace.SpanKindClient   // a call that was made
	Producer = oteltrace.SpanKindProducer // an event that is published
	Consumer = oteltrace.SpanKindConsumer // an event that was taken
	Internal = oteltrace.SpanKindInternal
)

// scope names who has made the spans.
const scope = "tienda"

// Span is a span that has begun, or the zero value, which is none: its methods do
// nothing. What is only worked out for a span is to be asked On first.
type Span struct{ span oteltrace.Span }

// Begin begins what comes from outside this process: the span goes on with a trace, or
// begins one where that is empty. A context that has a span of its own is left to it: the
// new one is linked to that. Without a tracer the trace is only put into the context.
func (t *Tracer) Begin(ctx context.Context, name string, kind Kind, from Trace) (context.Context, Span) {
	if t == nil {
		return With(ctx, from), Span{}
	}
	options := []oteltrace.SpanStartOption{oteltrace.WithSpanKind(kind)}
	parent := from.context()
	if around := oteltrace.SpanContextFromContext(ctx); around.IsSampled() && around.TraceID() != parent.TraceID() {
		options = append(options, oteltrace.WithLinks(oteltrace.Link{SpanContext: around}))
	}
	return t.begin(oteltrace.ContextWithRemoteSpanContext(ctx, parent), name, from.RequestID, options)
}

// BeginPublic begins what comes from somebody who is not believed: a trace of its own,
// linked to theirs.
func (t *Tracer) BeginPublic(ctx context.Context, name string, kind Kind, theirs Trace) (context.Context, Span) {
	if t == nil {
		return With(ctx, theirs), Span{}
	}
	options := []oteltrace.SpanStartOption{oteltrace.WithSpanKind(kind), oteltrace.WithNewRoot()}
	if c := theirs.context(); c.IsValid() {
		options = append(options, oteltrace.WithLinks(oteltrace.Link{SpanContext: c}))
	}
	return t.begin(ctx, name, theirs.RequestID, options)
}

func (t *Tracer) begin(ctx context.Context, name, requestID string, options []oteltrace.SpanStartOption) (context.Context, Span) {
	ctx, span := t.tracer.Start(ctx, name, options...)
	return With(ctx, traceOf(span, requestID)), Span{span}
}

// Start begins a span of something within the context's span. Where that is not
// sampled, or there is none, it gives the context as it is, and the name's parts are not
// put together.
func Start(ctx context.Context, kind Kind, name ...string) (context.Context, Span) {
	around := oteltrace.SpanFromContext(ctx)
	if !around.IsRecording() {
		return ctx, Span{}
	}
	ctx, span := around.TracerProvider().Tracer(scope).Start(ctx, strings.Join(name, " "), oteltrace.WithSpanKind(kind))
	return With(ctx, traceOf(span, From(ctx).RequestID)), Span{span}
}

// Shared gives a context for what is done at once for several, of which all are those
// with a span: base, in the trace of the first. Of several it is a span of its own, which
// the others are linked to, and it to them. Without any it gives base.
func Shared(base context.Context, kind Kind, name string, all []context.Context) (context.Context, Span) {
	if len(all) == 0 {
		return base, Span{}
	}
	first := oteltrace.SpanFromContext(all[0])
	ctx := With(oteltrace.ContextWithSpan(base, first), From(all[0]))
	if len(all) == 1 {
		return ctx, Span{}
	}
	ctx, shared := Start(ctx, kind, name)
	shared.Count("tienda.shared_by", len(all))
	for _, other := range all[1:] {
		shared.Link(From(other))
		Current(other).Link(From(ctx))
	}
	return ctx, shared
}

// Current gives the context's span.
func Current(ctx context.Context) Span {
	if s := oteltrace.SpanFromContext(ctx); s.IsRecording() {
		return Span{s}
	}
	return Span{}
}

// Kept gives what a document or an event keeps of the context's trace, so that who works
// on it later goes on with the trace; the zero value where no tracer has made it.
func Kept(ctx context.Context) Trace {
	if t := From(ctx); t.spanned {
		return t
	}
	return Trace{}
}

// Keep makes a trace of what was kept of one; an ill-formed one is empty.
func Keep(parent, state string) Trace {
	if parent == "" {
		return Trace{}
	}
	return FromHeader(http.Header{HeaderTraceParent: {parent}, HeaderTraceState: {state}})
}

// FromEvent gives the trace that a CloudEvent keeps, in JSON; the zero value for none.
func FromEvent(event []byte) Trace {
	var e struct {
		TraceParent string `json:"traceparent"`
		TraceState  string `json:"tracestate"`
	}
	if json.Unmarshal(event, &e) != nil {
		return Trace{}
	}
	return Keep(e.TraceParent, e.TraceState)
}

// Same says whether two are of one trace.
func (t Trace) Same(other Trace) bool { return t.ID() == other.ID() }

// ID is the trace ID in hexadecimal; "": it has none.
func (t Trace) ID() string {
	if len(t.Parent) < 35 {
		return ""
	}
	return t.Parent[3:35]
}

// SpanID is the ID of the span in hexadecimal; "": it has none.
func (t Trace) SpanID() string {
	if len(t.Parent) < 52 {
		return ""
	}
	return t.Parent[36:52]
}

// Spanned says whether a tracer of this app has made the trace's span.
func (t Trace) Spanned() bool { return t.spanned }

// context makes of a trace what OpenTelemetry calls the context of a remote span.
func (t Trace) context() oteltrace.SpanContext {
	if t.Parent == "" {
		return oteltrace.SpanContext{}
	}
	id, err1 := oteltrace.TraceIDFromHex(t.ID())
	span, err2 := oteltrace.SpanIDFromHex(t.SpanID())
	if err1 != nil || err2 != nil {
		return oteltrace.SpanContext{}
	}
	flags, _ := strconv.ParseUint(t.Parent[53:], 16, 8)
	state, _ := oteltrace.ParseTraceState(t.State) // a bad one is dropped
	return oteltrace.NewSpanContext(oteltrace.SpanContextConfig{
		TraceID: id, SpanID: span, TraceFlags: oteltrace.TraceFlags(flags) & oteltrace.FlagsSampled, TraceState: state, Remote: true,
	})
}

func traceOf(s oteltrace.Span, requestID string) Trace {
	c := s.SpanContext()
	return Trace{
		RequestID: requestID, Parent: "00-" + c.TraceID().String() + "-" + c.SpanID().String() + "-" + c.TraceFlags().String(),
		State: c.TraceState().String(), spanned: true,
	}
}

// On says whether the span will be seen by somebody.
func (s Span) On() bool { return s.span != nil && s.span.IsRecording() }

// End ends the span.
func (s Span) End() {
	if s.span != nil {
		s.span.End()
	}
}

// EndWith ends the span, with an error where there is one.
func (s Span) EndWith(err error) {
	if err != nil {
		s.Fail(err.Error())
	}
	s.End()
}

// Fail says that what the span is of has failed.
func (s Span) Fail(why string) {
	if s.On() {
		s.span.SetStatus(codes.Error, strings.ToValidUTF8(why, "?"))
	}
}

// Name gives the span another name.
func (s Span) Name(name string) {
	if s.On() {
		s.span.SetName(name)
	}
}

// Say adds something about what the span is of.
func (s Span) Say(key, value string) {
	if s.On() {
		s.span.SetAttributes(attribute.String(key, value))
	}
}

// Count adds a number about what the span is of.
func (s Span) Count(key string, n int) {
	if s.On() {
		s.span.SetAttributes(attribute.Int(key, n))
	}
}

// Link says that a span of another trace has to do with this one.
func (s Span) Link(other Trace) {
	if c := other.context(); s.On() && c.IsValid() {
		s.span.AddLink(oteltrace.Link{SpanContext: c})
	}
}

// Answered says what was answered to a request, or to a call; 0: nothing. A server has
// failed with a 5xx, a call with a 4xx as well.
func (s Span) Answered(status int, server bool) {
	if !s.On() {
		return
	}
	s.span.SetAttributes(attribute.Int("http.response.status_code", status))
	if status >= http.StatusInternalServerError || status == 0 || !server && status >= http.StatusBadRequest {
		s.span.SetAttributes(attribute.String("error.type", strconv.Itoa(status)))
		s.span.SetStatus(codes.Error, "")
	}
}

// Request says what was asked for.
func (s Span) Request(method, route, path string) {
	if s.On() {
		s.span.SetAttributes(attribute.String("http.request.method", method), attribute.String("http.route", route), attribute.String("url.path", path))
	}
}
