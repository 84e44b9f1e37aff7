package state

import (
	"context"
	"slices"
	"sync"

	"tienda/internal/trace"
)

// Bounds of group reads. A store reads documents by the hundred at little more
// than the price of one (docs/adr/0007).
const (
	readKeys    = 200 // keys in one call, unless one read asks for more
	readFlights = 2   // calls under way at once
)

// reads gathers the reads that are under way in this replica into bulk reads,
// as group does with writes: with room for a call, a read goes out alone and
// at once; else it waits for the next one and shares it. A call begins after
// all of its reads were asked for, so none is answered from the past, and two
// reads of one key share its answer.
//
// It is a Store; commits pass through.
type reads struct {
	Store

	mu      sync.Mutex
	queue   []*read
	flights int
}

type read struct {
	ctx  context.Context
	keys []string
	done chan found
}

type found struct {
	items []Item
	alone bool // the shared call failed: the caller asks for itself
}

func readTogether(store Store) *reads { return &reads{Store: store} }

// Get implements Store.
func (g *reads) Get(ctx context.Context, keys ...string) ([]Item, error) {
	g.mu.Lock()
	if g.flights < readFlights && len(g.queue) == 0 {
		g.flights++
		g.mu.Unlock()
		defer g.landed()
		return g.Store.Get(ctx, keys...)
	}
	r := &read{ctx: ctx, keys: keys, done: make(chan found, 1)}
	g.queue = append(g.queue, r)
	g.mu.Unlock()
	select {
	case f := <-r.done:
		if f.alone {
			return g.Store.Get(ctx, keys...)
		}
		return f.items, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// landed makes room for the next call and starts it if anybody waits.
func (g *reads) landed() {
	g.mu.Lock()
	defer g.mu.Unlock()
	batch := g.board()
	if len(batch) == 0 {
		g.flights--
		return
	}
	go func() {
		defer g.landed()
		g.fly(batch)
	}()
}

// board takes the oldest reads out of the queue, without those whose caller
// has gone. The lock is held.
func (g *reads) board() (batch []*read) {
	n := 0
	for i, r := range g.queue {
		if len(batch) > 0 && n+len(r.keys) > readKeys {
			g.queue = slices.Delete(g.queue, 0, i)
			return batch
		}
		if r.ctx.Err() == nil {
			batch = append(batch, r)
			n += len(r.keys)
		}
	}
	g.queue = nil
	return batch
}

// fly makes the call. If it fails, each asks for itself: one that cannot be
// answered does not fail the others.
func (g *reads) fly(batch []*read) {
	// Of the callers, one may go away while the others wait.
	ctx, cancel := context.WithTimeout(context.Background(), commitLimit)
	defer cancel()
	ctx, span := trace.Shared(ctx, trace.Internal, "read together", traced(batch, func(r *read) context.Context { return r.ctx }))
	at := map[string]int{}
	var keys []string
	for _, r := range batch {
		for _, k := range r.keys {
			if _, ok := at[k]; !ok {
				at[k] = len(keys)
				keys = append(keys, k)
			}
		}
	}
	items, err := g.Store.Get(ctx, keys...)
	span.EndWith(err)
	for _, r := range batch {
		if err != nil {
			r.done <- found{alone: true}
			continue
		}
		mine := make([]Item, len(r.keys))
		for i, k := range r.keys {
			mine[i] = items[at[k]]
		}
		r.done <- found{items: mine}
	}
}
