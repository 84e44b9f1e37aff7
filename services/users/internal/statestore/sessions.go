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
// sessions end, for the log of them.
func (s *Sessions) Update(ctx context.Context, userID string, change func(*session.Sessions) error) error {
	ctx, cancel := context.WithTimeout(ctx, endLimit)
	defer cancel()
	c := s.changing(ctx, userID, change)
	defer c.log.done()
	return s.db.Update(ctx, c.run)
}

// sessionChange is one change of a user's sessions over all runs of its update,
// which must end within endLimit. Call log.done after it.
type sessionChange struct {
	userID string
	change func(*session.Sessions) error
	batch  *audit.Batch
	log    *revocation

	told  []audit.Event
	ended []string
}

func (s *Sessions) changing(ctx context.Context, userID string, change func(*session.Sessions) error) *sessionChange {
	return &sessionChange{userID: userID, change: change, batch: audit.Begin(ctx), log: newRevocation(s.turns, s.now())}
}

// keys lists what run reads, for the bulk read of its transaction.
func (c *sessionChange) keys() []string {
	return append(noteKeys(c.batch, c.userID), sessions.Key(c.userID), users.Key(c.userID))
}

// run makes the change. It reads whether the account is barred with the
// sessions. A store that keeps halves of transactions may have kept the sessions
// of an earlier run and not what goes with them: then that is written, and the
// change is not made twice.
func (c *sessionChange) run(tx *state.Tx) error {
	c.batch.Again()
	if err := tx.Load(c.keys()...); err != nil {
		return err
	}
	ours, err := tx.Ours(sessions.Key(c.userID))
	if err != nil {
		return err
	}
	if !ours {
		all, _, err := sessions.Get(tx, c.userID)
		if err != nil {
			return err
		}
		u, _, err := users.Get(tx, c.userID)
		if err != nil {
			return err
		}
		all.UserID, all.Barred = c.userID, u.Barred()
		if err := c.change(&all); err != nil {
			return err
		}
		c.told, c.ended = all.Events(), all.Ended()
		if err := putSessions(tx, all, c.ended); err != nil {
			return err
		}
	}
	if err := c.log.revoke(tx, c.ended...); err != nil {
		return err
	}
	return note(tx, c.batch, c.userID, c.told...)
}
