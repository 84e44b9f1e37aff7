package statestore

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"tienda/internal/mail/mailroom"
	"tienda/internal/state"
	"tienda/services/users/internal/account"
	"tienda/services/users/internal/events"
	"tienda/services/users/internal/session"
)

// unfinished lists the accounts whose change was left midway, by a process that
// died: what goes with the account may be missing.
var unfinished = state.Index{Name: "unfinished"}

// maxUnfinished is how many of them one turn takes on.
const maxUnfinished = 100

// bar ends what a disabled or erased account, or one that has lost a role, could
// go on with, and takes away
// what an erased one has beside its document. The sessions are always written:
// a sign-in that is under way then meets a conflict, and is refused. before are
// the sessions that an earlier run of the change has ended; it gives all.
func bar(tx *state.Tx, u account.User, before []string, log *revocation) (ended []string, err error) {
	all, _, err := sessions.Get(tx, u.ID)
	if err != nil {
		return nil, err
	}
	all.UserID = u.ID
	all.EndAll()
	ended = before
	for _, id := range all.Ended() {
		if !slices.Contains(ended, id) {
			ended = append(ended, id)
		}
	}
	if err := putSessions(tx, all, ended); err != nil {
		return nil, err
	}
	if err := log.revoke(tx, ended...); err != nil {
		return nil, err
	}
	return ended, erased(tx, u)
}

// erased takes away what an erased account has beside its document.
func erased(tx *state.Tx, u account.User) error {
	if !u.Erased() {
		return nil
	}
	keys := []string{factors.Key(u.ID), trails.Key(trailOf(u.ID))}
	if u.Freeing != "" {
		keys = append(keys, claims.Key(u.Freeing))
	}
	if err := tx.Load(keys...); err != nil {
		return err
	}
	if err := factors.Delete(tx, u.ID); err != nil {
		return err
	}
	if u.Freeing != "" {
		c, ok, err := claims.Get(tx, u.Freeing)
		if err != nil {
			return err
		}
		if ok && c.UserID == u.ID {
			if err := claims.Delete(tx, u.Freeing); err != nil {
				return err
			}
		}
	}
	t, ok, err := trails.Get(tx, trailOf(u.ID))
	if err != nil || !ok || t.Erased {
		return err
	}
	t.Erase()
	return trails.Put(tx, trailOf(u.ID), t)
}

// Finish implements account.Store: two reads, one write; of an erased account
// twice as many at most. It may be repeated.
func (a *Accounts) Finish(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, endLimit)
	defer cancel()
	log := newRevocation(a.turns, time.Now())
	defer log.done()
	for {
		again := false
		err := a.db.Update(ctx, func(tx *state.Tx) (err error) {
			again, err = finish(tx, id, log)
			return err
		})
		if err != nil || !again {
			return err
		}
	}
}

// finish does what is left. The note of the claim of an erased account is kept
// until the claim is seen to be gone, which is one more turn.
func finish(tx *state.Tx, id string, log *revocation) (again bool, err error) {
	if err := tx.Load(users.Key(id), sessions.Key(id), trails.Key(trailOf(id)), factors.Key(id)); err != nil {
		return false, err
	}
	u, ok, err := read(tx, id)
	if err != nil || !ok || !u.Barred() {
		return false, err
	}
	if u.Freeing != "" {
		c, there, err := claims.Get(tx, u.Freeing)
		if err != nil {
			return false, err
		}
		again = there && c.UserID == id
	}
	if _, err := bar(tx, u, nil, log); err != nil {
		return false, err
	}
	if again || u.Freeing == "" {
		return again, nil
	}
	u.Freeing = ""
	return false, users.Put(tx, id, u)
}

// NoteUnfinished notes what a dead replica has left midway: a letter that is to
// be sent, or the change of an account.
func (a *Accounts) NoteUnfinished(ctx context.Context, key string) error {
	if id, letter := mailroom.Is(key); letter {
		return a.mail.List(ctx, id)
	}
	id, ok := strings.CutPrefix(key, users.Prefix)
	if !ok {
		return nil
	}
	return a.db.Update(ctx, func(tx *state.Tx) error { return unfinished.Append(tx, id) })
}

// Recover finishes the accounts that were noted: one read if there are none.
func (a *Accounts) Recover(ctx context.Context) error {
	var ids []string
	err := a.db.View(ctx, func(tx *state.Tx) (err error) {
		ids, _, err = unfinished.List(tx, state.Position{}, maxUnfinished)
		return err
	})
	if err != nil {
		return err
	}
	var errs []error
	for _, id := range ids {
		errs = append(errs, a.recover(ctx, id))
	}
	return errors.Join(errs...)
}

func (a *Accounts) recover(ctx context.Context, id string) (err error) {
	ctx, span := a.db.Resume(ctx, users.Key(id), "recover")
	defer func() { span.EndWith(err) }()
	if err := a.Finish(ctx, id); err != nil {
		return err
	}
	return a.db.Update(ctx, func(tx *state.Tx) error {
		u, there, err := users.Get(tx, id)
		if err != nil {
			return err
		}
		// It may have been made and not been listed.
		if there {
			if err := mark(tx, u, true); err != nil {
				return err
			}
		}
		return unfinished.Remove(tx, id)
	})
}

// putSessions stores the sessions of a user and announces those that ended.
func putSessions(tx *state.Tx, all session.Sessions, ended []string) error {
	for _, id := range ended {
		tx.Emit(sessions.Key(all.UserID), events.SessionRevoked(all.UserID, id))
	}
	return sessions.Put(tx, all.UserID, all)
}
