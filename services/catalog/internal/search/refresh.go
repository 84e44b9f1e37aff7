package search

import (
	"context"
	"maps"
	"slices"
	"time"

	"tienda/services/catalog/internal/product"
)

const (
	loadBatch = 100              // products that are read in one call
	sweepStep = 10               // products that each refresh reads again, whatever their mark
	turnLimit = 10 * time.Second // for one refresh; the next goes on where it had to stop
	unread    = -1               // the mark of what has to be read again, and the version of its bucket
)

// Refresh shows what has changed in the store since the last time. State: 1
// bulk get, and 2 more for each 100 products that changed.
//
// The marks say what to read. As they are kept beside what they speak of, a
// few products are also read without being marked, in turn, so that a mark
// that was lost does not stay unseen for ever.
//
// The store is read without m.mu, so that one that hangs holds up nobody who
// shows an own change. Such a change may be newer than what was read before
// it: the product is left as it is, and read again the next time.
func (m *Model) Refresh(ctx context.Context) error {
	m.turn.Lock()
	defer m.turn.Unlock()
	ctx, cancel := context.WithTimeout(ctx, turnLimit)
	defer cancel()
	m.begin()
	defer m.end()
	buckets, categories, err := m.source.Index(ctx)
	if err != nil {
		return err
	}
	if len(m.marks) != len(buckets) {
		m.marks, m.versions = make([]map[string]int64, len(buckets)), make([]int64, len(buckets))
	}
	ids, gone := m.changed(buckets)
	loaded, missing, left, err := m.read(ctx, append(ids, m.nextSweep()...))
	again := m.merge(loaded, append(gone, missing...), categories)
	for _, id := range left {
		again[id] = true
	}
	for i, b := range buckets {
		m.marks[i], m.versions[i] = m.remember(m.marks[i], b, again)
	}
	if err == nil && !m.isFilled() { // one refresh at a time
		close(m.filled)
	}
	return err
}

func (m *Model) begin() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.own, m.ownList = map[string]bool{}, false
	m.reading.Store(true)
}

func (m *Model) end() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.own = nil
	m.reading.Store(false)
}

// changed compares the marks with those of the last time.
func (m *Model) changed(buckets []Bucket) (ids, gone []string) {
	for i, b := range buckets {
		if b.Version == m.versions[i] {
			continue
		}
		for id, mark := range b.Marks {
			if m.marks[i][id] != mark {
				ids = append(ids, id)
			}
		}
		for id := range m.marks[i] {
			if _, ok := b.Marks[id]; !ok {
				gone = append(gone, id)
			}
		}
	}
	return ids, gone
}

// read gives what the store has of products, which of them it does not have,
// and, with an error, which are left to be read.
func (m *Model) read(ctx context.Context, ids []string) (loaded []Loaded, missing, left []string, err error) {
	for len(ids) > 0 {
		batch := ids[:min(loadBatch, len(ids))]
		some, err := m.source.Load(ctx, batch)
		if err != nil {
			return loaded, missing, ids, err
		}
		ids = ids[len(batch):]
		for _, id := range batch {
			if !slices.ContainsFunc(some, func(l Loaded) bool { return l.Product.ID == id }) {
				missing = append(missing, id)
			}
		}
		loaded = append(loaded, some...)
	}
	return loaded, missing, nil, nil
}

// merge shows what was read, except for what this replica has changed since
// the turn began, which it gives back to be read again.
func (m *Model) merge(loaded []Loaded, gone []string, categories product.Categories) (again map[string]bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	again = maps.Clone(m.own)
	loaded = slices.DeleteFunc(loaded, func(l Loaded) bool { return again[l.Product.ID] })
	gone = slices.DeleteFunc(gone, func(id string) bool { return again[id] })
	if len(loaded)+len(gone) > 0 {
		m.apply(loaded, gone)
	}
	if !m.ownList {
		m.showCategories(categories)
	}
	return again
}

// remember gives what to compare a bucket with at the next turn. What has to
// be read again stays known, under a mark that no bucket has: if it is gone by
// then, it is seen to be gone.
func (m *Model) remember(before map[string]int64, b Bucket, again map[string]bool) (marks map[string]int64, version int64) {
	marks, version = b.Marks, b.Version
	for id := range again {
		_, was := before[id]
		if _, is := b.Marks[id]; !is && !was {
			continue
		}
		if version != unread {
			marks, version = maps.Clone(b.Marks), unread
			if marks == nil {
				marks = map[string]int64{}
			}
		}
		marks[id] = unread
	}
	return marks, version
}

// nextSweep gives the next few products of a round over all of them. The
// first round begins once the model is filled.
func (m *Model) nextSweep() []string {
	if !m.isFilled() {
		return nil
	}
	if len(m.sweep) == 0 {
		for _, marks := range m.marks {
			for id := range marks {
				m.sweep = append(m.sweep, id)
			}
		}
	}
	n := min(sweepStep, len(m.sweep))
	step := m.sweep[:n]
	m.sweep = m.sweep[n:]
	return step
}

var _ product.Window = (*Model)(nil)
