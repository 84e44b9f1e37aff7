// Package statetest has the in-memory store that tests use for speed, and the
// suite that it and every real store must pass alike.
package statetest

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"tienda/internal/state"
)

// ErrConflict is what Memory answers to a stale ETag.
var ErrConflict = errors.New("statetest: etag mismatch")

// Memory is a state.Store that honours ETags and rolls back, like SQLite and
// Postgres behind Dapr.
type Memory struct {
	mu    sync.Mutex
	items map[string]state.Item
	ends  map[string]time.Time // of those with a TTL
	seq   int

	// KeepsHalves makes it a store like Redis: of a commit with a stale ETag the
	// other writes stay.
	KeepsHalves bool

	// BeforeCommit, if set, may refuse a commit (the error is answered and
	// nothing is written). AfterCommit may lose the answer of one that landed.
	BeforeCommit, AfterCommit func(ops []state.Op) error
}

// NewMemory gives an empty store.
func NewMemory() *Memory {
	return &Memory{items: map[string]state.Item{}, ends: map[string]time.Time{}}
}

// Get implements state.Store.
func (m *Memory) Get(ctx context.Context, keys ...string) ([]state.Item, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.expire(keys...)
	out := make([]state.Item, len(keys))
	for i, k := range keys {
		out[i] = state.Item{Key: k}
		if it, ok := m.items[k]; ok {
			out[i] = it
		}
	}
	return out, nil
}

// Commit implements state.Store.
func (m *Memory) Commit(ctx context.Context, ops ...state.Op) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if m.BeforeCommit != nil {
		if err := m.BeforeCommit(ops); err != nil {
			return err
		}
	}
	m.mu.Lock()
	for _, op := range ops {
		m.expire(op.Key)
	}
	stale := func(op state.Op) bool { return !op.Blind && m.items[op.Key].ETag != op.ETag }
	conflict := slices.ContainsFunc(ops, stale)
	if conflict && !m.KeepsHalves {
		m.mu.Unlock()
		return ErrConflict
	}
	for _, op := range ops {
		if stale(op) {
			continue
		}
		delete(m.ends, op.Key)
		if op.Delete {
			delete(m.items, op.Key)
			continue
		}
		if op.TTL > 0 {
			m.ends[op.Key] = time.Now().Add(op.TTL)
		}
		m.seq++
		m.items[op.Key] = state.Item{Key: op.Key, Value: slices.Clone(op.Value), ETag: strconv.Itoa(m.seq)}
	}
	m.mu.Unlock()
	if conflict {
		return ErrConflict
	}
	if m.AfterCommit != nil {
		return m.AfterCommit(ops)
	}
	return nil
}

// expire drops what has outlived its TTL. The lock is held.
func (m *Memory) expire(keys ...string) {
	for _, k := range keys {
		if end, ok := m.ends[k]; ok && !time.Now().Before(end) {
			delete(m.items, k)
			delete(m.ends, k)
		}
	}
}

// Keys lists the keys with a prefix, sorted.
func (m *Memory) Keys(prefix string) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.expire(slices.Collect(maps.Keys(m.ends))...)
	var out []string
	for _, k := range slices.Sorted(maps.Keys(m.items)) {
		if strings.HasPrefix(k, prefix) {
			out = append(out, k)
		}
	}
	return out
}
