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
