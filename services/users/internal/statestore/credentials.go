package statestore

import (
	"context"
	"time"

	"tienda/internal/state"
	"tienda/services/users/internal/account"
)

// How long an e-mail is kept for the user who is getting it, and how long that
// may take: less, so that the user's document is never written after.
const (
	keepTime   = time.Minute
	changeTime = 20 * time.Second
)

// freeFor says whether a user may have the e-mail.
func freeFor(tx *state.Tx, email, userID string) (bool, error) {
	c, ok, err := claims.Get(tx, claimID(email))
	if err != nil || !ok || c.UserID == userID {
		return err == nil, err
	}
	if time.Now().Before(c.KeptTil) {
		return false, nil
	}
	_, held, err := holder(tx, email)
	return !held, err
}

// ChangeEmail implements account.Store: three updates, each of which may stand
// alone on a store that does not roll back. The e-mail is kept for the user; the
// user's document takes it, which is what decides; the claims follow. If the
// last is missing, the new claim is good because the user has the e-mail, and
// the old one is free because the user has not.
func (a *Accounts) ChangeEmail(ctx context.Context, id, email string, change func(*account.User) error) (account.User, error) {
	ctx, cancel := context.WithTimeout(ctx, changeTime)
	defer cancel()
	err := a.db.Update(ctx, func(tx *state.Tx) error {
		switch free, err := freeFor(tx, email, id); {
		case err != nil:
			return err
		case !free:
			return account.ErrEmailTaken
		}
		return claims.Put(tx, claimID(email), claim{UserID: id, KeptTil: time.Now().UTC().Add(keepTime)})
	})
	if err != nil {
		return account.User{}, err
	}
	var was string
	u, err := a.Update(ctx, id, func(u *account.User) error {
		was = u.Email
		return change(u)
	})
	if err != nil {
		return account.User{}, err // the kept e-mail is free again in a minute
	}
	_ = a.db.Update(ctx, func(tx *state.Tx) error {
		if err := tx.Load(claimKeys([]string{was, email})...); err != nil {
			return err
		}
		old, _, err := claims.Get(tx, claimID(was))
		if err != nil {
			return err
		}
		if old.UserID == id && was != email {
			if err := claims.Delete(tx, claimID(was)); err != nil {
				return err
			}
		}
		return claims.Put(tx, claimID(email), claim{UserID: id})
	})
	return u, nil
}
