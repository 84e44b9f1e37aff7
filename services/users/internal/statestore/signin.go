package statestore

import (
	"cmp"
	"context"
	"slices"
	"time"

	"tienda/internal/state"
	"tienda/services/users/internal/account"
	"tienda/services/users/internal/audit"
	"tienda/services/users/internal/signin"
	"tienda/services/users/internal/throttle"
	"tienda/services/users/internal/totp"
)

// factors are "factor:<user id>": the second factor is no part of the account,
// whose version a sign-in with a code would change.
var factors = state.Collection[totp.Factor]{Prefix: "factor:"}

// SignIns implements signin.Store.
type SignIns struct {
	*Guards
	sessions *Sessions
}

// NewSignIns gives what sign-ins need in the store of the sessions.
func NewSignIns(sessions *Sessions) *SignIns {
	return &SignIns{Guards: NewGuards(sessions.db), sessions: sessions}
}

// Look implements signin.Store: one read of the claim and the guards, one of
// user and factor, also if nobody has the e-mail, so that a sign-in takes as
// long for a stranger as for a customer.
func (s *SignIns) Look(ctx context.Context, email string, keys []throttle.Key) (found signin.Found, err error) {
	found.Guards = make(map[string]throttle.Guard, len(keys))
	err = s.db.View(ctx, func(tx *state.Tx) error {
		if err := tx.Load(append(guardKeys(keys...), claims.Key(claimID(email)))...); err != nil {
			return err
		}
		for _, k := range keys {
			g, _, err := guards(0).Get(tx, k.ID)
			if err != nil {
				return err
			}
			found.Guards[k.ID] = g
		}
		c, ok, err := claims.Get(tx, claimID(email))
		if err != nil {
			return err
		}
		if !ok {
			c.UserID = "nobody"
		}
		if err := tx.Load(users.Key(c.UserID), factors.Key(c.UserID)); err != nil {
			return err
		}
		u, ok, err := read(tx, c.UserID)
		if err != nil || !ok || u.Email != email { // a claim may be ahead of its user, or behind
			return err
		}
		found.User = u
		found.Factor, _, err = factors.Get(tx, c.UserID)
		return err
	})
	return found, err
}

// Enter implements signin.Store. The session is what it is about: a code that
// was used up, a hash that was renewed, or a guard that was cleared without it,
// on a store that does not roll back, let nobody in. The account is read with
// the sessions: a password that changes meanwhile ends them after, and who does
// that writes them in any case.
func (s *SignIns) Enter(ctx context.Context, e signin.Entry) (u account.User, err error) {
	ctx, cancel := context.WithTimeout(ctx, endLimit)
	defer cancel()
	c := s.sessions.changing(ctx, e.UserID, e.Open)
	defer c.log.done()
	err = s.db.Update(ctx, func(tx *state.Tx) error {
		if err := tx.Load(slices.Concat(guardKeys(e.Gate...), c.keys(), []string{factors.Key(e.UserID)})...); err != nil {
			return err
		}
		if err := gate(tx, e.Gate, e.Now); err != nil {
			return err
		}
		var ok bool
		var err error
		if u, ok, err = read(tx, e.UserID); err != nil {
			return err
		}
		if !ok || !u.Barred() && u.PasswordEpoch != e.PasswordEpoch {
			return account.ErrCredentials
		}
		if e.Use == nil { // it may have been turned on since the password was checked
			if f, _, err := factors.Get(tx, e.UserID); err != nil || f.On {
				return cmp.Or(err, error(signin.ErrSecondFactor))
			}
		}
		if err := c.run(tx); err != nil {
			return err
		}
		if e.Use != nil {
			if err := changeFactor(tx, e.UserID, e.Use); err != nil {
				return err
			}
		}
		if e.NewHash != "" {
			if u.Rehash(e.OldHash, e.NewHash); len(u.Changes()) > 0 {
				if err := write(tx, u, false); err != nil {
					return err
				}
			}
		}
		return forget(tx, e.Forget)
	})
	return u, err
}

// Factors implements totp.Store.
type Factors struct{ db *state.DB }

// NewFactors gives the second factors in db.
func NewFactors(db *state.DB) *Factors { return &Factors{db: db} }

// Factor implements totp.Store: one read.
func (s *Factors) Factor(ctx context.Context, userID string) (f totp.Factor, err error) {
	err = s.db.View(ctx, func(tx *state.Tx) (err error) {
		f, _, err = factors.Get(tx, userID)
		return err
	})
	return f, err
}

// Change implements totp.Store: one read, one write. The factor is what it is
// about: devices that are forgotten, or tries, without it do no harm.
func (s *Factors) Change(ctx context.Context, userID string, devicesSince time.Time, change func(*totp.Factor) error) error {
	owner := throttle.ByOwner(userID)
	batch := audit.Begin(ctx)
	keys := append(noteKeys(batch, userID), guards(0).Key(owner.ID), users.Key(userID), factors.Key(userID))
	var told []audit.Event
	noted := func(f *totp.Factor) error {
		was := f.On
		err := change(f)
		told = switched(was, f.On)
		return err
	}
	return s.db.Update(ctx, func(tx *state.Tx) error {
		batch.Again()
		if err := tx.Load(keys...); err != nil {
			return err
		}
		u, ok, err := read(tx, userID)
		if err != nil {
			return err
		}
		if !ok || u.Erased() {
			return account.ErrGone
		}
		if err := changeFactor(tx, userID, noted); err != nil {
			return err
		}
		if !devicesSince.IsZero() {
			u.ForgetDevices(devicesSince)
			if err := write(tx, u, false); err != nil {
				return err
			}
		}
		if err := forget(tx, []throttle.Key{owner}); err != nil {
			return err
		}
		return note(tx, batch, userID, told...)
	})
}

// switched lists the security events of a factor that was on, or not, and is.
func switched(was, is bool) []audit.Event {
	switch {
	case is && !was:
		return []audit.Event{{Kind: audit.SecondFactorOn}}
	case was && !is:
		return []audit.Event{{Kind: audit.SecondFactorOff}}
	}
	return nil
}

// changeFactor changes it once: a code is used once, and recovery codes are
// those that were stored.
func changeFactor(tx *state.Tx, userID string, change func(*totp.Factor) error) error {
	if ours, err := tx.Ours(factors.Key(userID)); err != nil || ours {
		return err
	}
	f, _, err := factors.Get(tx, userID)
	if err != nil {
		return err
	}
	if err := change(&f); err != nil {
		return err
	}
	if len(f.Secret) == 0 {
		return factors.Delete(tx, userID)
	}
	return factors.Put(tx, userID, f)
}
