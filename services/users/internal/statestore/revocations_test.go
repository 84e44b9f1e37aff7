package statestore

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
	"tienda/internal/fault"
	"tienda/internal/state"
	"tienda/services/users/internal/machine"
	"tienda/services/users/internal/session"
)

var discard = slog.New(slog.DiscardHandler)

// revokedSince reads the log.
func (w *world) revokedSince(t *testing.T, since time.Time) []string {
	t.Helper()
	all, now, err := w.revoked.Since(t.Context(), since)
	require.NoError(t, err)
	require.Equal(t, w.now, now)
	return all
}

func (w *world) open(t *testing.T, userID string) session.Token {
	t.Helper()
	tok, err := w.sessions.Open(t.Context(), userID, curl)
	require.NoError(t, err)
	return tok
}

// otherReplica gives the sessions as another replica changes them.
func (w *world) otherReplica() *session.Service {
	clock := func() time.Time { return w.now }
	return session.NewService(NewSessions(state.Open(w.store, w.events, discard), clock), clock)
}

// Whatever ends a session is in the log, and nothing else.
func TestEveryEndIsInTheLog(t *testing.T) {
	w := newWorld(t)
	u := uuid.NewString()
	var want []string
	end := func(tok session.Token, err error) {
		require.NoError(t, err)
		want = append(want, tok.SessionID)
		require.ElementsMatch(t, want, w.revokedSince(t, time.Time{}))
	}
	require.Empty(t, w.revokedSince(t, time.Time{}))
	a, b, c, d, e := w.open(t, u), w.open(t, u), w.open(t, u), w.open(t, u), w.open(t, u)
	end(a, w.sessions.End(t.Context(), u, a.SessionID))
	end(b, w.sessions.Revoke(t.Context(), u, b.SessionID))
	_, err := w.sessions.Renew(t.Context(), c, curl)
	require.NoError(t, err)
	w.now = w.now.Add(time.Minute)
	_, err = w.sessions.Renew(t.Context(), c, curl)
	require.ErrorIs(t, err, session.ErrToken)
	end(c, nil) // the reuse of its token has ended it
	end(d, w.sessions.EndAll(t.Context(), u, e.SessionID, time.Time{}))
	end(e, w.sessions.EndAll(t.Context(), u, "", time.Time{}))
	first := w.open(t, u)
	w.now = w.now.Add(time.Second)
	for range session.MaxPerUser {
		w.open(t, u)
	}
	end(first, nil) // the least recently used of too many
}

func TestWhatTheLogAnswers(t *testing.T) {
	w := newWorld(t)
	u, began := uuid.NewString(), w.now
	tok := w.open(t, u)
	require.NoError(t, w.sessions.End(t.Context(), u, tok.SessionID))
	for _, tt := range []struct {
		name        string
		after       time.Duration
		since       time.Duration // after the revocation; -1: the zero time
		want        bool
		description string
	}{
		{"at once", 0, -1, true, ""},
		{"asked a second ago", time.Second, 0, true, ""},
		{"an entry that came late", revokedLate, revokedLate, true, "it may have been committed after that reading"},
		{"read long ago", 3 * time.Minute, 3 * time.Minute, false, ""},
		{"a gateway that starts", revokedKept, -1, true, "a token may still be good"},
		{"one that was cut off", revokedKept, -revokedKept, true, ""},
		{"when all tokens are over", revokedKept + revokedLate + 2*revokedSlice, -1, false, ""},
		{"a reader whose clock is behind", -revokedAhead, -1, true, ""},
	} {
		w.now = began.Add(tt.after)
		var since time.Time
		if tt.since != -1 {
			since = began.Add(tt.since)
		}
		require.Equal(t, tt.want, slices.Contains(w.revokedSince(t, since), tok.SessionID), "%s %s", tt.name, tt.description)
	}
}

// A store that keeps halves of transactions (Redis): the sessions are written and
// the log is not, or the other way round. In the end both say the same.
func TestHalvesOfARevocation(t *testing.T) {
	for _, name := range []string{"the log has moved", "the sessions have moved"} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.store.KeepsHalves = true
			u := uuid.NewString()
			a, b := w.open(t, u), w.open(t, u)
			var raced atomic.Bool
			w.store.BeforeCommit = func(ops []state.Op) error {
				if len(ops) < 2 || !raced.CompareAndSwap(false, true) {
					return nil
				}
				// Another writer comes between the read and the write.
				if name == "the sessions have moved" {
					_, err := w.otherReplica().Renew(context.Background(), b, curl)
					return err
				}
				log := &revocation{at: w.now, turn: &turn{shard: bucketShard(t, ops)}}
				return state.Open(w.store, nil, discard).Update(context.Background(), func(tx *state.Tx) error { return log.revoke(tx, "another") })
			}
			require.NoError(t, w.sessions.End(t.Context(), u, a.SessionID))
			require.True(t, raced.Load())
			got := w.revokedSince(t, time.Time{})
			require.Contains(t, got, a.SessionID)
			require.NotContains(t, got, b.SessionID)
			open, err := w.sessions.List(t.Context(), u)
			require.NoError(t, err)
			require.Len(t, open, 1)
			require.Equal(t, b.SessionID, open[0].ID)
		})
	}
}

// bucketShard gives the shard of the bucket that a commit writes.
func bucketShard(t *testing.T, ops []state.Op) (shard int) {
	t.Helper()
	for _, op := range ops {
		if at, ok := strings.CutPrefix(op.Key, buckets.Prefix); ok {
			_, err := fmt.Sscanf(at, "%d:%d", new(int), &shard)
			require.NoError(t, err)
		}
	}
	return shard
}

// On such a store a run that ends another session than the one before takes back
// what that one has left in the log.
func TestAHalfThatWasWrongIsTakenBack(t *testing.T) {
	w := newWorld(t)
	w.store.KeepsHalves = true
	u := uuid.NewString()
	var all []session.Token
	for range session.MaxPerUser {
		all = append(all, w.open(t, u))
		w.now = w.now.Add(time.Second)
	}
	var raced atomic.Bool
	w.store.BeforeCommit = func(ops []state.Op) error {
		if len(ops) < 2 || !raced.CompareAndSwap(false, true) {
			return nil
		}
		_, err := w.otherReplica().Renew(context.Background(), all[0], curl) // now the second is the least recently used
		return err
	}
	w.open(t, u)
	require.True(t, raced.Load())
	require.Equal(t, []string{all[1].SessionID}, w.revokedSince(t, time.Time{}))
}

// Many sign out at once, each in a bucket that others write: none is lost.
func TestManyRevocationsAtOnce(t *testing.T) {
	w := newWorld(t)
	const n = 200
	users, tokens := make([]string, n), make([]session.Token, n)
	for i := range n {
		users[i] = uuid.NewString()
		tokens[i] = w.open(t, users[i])
	}
	won, errs := together(n, func(i int) error { return w.sessions.End(context.Background(), users[i], tokens[i].SessionID) })
	require.Equal(t, n, won, "%v", errs)
	got := w.revokedSince(t, time.Time{})
	require.Len(t, got, n)
	for _, tok := range tokens {
		require.Contains(t, got, tok.SessionID)
	}
}

func TestMachines(t *testing.T) {
	w := newWorld(t)
	a, secret, err := w.machines.Create(t.Context(), "admin", " ERP ", []string{caller.OrdersFulfil, caller.OrdersRead, caller.OrdersRead})
	require.NoError(t, err)
	require.Equal(t, "ERP", a.Name)
	require.Equal(t, []string{caller.OrdersRead, caller.OrdersFulfil}, a.Scopes)
	items, err := w.store.Get(t.Context(), w.store.Keys("")...)
	require.NoError(t, err)
	for _, item := range items {
		require.NotContains(t, string(item.Value), secret)
	}
	_, scopes, err := w.machines.Authenticate(t.Context(), a.ID, secret, nil)
	require.NoError(t, err)
	require.Equal(t, a.Scopes, scopes)
	_, scopes, err = w.machines.Authenticate(t.Context(), a.ID, secret, []string{caller.OrdersRead})
	require.NoError(t, err)
	require.Equal(t, []string{caller.OrdersRead}, scopes)
	_, _, err = w.machines.Authenticate(t.Context(), a.ID, secret, []string{caller.UsersRead})
	require.ErrorIs(t, err, machine.ErrScope)
	for _, bad := range [][2]string{{a.ID, secret + "x"}, {a.ID, ""}, {a.ID, a.ID}, {uuid.NewString(), secret}, {"", ""}} {
		_, _, err := w.machines.Authenticate(t.Context(), bad[0], bad[1], nil)
		require.ErrorIs(t, err, machine.ErrClient)
	}

	next, other, err := w.machines.Rotate(t.Context(), a.ID)
	require.NoError(t, err)
	require.NotEqual(t, secret, other)
	require.Equal(t, []string{a.Session}, w.revokedSince(t, time.Time{}), "the tokens of the secret before end")
	_, _, err = w.machines.Authenticate(t.Context(), a.ID, secret, nil)
	require.ErrorIs(t, err, machine.ErrClient)
	_, _, err = w.machines.Authenticate(t.Context(), a.ID, other, nil)
	require.NoError(t, err)

	require.NoError(t, w.machines.Revoke(t.Context(), a.ID))
	require.NoError(t, w.machines.Revoke(t.Context(), a.ID))
	require.Equal(t, []string{a.Session, next.Session}, w.revokedSince(t, time.Time{}))
	_, _, err = w.machines.Authenticate(t.Context(), a.ID, other, nil)
	require.ErrorIs(t, err, machine.ErrClient)
	_, _, err = w.machines.Rotate(t.Context(), a.ID)
	require.Equal(t, "service_account_revoked", fault.CodeOf(err))
	require.Equal(t, fault.NotFound, fault.KindOf(w.machines.Revoke(t.Context(), uuid.NewString())))
	_, _, err = w.machines.Create(t.Context(), "admin", "  ", caller.Scopes)
	require.Equal(t, fault.Unprocessable, fault.KindOf(err))

	for range 4 {
		_, _, err := w.machines.Create(t.Context(), "admin", "M", caller.Scopes)
		require.NoError(t, err)
	}
	var seen []string
	for cursor := ""; ; {
		page, next, err := w.machines.List(t.Context(), cursor, 2)
		require.NoError(t, err)
		for _, m := range page {
			seen = append(seen, m.ID)
		}
		if cursor = next; next == "" {
			break
		}
	}
	require.Len(t, seen, 5)
	require.Equal(t, a.ID, seen[4], "the newest first, the revoked included")
}
