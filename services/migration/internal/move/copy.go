package move

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"tienda/services/migration/internal/source"
)

// copyAll copies what the snapshot has: each owner's kinds one after the other, since a
// document may refer to another of its owner, and the owners at the same time. Chunks that
// were done before are not read again.
func (m *Mover) copyAll(ctx context.Context, snap source.Snapshot) error {
	var apps []string
	kinds := map[string][]Kind{}
	for _, k := range m.mapping.Kinds() {
		if kinds[k.App()] == nil {
			apps = append(apps, k.App())
		}
		kinds[k.App()] = append(kinds[k.App()], k)
	}
	parted := newShares(m.config.Workers, apps)
	group, ctx := errgroup.WithContext(ctx)
	for _, app := range apps {
		group.Go(func() error {
			defer parted.done(app)
			return m.copyKinds(ctx, snap, kinds[app], parted)
		})
	}
	return group.Wait()
}

// copyKinds copies the kinds of one app: what others refer to comes first.
func (m *Mover) copyKinds(ctx context.Context, snap source.Snapshot, kinds []Kind, parted *shares) error {
	for _, k := range kinds {
		if m.handed(k) {
			continue
		}
		p, err := m.planOf(ctx, snap, k)
		if err != nil {
			return err
		}
		if err := m.copyKind(ctx, snap, k, p, parted); err != nil {
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

// copyKind copies the chunks of a plan that are left, as many at the same time as its app's
// share allows.
func (m *Mover) copyKind(ctx context.Context, snap source.Snapshot, k Kind, p *Plan, parted *shares) error {
	m.mu.Lock()
	before := p.Took
	m.mu.Unlock()
	began := m.now()
	group, copying := errgroup.WithContext(ctx)
	for n := range p.Done {
		if p.Done[n] { // nobody writes it before it is taken
			continue
		}
		if parted.take(copying, k.App()) != nil {
			break // group says why, or ctx
		}
		group.Go(func() error {
			defer parted.give(k.App())
			copied, rejected, err := m.copyChunk(copying, snap, k, p, n)
			if err != nil {
				return err
			}
			return m.chunkDone(copying, p, n, copied, rejected, before+m.now().Sub(began))
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return ctx.Err()
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
