package statestore

import (
	"context"
	"time"

	"tienda/internal/state"
	"tienda/services/users/internal/events"
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

// Update implements session.Store: one read, one write.
func (s *Sessions) Update(ctx context.Context, userID string, change func(*session.Sessions) error) error {
	return s.db.Update(ctx, func(tx *state.Tx) error { return changeSessions(tx, userID, change) })
}

func changeSessions(tx *state.Tx, userID string, change func(*session.Sessions) error) error {
	all, _, err := sessions.Get(tx, userID)
	if err != nil {
		return err
	}
	all.UserID = userID
	if err := change(&all); err != nil {
		return err
	}
	for _, id := range all.Ended() {
		tx.Emit(sessions.Key(userID), events.SessionRevoked(userID, id))
	}
	return sessions.Put(tx, userID, all)
}
