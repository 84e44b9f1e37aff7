package trace

import (
	"context"
	"log/slog"
)

// Logging gives a handler whose lines say to which request and span they belong:
// request_id, and where there is a tracer trace_id and span_id. A line that names its
// request itself keeps that.
func Logging(h slog.Handler) slog.Handler { return logging{h} }

type logging struct{ slog.Handler }

// Handle implements slog.Handler.
func (h logging) Handle(ctx context.Context, r slog.Record) error {
	t := From(ctx)
	if t == (Trace{}) {
		return h.Handler.Handle(ctx, r)
	}
	if t.RequestID != "" && !names(r, "request_id") {
		r.AddAttrs(slog.String("request_id", t.RequestID))
	}
	if t.spanned {
		r.AddAttrs(slog.String("trace_id", t.ID()), slog.String("span_id", t.SpanID()))
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h logging) WithAttrs(attrs []slog.Attr) slog.Handler {
	return logging{h.Handler.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (h logging) WithGroup(name string) slog.Handler { return logging{h.Handler.WithGroup(name)} }

func names(r slog.Record, key string) (found bool) {
	r.Attrs(func(a slog.Attr) bool {
		found = a.Key == key
		return !found
	})
	return found
}
