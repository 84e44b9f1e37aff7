// Package logbuf writes log lines in batches: a write for each line of the
// access log costs more than making the line, here and in whoever reads it.
//
// Lines wait for a tenth of a second at most; a warning or an error takes all
// that wait with it at once. What waits is lost only when the process is killed.
package logbuf

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"time"
)

const (
	longestWait = 100 * time.Millisecond
	batch       = 32 << 10 // bytes that are written without waiting longer
)

// Buffer collects what is written to it. Safe for concurrent use.
type Buffer struct {
	mu      sync.Mutex
	out     io.Writer
	waiting []byte
	timer   *time.Timer // runs while something waits
	closed  bool
}

// New gives a buffer in front of out. Close it at the end.
func New(out io.Writer) *Buffer { return &Buffer{out: out, waiting: make([]byte, 0, batch+batch/4)} }

// Write takes a copy of p.
func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	first := len(b.waiting) == 0
	b.waiting = append(b.waiting, p...)
	switch {
	case b.closed || len(b.waiting) >= batch:
		return len(p), b.flush()
	case first && b.timer == nil:
		b.timer = time.AfterFunc(longestWait, func() { _ = b.Flush() }) // an error has nowhere to go
	case first:
		b.timer.Reset(longestWait)
	}
	return len(p), nil
}

// Flush writes what waits.
func (b *Buffer) Flush() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.flush()
}

// Close writes what waits; from then on nothing waits.
func (b *Buffer) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	return b.flush()
}

func (b *Buffer) flush() error {
	if len(b.waiting) == 0 {
		return nil
	}
	if b.timer != nil {
		b.timer.Stop()
	}
	_, err := b.out.Write(b.waiting)
	b.waiting = b.waiting[:0]
	return err
}

// Handler gives h, which writes to b, with the rule that a warning does not wait.
func (b *Buffer) Handler(h slog.Handler) slog.Handler { return handler{h, b} }

type handler struct {
	slog.Handler
	buffer *Buffer
}

// Handle writes the record.
func (h handler) Handle(ctx context.Context, r slog.Record) error {
	if err := h.Handler.Handle(ctx, r); err != nil || r.Level < slog.LevelWarn {
		return err
	}
	return h.buffer.Flush()
}

// WithAttrs keeps the rule.
func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return handler{h.Handler.WithAttrs(attrs), h.buffer}
}

// WithGroup keeps the rule.
func (h handler) WithGroup(name string) slog.Handler {
	return handler{h.Handler.WithGroup(name), h.buffer}
}
