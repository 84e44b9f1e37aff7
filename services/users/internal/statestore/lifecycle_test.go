package statestore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
	"tienda/internal/fault"
	"tienda/internal/state"
	"tienda/services/users/internal/account"
	"tienda/services/users/internal/audit"
	"tienda/services/users/internal/directory"
	"tienda/services/users/internal/session"
	"tienda/services/users/internal/signin"
)

// stores runs a test over a store that rolls back and one that does not.
func stores(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	for name, halves := range map[string]bool{"rolls back": false, "keeps halves": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.store.KeepsHalves = halves
			test(t, w)
		})
	}
}

func (w *world) db(t *testing.T) *state.DB {
	t.Helper()
	return state.Open(w.store, w.events, slog.New(slog.NewTextHandler(t.Output(), nil)))
}

func (w *world) trail(t *testing.T, userID string) (kinds []audit.Kind) {
	t.Helper()
	all, _, err := audit.NewService(NewAudit(w.db(t)), time.Now).List(t.Context(), audit.Query{UserID: userID, Limit: 100})
	require.NoError(t, err)
	for _, r := range all {
		require.True(t, r.Intact)
		kinds = append(kinds, r.Kind)
	}
	return kinds
}

// log gives the kinds of the log of all, and whose they are.
func (w *world) log(t *testing.T) (out []string) {
	t.Helper()
	q := audit.Query{Limit: 100}
	for {
		all, next, err := audit.NewService(NewAudit(w.db(t)), time.Now).List(t.Context(), q)
		require.NoError(t, err)
		for _, r := range all {
			out = append(out, r.UserID+" "+string(r.Kind))
		}
		if q.Cursor = next; next == "" {
			return out
		}
	}
}

func (w *world) admin(t *testing.T, email string) account.User {
	t.Helper()
	u := w.register(t, email)
	u, err := w.accounts.SetRoles(t.Context(), "setup", u.ID, 0, []caller.Role{caller.Admin})
	require.NoError(t, err)
	return u
}

// meet has somebody else write a document while the next commit that writes
// with is under way, the first n times.
func (w *world) meet(t *testing.T, n int, with string, others ...string) {
	t.Helper()
	inside := false
	w.store.BeforeCommit = func(ops []state.Op) error {
		if inside || n == 0 || !slices.ContainsFunc(ops, func(o state.Op) bool { return o.Key == with }) {
			return nil
		}
		n--
		inside = true
		defer func() { inside = false }()
		items, err := w.store.Get(t.Context(), others...)
		if err != nil {
			return err
		}
		for _, it := range items {
			if it.ETag != "" {
				if err := w.store.Commit(t.Context(), state.Op{Key: it.Key, Value: it.Value, Blind: true}); err != nil {
					return err
				}
			}
		}
		return nil
	}
}

func (w *world) keysOf(userID string) map[string]string {
	return map[string]string{
		"user": users.Key(userID), "sessions": sessions.Key(userID), "trail": trails.Key(userID),
		"log": logs.Key(logID(time.Now(), userID)), "directory": dirs.Key(dirID(userID)),
	}
}

// Whichever document has a conflict, the change is made once and told once,
// with all that goes with it.
func TestConflictsOfEachDocument(t *testing.T) {
	changes := map[string]struct {
		run  func(w *world, id string) error
		kind audit.Kind
		then func(t *testing.T, w *world, id string)
	}{
		"disable": {
			func(w *world, id string) error {
				_, err := w.accounts.Disable(context.Background(), "setup", id, 2, "why")
				return err
			}, audit.Disabled,
			func(t *testing.T, w *world, id string) {
				u, err := w.accounts.User(t.Context(), id)
				require.NoError(t, err)
				require.True(t, u.Disabled)
			},
		},
		"delete": {
			func(w *world, id string) error { return w.accounts.Delete(context.Background(), "setup", id, 2) }, audit.Deleted,
			func(t *testing.T, w *world, id string) {
				require.Empty(t, w.store.Keys("email:"))
				u, err := w.accounts.User(t.Context(), id)
				require.NoError(t, err)
				require.True(t, u.Erased())
				require.Empty(t, u.Freeing)
			},
		},
	}
	for name, c := range changes {
		for document := range (&world{}).keysOf("") {
			t.Run(name+", "+document, func(t *testing.T) {
				stores(t, func(t *testing.T, w *world) {
					u := w.register(t, "ana@example.com")
					_, err := w.accounts.SetRoles(t.Context(), "setup", u.ID, 1, []caller.Role{caller.SupportAgent})
					require.NoError(t, err)
					tok, err := w.sessions.Open(t.Context(), u.ID, session.Client{UserAgent: "curl"})
					require.NoError(t, err)
					before := len(w.events.Events())
					w.meet(t, 2, users.Key(u.ID), w.keysOf(u.ID)[document])
					if document == "user" && c.run(w, u.ID) != nil {
						// The account itself has changed: the caller's version is no more.
						return
					} else if document != "user" {
						require.NoError(t, c.run(w, u.ID))
					}
					c.then(t, w, u.ID)
					require.Equal(t, []audit.Kind{c.kind, audit.SignedIn, audit.RolesChanged, audit.Registered}, w.trail(t, u.ID))
					require.Len(t, w.log(t), 4)
					open, err := w.sessions.List(t.Context(), u.ID)
					require.NoError(t, err)
					require.Empty(t, open)
					_, err = w.sessions.Renew(t.Context(), tok, session.Client{UserAgent: "curl"})
					require.ErrorIs(t, err, session.ErrToken)
					told := w.events.Types()[before:]
					slices.Sort(told)
					require.Equal(t, []string{"tienda.users." + string(c.kind), "tienda.users.session_revoked"}, told)
				})
			})
		}
	}
}

// A sign-in that is under way when the account is disabled gets no session.
func TestSignInDuringDisable(t *testing.T) {
	stores(t, func(t *testing.T, w *world) {
		u := w.register(t, "ana@example.com")
		other := accountsIn(w.db(t))
		raced := false
		w.store.BeforeCommit = func(ops []state.Op) error {
			if raced || !slices.ContainsFunc(ops, func(o state.Op) bool { return o.Key == sessions.Key(u.ID) }) {
				return nil
			}
			raced = true
			_, err := other.Disable(t.Context(), "setup", u.ID, 0, "why")
			return err
		}
		_, err := w.sessions.Open(t.Context(), u.ID, session.Client{UserAgent: "curl"})
		require.True(t, raced)
		require.ErrorIs(t, err, account.ErrDisabled)
		open, err := w.sessions.List(t.Context(), u.ID)
		require.NoError(t, err)
		require.Empty(t, open)
		require.Equal(t, []audit.Kind{audit.Disabled, audit.Registered}, w.trail(t, u.ID))
	})
}

// readHook calls before each read.
type readHook struct {
	state.Store
	before func(keys []string)
}

func (h *readHook) Get(ctx context.Context, keys ...string) ([]state.Item, error) {
	h.before(keys)
	return h.Store.Get(ctx, keys...)
}

// A rename that is kept in part, because somebody else has written to the list of
// accounts, and then goes on, leaves the password as it was set meanwhile.
func TestACompletedChangeKeepsThePasswordSetMeanwhile(t *testing.T) {
	stores(t, func(t *testing.T, w *world) {
		u := w.register(t, "ana@example.com")
		hook := &readHook{Store: w.store}
		accounts := NewAccounts(state.Open(hook, w.events, slog.New(slog.DiscardHandler)))
		other := NewAccounts(w.db(t))
		w.meet(t, 1, users.Key(u.ID), dirs.Key(dirID(u.ID)))
		reads := 0
		hook.before = func(keys []string) {
			if !slices.Contains(keys, users.Key(u.ID)) {
				return
			}
			if reads++; reads == 2 { // between the first run and the second
				_, err := other.Update(t.Context(), u.ID, func(u *account.User) error {
					u.SetPassword("the new hash", "", w.now)
					return nil
				})
				require.NoError(t, err)
			}
		}
		_, err := accounts.Update(t.Context(), u.ID, func(u *account.User) error { return u.Rename("Another Name") })
		require.NoError(t, err)
		require.GreaterOrEqual(t, reads, 2)
		now, err := other.User(t.Context(), u.ID)
		require.NoError(t, err)
		require.Equal(t, []any{"Another Name", "the new hash", int64(1)}, []any{now.Name, now.PasswordHash, now.PasswordEpoch})
	})
}

// A sign-in that is under way when the account loses a role gets a session
// without it.
func TestSignInDuringDemotion(t *testing.T) {
	stores(t, func(t *testing.T, w *world) {
		u := w.register(t, "ana@example.com")
		other := accountsIn(w.db(t))
		_, err := other.SetRoles(t.Context(), "setup", u.ID, 0, []caller.Role{caller.SupportAgent})
		require.NoError(t, err)
		raced := false
		w.store.BeforeCommit = func(ops []state.Op) error {
			if raced || !slices.ContainsFunc(ops, func(o state.Op) bool { return o.Key == sessions.Key(u.ID) }) {
				return nil
			}
			raced = true
			_, err := other.SetRoles(t.Context(), "setup", u.ID, 0, nil)
			return err
		}
		got, err := w.signIns.Enter(t.Context(), signin.Entry{UserID: u.ID, Now: w.now, Open: w.begin})
		require.NoError(t, err)
		require.True(t, raced)
		require.Equal(t, []caller.Role{caller.Customer}, got.Roles)
	})
}

// Admins who take the role from each other and disable each other, all at once:
// one is always left.
func TestThereIsAlwaysAnAdmin(t *testing.T) {
	stores(t, func(t *testing.T, w *world) {
		for round := range 100 {
			var admins []account.User
			for i := range 3 {
				admins = append(admins, w.admin(t, fmt.Sprintf("%d.%d@example.com", round, i)))
			}
			against := func(i int) error {
				by, at := admins[i%3].ID, admins[(i+1)%3].ID
				if i/3 == 0 {
					_, err := w.accounts.SetRoles(context.Background(), by, at, 0, nil)
					return err
				}
				_, err := w.accounts.Disable(context.Background(), by, at, 0, "why")
				return err
			}
			won, _ := together(6, against)
			require.NotZero(t, won)
			left := 0
			for _, u := range admins {
				u, err := w.accounts.User(t.Context(), u.ID)
				require.NoError(t, err)
				if !u.Barred() && slices.Contains(u.Roles, caller.Admin) {
					left++
				}
			}
			require.NotZero(t, left)
		}
	})
}

var errDied = errors.New("died")

// A process that dies with half of an erasure written: a repeat finishes it,
// and so does the recovery of whoever adopts its journal.
func TestErasureThatWasLeftMidway(t *testing.T) {
	finish := map[string]func(t *testing.T, w *world, id string){
		"by a repeat": func(t *testing.T, w *world, id string) {
			require.NoError(t, w.accounts.Delete(t.Context(), "setup", id, 0))
		},
		"in the background": func(t *testing.T, w *world, id string) {
			a := NewAccounts(w.db(t))
			require.NoError(t, a.NoteUnfinished(t.Context(), users.Key(id)))
			require.NoError(t, a.Recover(t.Context()))
			require.NoError(t, a.Recover(t.Context()))
			ids, err := w.store.Get(t.Context(), unfinished.Key())
			require.NoError(t, err)
			require.NotContains(t, string(ids[0].Value), id)
		},
	}
	for name, how := range finish {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.store.KeepsHalves = true
			u := w.register(t, "ana@example.com")
			_, err := w.sessions.Open(t.Context(), u.ID, session.Client{UserAgent: "a rare agent"})
			require.NoError(t, err)
			// The commit meets conflicts at all but the account, and nobody goes on.
			tries := 0
			w.meet(t, 1, users.Key(u.ID), sessions.Key(u.ID), trails.Key(u.ID), claims.Key(claimID("ana@example.com")))
			meet := w.store.BeforeCommit
			w.store.BeforeCommit = func(ops []state.Op) error {
				if slices.ContainsFunc(ops, func(o state.Op) bool { return o.Key == sessions.Key(u.ID) && !o.Blind }) {
					if tries++; tries > 1 {
						return errDied
					}
				}
				return meet(ops)
			}
			require.Error(t, w.accounts.Delete(t.Context(), "setup", u.ID, 0))
			w.store.BeforeCommit = nil
			half, err := w.accounts.User(t.Context(), u.ID)
			require.NoError(t, err)
			require.True(t, half.Erased(), "the account itself is erased")
			require.Len(t, w.store.Keys("email:"), 1, "what goes with it is not")

			how(t, w, u.ID)
			require.Empty(t, w.store.Keys("email:"))
			open, err := w.sessions.List(t.Context(), u.ID)
			require.NoError(t, err)
			require.Empty(t, open)
			for _, k := range w.store.Keys("") {
				it, err := w.store.Get(t.Context(), k)
				require.NoError(t, err)
				require.NotContains(t, string(it[0].Value), "a rare agent", k)
				require.NotContains(t, string(it[0].Value), claimID("ana@example.com"), k)
			}
			u2, err := w.accounts.User(t.Context(), u.ID)
			require.NoError(t, err)
			require.Empty(t, u2.Freeing)
		})
	}
}

// An e-mail that an erasure has not freed yet is free for whoever registers.
func TestAnErasedAccountHoldsNoEmail(t *testing.T) {
	w := newWorld(t)
	u := w.register(t, "ana@example.com")
	claim, err := w.store.Get(t.Context(), claims.Key(claimID("ana@example.com")))
	require.NoError(t, err)
	require.NoError(t, w.accounts.Delete(t.Context(), "setup", u.ID, 0))
	require.NoError(t, w.store.Commit(t.Context(), state.Op{Key: claim[0].Key, Value: claim[0].Value}))
	_, err = w.authenticate(t, "ana@example.com", "a password")
	require.ErrorIs(t, err, account.ErrCredentials)
	other := w.register(t, "ana@example.com")
	require.NotEqual(t, u.ID, other.ID)
	require.NoError(t, w.accounts.Delete(t.Context(), "setup", u.ID, 0), "a repeat")
	got, err := w.authenticate(t, "ana@example.com", "a password")
	require.NoError(t, err)
	require.Equal(t, other.ID, got.ID, "and the repeat leaves the new owner alone")
}

// An old dump brings nobody back who was deleted, and overrules no consent.
func TestImportAfterTheFact(t *testing.T) {
	w := newWorld(t)
	batch := []account.Imported{
		{Email: "ana@example.com", Name: "Ana", Preferences: &account.Preferences{Currency: "EUR", Language: "es", MarketingMail: true}},
		{Email: "bob@example.com", Name: "Bob", Preferences: &account.Preferences{Currency: "EUR", Language: "es", MarketingMail: true}},
	}
	_, err := w.accounts.Import(t.Context(), batch)
	require.NoError(t, err)
	ana, bob := account.ImportedID("ana@example.com"), account.ImportedID("bob@example.com")
	require.NoError(t, w.accounts.Delete(t.Context(), "setup", ana, 0))
	_, err = w.accounts.SetPreferences(t.Context(), bob, 0, account.Preferences{Currency: "EUR", Language: "es"})
	require.NoError(t, err)
	refused, err := w.accounts.Import(t.Context(), batch)
	require.NoError(t, err)
	require.Equal(t, "account_deleted", fault.CodeOf(refused[0]))
	require.NoError(t, refused[1])
	u, err := w.accounts.User(t.Context(), bob)
	require.NoError(t, err)
	require.False(t, u.Preferences.MarketingMail)
	require.Equal(t, w.now, u.Preferences.MarketingMailAt)
	_, found, err := w.accounts.Lookup(t.Context(), "ana@example.com")
	require.NoError(t, err)
	require.False(t, found)
}

// The directory of a store with more accounts than a page lists all of them,
// and a change reaches a model that looks again.
func TestDirectory(t *testing.T) {
	stores(t, func(t *testing.T, w *world) {
		const n = 40 * account.ImportBatch // some 125 in each part: a closed page and more
		for from := 0; from < n; from += account.ImportBatch {
			batch := make([]account.Imported, account.ImportBatch)
			for i := range batch {
				batch[i] = account.Imported{Email: strings.Repeat("x", (from+i)/100+1) + string(rune('a'+(from+i)%100/10)) + string(rune('a'+(from+i)%10)) + "@example.com", Name: "N"}
			}
			_, err := w.accounts.Import(t.Context(), batch)
			require.NoError(t, err)
		}
		m := directory.New(NewDirectory(w.db(t)))
		require.NoError(t, m.Refresh(t.Context()))
		count := func(q directory.Query) int {
			total := 0
			for q.Limit = 100; ; {
				found, next, err := m.List(t.Context(), q)
				require.NoError(t, err)
				if total += len(found); next == "" {
					return total
				}
				q.Cursor = next
			}
		}
		require.Equal(t, n, count(directory.Query{}))
		u := w.register(t, "new@example.com")
		_, err := w.accounts.Change(t.Context(), u.ID, 0, func(u *account.User) error { return u.Rename("Zoe") })
		require.NoError(t, err)
		require.NoError(t, m.Refresh(t.Context()))
		require.Equal(t, 1, count(directory.Query{Text: "zoe new@"}))
		require.NoError(t, w.accounts.Delete(t.Context(), "setup", u.ID, 0))
		require.NoError(t, m.Refresh(t.Context()))
		require.Equal(t, n, count(directory.Query{}))
	})
}

// What the life of an account costs. That its events ride along is seen in
// TestStateCalls: a registration and a sign-in cost what they did without.
func TestStateCallsOfTheLifecycle(t *testing.T) {
	c := &calls{Store: newWorld(t).store}
	db := state.Open(c, nil, slog.New(slog.DiscardHandler))
	accounts, trail := accountsIn(db), audit.NewService(NewAudit(db), time.Now)
	sessions := session.NewService(NewSessions(db, time.Now), time.Now)
	u, err := accounts.Register(t.Context(), "a@example.com", "a password", "A")
	require.NoError(t, err)
	m := directory.New(NewDirectory(db))
	require.NoError(t, m.Refresh(t.Context()))
	id := u.ID
	tests := []struct {
		name          string
		run           func() error
		reads, writes int
	}{
		{"sign out", func() error { return sessions.End(t.Context(), id, open(t, sessions, c, id)) }, 2, 1},
		{"roles", func() error {
			_, err := accounts.SetRoles(t.Context(), "x", id, 0, []caller.Role{caller.SupportAgent})
			return err
		}, 1, 1},
		{"disable", func() error { _, err := accounts.Disable(t.Context(), "x", id, 0, "why"); return err }, 1, 1},
		{"enable", func() error { _, err := accounts.Enable(t.Context(), "x", id, 0); return err }, 1, 1},
		{"refresh of the list", func() error { return m.Refresh(t.Context()) }, 2, 0},
		{"refresh of the list, nothing new", func() error { return m.Refresh(t.Context()) }, 1, 0},
		{"the trail of one", func() error {
			_, _, err := trail.List(t.Context(), audit.Query{UserID: id})
			return err
		}, 1, 0},
		{"delete", func() error { return accounts.Delete(t.Context(), "x", id, 0) }, 5, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c.reads, c.writes = 0, 0
			require.NoError(t, tt.run())
			require.Equal(t, []int{tt.reads, tt.writes}, []int{c.reads, c.writes})
		})
	}
}

// open begins a session and forgets what that cost.
func open(t *testing.T, s *session.Service, c *calls, userID string) string {
	t.Helper()
	tok, err := s.Open(t.Context(), userID, session.Client{UserAgent: ""})
	require.NoError(t, err)
	c.reads, c.writes = 0, 0
	return tok.SessionID
}
