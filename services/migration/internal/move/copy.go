package move

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"tienda/services/migration/internal/source"
)

// copyAll copies what the snapshot has, kind after kind: what others refer to
// comes first. Chunks that were done before are not read again.
func (m *Mover) copyAll(ctx context.Context, snap source.Snapshot) error {
	for _, k := range m.mapping.Kinds() {
		if m.handed(k) {
			continue
		}
		p, err := m.planOf(ctx, snap, k)
		if err != nil {
			return err
		}
		if err := m.copyKind(ctx, snap, k, p); err != nil {
			return err
		}
	}
	return nil
}

// planOf gives the plan of a kind, made now if there is none.
func (m *Mover) planOf(ctx context.Context, snap source.Snapshot, k Kind) (*Plan, error) {
	m.mu.Lock()
	p := m.plans[k.Name()]
	m.mu.Unlock()
	if p != nil {
		return p, nil
	}
	rows, err := snap.Count(ctx, k.Query())
	if err != nil {
		return nil, fmt.Errorf("count %s: %w", k.Name(), err)
	}
	p = &Plan{Kind: k.Name(), Rows: rows}
	if chunks := int((rows + int64(m.config.Chunk) - 1) / int64(m.config.Chunk)); chunks > 1 {
		if p.Bounds, err = snap.Bounds(ctx, k.Query(), chunks); err != nil {
			return nil, fmt.Errorf("bounds of %s: %w", k.Name(), err)
		}
	}
	p.Done = make([]bool, len(p.Bounds)+1)
	if err := m.journal.SavePlan(ctx, *p); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.plans[k.Name()] = p
	return p, nil
}

// copyKind copies the chunks of a plan that are left, some at the same time.
func (m *Mover) copyKind(ctx context.Context, snap source.Snapshot, k Kind, p *Plan) error {
	var next atomic.Int64
	var before time.Duration
	m.mu.Lock()
	before = p.Took
	m.mu.Unlock()
	began := m.now()
	group, ctx := errgroup.WithContext(ctx)
	for range m.config.Workers {
		group.Go(func() error {
			for {
				n := int(next.Add(1)) - 1
				if n >= len(p.Done) {
					return nil
				}
				if p.Done[n] { // written by the worker that has taken n alone
					continue
				}
				copied, rejected, err := m.copyChunk(ctx, snap, k, p, n)
				if err != nil {
					return err
				}
				if err := m.chunkDone(ctx, p, n, copied, rejected, before+m.now().Sub(began)); err != nil {
					return err
				}
			}
		})
	}
	return group.Wait()
}

// copyChunk copies the roots between two bounds.
func (m *Mover) copyChunk(ctx context.Context, snap source.Snapshot, k Kind, p *Plan, n int) (copied, rejected int64, err error) {
	var after, to []any
	if n > 0 {
		after = p.Bounds[n-1]
	}
	if n < len(p.Bounds) {
		to = p.Bounds[n]
	}
	for {
		records, err := snap.Chunk(ctx, k.Query(), after, to, m.config.Chunk)
		if err != nil {
			return 0, 0, fmt.Errorf("copy %s: %w", k.Name(), err)
		}
		bad, err := m.load(ctx, k, made(k, records, snap.Position()))
		if err != nil {
			return 0, 0, err
		}
		copied, rejected = copied+int64(len(records))-bad, rejected+bad
		if len(records) < m.config.Chunk {
			return copied, rejected, nil
		}
		after = keyOf(k.Query(), records[len(records)-1].Row)
	}
}

// chunkDone notes that all of a chunk is stored.
func (m *Mover) chunkDone(ctx context.Context, p *Plan, n int, copied, rejected int64, took time.Duration) error {
	m.mu.Lock()
	p.Done[n] = true
	p.Copied, p.Rejected, p.Took = p.Copied+copied, p.Rejected+rejected, took
	m.mu.Unlock()
	return m.patiently(ctx, "its own store", func() error {
		m.saving.Lock() // a later state is not written before an earlier one
		defer m.saving.Unlock()
		m.mu.Lock()
		saved := p.clone()
		m.mu.Unlock()
		return m.journal.SavePlan(ctx, saved)
	})
}
