package search

import (
	"context"
	"time"
)

// Freshen is Refresh, unless one has begun within a time: then the changes are left to the next
// one. So a change by itself is shown at once in this replica, and many cost no more than one
// Refresh in that time. State: as Refresh, or none.
func (m *Model) Freshen(ctx context.Context, within time.Duration) error {
	last := m.freshened.Load()
	now := time.Now().UnixNano()
	if last != 0 && now-last < int64(within) || !m.freshened.CompareAndSwap(last, now) {
		return nil
	}
	return m.Refresh(ctx)
}

// copyPause is how long after its last documents a copy is still thought to go on.
const copyPause = time.Second

// Copied notes that one of many batches of documents has come, as while another system is
// copied: each refresh of Tick would read most products of the last batches again.
func (m *Model) Copied() { m.copied.Store(time.Now().UnixNano()) }

// Tick is Refresh, but for a replica that takes in a copy: there not before the last one is so
// long ago. State: as Refresh, or none.
func (m *Model) Tick(ctx context.Context, copying time.Duration) error {
	at := time.Unix(0, m.copied.Load())
	if age, ok := m.Age(); ok && age < copying && time.Since(at) < copyPause {
		return nil
	}
	return m.Refresh(ctx)
}
