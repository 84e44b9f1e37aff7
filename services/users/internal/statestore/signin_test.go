package statestore

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/state"
	"tienda/internal/state/statetest"
	"tienda/services/users/internal/account"
	"tienda/services/users/internal/device"
	"tienda/services/users/internal/keyring"
	"tienda/services/users/internal/session"
	"tienda/services/users/internal/signin"
	"tienda/services/users/internal/throttle"
	"tienda/services/users/internal/totp"
)

// A sign-in costs what it did before anything was counted; a failure costs one
// read and one write for it.
func TestCallsOfASignIn(t *testing.T) {
	c := &calls{Store: statetest.NewMemory()}
	db := state.Open(c, nil, slog.New(slog.DiscardHandler))
	accounts := accountsIn(db)
	keys := keyring.New("k")
	require.NoError(t, keys.Use(keyring.Random()))
	factors := totp.NewService(NewFactors(db), keys, nil, "Tienda", time.Now)
	s := signin.NewService(NewSignIns(NewSessions(db, time.Now)), accounts, factors, device.NewTokens(keys, time.Now), time.Now)
	_, err := accounts.Register(t.Context(), "ana@example.com", "a password", "Ana")
	require.NoError(t, err)
	_, err = accounts.Import(t.Context(), []account.Imported{{Email: "old@example.com", Name: "O", Password: "x"}})
	require.NoError(t, err)
	require.NoError(t, db.Update(t.Context(), func(tx *state.Tx) error {
		u, _, err := read(tx, account.ImportedID("old@example.com"))
		if err != nil {
			return err
		}
		u.PasswordHash = "old hash of x"
		return write(tx, u, false)
	}))
	tests := []struct {
		name, email, password string
		want                  error
		reads, writes         int
	}{
		{"right", "ana@example.com", "a password", nil, 3, 1},
		{"wrong", "ana@example.com", "other", account.ErrCredentials, 3, 1},
		{"right, after a failure", "ana@example.com", "a password", nil, 3, 1},
		{"unknown", "bob@example.com", "a password", account.ErrCredentials, 3, 1},
		{"right, and the hash is outdated", "old@example.com", "x", nil, 3, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c.reads, c.writes = 0, 0
			_, err := s.Enter(t.Context(), signin.Attempt{Email: tt.email, Password: tt.password, From: session.Client{Address: "192.0.2.1"}})
			require.ErrorIs(t, err, tt.want)
			require.Equal(t, []int{tt.reads, tt.writes}, []int{c.reads, c.writes})
		})
	}
	for range throttle.Account.Free {
		_, err = s.Enter(t.Context(), signin.Attempt{Email: "ana@example.com", Password: "other"})
		require.ErrorIs(t, err, account.ErrCredentials)
	}
	c.reads, c.writes = 0, 0
	_, err = s.Enter(t.Context(), signin.Attempt{Email: "ana@example.com", Password: "a password"})
	var wait *throttle.Wait
	require.ErrorAs(t, err, &wait)
	require.Equal(t, []int{2, 0}, []int{c.reads, c.writes}, "who has to wait costs two reads")
}

// On a store that keeps halves of a commit, a failure is counted once, a code
// is used once, and one session is opened.
func TestHalvesOfASignIn(t *testing.T) {
	keys := []throttle.Key{throttle.ByEmail("ana@example.com"), throttle.ByAddress("192.0.2.1")[0]}
	t.Run("a failure", func(t *testing.T) {
		w := newWorld(t)
		w.store.KeepsHalves = true
		other := w.other(t)
		w.store.BeforeCommit = once(func() {
			require.NoError(t, other.signIns.Count(context.Background(), nil, keys[1:], w.now))
		})
		require.NoError(t, w.signIns.Count(t.Context(), keys, keys, w.now))
		found, err := w.signIns.Look(t.Context(), "ana@example.com", keys)
		require.NoError(t, err)
		require.Equal(t, 1, found.Guards[keys[0].ID].Failures(throttle.Account, w.now))
		require.Equal(t, 2, found.Guards[keys[1].ID].Failures(throttle.Address, w.now))
	})
	t.Run("a code", func(t *testing.T) {
		w := newWorld(t)
		w.store.KeepsHalves = true
		u := w.register(t, "ana@example.com")
		require.NoError(t, w.factors.Change(t.Context(), u.ID, time.Time{}, func(f *totp.Factor) error {
			*f = totp.Factor{Secret: []byte("sealed"), On: true}
			return nil
		}))
		other := w.other(t)
		w.store.BeforeCommit = once(func() {
			_, err := other.sessions.Open(context.Background(), u.ID, curl)
			require.NoError(t, err)
		})
		errUsed := errors.New("used before")
		opened := 0
		_, err := w.signIns.Enter(t.Context(), signin.Entry{
			UserID: u.ID, Gate: keys, Forget: keys, Now: w.now,
			Use: func(f *totp.Factor) error {
				if f.LastStep > 0 {
					return errUsed
				}
				f.LastStep = 7
				return nil
			},
			Open: func(all *session.Sessions) error {
				opened++
				_, err := all.Begin(curl, w.now)
				return err
			},
		})
		require.NoError(t, err)
		require.Equal(t, 2, opened, "again over what the other has opened")
		open, err := w.sessions.List(t.Context(), u.ID)
		require.NoError(t, err)
		require.Len(t, open, 2)
	})
	t.Run("the session has landed already", func(t *testing.T) {
		w := newWorld(t)
		w.store.KeepsHalves = true
		u := w.register(t, "ana@example.com")
		other := w.other(t)
		w.store.BeforeCommit = once(func() {
			_, err := other.accounts.Change(context.Background(), u.ID, 0, func(u *account.User) error { return u.Rename("Ana María") })
			require.NoError(t, err)
		})
		_, err := w.signIns.Enter(t.Context(), signin.Entry{
			UserID: u.ID, Now: w.now, OldHash: u.PasswordHash, NewHash: "newer",
			Open: w.begin,
		})
		require.NoError(t, err)
		open, err := w.sessions.List(t.Context(), u.ID)
		require.NoError(t, err)
		require.Len(t, open, 1)
		got, err := w.accounts.User(t.Context(), u.ID)
		require.NoError(t, err)
		require.Equal(t, "newer", got.PasswordHash)
		require.Equal(t, "Ana María", got.Name)
	})
}

// begin opens a session.
func (w *world) begin(all *session.Sessions) error {
	_, err := all.Begin(curl, w.now)
	return err
}

// once runs f before the first commit.
func once(f func()) func([]state.Op) error {
	done := false
	return func([]state.Op) error {
		if !done {
			done = true
			f()
		}
		return nil
	}
}

// A password that is changed while a sign-in renews the hash of the old one
// stays changed.
func TestARehashGivesWay(t *testing.T) {
	w := newWorld(t)
	u := w.register(t, "ana@example.com")
	_, err := w.signIns.Enter(t.Context(), signin.Entry{
		UserID: u.ID, Now: w.now, OldHash: "what it was", NewHash: "of the old password",
		Open: w.begin,
	})
	require.NoError(t, err)
	got, err := w.accounts.User(t.Context(), u.ID)
	require.NoError(t, err)
	require.Equal(t, u.PasswordHash, got.PasswordHash)
	require.Equal(t, u.Version, got.Version)
}

// Guards are forgotten by the store itself when their failures are.
func TestGuardsHaveAnEnd(t *testing.T) {
	w := newWorld(t)
	ends := map[string]time.Duration{}
	w.store.BeforeCommit = func(ops []state.Op) error {
		for _, op := range ops {
			if strings.HasPrefix(op.Key, "guard:") {
				ends[op.Key] = op.TTL
			}
		}
		return nil
	}
	k := throttle.ByEmail("ana@example.com")
	for n := range 3 {
		require.NoError(t, w.signIns.Count(t.Context(), nil, []throttle.Key{k}, w.now))
		require.Equal(t, time.Duration(n+1)*time.Hour+time.Second, ends["guard:"+k.ID])
	}
	require.NoError(t, w.signIns.Forget(t.Context(), []throttle.Key{k}))
	require.Empty(t, w.store.Keys("guard:"))
}
