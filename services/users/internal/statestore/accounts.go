// Package statestore keeps accounts and sessions in the service's state store:
// "user:<id>", "email:<SHA-256 of the normal e-mail>" (the claim, which makes
// an e-mail unique) and "sessions:<user id>".
package statestore

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

	"tienda/internal/state"
	"tienda/services/users/internal/account"
	"tienda/services/users/internal/events"
)

// claim says whose an e-mail is. It is the one document that decides it: a
// claim whose user is not there is free.
type claim struct {
	UserID string `json:"user_id"`
}

var (
	users  = state.Collection[account.User]{Prefix: "user:"}
	claims = state.Collection[claim]{Prefix: "email:"}
)

// Accounts implements account.Store.
type Accounts struct{ db *state.DB }

// NewAccounts gives the accounts in db.
func NewAccounts(db *state.DB) *Accounts { return &Accounts{db: db} }

func claimID(email string) string {
	sum := sha256.Sum256([]byte(email))
	return hex.EncodeToString(sum[:])
}

func read(tx *state.Tx, id string) (account.User, bool, error) {
	u, ok, err := users.Get(tx, id)
	if err != nil || !ok {
		return account.User{}, false, err
	}
	u.Version, err = users.Version(tx, id)
	return u, true, err
}

func holder(tx *state.Tx, email string) (account.User, bool, error) {
	c, ok, err := claims.Get(tx, claimID(email))
	if err != nil || !ok {
		return account.User{}, false, err
	}
	return read(tx, c.UserID)
}

// write stores the user and announces what was recorded.
func write(tx *state.Tx, u account.User) error {
	for _, c := range u.Changes() {
		switch c {
		case account.Registered:
			tx.Emit(users.Key(u.ID), events.Registered(u.ID))
		case account.ProfileChanged:
			tx.Emit(users.Key(u.ID), events.ProfileChanged(u.ID))
		case account.RolesChanged:
			tx.Emit(users.Key(u.ID), events.RolesChanged(u.ID, u.Roles))
		}
	}
	return users.Put(tx, u.ID, u)
}

func create(tx *state.Tx, u account.User) error {
	if err := claims.Put(tx, claimID(u.Email), claim{UserID: u.ID}); err != nil {
		return err
	}
	return write(tx, u)
}

// Create implements account.Store: one read, one write. An attempt that was
// kept in part, because somebody else has claimed the e-mail, is taken back.
func (a *Accounts) Create(ctx context.Context, u account.User) (account.User, error) {
	var taken error
	err := a.db.Update(ctx, func(tx *state.Tx) error {
		taken = nil
		if err := tx.Load(claims.Key(claimID(u.Email)), users.Key(u.ID)); err != nil {
			return err
		}
		other, held, err := holder(tx, u.Email)
		switch {
		case err != nil:
			return err
		case !held || other.ID == u.ID:
			return create(tx, u)
		}
		taken = account.ErrEmailTaken
		if _, kept, err := users.Get(tx, u.ID); err != nil || !kept {
			return err
		}
		return users.Delete(tx, u.ID)
	})
	if err == nil {
		err = taken
	}
	u.Version = 1
	return u, err
}

// User implements account.Store: one read.
func (a *Accounts) User(ctx context.Context, id string) (u account.User, err error) {
	err = a.db.View(ctx, func(tx *state.Tx) (err error) {
		var ok bool
		if u, ok, err = read(tx, id); err == nil && !ok {
			err = account.ErrMissing
		}
		return err
	})
	return u, err
}

// ByEmail implements account.Store: two reads, also if nobody has the e-mail,
// so that a sign-in takes as long for a stranger as for a customer.
func (a *Accounts) ByEmail(ctx context.Context, email string) (u account.User, ok bool, err error) {
	err = a.db.View(ctx, func(tx *state.Tx) (err error) {
		if u, ok, err = holder(tx, email); err != nil || ok {
			return err
		}
		return tx.Load(users.Key("nobody"))
	})
	return u, ok, err
}

// Update implements account.Store: one read, one write.
func (a *Accounts) Update(ctx context.Context, id string, change func(*account.User) error) (account.User, error) {
	var u account.User
	err := a.db.Update(ctx, func(tx *state.Tx) error {
		var ok bool
		var err error
		if u, ok, err = read(tx, id); err != nil {
			return err
		}
		if !ok {
			return account.ErrMissing
		}
		if err := change(&u); err != nil {
			return err
		}
		if len(u.Changes()) == 0 {
			return nil
		}
		u.Version++
		return write(tx, u)
	})
	if err != nil {
		return account.User{}, err
	}
	return u, nil
}

// Holders implements account.Store: one read.
func (a *Accounts) Holders(ctx context.Context, emails []string) (map[string]string, error) {
	out := make(map[string]string, len(emails))
	err := a.db.View(ctx, func(tx *state.Tx) error {
		if err := tx.Load(claimKeys(emails)...); err != nil {
			return err
		}
		for _, e := range emails {
			if c, ok, err := claims.Get(tx, claimID(e)); err != nil {
				return err
			} else if ok {
				out[e] = c.UserID
			}
		}
		return nil
	})
	return out, err
}

// Import implements account.Store: one read of claims and users, one write;
// one read more for each e-mail whose user is not an imported one.
func (a *Accounts) Import(ctx context.Context, emails []string, merge func(i int, held *account.User) (*account.User, error)) error {
	return a.db.Update(ctx, func(tx *state.Tx) error {
		keys := claimKeys(emails)
		for _, e := range emails {
			keys = append(keys, users.Key(account.ImportedID(e)))
		}
		if err := tx.Load(keys...); err != nil {
			return err
		}
		for i, e := range emails {
			u, ok, err := holder(tx, e)
			if err != nil {
				return err
			}
			var held *account.User
			if ok {
				held = &u
			}
			next, err := merge(i, held)
			switch {
			case err != nil:
				return err
			case next == nil:
			case held == nil:
				err = create(tx, *next)
			default:
				err = write(tx, *next)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func claimKeys(emails []string) []string {
	keys := make([]string, len(emails))
	for i, e := range emails {
		keys[i] = claims.Key(claimID(e))
	}
	return keys
}
