package machine

import (
	"context"
	"time"

	"tienda/internal/fault"
)

// Store keeps service accounts. The sessions that a change ends (Account.Ended)
// are noted as revoked when, and only when, the change is stored.
type Store interface {
	// Create stores a new account.
	Create(ctx context.Context, a Account) error
	// Account reads an account; fault.NotFound.
	Account(ctx context.Context, id string) (Account, error)
	// Update changes an account; fault.NotFound. It may run change several times.
	Update(ctx context.Context, id string, change func(*Account) error) (Account, error)
	// List gives a page, the newest first, and the cursor of the next; "": none.
	List(ctx context.Context, cursor string, limit int) ([]Account, string, error)
}

// Service is what can be done with service accounts.
type Service struct {
	store Store
	now   func() time.Time
}

// NewService gives the service over a store.
func NewService(store Store, now func() time.Time) *Service { return &Service{store: store, now: now} }

// Create makes an account and gives its secret, which is not kept; by is the
// admin who asks. fault.Unprocessable for a blank name.
func (s *Service) Create(ctx context.Context, by, name string, scopes []string) (Account, string, error) {
	a, secret, err := create(by, name, scopes, s.now())
	if err != nil {
		return Account{}, "", err
	}
	return a, secret, s.store.Create(ctx, a)
}

// List gives a page of the accounts, the newest first, the revoked included.
func (s *Service) List(ctx context.Context, cursor string, limit int) ([]Account, string, error) {
	return s.store.List(ctx, cursor, limit)
}

// Rotate gives an account another secret in place of its own, which ends with
// all its tokens; fault.NotFound, or fault.Conflict for a revoked one.
func (s *Service) Rotate(ctx context.Context, id string) (Account, string, error) {
	var secret string
	a, err := s.store.Update(ctx, id, func(a *Account) (err error) {
		secret, err = a.rotate(s.now())
		return err
	})
	return a, secret, err
}

// Revoke ends an account and its tokens for good; fault.NotFound.
func (s *Service) Revoke(ctx context.Context, id string) error {
	_, err := s.store.Update(ctx, id, func(a *Account) error {
		a.revoke(s.now())
		return nil
	})
	return err
}

// Authenticate gives the account behind a client ID and its secret, and the
// scopes that a token may have: those asked for, or all; ErrClient for an
// account that is not there, is revoked, or has another secret, ErrScope.
func (s *Service) Authenticate(ctx context.Context, clientID, secret string, asked []string) (Account, []string, error) {
	a, err := s.store.Account(ctx, clientID)
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return Account{}, nil, err
	}
	if !a.check(secret) { // also where there is none, for as long
		return Account{}, nil, ErrClient
	}
	scopes, err := a.grant(asked)
	return a, scopes, err
}
