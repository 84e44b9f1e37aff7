package service

import (
	"context"
	"sync"

	"tienda/services/migration/internal/source"
)

// opening is a source that is opened when it is first needed: the monolith, or the
// secret that says where it is, may be away when the app starts.
type opening struct {
	open func(context.Context) (source.Source, error)

	mu   sync.Mutex
	held source.Source
}

func (o *opening) get(ctx context.Context) (source.Source, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.held == nil {
		s, err := o.open(ctx)
		if err != nil {
			return nil, err
		}
		o.held = s
	}
	return o.held, nil
}

// Schema implements source.Source.
func (o *opening) Schema(ctx context.Context) (source.Schema, error) {
	s, err := o.get(ctx)
	if err != nil {
		return nil, err
	}
	return s.Schema(ctx)
}

// Follow implements source.Source.
func (o *opening) Follow(ctx context.Context, tables []string) (source.Snapshot, source.Position, error) {
	s, err := o.get(ctx)
	if err != nil {
		return nil, 0, err
	}
	return s.Follow(ctx, tables)
}

// Now implements source.Source.
func (o *opening) Now(ctx context.Context) (source.Snapshot, error) {
	s, err := o.get(ctx)
	if err != nil {
		return nil, err
	}
	return s.Now(ctx)
}

// Forget implements source.Source.
func (o *opening) Forget(ctx context.Context) error {
	s, err := o.get(ctx)
	if err != nil {
		return err
	}
	return s.Forget(ctx)
}

// Stream implements source.Source.
func (o *opening) Stream(ctx context.Context, from source.Position, each func(source.Transaction) error) error {
	s, err := o.get(ctx)
	if err != nil {
		return err
	}
	return s.Stream(ctx, from, each)
}

// Confirm implements source.Source. Nothing is stored of a source that was never open.
func (o *opening) Confirm(p source.Position) {
	o.mu.Lock()
	s := o.held
	o.mu.Unlock()
	if s != nil {
		s.Confirm(p)
	}
}

// Read implements source.Source.
func (o *opening) Read(ctx context.Context, q source.Query, keys [][]any) ([]source.Record, source.Position, error) {
	s, err := o.get(ctx)
	if err != nil {
		return nil, 0, err
	}
	return s.Read(ctx, q, keys)
}

// Roots implements source.Source.
func (o *opening) Roots(ctx context.Context, q source.Query, child string, rows []source.Row) ([][]any, error) {
	s, err := o.get(ctx)
	if err != nil {
		return nil, err
	}
	return s.Roots(ctx, q, child, rows)
}

// Head implements source.Source.
func (o *opening) Head(ctx context.Context) (source.Position, error) {
	s, err := o.get(ctx)
	if err != nil {
		return 0, err
	}
	return s.Head(ctx)
}

// Lag implements source.Source.
func (o *opening) Lag(ctx context.Context) (source.Lag, error) {
	s, err := o.get(ctx)
	if err != nil {
		return source.Lag{}, err
	}
	return s.Lag(ctx)
}

// Close implements source.Source.
func (o *opening) Close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.held != nil {
		o.held.Close()
		o.held = nil
	}
}
