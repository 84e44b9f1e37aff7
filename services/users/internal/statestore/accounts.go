// Package statestore keeps accounts, sessions and unsent mail in the service's state store:
//
//	user:<id>                 an account, or what is left of an erased one
//	moved:users[:<part>]      which accounts were moved in, and which have gone (package intake)
//	email:<SHA-256>           {user_id}: who claims the normal e-mail of that hash, which makes it unique
//	sessions:<user id>        the sessions of an account
//	factor:<user id>          the second factor of an account
//	guard:<kind>:<hash>       failures of an account, an address, a device
//	directory:<0..15>[:<n>]   who there is, and who has changed of late
//	revoked:<slice>:<0..15>   sessions that have ended, for the gateways
//	trail:<user id>[:<n>]     the security events of an account
//	log:<day>:<0..15>[:<n>]   where the security events of a day are
//	mail:<id>                 a letter that is not sent yet
//	mail-list:<0..15>         letters whose sending has failed
//	index:unfinished          accounts whose change was left midway
//	admins:all                admins who are just being taken away
//
// All but user and email may lag behind them where a store keeps half of a
// transaction; Finish completes them.
package statestore

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"tienda/internal/mail"
	"tienda/internal/mail/mailroom"
	"tienda/internal/state"
	"tienda/services/users/internal/account"
	"tienda/services/users/internal/audit"
	"tienda/services/users/internal/events"
)

// claim says whose an e-mail is. It is the one document that decides it: a
// claim whose user is not there, or has another e-mail, is free, unless it is
// kept for a user who is just getting the e-mail.
type claim struct {
	UserID  string    `json:"user_id"`
	KeptTil time.Time `json:"kept_til,omitzero"`
}

var (
	users  = state.Collection[account.User]{Prefix: "user:"}
	claims = state.Collection[claim]{Prefix: "email:"}
)

// Accounts implements account.Store.
type Accounts struct {
	db    *state.DB
	mail  *mailroom.Queue
	turns *turns
}

// NewAccounts gives the accounts in db.
func NewAccounts(db *state.DB) *Accounts {
	return &Accounts{db: db, mail: mailroom.New(db), turns: newTurns()}
}

// Mail gives the queue of the letters that are committed with the accounts.
func (a *Accounts) Mail() *mailroom.Queue { return a.mail }

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
	u.Version -= u.Unseen
	return u, true, err
}

// holder gives the user who has the e-mail.
func holder(tx *state.Tx, email string) (account.User, bool, error) {
	c, ok, err := claims.Get(tx, claimID(email))
	if err != nil || !ok {
		return account.User{}, false, err
	}
	u, ok, err := read(tx, c.UserID)
	if err != nil || !ok || u.Email != email {
		return account.User{}, false, err
	}
	return u, true, nil
}

// write stores the user and its letters, announces what was recorded, and has
// the directory read it again.
func write(tx *state.Tx, u account.User, isNew bool) error {
	if !u.Seen() {
		u.Unseen++
	}
	if err := mailroom.Put(tx, u.Letters()...); err != nil {
		return err
	}
	for _, c := range u.Changes() {
		switch c {
		case account.Registered:
			tx.Emit(users.Key(u.ID), events.Registered(u.ID))
		case account.ProfileChanged:
			tx.Emit(users.Key(u.ID), events.ProfileChanged(u.ID))
		case account.RolesChanged:
			tx.Emit(users.Key(u.ID), events.RolesChanged(u.ID, u.Roles))
		case account.Disabled:
			tx.Emit(users.Key(u.ID), events.Disabled(u.ID))
		case account.Enabled:
			tx.Emit(users.Key(u.ID), events.Enabled(u.ID))
		case account.Deleted:
			tx.Emit(users.Key(u.ID), events.Deleted(u.ID))
		case account.Private:
		}
	}
	if u.Seen() {
		if err := mark(tx, u, isNew); err != nil {
			return err
		}
	}
	return users.Put(tx, u.ID, u)
}

func create(tx *state.Tx, u account.User) error {
	if err := claims.Put(tx, claimID(u.Email), claim{UserID: u.ID}); err != nil {
		return err
	}
	return write(tx, u, true)
}

// Create implements account.Store: one read, one write. An attempt that was
// kept in part, because somebody else has claimed the e-mail, is taken back.
func (a *Accounts) Create(ctx context.Context, u account.User) (account.User, error) {
	var taken error
	batch := audit.Begin(ctx)
	keys := append(noteKeys(batch, u.ID), claims.Key(claimID(u.Email)), users.Key(u.ID), dirs.Key(dirID(u.ID)))
	for _, l := range u.Letters() {
		keys = append(keys, mailroom.Key(l.ID))
	}
	err := a.db.Update(ctx, func(tx *state.Tx) error {
		taken = nil
		batch.Again()
		if err := tx.Load(keys...); err != nil {
			return err
		}
		free, err := freeFor(tx, u.Email, u.ID)
		switch {
		case err != nil:
			return err
		case free:
			tx.Unfinished(users.Key(u.ID))
			if err := create(tx, u); err != nil {
				return err
			}
			return note(tx, batch, u.ID, u.Events()...)
		}
		taken = account.ErrEmailTaken
		if _, kept, err := users.Get(tx, u.ID); err != nil || !kept {
			return err
		}
		if err := trails.Delete(tx, u.ID); err != nil {
			return err
		}
		return users.Delete(tx, u.ID)
	})
	a.db.Finish(users.Key(u.ID))
	if err == nil {
		err = taken
	}
	a.mail.Posted(ctx, u.Letters(), err)
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
			id := account.ImportedID(e)
			keys = append(keys, users.Key(id), dirs.Key(dirID(id)))
		}
		if err := tx.Load(keys...); err != nil {
			return err
		}
		for i, e := range emails {
			u, ok, err := holder(tx, e)
			if err == nil && !ok {
				// Perhaps somebody who has taken another e-mail here since, or whose
				// account is erased.
				u, ok, err = read(tx, account.ImportedID(e))
			}
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
				err = write(tx, *next, false)
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

// Post implements account.Store: one read, one write.
func (a *Accounts) Post(ctx context.Context, l mail.Letter) error {
	return a.mail.Post(ctx, func(*state.Tx) ([]mail.Letter, error) { return []mail.Letter{l}, nil })
}
