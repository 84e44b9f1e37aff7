// Package trace carries the request ID and the W3C trace context from app to
// app, so that the log lines of one request can be found everywhere, and makes
// the spans of an app where somebody collects them (docs/adr/0050).
//
// Without a collector there is no Tracer, and nothing here costs more than
// passing the headers on.
package trace

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"regexp"

	"github.com/google/uuid"
)

// The headers that are passed on.
const (
	HeaderRequestID   = "X-Request-Id"
	HeaderTraceParent = "Traceparent"
	HeaderTraceState  = "Tracestate"
)

// Trace identifies one request through all the apps.
type Trace struct {
	RequestID string
	Parent    string // W3C traceparent
	State     string // W3C tracestate

	spanned bool // Parent is a span of this app's tracer, sampled or not
}

var (
	requestID   = regexp.MustCompile(`^[A-Za-z0-9._-]{8,64}$`)
	traceparent = regexp.MustCompile(`^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$`)
)

// FromHeader reads a request's trace; what is missing or ill-formed is empty.
func FromHeader(h http.Header) Trace {
	t := Trace{RequestID: h.Get(HeaderRequestID), Parent: h.Get(HeaderTraceParent)}
	if !requestID.MatchString(t.RequestID) {
		t.RequestID = ""
	}
	if !traceparent.MatchString(t.Parent) {
		t.Parent = ""
		return t
	}
	if s := h.Get(HeaderTraceState); len(s) <= 512 {
		t.State = s
	}
	return t
}

// Complete gives a trace a request ID and a parent where it has none. The
// gateway does this; the apps behind it keep what they get.
func (t Trace) Complete() Trace {
	t = t.Named()
	if t.Parent == "" {
		var b [24]byte
		_, _ = rand.Read(b[:]) // never fails since Go 1.24
		t.Parent = "00-" + hex.EncodeToString(b[:16]) + "-" + hex.EncodeToString(b[16:]) + "-00"
	}
	return t
}

// Named gives a trace a request ID where it has none.
func (t Trace) Named() Trace {
	if t.RequestID == "" {
		t.RequestID = uuid.Must(uuid.NewV7()).String()
	}
	return t
}

// SetHeader writes the trace for the next app.
func (t Trace) SetHeader(h http.Header) {
	set(h, HeaderRequestID, t.RequestID)
	set(h, HeaderTraceParent, t.Parent)
	set(h, HeaderTraceState, t.State)
}

func set(h http.Header, name, value string) {
	if value == "" {
		h.Del(name)
		return
	}
	h.Set(name, value)
}

type key struct{}

// With puts the trace into the context.
func With(ctx context.Context, t Trace) context.Context { return context.WithValue(ctx, key{}, t) }

// From gives the context's trace.
func From(ctx context.Context) Trace {
	t, _ := ctx.Value(key{}).(Trace)
	return t
}
