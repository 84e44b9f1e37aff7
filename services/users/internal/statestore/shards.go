package statestore

import (
	"context"
	"math/rand/v2"
	"sync"
)

// turn is a shard that its holder has for itself in this replica.
type turn struct{ shard int }

// turns hand out shards of the log, one to a writer, so that two writers of a
// replica never want the same bucket: 64 at once over 8 buckets, each taking any,
// had 3 conflicts each, and some gave up. Another replica may want it, but each
// prefers others.
type turns struct {
	room chan struct{}
	mu   sync.Mutex
	free []int // the next to hand out is the last
}

func newTurns() *turns {
	return &turns{room: make(chan struct{}, revokedTurns), free: rand.Perm(revokedShards)}
}

// take waits for a shard.
func (t *turns) take(ctx context.Context) (*turn, error) {
	select {
	case t.room <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	last := len(t.free) - 1
	shard := t.free[last]
	t.free = t.free[:last]
	return &turn{shard}, nil
}

func (t *turns) give(was *turn) {
	t.mu.Lock()
	t.free = append(t.free, was.shard)
	t.mu.Unlock()
	<-t.room
}
