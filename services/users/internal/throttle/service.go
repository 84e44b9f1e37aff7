package throttle

import (
	"context"
	"time"
)

// Store keeps guards.
type Store interface {
	// Count counts a failure, or a try, at the guards of count: one read, one
	// write. If one of gate has to wait, it counts nothing and says so by a
	// *Wait: of many tries at once no more are let through than one by one.
	Count(ctx context.Context, gate, count []Key, now time.Time) error
	// Forget forgets the failures of guards.
	Forget(ctx context.Context, keys []Key) error
}

// Service counts tries before they are made.
type Service struct {
	store Store
	now   func() time.Time
}

// NewService gives the service over a store.
func NewService(store Store, now func() time.Time) *Service { return &Service{store: store, now: now} }

// Admit counts a request that anybody may make, and says by a *Wait that the
// address has made too many. kind names what is asked for: "register".
func (s *Service) Admit(ctx context.Context, kind, address string) error {
	keys := ByRequest(kind, address)
	if len(keys) == 0 {
		return nil
	}
	return s.store.Count(ctx, keys, keys, s.now())
}

// Try counts a try of who must prove to be a user, and says by a *Wait that
// there were too many.
func (s *Service) Try(ctx context.Context, userID string) error {
	keys := []Key{ByOwner(userID)}
	return s.store.Count(ctx, keys, keys, s.now())
}

// Proved forgets the tries of a user who has proved it.
func (s *Service) Proved(ctx context.Context, userID string) error {
	return s.store.Forget(ctx, []Key{ByOwner(userID)})
}
