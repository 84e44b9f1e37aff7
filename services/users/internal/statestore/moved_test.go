package statestore

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
	"tienda/internal/fault"
	"tienda/internal/origin"
	"tienda/internal/origin/intake"
	"tienda/internal/state"
	"tienda/internal/state/statetest"
	"tienda/services/users/internal/account"
	"tienda/services/users/internal/audit"
	"tienda/services/users/internal/directory"
	"tienda/services/users/internal/password"
)

func movedIn(db *state.DB) intake.Kind[account.Moved] {
	return NewAccounts(db).Moved(func([]byte) []fault.Field { return nil }, plain{}.Wrap, time.Now)
}

// presuming has batches of any size read nothing that is new.
func presuming(k intake.Kind[account.Moved]) intake.Kind[account.Moved] {
	k.Presume = 1
	return k
}

func movedID(n int) string { return uuid.NewSHA1(uuid.NameSpaceOID, fmt.Append(nil, n)).String() }

// moved gives account n at a position; change may change it, nil: it is gone.
func moved(n int, position uint64, change func(*account.Moved)) intake.Incoming {
	in := intake.Incoming{ID: movedID(n), Source: origin.Source{Key: fmt.Sprintf("users:%d", n), Position: position}, Deleted: change == nil}
	if change != nil {
		m := account.Moved{Email: fmt.Sprintf("p%d@example.com", n), Name: fmt.Sprintf("P %d", n)}
		change(&m)
		in.Document, _ = json.Marshal(m)
	}
	return in
}

func asItIs(*account.Moved) {}

func withPassword(hash string) func(*account.Moved) {
	return func(m *account.Moved) {
		m.PasswordHash, m.PasswordDigest = &account.MovedHash{Format: "md5", Hash: hash}, "digest of "+hash
	}
}

const (
	md5One = "0cc175b9c0f1b6a831c399e269772661"
	md5Two = "92eb5ffee6ae2fec3ad71c777531578f"
)

func several(from, n int, position uint64, change func(*account.Moved)) (batch []intake.Incoming) {
	for i := range n {
		batch = append(batch, moved(from+i, position, change))
	}
	return batch
}

// besides gives another hundred that is in the same part of the list of accounts.
func besides(n int) int {
	for m := 10_000; ; m += 100 {
		if movedDir("", fmt.Sprintf("users:%d", m)) == movedDir("", fmt.Sprintf("users:%d", n)) {
			return m
		}
	}
}

func take(t *testing.T, k intake.Kind[account.Moved], part string, batch ...intake.Incoming) {
	t.Helper()
	results, err := k.Take(t.Context(), part, batch)
	require.NoError(t, err)
	for _, r := range results {
		require.Equal(t, intake.Stored, r.Outcome, "%+v", r.Problem)
	}
}

// What a batch costs: one read and one write, one read more of accounts that the index lists,
// one where passwords come, and one for each page that the list of accounts fills.
func TestCallsOfABatchThatIsMovedIn(t *testing.T) {
	c := &calls{Store: statetest.NewMemory()}
	k := movedIn(state.Open(c, nil, slog.New(slog.DiscardHandler)))
	near := besides(100)
	tests := []struct {
		name          string
		part          string
		batch         []intake.Incoming
		reads, writes int
	}{
		{"new accounts", "1", several(100, 100, 1, asItIs), 1, 1},
		{"the same again", "1", several(100, 100, 1, asItIs), 2, 1},
		{"new accounts with passwords", "2", several(200, 100, 1, withPassword(md5One)), 2, 1},
		{"a batch of two parts", "3", several(300, 200, 1, asItIs), 1, 1},
		{"a page is full", "1", several(near, 100, 1, asItIs), 2, 1},
		{"a later state", "3", several(300, 200, 2, asItIs), 2, 1},
		{"other passwords", "2", several(200, 1, 2, withPassword(md5Two)), 3, 1},
		{"some go", "3", several(300, 10, 3, nil), 2, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c.reads, c.writes = 0, 0
			take(t, k, tt.part, tt.batch...)
			require.Equal(t, []int{tt.reads, tt.writes}, []int{c.reads, c.writes})
		})
	}
	c.reads, c.writes = 0, 0
	docs, err := k.Read(t.Context(), []string{movedID(311), movedID(312), movedID(300)})
	require.NoError(t, err)
	require.Len(t, docs, 2)
	require.Equal(t, []int{1, 0}, []int{c.reads, c.writes})
}

// names gives whom a list that is read for the first time has, and one that was read before.
func (w *world) names(t *testing.T, seen *directory.Model) (fresh, followed []string) {
	t.Helper()
	list := func(m *directory.Model) (out []string) {
		require.NoError(t, m.Refresh(t.Context()))
		for q := (directory.Query{Limit: 100}); ; {
			found, next, err := m.List(t.Context(), q)
			require.NoError(t, err)
			for _, e := range found {
				out = append(out, e.Name)
			}
			if q.Cursor = next; next == "" {
				slices.Sort(out)
				return out
			}
		}
	}
	return list(directory.New(NewDirectory(w.db(t)))), list(seen)
}

// Those who are moved in are listed, by replicas that have just started and by others, and
// go from the list when they are gone.
func TestTheListOfAccountsFollowsTheMove(t *testing.T) {
	w := newWorld(t)
	k, m := movedIn(w.db(t)), directory.New(NewDirectory(w.db(t)))
	check := func(want int) {
		t.Helper()
		fresh, followed := w.names(t, m)
		require.Len(t, fresh, want)
		require.Equal(t, fresh, followed)
	}
	check(0)
	take(t, k, "1", several(100, 50, 1, asItIs)...)
	check(50)
	take(t, k, "1", several(150, 50, 1, asItIs)...)
	take(t, k, "1", several(besides(100), 30, 1, asItIs)...)
	check(130)
	take(t, k, "1", several(besides(100)+30, 70, 1, asItIs)...)
	take(t, k, "2", several(200, 100, 1, asItIs)...)
	check(300)
	take(t, k, "2", several(200, 100, 2, func(m *account.Moved) { m.Name = "other " + m.Name })...)
	fresh, _ := w.names(t, m)
	require.Contains(t, fresh, "other P 299")
	check(300)
	take(t, k, "2", moved(299, 3, nil), moved(200, 3, nil))
	check(298)
	take(t, k, "2", moved(299, 4, asItIs))
	check(299)
	w.register(t, "ana@example.com")
	check(300)
}

// Whichever document has a conflict, on whichever store, the change is made, once, with all
// that goes with it.
func TestConflictsOfAMove(t *testing.T) {
	const n = 7
	id := movedID(n)
	documents := map[string]string{
		"user": users.Key(id), "claim": claims.Key(claimID("p7@example.com")), "new claim": claims.Key(claimID("new@example.com")),
		"sessions": sessions.Key(id), "trail": trails.Key(id), "log": logs.Key(logID(time.Now(), id)),
		"directory": dirs.Key(movedDir(id, "users:7")), "index": "moved:users:0",
		"revocations": buckets.Key(bucketID(time.Now(), shardOf(id))),
	}
	changed := func(m *account.Moved) {
		withPassword(md5Two)(m)
		m.Email, m.Roles = "new@example.com", []caller.Role{caller.Admin}
	}
	for name, key := range documents {
		t.Run(name, func(t *testing.T) {
			stores(t, func(t *testing.T, w *world) {
				k, m := movedIn(w.db(t)), directory.New(NewDirectory(w.db(t)))
				take(t, k, "0", moved(n, 1, withPassword(md5One)))
				_, _ = w.names(t, m)
				tok, err := w.sessions.Open(t.Context(), id, curl)
				require.NoError(t, err)
				w.now = time.Now()
				w.start(t)
				all := []string{key}
				if name == "new claim" || name == "revocations" || name == "trail" || name == "log" {
					require.NoError(t, w.db(t).Update(t.Context(), func(tx *state.Tx) error { // so that there is something to meet
						switch name {
						case "new claim":
							return claims.Put(tx, claimID("new@example.com"), claim{UserID: uuid.NewString()})
						case "revocations":
							return buckets.Put(tx, key[len(buckets.Prefix):], bucket{Sessions: []string{"x"}})
						default:
							return note(tx, audit.Begin(t.Context()), id, audit.Event{Kind: audit.Exported})
						}
					}))
				}
				w.meet(t, 2, users.Key(id), all...)
				take(t, k, "0", moved(n, 2, changed))
				w.store.BeforeCommit = nil

				u, err := w.accounts.User(t.Context(), id)
				require.NoError(t, err)
				require.Equal(t, []any{"new@example.com", md5Two, int64(1)}, []any{u.Email, u.PasswordHash, u.PasswordEpoch})
				kinds := slices.DeleteFunc(w.trail(t, id), func(k audit.Kind) bool { return k == audit.Exported || k == audit.SignedIn })
				require.ElementsMatch(t, []audit.Kind{audit.PasswordChanged, audit.EmailChanged, audit.RolesChanged}, kinds)
				open, err := w.sessions.List(t.Context(), id)
				require.NoError(t, err)
				require.Empty(t, open)
				ended, _, err := w.revoked.Since(t.Context(), time.Time{})
				require.NoError(t, err)
				require.Contains(t, ended, tok.SessionID)
				_, found, err := NewAccounts(w.db(t)).ByEmail(t.Context(), "new@example.com")
				require.NoError(t, err)
				require.True(t, found)
				fresh, followed := w.names(t, m)
				require.Equal(t, []string{"P 7"}, fresh)
				require.Equal(t, fresh, followed)

				w.meet(t, 2, users.Key(id), all...)
				take(t, k, "0", moved(n, 3, nil))
				w.store.BeforeCommit = nil
				require.Empty(t, w.store.Keys("user:"))
				ids, _, err := k.List(t.Context(), "")
				require.NoError(t, err)
				require.Empty(t, ids)
				fresh, followed = w.names(t, m)
				require.Empty(t, fresh)
				require.Empty(t, followed)
				w.register(t, "new@example.com")
			})
		})
	}
}

// dying is the store of a process that dies while it writes: every second document lands,
// and nothing is read or written after.
type dying struct {
	state.Store
	even int
	dead bool
}

func (d *dying) Get(ctx context.Context, keys ...string) ([]state.Item, error) {
	if d.dead {
		return nil, errDied
	}
	return d.Store.Get(ctx, keys...)
}

func (d *dying) Commit(ctx context.Context, ops ...state.Op) error {
	if d.dead {
		return errDied
	}
	d.dead = true
	for i, op := range ops {
		if i%2 == d.even {
			if err := d.Store.Commit(ctx, op); err != nil {
				return err
			}
		}
	}
	return errDied
}

// A batch with more new passwords than can be hashed while its sender waits is taken in
// when it is sent again, and each password is hashed once.
func TestHashesOfABatchThatIsSentAgain(t *testing.T) {
	var hashed, tries atomic.Int64
	wrap := func(_ context.Context, l password.Legacy) (string, error) {
		if n := hashed.Add(1); n > 7*tries.Load() {
			hashed.Add(-1)
			return "", password.ErrBusy
		}
		return l.Hash, nil
	}
	db := state.Open(statetest.NewMemory(), nil, slog.New(slog.DiscardHandler))
	k := NewAccounts(db).Moved(func([]byte) []fault.Field { return nil }, wrap, time.Now)
	batch := several(0, 50, 1, withPassword(md5One))
	for {
		tries.Add(1)
		_, err := k.Take(t.Context(), "0", batch)
		if err == nil {
			break
		}
		require.Equal(t, fault.Unavailable, fault.KindOf(err))
		require.Less(t, tries.Load(), int64(50))
	}
	require.EqualValues(t, 50, hashed.Load())
	docs, err := k.Read(t.Context(), []string{movedID(0), movedID(49)})
	require.NoError(t, err)
	require.Len(t, docs, 2)
}

// A batch of which a store has kept half when the process died is whole after a repeat.
func TestAHalfBatchIsWholeAfterARepeat(t *testing.T) {
	batch := append(several(0, 20, 1, withPassword(md5One)), moved(30, 1, func(m *account.Moved) { m.Status = "disabled" }))
	// The keys of a whole batch, of which each half is tried.
	whole := newWorld(t)
	take(t, movedIn(whole.db(t)), "0", batch...)
	keys := whole.store.Keys("")
	require.Greater(t, len(keys), 40)
	for _, even := range []int{0, 1} {
		w := newWorld(t)
		dies := &dying{Store: w.store, even: even}
		_, err := movedIn(state.Open(dies, nil, slog.New(slog.DiscardHandler))).Take(t.Context(), "0", batch)
		require.Error(t, err)
		left := w.store.Keys("")
		require.Less(t, len(left), len(keys))
		require.Greater(t, len(left), 10)
		take(t, movedIn(w.db(t)), "0", batch...)
		for _, key := range keys {
			require.Contains(t, w.store.Keys(""), key)
		}
		fresh, _ := w.names(t, directory.New(NewDirectory(w.db(t))))
		require.Len(t, fresh, 21)
		for n := range 20 {
			_, ok, err := NewAccounts(w.db(t)).ByEmail(t.Context(), fmt.Sprintf("p%d@example.com", n))
			require.NoError(t, err)
			require.True(t, ok)
		}
	}
}

// A sync and its owner's own changes of the same account: neither is lost, whoever is first,
// but where both say what the name is.
func TestASyncBesideAChange(t *testing.T) {
	stores(t, func(t *testing.T, w *world) {
		k, other := movedIn(w.db(t)), w.other(t)
		take(t, k, "0", moved(1, 1, asItIs))
		id := movedID(1)
		const turns = 12
		won, errs := together(2, func(i int) error {
			for n := range turns {
				if i == 0 {
					in := moved(1, uint64(2+n), func(m *account.Moved) { m.Name = fmt.Sprintf("theirs %d", n) })
					if _, err := k.Take(context.Background(), "0", []intake.Incoming{in}); err != nil {
						return err
					}
					continue
				}
				_, err := other.accounts.Change(context.Background(), id, 0, func(u *account.User) error {
					u.LetterCount++ // what only exists here
					return u.Rename(fmt.Sprintf("ours %d", n))
				})
				if err != nil {
					return err
				}
			}
			return nil
		})
		require.Equal(t, 2, won, "%v", errs)
		u, err := w.accounts.User(t.Context(), id)
		require.NoError(t, err)
		require.EqualValues(t, turns, u.LetterCount)
		require.EqualValues(t, 1+turns, u.Origin.Position)
		take(t, k, "0", moved(1, 1+turns, asItIs))
		docs, err := k.Read(t.Context(), []string{id})
		require.NoError(t, err)
		require.JSONEq(t, `{"email":"p1@example.com","name":"P 1"}`, string(docs[0].Document))
	})
}

// An e-mail that somebody registers with while two accounts that want it are moved in: on a
// store that keeps halves, what was written of them is taken back.
func TestARefusalThatComesLate(t *testing.T) {
	stores(t, func(t *testing.T, w *world) {
		other := w.other(t)
		k, m := presuming(movedIn(w.db(t))), directory.New(NewDirectory(w.db(t)))
		take(t, k, "0", moved(1, 1, asItIs))
		race := func(email string, in intake.Incoming) {
			raced := false
			w.store.BeforeCommit = func(ops []state.Op) error {
				if raced || !slices.ContainsFunc(ops, func(o state.Op) bool { return o.Key == users.Key(in.ID) }) {
					return nil
				}
				raced = true
				_, err := other.accounts.Register(t.Context(), email, "a password", "Other")
				return err
			}
			results, err := k.Take(t.Context(), "0", []intake.Incoming{in})
			require.NoError(t, err)
			require.True(t, raced)
			require.Equal(t, intake.Rejected, results[0].Outcome)
			require.Equal(t, "email_registered", results[0].Problem.Code)
			w.store.BeforeCommit = nil
		}
		race("p2@example.com", moved(2, 1, asItIs))
		race("new@example.com", moved(1, 2, func(m *account.Moved) { m.Email = "new@example.com" }))
		fresh, followed := w.names(t, m)
		require.Equal(t, []string{"Other", "Other", "P 1"}, fresh)
		require.Equal(t, fresh, followed)
		u, found, err := NewAccounts(w.db(t)).ByEmail(t.Context(), "p1@example.com")
		require.NoError(t, err)
		require.True(t, found)
		require.EqualValues(t, 1, u.Origin.Position, "it is as it was")
		docs, err := k.Read(t.Context(), []string{movedID(1), movedID(2)})
		require.NoError(t, err)
		require.Len(t, docs, 1)
	})
}

// Two senders at once: the newer state is what is left, and each e-mail has one account.
func TestTwoSendersAtOnce(t *testing.T) {
	stores(t, func(t *testing.T, w *world) {
		won, errs := together(4, func(i int) error {
			k := movedIn(w.db(t))
			if i%2 == 0 {
				k = presuming(k)
			}
			for n := range 10 {
				in := moved(1, uint64(n*4+i), func(m *account.Moved) { m.Name = fmt.Sprint("state ", n*4+i) })
				same := moved(10+i, uint64(n), func(m *account.Moved) { m.Email = "one@example.com" })
				if _, err := k.Take(context.Background(), "0", []intake.Incoming{in, same}); err != nil {
					return err
				}
			}
			return nil
		})
		require.Equal(t, 4, won, "%v", errs)
		u, err := w.accounts.User(t.Context(), movedID(1))
		require.NoError(t, err)
		require.Equal(t, "state 39", u.Name)
		require.Len(t, w.store.Keys("user:"), 2, "one of the four that want one e-mail")
		_, found, err := NewAccounts(w.db(t)).ByEmail(t.Context(), "one@example.com")
		require.NoError(t, err)
		require.True(t, found)
	})
}
