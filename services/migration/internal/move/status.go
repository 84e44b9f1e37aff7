package move

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"tienda/services/migration/internal/progress"
	"tienda/services/migration/internal/source"
)

// lagSamples is how many lags are kept: ten minutes of one every two seconds.
const lagSamples = 300

// Reached says whether all up to a position is stored.
func (m *Mover) Reached(p source.Position) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.run.Phase == progress.Following && m.run.Position >= p
}

// Sample looks at the lag, to be called now and then.
func (m *Mover) Sample(ctx context.Context) error {
	head, err := m.source.Head(ctx)
	if err != nil {
		return fmt.Errorf("the end of the log: %w", err)
	}
	lag, err := m.source.Lag(ctx)
	if err != nil {
		return fmt.Errorf("the lag: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.head, m.left = head, lag.Left
	bytes, seconds := m.lag()
	m.lags = append(m.lags, progress.Lag{At: m.now(), Bytes: bytes, Seconds: seconds})
	m.lags = m.lags[max(0, len(m.lags)-lagSamples):]
	return nil
}

// lag is how far what is stored is behind. m.mu is held.
func (m *Mover) lag() (bytes int64, seconds float64) {
	if m.run.Position > 0 && m.head > m.run.Position {
		bytes = int64(m.head - m.run.Position) //nolint:gosec // a log of less than 2^63 bytes
	}
	if !m.oldest.IsZero() {
		seconds = max(0, m.now().Sub(m.oldest).Seconds())
	}
	return bytes, seconds
}

// Status says how far the move is.
func (m *Mover) Status(context.Context) (progress.Status, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	bytes, seconds := m.lag()
	waiting, why := m.waiting.list()
	s := progress.Status{
		Phase: m.run.Phase, Reason: m.run.Reason, Since: m.run.Since, Waiting: waiting, WaitingWhy: why, Mapping: m.mapping.Name(),
		Position: uint64(m.run.Position), Head: uint64(max(m.head, m.run.Position)), LagBytes: bytes, LagSecs: seconds, LogLeft: m.left,
		Changes: m.run.Changes, Lags: slices.Clone(m.lags), Rejects: int64(len(m.rejected)), Limit: m.config.Limit, UpdatedAt: m.now(),
		Kinds: []progress.Kind{},
	}
	if s.Lags == nil {
		s.Lags = []progress.Lag{}
	}
	for _, k := range m.mapping.Kinds() {
		line := progress.Kind{Kind: k.Name(), App: k.App(), Changed: m.changed[k.Name()]}
		if s := m.run.Strays[k.Name()]; m.run.Handed[k.Kind()] {
			line.Stray, line.StrayKey, line.StrayAt = s.Count, s.Key, s.At
		}
		if p := m.plans[k.Name()]; p != nil {
			line.Rows, line.Copied, line.Rejected, line.Chunks = p.Rows, p.Copied, p.Rejected, len(p.Done)
			for _, done := range p.Done {
				if done {
					line.ChunksDone++
				}
			}
			if p.Took > 0 {
				line.Rate = float64(p.Copied+p.Rejected) / p.Took.Seconds()
			}
		}
		s.Kinds = append(s.Kinds, line)
	}
	return s, nil
}

// Rejects gives a page of what was rejected.
func (m *Mover) Rejects(ctx context.Context, kind string, limit int, cursor string) ([]progress.Reject, string, error) {
	return m.journal.Rejects(ctx, kind, limit, cursor)
}

// Retry reads anew what was rejected, and says how many of it were taken and are left.
func (m *Mover) Retry(ctx context.Context) (taken, left int, err error) {
	m.mu.Lock()
	before := maps.Clone(m.rejected)
	m.mu.Unlock()
	for _, k := range m.mapping.Kinds() {
		keys, err := m.rejectedKeys(ctx, k)
		if err != nil {
			return 0, 0, err
		}
		if err := m.refresh(ctx, k, keys); err != nil && !errors.Is(err, errRejects) && !isHanded(err) {
			return 0, 0, err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for id := range before {
		if m.rejected[id] == "" {
			taken++
		}
	}
	return taken, len(m.rejected), nil
}

func (m *Mover) rejectedKeys(ctx context.Context, k Kind) (keys [][]any, err error) {
	for cursor := ""; ; {
		page, next, err := m.journal.Rejects(ctx, k.Name(), MaxBatch, cursor)
		if err != nil {
			return nil, err
		}
		for _, r := range page {
			if key, ours := k.KeyOf(r.Key); ours {
				keys = append(keys, key)
			}
		}
		if cursor = next; cursor == "" {
			return keys, nil
		}
	}
}

// IsRejected says whether a document is on the list of rejects.
func (m *Mover) IsRejected(id string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.rejected[id] != ""
}

// Refresh reads roots anew and sends what they are now.
func (m *Mover) Refresh(ctx context.Context, k Kind, keys [][]any) error {
	err := m.refresh(ctx, k, keys)
	if errors.Is(err, errRejects) {
		return nil // the list tells
	}
	return err
}
