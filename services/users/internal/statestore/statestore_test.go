package statestore

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
	"tienda/internal/event"
	"tienda/internal/fault"
	"tienda/internal/state"
	"tienda/internal/state/statetest"
	"tienda/services/users/internal/account"
	"tienda/services/users/internal/machine"
	"tienda/services/users/internal/password"
	"tienda/services/users/internal/session"
	"tienda/services/users/internal/throttle"
)

var curl = session.Client{UserAgent: "curl/8"}

// plain stands in for argon2id, whose cost these tests need not pay.
type plain struct{}

func (plain) Hash(_ context.Context, p string) (string, error) { return "hash of " + p, nil }
func (plain) Matches(_ context.Context, hash, p string) (bool, error) {
	return strings.TrimPrefix(hash, "old ") == "hash of "+p, nil
}
func (plain) Wrap(_ context.Context, l password.Legacy) (string, error) { return l.Hash, nil }
func (plain) Outdated(hash string) bool                                 { return strings.HasPrefix(hash, "old ") }

// accountsIn gives the accounts of a store, by the clock of the machine.
func accountsIn(db *state.DB) *account.Service {
	return account.NewService(NewAccounts(db), plain{}, throttle.NewService(NewGuards(db), time.Now), time.Now)
}

// passwordAlone is for an account without a second factor.
func passwordAlone(context.Context, string) error { return nil }

type world struct {
	store    *statetest.Memory
	events   *event.Memory
	accounts *account.Service
	sessions *session.Service
	machines *machine.Service
	revoked  *Revocations
	signIns  *SignIns
	factors  *Factors
	now      time.Time
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{store: statetest.NewMemory(), events: &event.Memory{}, now: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)}
	w.start(t)
	return w
}

// other gives another replica over the same store.
func (w *world) other(t *testing.T) *world {
	t.Helper()
	o := *w
	o.start(t)
	return &o
}

func (w *world) start(t *testing.T) {
	t.Helper()
	db := state.Open(w.store, w.events, slog.New(slog.NewTextHandler(t.Output(), nil)))
	clock := func() time.Time { return w.now }
	w.accounts = account.NewService(NewAccounts(db), plain{}, throttle.NewService(NewGuards(db), clock), clock)
	w.machines = machine.NewService(NewMachines(db, clock), clock)
	w.revoked = NewRevocations(db, clock)
	store := NewSessions(db, clock)
	w.sessions = session.NewService(store, clock)
	w.signIns, w.factors = NewSignIns(store), NewFactors(db)
}

// authenticate finds an account as a sign-in does.
func (w *world) authenticate(t *testing.T, email, password string) (account.User, error) {
	t.Helper()
	found, err := w.signIns.Look(t.Context(), email, nil)
	require.NoError(t, err)
	return found.User, w.accounts.Authenticate(t.Context(), found.User, password)
}

func (w *world) register(t *testing.T, email string) account.User {
	t.Helper()
	u, err := w.accounts.Register(t.Context(), email, "a password", "Ana")
	require.NoError(t, err)
	return u
}

// together runs work at once n times and counts those that succeeded.
func together(n int, work func(i int) error) (won int, errs []error) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			err := work(i)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				won++
			} else {
				errs = append(errs, err)
			}
		})
	}
	wg.Wait()
	return won, errs
}

func TestAnEmailIsTakenOnce(t *testing.T) {
	w := newWorld(t)
	won, errs := together(16, func(int) error {
		_, err := w.accounts.Register(context.Background(), " Ana@Example.com", "a password", "Ana")
		return err
	})
	require.Equal(t, 1, won)
	for _, err := range errs {
		require.ErrorIs(t, err, account.ErrEmailTaken)
	}
	require.Len(t, w.store.Keys("user:"), 1)
	require.Len(t, w.store.Keys("email:"), 1)
	require.Equal(t, []string{"tienda.users.registered"}, w.events.Types())
}

func TestAuthenticate(t *testing.T) {
	w := newWorld(t)
	u := w.register(t, "ana@example.com")
	got, err := w.authenticate(t, "ana@example.com", "a password")
	require.NoError(t, err)
	require.Equal(t, u.ID, got.ID)
	for _, in := range [][2]string{{"ana@example.com", "other"}, {"bob@example.com", "a password"}, {"not an e-mail", "a password"}} {
		_, err := w.authenticate(t, in[0], in[1])
		require.ErrorIs(t, err, account.ErrCredentials)
	}
}

func TestVersionsAndEvents(t *testing.T) {
	w := newWorld(t)
	u := w.register(t, "ana@example.com")
	require.Equal(t, int64(1), u.Version)
	rename := func(u *account.User) error { return u.Rename("Ana García") }
	u, err := w.accounts.Change(t.Context(), u.ID, 1, rename)
	require.NoError(t, err)
	require.Equal(t, int64(2), u.Version)
	_, err = w.accounts.Change(t.Context(), u.ID, 1, rename)
	require.ErrorIs(t, err, account.ErrVersion)
	read, err := w.accounts.User(t.Context(), u.ID)
	require.NoError(t, err)
	require.Equal(t, int64(2), read.Version)

	u, err = w.accounts.SetRoles(t.Context(), "admin", u.ID, 2, []caller.Role{caller.SupportAgent})
	require.NoError(t, err)
	again, err := w.accounts.SetRoles(t.Context(), "admin", u.ID, 0, []caller.Role{caller.SupportAgent})
	require.NoError(t, err)
	require.Equal(t, u.Version, again.Version, "no change, no new version")

	require.Equal(t, []string{"tienda.users.registered", "tienda.users.profile_changed", "tienda.users.roles_changed"}, w.events.Types())
	for i, e := range w.events.Events() {
		require.Equal(t, u.ID, e.Subject)
		require.Equal(t, int64(i+1), e.Version)
	}
}

func TestMissingAccounts(t *testing.T) {
	w := newWorld(t)
	_, err := w.accounts.User(t.Context(), "none")
	require.Equal(t, fault.NotFound, fault.KindOf(err))
	_, err = w.accounts.Me(t.Context(), "none")
	require.ErrorIs(t, err, account.ErrGone)
	_, err = w.accounts.Change(t.Context(), "none", 0, func(u *account.User) error { return u.Rename("x") })
	require.ErrorIs(t, err, account.ErrGone)
	u := w.register(t, "ana@example.com")
	_, err = w.accounts.Change(t.Context(), u.ID, 0, func(u *account.User) error { return u.RemoveAddress("none") })
	require.Equal(t, fault.NotFound, fault.KindOf(err), "an address that is missing is not a missing account")
}

// Of many renewals with one token one wins, and the session lives on with it.
func TestConcurrentRenewals(t *testing.T) {
	w := newWorld(t)
	u := w.register(t, "ana@example.com")
	first, err := w.sessions.Open(t.Context(), u.ID, curl)
	require.NoError(t, err)
	var next session.Token
	won, errs := together(8, func(int) error {
		tok, err := w.sessions.Renew(context.Background(), first, curl)
		if err == nil {
			next = tok
		}
		return err
	})
	require.Equal(t, 1, won)
	for _, err := range errs {
		require.ErrorIs(t, err, session.ErrCrossed)
	}
	_, err = w.sessions.Renew(t.Context(), next, curl)
	require.NoError(t, err)

	w.now = w.now.Add(time.Minute)
	_, err = w.sessions.Renew(t.Context(), first, curl)
	require.ErrorIs(t, err, session.ErrToken)
	open, err := w.sessions.List(t.Context(), u.ID)
	require.NoError(t, err)
	require.Empty(t, open, "the reuse has ended the session")
	last := w.events.Events()[len(w.events.Events())-1]
	require.Equal(t, "tienda.users.session_revoked", last.Type)
	require.Equal(t, first.SessionID, last.Subject)
}

// A token of a user who has no sessions leaves nothing behind.
func TestRefusalsWriteNothing(t *testing.T) {
	w := newWorld(t)
	other := newWorld(t)
	tok, err := other.sessions.Open(t.Context(), other.register(t, "ana@example.com").ID, curl)
	require.NoError(t, err)
	_, err = w.sessions.Renew(t.Context(), tok, curl)
	require.ErrorIs(t, err, session.ErrToken)
	require.NoError(t, w.sessions.End(t.Context(), tok.UserID, tok.SessionID))
	require.Equal(t, fault.NotFound, fault.KindOf(w.sessions.Revoke(t.Context(), tok.UserID, tok.SessionID)))
	require.Empty(t, w.store.Keys(""))
}

func TestImport(t *testing.T) {
	w := newWorld(t)
	taken := w.register(t, "own@example.com")
	batch := []account.Imported{
		{
			ExternalID: "7", Email: "Ana@example.com", Name: "Ana", Password: "old password", Roles: []caller.Role{caller.Admin},
			Preferences: &account.Preferences{Currency: "EUR", Language: "es"},
			Addresses:   []account.Address{{Name: "Ana", Line1: "Calle Mayor 12", City: "Madrid", PostalCode: "28013", Country: "ES"}},
		},
		{Email: "bad", Name: "Bad"},
		{Email: "own@example.com", Name: "Thief", Password: "thief"},
		{Email: "bob@example.com", Name: "Bob"},
		{Email: "bob@example.com", Name: "Robert"},
	}
	load := func() []error {
		refused, err := w.accounts.Import(t.Context(), batch)
		require.NoError(t, err)
		return refused
	}
	refused := load()
	require.Equal(t, []bool{true, false, false, true, true}, []bool{refused[0] == nil, refused[1] == nil, refused[2] == nil, refused[3] == nil, refused[4] == nil})
	require.Equal(t, "email_registered", fault.CodeOf(refused[2]))

	ana, err := w.authenticate(t, "ana@example.com", "old password")
	require.NoError(t, err)
	require.Equal(t, account.ImportedID("ana@example.com"), ana.ID)
	require.Equal(t, ana.Addresses[0].ID, ana.Preferences.DefaultAddressID)
	require.Equal(t, []caller.Role{caller.Customer, caller.Admin}, ana.Roles)
	bob, err := w.accounts.User(t.Context(), account.ImportedID("bob@example.com"))
	require.NoError(t, err)
	require.Equal(t, "Robert", bob.Name)
	_, err = w.authenticate(t, "bob@example.com", "")
	require.ErrorIs(t, err, account.ErrCredentials, "no password, no sign-in")
	own, err := w.accounts.User(t.Context(), taken.ID)
	require.NoError(t, err)
	require.Equal(t, taken.Version, own.Version)

	batch = batch[:1]
	events := len(w.events.Events())
	require.Nil(t, load()[0])
	again, err := w.accounts.User(t.Context(), ana.ID)
	require.NoError(t, err)
	require.Equal(t, ana, again, "the same line again changes nothing")
	require.Len(t, w.events.Events(), events)

	batch[0].Password, batch[0].Roles, batch[0].Addresses[0].Line1 = "new password", nil, "Gran Vía 1"
	require.Nil(t, load()[0])
	again, err = w.authenticate(t, "ana@example.com", "old password")
	require.NoError(t, err, "a repeat leaves the password")
	require.Equal(t, ana.Roles, again.Roles, "and the roles")
	require.Equal(t, "Gran Vía 1", again.Addresses[0].Line1)
	require.Len(t, again.Addresses, 1)
}

// calls counts the calls to the store, which are what a request costs.
type calls struct {
	state.Store
	reads, writes int
}

func (c *calls) Get(ctx context.Context, keys ...string) ([]state.Item, error) {
	c.reads++
	return c.Store.Get(ctx, keys...)
}

func (c *calls) Commit(ctx context.Context, ops ...state.Op) error {
	c.writes++
	return c.Store.Commit(ctx, ops...)
}

func TestStateCalls(t *testing.T) {
	c := &calls{Store: statetest.NewMemory()}
	db := state.Open(c, nil, slog.New(slog.DiscardHandler))
	accounts := accountsIn(db)
	sessions := session.NewService(NewSessions(db, time.Now), time.Now)
	machines, revoked := machine.NewService(NewMachines(db, time.Now), time.Now), NewRevocations(db, time.Now)
	var m machine.Account
	var secret string
	var u account.User
	var tok session.Token
	batch := make([]account.Imported, account.ImportBatch)
	for i := range batch {
		batch[i] = account.Imported{Email: string(rune('a'+i%26)) + string(rune('a'+i/26)) + "@example.com", Name: "N"}
	}
	tests := []struct {
		name          string
		run           func() error
		reads, writes int
	}{
		{"register", func() (err error) {
			u, err = accounts.Register(t.Context(), "a@example.com", "a password", "A")
			return err
		}, 1, 1},
		{"a session", func() (err error) { tok, err = sessions.Open(t.Context(), u.ID, curl); return err }, 1, 1},
		{"renew", func() (err error) { _, err = sessions.Renew(t.Context(), tok, curl); return err }, 1, 1},
		{"sign out", func() error { return sessions.End(t.Context(), u.ID, tok.SessionID) }, 2, 1},
		{"the log", func() error { _, _, err := revoked.Since(t.Context(), time.Time{}); return err }, 1, 0},
		{"machine", func() (err error) {
			m, secret, err = machines.Create(t.Context(), "admin", "M", caller.Scopes)
			return err
		}, 1, 1},
		{"a machine's token", func() error { _, _, err := machines.Authenticate(t.Context(), m.ID, secret, nil); return err }, 1, 0},
		{"a machine's end", func() error { return machines.Revoke(t.Context(), m.ID) }, 2, 1},
		{"read", func() error { _, err := accounts.User(t.Context(), u.ID); return err }, 1, 0},
		{"change", func() error {
			_, err := accounts.Change(t.Context(), u.ID, 0, func(u *account.User) error { return u.Rename("B") })
			return err
		}, 1, 1},
		{"import of a batch", func() error { _, err := accounts.Import(t.Context(), batch); return err }, 2, 1},
		{"import of the batch again", func() error { _, err := accounts.Import(t.Context(), batch); return err }, 2, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c.reads, c.writes = 0, 0
			require.NoError(t, tt.run())
			require.Equal(t, []int{tt.reads, tt.writes}, []int{c.reads, c.writes})
		})
	}
}

// On a store like Redis, whose transactions do not roll back, the account that
// lost the race for its e-mail is taken back and not announced.
func TestRaceForAnEmailKeptInPart(t *testing.T) {
	w := newWorld(t)
	w.store.KeepsHalves = true
	other := accountsIn(state.Open(w.store, w.events, slog.New(slog.DiscardHandler)))
	raced := false
	w.store.BeforeCommit = func([]state.Op) error {
		if raced {
			return nil
		}
		raced = true
		_, err := other.Register(t.Context(), "ana@example.com", "a password", "Ana")
		return err
	}
	_, err := w.accounts.Register(t.Context(), "ana@example.com", "a password", "Ana")
	require.ErrorIs(t, err, account.ErrEmailTaken)
	require.Len(t, w.store.Keys("user:"), 1)
	require.Equal(t, []string{"tienda.users.registered"}, w.events.Types())
}
