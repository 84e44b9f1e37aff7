package statestore

import (
	"context"
	"time"

	"tienda/internal/state"
	"tienda/services/users/internal/audit"
	"tienda/services/users/internal/session"
)

// Every write of the document is followed by the end of its sessions within
// session.AgeLimit, so that the store may then drop it.
var sessions = state.Collection[session.Sessions]{Prefix: "sessions:", TTL: session.AgeLimit + 24*time.Hour}

// Sessions implements session.Store.
type Sessions struct {
	db    *state.DB
	now   func() time.Time
	turns *turns
}

// NewSessions gives the sessions in db.
func NewSessions(db *state.DB, now func() time.Time) *Sessions {
	return &Sessions{db: db, now: now, turns: newTurns()}
}

// Sessions implements session.Store: one read.
func (s *Sessions) Sessions(ctx context.Context, userID string) (all session.Sessions, err error) {
	err = s.db.View(ctx, func(tx *state.Tx) (err error) {
		all, _, err = sessions.Get(tx, userID)
		return err
	})
	all.UserID = userID
	return all, err
}

// Update implements session.Store: one read, one write; one read more where
// sessions end, for the log of them. It reads whether the account is barred with
// the sessions. A store that keeps halves of transactions may have kept the
// sessions of an earlier run and not what goes with them: then that is written,
// and the change is not made twice.
func (s *Sessions) Update(ctx context.Context, userID string, change func(*session.Sessions) error) error {
	ctx, cancel := context.WithTimeout(ctx, endLimit)
	defer cancel()
	log := newRevocation(s.turns, s.now())
	defer log.done()
	batch := audit.Begin(ctx)
	keys := append(noteKeys(batch, userID), sessions.Key(userID), users.Key(userID))
	var told []audit.Event
	var ended []string
	return s.db.Update(ctx, func(tx *state.Tx) error {
		batch.Again()
		if err := tx.Load(keys...); err != nil {
			return err
		}
		ours, err := tx.Ours(sessions.Key(userID))
		if err != nil {
			return err
		}
		if !ours {
			all, _, err := sessions.Get(tx, userID)
			if err != nil {
				return err
			}
			u, _, err := users.Get(tx, userID)
			if err != nil {
				return err
			}
			all.UserID, all.Barred = userID, u.Barred()
			if err := change(&all); err != nil {
				return err
			}
			told, ended = all.Events(), all.Ended()
			if err := putSessions(tx, all, ended); err != nil {
				return err
			}
		}
		if err := log.revoke(tx, ended...); err != nil {
			return err
		}
		return note(tx, batch, userID, told...)
	})
}
