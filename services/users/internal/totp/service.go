package totp

import (
	"context"
	"time"

	"tienda/internal/fault"
	"tienda/services/users/internal/account"
)

// Store keeps second factors.
type Store interface {
	// Factor reads that of a user; without any, the zero Factor.
	Factor(ctx context.Context, userID string) (Factor, error)
	// Change changes a factor, and forgets the failures of the owner
	// (throttle.ByOwner), in one commit; account.ErrGone. A factor that is
	// changed to the zero Factor is removed. With devicesSince the devices of
	// before are forgotten, too. It may run change several times.
	Change(ctx context.Context, userID string, devicesSince time.Time, change func(*Factor) error) error
}

// Keys seal secrets for the store.
type Keys interface {
	Seal(plain []byte, about string) ([]byte, error)
	Open(sealed []byte, about string) ([]byte, error)
}

// Owner slows down who guesses what only the owner of an account knows.
type Owner interface {
	// Try counts a try and says whether it may come, a *throttle.Wait if not.
	Try(ctx context.Context, userID string) error
	// Password is Try, and account.ErrPassword if it is not the user's.
	Password(ctx context.Context, userID, password string) (account.User, error)
	// Failed tells of a failed proof, for the trail.
	Failed(ctx context.Context, userID, reason string)
}

// WrongCode is the reason of a failure by a wrong, old or used code.
const WrongCode = "wrong second factor"

// told tells of a wrong code.
func (s *Service) told(ctx context.Context, userID string, err error) error {
	if fault.CodeOf(err) == errCode.Code {
		s.owner.Failed(ctx, userID, WrongCode)
	}
	return err
}

// Service is what can be done with second factors.
type Service struct {
	store  Store
	keys   Keys
	owner  Owner
	issuer string
	now    func() time.Time
}

// NewService gives the service over a store. issuer is the name of the shop in
// people's apps.
func NewService(store Store, keys Keys, owner Owner, issuer string, now func() time.Time) *Service {
	return &Service{store: store, keys: keys, owner: owner, issuer: issuer, now: now}
}

// Status gives the factor of a signed-in user.
func (s *Service) Status(ctx context.Context, userID string) (Factor, error) {
	return s.store.Factor(ctx, userID)
}

// Started is what an authenticator app needs.
type Started struct {
	Secret, URL string
	Until       time.Time // to confirm it
}

// Start gives a user a new secret; nothing else changes until it is confirmed.
func (s *Service) Start(ctx context.Context, userID, password string) (Started, error) {
	u, err := s.owner.Password(ctx, userID, password)
	if err != nil {
		return Started{}, err
	}
	secret, url, err := newSecret(s.issuer, u.Email)
	if err != nil {
		return Started{}, err
	}
	sealed, err := s.keys.Seal([]byte(secret), userID)
	if err != nil {
		return Started{}, err
	}
	now := s.now()
	err = s.store.Change(ctx, userID, time.Time{}, func(f *Factor) error { return f.start(sealed, now) })
	return Started{Secret: secret, URL: url, Until: now.Add(StartLimit).UTC()}, err
}

// Confirm turns the factor on with its first code and gives the recovery
// codes. Devices have to show it once before they are trusted again.
func (s *Service) Confirm(ctx context.Context, userID, code string) (recovery []string, err error) {
	if err := s.owner.Try(ctx, userID); err != nil {
		return nil, err
	}
	err = s.store.Change(ctx, userID, s.now(), func(f *Factor) error {
		secret, err := s.Secret(*f, userID)
		if err != nil {
			return err
		}
		recovery, err = f.confirm(secret, code, s.now())
		return err
	})
	return recovery, err
}

// Stop turns the factor off.
func (s *Service) Stop(ctx context.Context, userID, password string, p Proof) error {
	return s.proven(ctx, userID, password, p, func(f *Factor) { *f = Factor{} })
}

// Renew gives new recovery codes in place of all old ones.
func (s *Service) Renew(ctx context.Context, userID, password string, p Proof) (recovery []string, err error) {
	err = s.proven(ctx, userID, password, p, func(f *Factor) { recovery = f.renew() })
	return recovery, err
}

func (s *Service) proven(ctx context.Context, userID, password string, p Proof, change func(*Factor)) error {
	if _, err := s.owner.Password(ctx, userID, password); err != nil {
		return err
	}
	return s.told(ctx, userID, s.store.Change(ctx, userID, time.Time{}, func(f *Factor) error {
		if err := s.Use(f, userID, p); err != nil {
			return err
		}
		change(f)
		return nil
	}))
}

// Prove uses a proof up, of a user who has shown the password: nothing where the
// factor is off; else ErrNeeded without one, fault.Unprocessable for a wrong one.
// It reads once; where the factor is on it reads and writes once more.
func (s *Service) Prove(ctx context.Context, userID string, p Proof) error {
	f, err := s.store.Factor(ctx, userID)
	switch {
	case err != nil || !f.On:
		return err
	case !p.Given():
		return ErrNeeded
	}
	return s.told(ctx, userID, s.store.Change(ctx, userID, time.Time{}, func(f *Factor) error {
		if !f.On { // turned off meanwhile
			return nil
		}
		return s.Use(f, userID, p)
	}))
}

// Use uses up a proof in a factor that the caller then stores.
func (s *Service) Use(f *Factor, userID string, p Proof) error {
	secret, err := s.Secret(*f, userID)
	if err != nil {
		return err
	}
	return f.use(secret, p, s.now())
}

// Secret opens the secret of a user's factor; "" if there is none.
func (s *Service) Secret(f Factor, userID string) (string, error) {
	if len(f.Secret) == 0 {
		return "", nil
	}
	secret, err := s.keys.Open(f.Secret, userID)
	return string(secret), err
}
