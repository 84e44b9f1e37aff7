package statestore

import (
	"context"
	"fmt"
	"slices"
	"time"

	"tienda/internal/state"
	"tienda/services/users/internal/token"
)

// The log of revoked sessions, which every gateway reads once a second: buckets
// "revoked:<slice of time>:<shard>", each a list of session IDs. An entry is
// written in the transaction that ends the session, and lives until no token of
// the session can be good any more. docs/adr/0015-revocation.md has the figures.
const (
	revokedSlice  = 30 * time.Second
	revokedShards = shards
	revokedTurns  = 8 // writers of a replica at a time, each with a shard of its own
	// A commit may land this long after its slice was chosen (see Sessions.Update),
	// or the clocks of two replicas differ by so much: so slices are read again
	// for as long.
	revokedLate  = time.Minute
	revokedAhead = 30 * time.Second
	// Tokens end within their lifetime and the leeway that is given to clocks.
	revokedKept = token.Lifetime + time.Minute
)

// endLimit bounds an update that ends sessions: half of what is read again.
const endLimit = revokedLate / 2

type bucket struct {
	Sessions []string `json:"sessions"`
}

var buckets = state.Collection[bucket]{Prefix: "revoked:", TTL: revokedKept + revokedLate + revokedSlice}

// revocation writes what one update ends. Its bucket stays the same however
// often the update runs, so that a run can take back what an earlier one has
// left there on a store that keeps halves of transactions. Call done at the end.
type revocation struct {
	at    time.Time
	turns *turns
	turn  *turn // once there is something to write
	tried []string
}

func newRevocation(t *turns, now time.Time) *revocation { return &revocation{at: now, turns: t} }

func bucketID(at time.Time, shard int) string {
	return fmt.Sprintf("%d:%d", at.Unix()/int64(revokedSlice.Seconds()), shard)
}

// revoke notes the sessions that this run of the update ends.
func (r *revocation) revoke(tx *state.Tx, sessions ...string) error {
	if len(sessions) == 0 && len(r.tried) == 0 {
		return nil
	}
	if r.turn == nil {
		var err error
		if r.turn, err = r.turns.take(tx.Context()); err != nil {
			return err
		}
	}
	id := bucketID(r.at, r.turn.shard)
	b, _, err := buckets.Get(tx, id)
	if err != nil {
		return err
	}
	before := slices.Clone(b.Sessions)
	b.Sessions = slices.DeleteFunc(b.Sessions, func(id string) bool {
		return slices.Contains(r.tried, id) && !slices.Contains(sessions, id)
	})
	for _, id := range sessions {
		if !slices.Contains(b.Sessions, id) {
			b.Sessions = append(b.Sessions, id)
		}
		if !slices.Contains(r.tried, id) {
			r.tried = append(r.tried, id)
		}
	}
	if slices.Equal(before, b.Sessions) {
		return nil
	}
	return buckets.Put(tx, id, b)
}

// done lets another writer have the bucket.
func (r *revocation) done() {
	if r.turn != nil {
		r.turns.give(r.turn)
	}
}

// Revocations reads the log.
type Revocations struct {
	db  *state.DB
	now func() time.Time
}

// NewRevocations gives the log in db.
func NewRevocations(db *state.DB, now func() time.Time) *Revocations {
	return &Revocations{db: db, now: now}
}

// Since gives the sessions revoked since an earlier reading, and some from before
// it, and the moment to give next time; since the zero time, all that matter. One
// read.
func (l *Revocations) Since(ctx context.Context, since time.Time) (sessions []string, now time.Time, err error) {
	now = l.now().UTC()
	if oldest := now.Add(-revokedKept); since.Before(oldest) {
		since = oldest
	}
	var ids []string
	for at := since.Add(-revokedLate).Truncate(revokedSlice); !at.After(now.Add(revokedAhead)); at = at.Add(revokedSlice) {
		for shard := range revokedShards {
			ids = append(ids, bucketID(at, shard))
		}
	}
	sessions = []string{}
	err = l.db.View(ctx, func(tx *state.Tx) error {
		all, err := buckets.GetAll(tx, ids...)
		for _, b := range all {
			sessions = append(sessions, b.Sessions...)
		}
		return err
	})
	return sessions, now, err
}
