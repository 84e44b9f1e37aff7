package session

import (
	"context"
	"time"

	"tienda/internal/fault"
	"tienda/services/users/internal/audit"
)

// Store keeps each user's sessions. What a change ends (Sessions.Ended) is
// announced when, and only when, the change is stored.
type Store interface {
	// Sessions reads the sessions of a user; without any, an empty document.
	Sessions(ctx context.Context, userID string) (Sessions, error)
	// Update changes them. It may run change several times.
	Update(ctx context.Context, userID string, change func(*Sessions) error) error
}

// Service is what can be done with sessions.
type Service struct {
	store Store
	now   func() time.Time
}

// NewService gives the service over a store.
func NewService(store Store, now func() time.Time) *Service { return &Service{store: store, now: now} }

// Open begins a session of a user who has just proved who it is;
// account.ErrDisabled if the account was disabled in that moment.
func (s *Service) Open(ctx context.Context, userID string, from Client) (Token, error) {
	var t Token
	err := s.store.Update(ctx, userID, func(all *Sessions) (err error) {
		t, err = all.Begin(from, s.now())
		return err
	})
	return t, err
}

// Renew uses a refresh token up and gives the next one; ErrToken. Of two
// renewals with one token at the same time the stored document lets one win;
// the other gets ErrCrossed.
func (s *Service) Renew(ctx context.Context, t Token, from Client) (Token, error) {
	var next Token
	var refused error
	err := s.store.Update(ctx, t.UserID, func(all *Sessions) error {
		var changed bool
		next, changed, refused = all.renew(t, from, s.now())
		if changed {
			return nil // a refusal that ends the session is stored too
		}
		return refused
	})
	if err == nil {
		err = refused
	}
	if err != nil {
		return Token{}, err
	}
	return next, nil
}

// List gives the open sessions, the most recently used first.
func (s *Service) List(ctx context.Context, userID string) ([]Family, error) {
	all, err := s.store.Sessions(ctx, userID)
	if err != nil {
		return nil, err
	}
	return all.current(s.now()), nil
}

// Revoke ends one of the user's sessions; fault.NotFound.
func (s *Service) Revoke(ctx context.Context, userID, sessionID string) error {
	return s.revoke(ctx, userID, sessionID, audit.SessionRevoked)
}

func (s *Service) revoke(ctx context.Context, userID, sessionID string, kind audit.Kind) error {
	return s.store.Update(ctx, userID, func(all *Sessions) error { return all.revoke(sessionID, kind) })
}

// End ends the session if it is there: signing out twice is no mistake.
func (s *Service) End(ctx context.Context, userID, sessionID string) error {
	err := s.revoke(ctx, userID, sessionID, audit.SignedOut)
	if fault.KindOf(err) == fault.NotFound {
		return nil
	}
	return err
}
