package api

import (
	"context"
	"sync/atomic"

	"tienda/internal/state"
)

// counted counts the calls of a store.
type counted struct {
	state.Store
	gets, commits atomic.Int64
}

func (c *counted) Get(ctx context.Context, keys ...string) ([]state.Item, error) {
	c.gets.Add(1)
	return c.Store.Get(ctx, keys...)
}

func (c *counted) Commit(ctx context.Context, ops ...state.Op) error {
	c.commits.Add(1)
	return c.Store.Commit(ctx, ops...)
}

// during gives how many gets and commits f makes.
func (c *counted) during(f func()) (gets, commits int64) {
	g, w := c.gets.Load(), c.commits.Load()
	f()
	return c.gets.Load() - g, c.commits.Load() - w
}
