package session

import (
	"context"
	"time"
)

// EndAll ends the sessions of a user that were opened before a time (zero: all),
// but for the one named ("": none). It writes in any case, so that a session
// that is being opened meanwhile is opened before, and ended, or after.
func (s *Service) EndAll(ctx context.Context, userID, except string, before time.Time) error {
	return s.store.Update(ctx, userID, func(all *Sessions) error {
		all.endAll(except, before)
		return nil
	})
}

func (s *Sessions) endAll(except string, before time.Time) {
	for i := len(s.Families) - 1; i >= 0; i-- {
		if f := s.Families[i]; f.ID != except && (before.IsZero() || f.CreatedAt.Before(before)) {
			s.end(i)
		}
	}
}
