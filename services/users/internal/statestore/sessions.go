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
type Sessions struct{ db *state.DB }

// NewSessions gives the sessions in db.
func NewSessions(db *state.DB) *Sessions { return &Sessions{db: db} }

// Sessions implements session.Store: one read.
func (s *Sessions) Sessions(ctx context.Context, userID string) (all session.Sessions, err error) {
	err = s.db.View(ctx, func(tx *state.Tx) (err error) {
		all, _, err = sessions.Get(tx, userID)
		return err
	})
	all.UserID = userID
	return all, err
}

// Update implements session.Store: one read, one write. It reads whether the
// account is barred with the sessions.
func (s *Sessions) Update(ctx context.Context, userID string, change func(*session.Sessions) error) error {
	batch := audit.Begin(ctx)
	keys := append(noteKeys(batch, userID), sessions.Key(userID), users.Key(userID))
	var told []audit.Event
	return s.db.Update(ctx, func(tx *state.Tx) error {
		batch.Again()
		if err := tx.Load(keys...); err != nil {
			return err
		}
		ours, err := tx.Ours(sessions.Key(userID))
		if err != nil {
			return err
		}
		if ours { // kept by a store that does not roll back: the trail is missing
			return note(tx, batch, userID, told...)
		}
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
		if err := putSessions(tx, all, all.Ended()); err != nil {
			return err
		}
		told = all.Events()
		return note(tx, batch, userID, told...)
	})
}
