package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"tienda/internal/app"
	"tienda/internal/fault"
	"tienda/services/migration/internal/progress"
)

var errOpening = fault.New(fault.Unavailable, "source_away", "The monolith's database, or the secret store that knows where it is, does not answer yet. It is tried again.")

// Late gives a core that is opened when the sidecar is ready, and tried again until it
// can be: a database may be away when the app starts, and the DSN comes from the
// sidecar. Until then whatever is asked gets an Unavailable error that says why.
func Late(open func(context.Context) (Core, error), log *slog.Logger) Core {
	l := &late{open: open, every: againEvery, log: log, why: errOpening}
	return Core{Control: l, Parts: []app.Part{l.part}}
}

type late struct {
	open  func(context.Context) (Core, error)
	every time.Duration // between two tries
	log   *slog.Logger

	mu      sync.Mutex
	control progress.Control // nil: not opened yet
	why     error            // it is not
}

// part opens the core and runs its parts.
func (l *late) part(ctx context.Context) error {
	tick := time.NewTicker(l.every)
	defer tick.Stop()
	for {
		c, err := l.open(ctx)
		if err == nil {
			l.mu.Lock()
			l.control = c.Control
			l.mu.Unlock()
			return app.Run(ctx, c.Parts...)
		}
		if ctx.Err() != nil {
			return nil //nolint:nilerr // told to stop before it could be opened
		}
		l.log.WarnContext(ctx, "the source cannot be opened, will be tried again", "error", err)
		l.mu.Lock()
		l.why = reason(err)
		l.mu.Unlock()
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// reason is what a caller may be told of an error.
func reason(err error) error {
	if told := (*fault.Error)(nil); errors.As(err, &told) {
		return err
	}
	return errOpening.Because(fmt.Errorf("open the source: %w", err))
}

func (l *late) get() (progress.Control, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.control == nil {
		return nil, l.why
	}
	return l.control, nil
}

// when calls the core once it is there.
func when[T any](l *late, call func(progress.Control) (T, error)) (out T, err error) {
	c, err := l.get()
	if err != nil {
		return out, err
	}
	return call(c)
}

// do is when for what gives nothing.
func (l *late) do(call func(progress.Control) error) error {
	c, err := l.get()
	if err != nil {
		return err
	}
	return call(c)
}

// Status implements progress.Control.
func (l *late) Status(ctx context.Context) (progress.Status, error) {
	return when(l, func(c progress.Control) (progress.Status, error) { return c.Status(ctx) })
}

// Preflight implements progress.Control.
func (l *late) Preflight(ctx context.Context) ([]progress.Finding, error) {
	return when(l, func(c progress.Control) ([]progress.Finding, error) { return c.Preflight(ctx) })
}

// Start implements progress.Control.
func (l *late) Start(ctx context.Context) error {
	return l.do(func(c progress.Control) error { return c.Start(ctx) })
}

// Stop implements progress.Control.
func (l *late) Stop(ctx context.Context) error {
	return l.do(func(c progress.Control) error { return c.Stop(ctx) })
}

// Rejects implements progress.Control.
func (l *late) Rejects(ctx context.Context, kind string, limit int, cursor string) (page []progress.Reject, next string, err error) {
	err = l.do(func(c progress.Control) (err error) {
		page, next, err = c.Rejects(ctx, kind, limit, cursor)
		return err
	})
	return page, next, err
}

// Retry implements progress.Control.
func (l *late) Retry(ctx context.Context) (taken, left int, err error) {
	err = l.do(func(c progress.Control) (err error) {
		taken, left, err = c.Retry(ctx)
		return err
	})
	return taken, left, err
}

// Verify implements progress.Control.
func (l *late) Verify(ctx context.Context) error {
	return l.do(func(c progress.Control) error { return c.Verify(ctx) })
}

// Report implements progress.Control.
func (l *late) Report(ctx context.Context) (progress.Report, error) {
	return when(l, func(c progress.Control) (progress.Report, error) { return c.Report(ctx) })
}

// Repair implements progress.Control.
func (l *late) Repair(ctx context.Context) (int, error) {
	return when(l, func(c progress.Control) (int, error) { return c.Repair(ctx) })
}
