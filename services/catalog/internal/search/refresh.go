package search

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"tienda/services/catalog/internal/product"
)

const (
	loadBatch   = 100              // products that are read in one call,
	fillBatch   = 400              // and when they are many: each batch goes through all orders of the index once
	loaders     = 4                // that read many batches at once, as when the model is filled
	sweepStep   = 10               // products at most that each refresh reads again, whatever their mark,
	sweepTurns  = 30               // and in how many refreshes it has read all, if they are not too many
	turnLimit   = 10 * time.Second // for one refresh; the next goes on where it had to stop
	manyBatches = 8                // from how many on they do
	unread      = -1               // the mark of what has to be read again, and the version of its bucket
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
	began := time.Now()
	lately := m.begin()
	defer m.end()
	buckets, categories, err := m.source.Index(ctx)
	if err != nil {
		m.keep(lately)
		return err
	}
	if len(m.marks) != len(buckets) {
		m.marks, m.versions = make([]map[string]int64, len(buckets)), make([]int64, len(buckets))
	}
	ids, gone := m.changed(buckets)
	gone = append(gone, unmarked(lately, buckets)...)
	left, err := m.read(ctx, append(ids, m.nextSweep()...))
	again := m.settle(gone, categories)
	for _, id := range left {
		again[id] = true
	}
	for i, b := range buckets {
		m.marks[i], m.versions[i] = m.remember(m.marks[i], b, again)
	}
	if err = errors.Join(err, m.index.Tidy()); err == nil && !m.Filled() { // one refresh at a time
		close(m.filled)
	}
	if err == nil {
		m.refreshed.Store(began.UnixNano())
	}
	return err
}

// begin gives what this replica has changed since the last refresh began.
func (m *Model) begin() (lately map[string]bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	lately, m.lately = m.lately, map[string]bool{}
	m.own, m.ownList = map[string]bool{}, false
	m.reading.Store(true)
	return lately
}

// keep leaves changes to the next refresh.
func (m *Model) keep(lately map[string]bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	maps.Copy(m.lately, lately)
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

// unmarked gives those products that no bucket has: what this replica has shown
// and another one has deleted before it was seen in the index.
func unmarked(products map[string]bool, buckets []Bucket) (gone []string) {
	left := maps.Clone(products)
	for _, b := range buckets {
		common(left, b.Marks, func(id string) { delete(left, id) })
	}
	return slices.AppendSeq(gone, maps.Keys(left))
}

// common calls do for each ID that both have. It goes through the smaller of them: of a
// large catalog there are many buckets, and after a start or an import many IDs.
func common(ids map[string]bool, marks map[string]int64, do func(id string)) {
	if len(ids) < len(marks) {
		for id := range ids {
			if _, both := marks[id]; both {
				do(id)
			}
		}
		return
	}
	for id := range marks {
		if ids[id] {
			do(id)
		}
	}
}

// read shows what the store has of products, in batches. With an
// error it gives those that are left to be read.
func (m *Model) read(ctx context.Context, ids []string) (left []string, err error) {
	size := loadBatch
	if len(ids) >= manyBatches*fillBatch {
		size = fillBatch
	}
	batches := slices.Collect(slices.Chunk(ids, size))
	if len(batches) < manyBatches {
		for i, batch := range batches {
			if err := m.readBatch(ctx, batch); err != nil {
				return slices.Concat(batches[i:]...), err
			}
		}
		return nil, nil
	}
	var mu sync.Mutex // over left and err
	var next atomic.Int64
	var group sync.WaitGroup
	for range loaders {
		group.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(batches); i = int(next.Add(1)) - 1 {
				failed := m.readBatch(ctx, batches[i])
				mu.Lock()
				if failed != nil {
					left, err = append(left, batches[i]...), failed
				}
				mu.Unlock()
			}
		})
	}
	group.Wait()
	return left, err
}

// readBatch shows what the store has of products, except for what this replica
// has changed since the turn began. State: 2 bulk gets.
func (m *Model) readBatch(ctx context.Context, ids []string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	loaded, err := m.source.Load(ctx, ids)
	if err != nil {
		return err
	}
	there := make(map[string]bool, len(loaded))
	for _, l := range loaded {
		there[l.Product.ID] = true
	}
	missing := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return there[id] })
	m.mu.Lock()
	defer m.mu.Unlock()
	loaded = slices.DeleteFunc(loaded, func(l Loaded) bool { return m.own[l.Product.ID] })
	m.apply(loaded, m.others(missing))
	return nil
}

// others gives those products that this replica has not changed since the turn
// began. m.mu is held.
func (m *Model) others(ids []string) []string {
	return slices.DeleteFunc(ids, func(id string) bool { return m.own[id] })
}

// settle hides what is gone and gives what this replica has changed since the
// turn began, to be read again.
func (m *Model) settle(gone []string, categories product.Categories) (again map[string]bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.apply(nil, m.others(gone))
	if !m.ownList {
		m.showCategories(categories)
	}
	return maps.Clone(m.own)
}

// remember gives what to compare a bucket with at the next turn. What has to
// be read again stays known, under a mark that no bucket has: if it is gone by
// then, it is seen to be gone.
func (m *Model) remember(before map[string]int64, b Bucket, again map[string]bool) (marks map[string]int64, version int64) {
	marks, version = b.Marks, b.Version
	unsee := func(id string) {
		if version != unread {
			marks, version = maps.Clone(b.Marks), unread
			if marks == nil {
				marks = map[string]int64{}
			}
		}
		marks[id] = unread
	}
	common(again, before, unsee)
	common(again, b.Marks, unsee)
	return marks, version
}

// nextSweep gives the next few products of a round over all of them. The
// first round begins once the model is filled.
func (m *Model) nextSweep() []string {
	if !m.Filled() {
		return nil
	}
	if len(m.sweep) == 0 {
		for _, marks := range m.marks {
			for id := range marks {
				m.sweep = append(m.sweep, id)
			}
		}
		m.pace = min(sweepStep, (len(m.sweep)+sweepTurns-1)/sweepTurns)
	}
	n := min(m.pace, len(m.sweep))
	step := m.sweep[:n]
	m.sweep = m.sweep[n:]
	return step
}
