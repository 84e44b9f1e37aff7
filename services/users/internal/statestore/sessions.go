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
// sessions end, for the log of them. A store that keeps halves of transactions
// may have kept the sessions of an earlier run and not the log: then what is
// missing is the log, and the change is not made twice.
func (s *Sessions) Update(ctx context.Context, userID string, change func(*session.Sessions) error) error {
	ctx, cancel := context.WithTimeout(ctx, endLimit)
	defer cancel()
	log := newRevocation(s.turns, s.now())
	defer log.done()
	var ended []string
	return s.db.Update(ctx, func(tx *state.Tx) error {
		all, _, err := sessions.Get(tx, userID)
		if err != nil {
			return err
		}
		if landed, err := tx.Ours(sessions.Key(userID)); err != nil {
			return err
		} else if landed {
			return log.revoke(tx, ended...)
		}
		all.UserID = userID
		if err := change(&all); err != nil {
			return err
		}
		ended = all.Ended()
		for _, id := range ended {
			tx.Emit(sessions.Key(userID), events.SessionRevoked(userID, id))
		}
		if err := sessions.Put(tx, userID, all); err != nil {
			return err
		}
		return log.revoke(tx, ended...)
	})
}
