package statestore

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
	"tienda/internal/fault"
	"tienda/internal/origin"
	"tienda/internal/origin/intake"
	"tienda/internal/state"
	"tienda/services/users/internal/account"
	"tienda/services/users/internal/audit"
	"tienda/services/users/internal/directory"
)

// back gives an account that was made here as the other system has it.
func back(id string, n int, position uint64, change func(*account.Moved)) intake.Incoming {
	in := moved(n, position, change)
	in.ID, in.Adopt = id, true
	return in
}

// as has a document say what is asked for.
func as(email, name string, more ...func(*account.Moved)) func(*account.Moved) {
	return func(m *account.Moved) {
		m.Email, m.Name = email, name
		for _, change := range more {
			change(m)
		}
	}
}

// lived is an account that was made here, with all that somebody may have here.
func (w *world) lived(t *testing.T) account.User {
	t.Helper()
	u := w.register(t, "ana@example.com")
	u, err := w.accounts.Change(t.Context(), u.ID, 0, func(u *account.User) error {
		u.EmailVerified = true
		for _, city := range []string{"Madrid", "Vigo"} {
			if _, err := u.AddAddress(account.Address{Name: "Ana", Line1: "1", City: city, PostalCode: "1", Country: "ES"}); err != nil {
				return err
			}
		}
		p := account.Preferences{Currency: "USD", Language: "ca", MarketingMail: true, DefaultAddressID: u.Addresses[1].ID}
		return u.SetPreferences(p, w.now)
	})
	require.NoError(t, err)
	return u
}

// An account that was made here becomes one that was moved in, under its ID: what the document
// says counts, what it has no word for stays, and it is read as it was sent.
func TestAnAccountOfHereIsAdopted(t *testing.T) {
	stores(t, func(t *testing.T, w *world) {
		k, list := movedIn(w.db(t)), directory.New(NewDirectory(w.db(t)))
		was := w.lived(t)
		tok := w.open(t, was.ID)
		_, _ = w.names(t, list)
		stranger := back(was.ID, 7, 1, as("ana@example.com", "Ana"))
		stranger.Adopt = false
		require.Equal(t, "made_here", refused(t, k, stranger))
		w.register(t, "eva@example.com")
		require.Equal(t, "email_registered", refused(t, k, back(was.ID, 7, 1, as("eva@example.com", "Ana"))), "somebody else's")
		require.Equal(t, "made_here", refused(t, k, stranger), "as before")

		events := len(w.events.Events())
		for range 2 { // a repeat is harmless
			take(t, k, "0", back(was.ID, 7, 2, as("ana@example.com", "Ana B")))
		}
		u, err := w.accounts.User(t.Context(), was.ID)
		require.NoError(t, err)
		require.Equal(t, &origin.Source{Key: "users:7", Position: 2}, u.Origin)
		require.Equal(t, "Ana B", u.Name)
		require.ElementsMatch(t, was.Addresses, u.Addresses, "with their IDs")
		require.Equal(t, was.Preferences, u.Preferences)
		require.True(t, u.EmailVerified)
		require.Equal(t, was.CreatedAt, u.CreatedAt)
		_, err = w.authenticate(t, "ana@example.com", "a password")
		require.NoError(t, err)
		open, err := w.sessions.List(t.Context(), was.ID)
		require.NoError(t, err)
		require.Len(t, open, 1)
		require.Equal(t, tok.SessionID, open[0].ID)
		require.Equal(t, []audit.Kind{audit.ConsentGiven, audit.Registered}, slices.DeleteFunc(w.trail(t, was.ID), func(k audit.Kind) bool { return k == audit.SignedIn }))
		require.Len(t, w.events.Events(), events)
		reads(t, k, was.ID, `{"email":"ana@example.com","name":"Ana B"}`)
		ids, _, err := k.List(t.Context(), "")
		require.NoError(t, err)
		require.Equal(t, []string{was.ID}, ids)
		fresh, followed := w.names(t, list)
		require.Equal(t, []string{"Ana", "Ana B"}, fresh)
		require.Equal(t, fresh, followed)

		// What is said from now on counts, and what was said once and is not any more is gone.
		madrid := func(m *account.Moved) {
			m.Addresses = []account.MovedAddress{{Name: "Ana", Line1: "1", City: "Vigo", PostalCode: "1", Country: "ES"}, {Name: "A", Line1: "2", City: "Lugo", PostalCode: "1", Country: "ES"}}
		}
		take(t, k, "0", back(was.ID, 7, 3, as("new@example.com", "Ana B", madrid)))
		u, err = w.accounts.User(t.Context(), was.ID)
		require.NoError(t, err)
		require.Equal(t, was.Addresses[1].ID, u.Addresses[0].ID)
		require.Equal(t, "Lugo", u.Addresses[1].City)
		require.False(t, u.EmailVerified)
		require.Equal(t, "ca", u.Preferences.Language)
		_, free, err := NewAccounts(w.db(t)).ByEmail(t.Context(), "ana@example.com")
		require.NoError(t, err)
		require.False(t, free)
		take(t, k, "0", back(was.ID, 7, 4, as("new@example.com", "Ana B")))
		u, err = w.accounts.User(t.Context(), was.ID)
		require.NoError(t, err)
		require.Empty(t, u.Addresses)
		reads(t, k, was.ID, `{"email":"new@example.com","name":"Ana B"}`)

		// Another password there is the password here; whoever was signed in is signed out.
		take(t, k, "0", back(was.ID, 7, 5, as("new@example.com", "Ana B", withPassword(md5One))))
		u, err = w.accounts.User(t.Context(), was.ID)
		require.NoError(t, err)
		require.Equal(t, md5One, u.PasswordHash)
		open, err = w.sessions.List(t.Context(), was.ID)
		require.NoError(t, err)
		require.Empty(t, open)
		results, err := k.Take(t.Context(), "0", []intake.Incoming{back(was.ID, 7, 4, as("old@example.com", "Old"))})
		require.NoError(t, err)
		require.Equal(t, intake.Stale, results[0].Outcome)

		take(t, k, "0", back(was.ID, 7, 6, nil))
		require.NotContains(t, w.store.Keys("user:"), users.Key(was.ID))
		results, err = k.Take(t.Context(), "0", []intake.Incoming{back(was.ID, 7, 5, as("new@example.com", "Ana"))})
		require.NoError(t, err)
		require.Equal(t, intake.Stale, results[0].Outcome, "what is gone stays gone")
		w.register(t, "new@example.com")
	})
}

// Staff keep the role, the address book and the preferences for which their table has no place,
// round after round; and what is changed here between two rounds stays.
func TestAnAdoptedAccountGoesThereAndBack(t *testing.T) {
	w := newWorld(t)
	k := movedIn(w.db(t))
	was := w.lived(t)
	for round := range uint64(3) {
		take(t, k, "0", back(was.ID, 7, 10*round, as("ana@example.com", fmt.Sprint("Ana ", round), func(m *account.Moved) { m.Status = "active" })))
		reads(t, k, was.ID, fmt.Sprintf(`{"email":"ana@example.com","name":"Ana %d","status":"active"}`, round))
		_, err := w.accounts.Change(t.Context(), was.ID, 0, func(u *account.User) error {
			p := u.Preferences
			p.Language = []string{"en", "ca", "es"}[round]
			if err := u.SetPreferences(p, w.now); err != nil {
				return err
			}
			return u.SetRoles([]caller.Role{caller.SupportAgent}, false)
		})
		require.NoError(t, err)
		_, err = w.accounts.Change(t.Context(), was.ID, 0, func(u *account.User) error {
			_, err := u.AddAddress(account.Address{Name: "Ana", Line1: "1", City: fmt.Sprint("City ", round), PostalCode: "1", Country: "ES"})
			return err
		})
		require.NoError(t, err)
	}
	take(t, k, "0", back(was.ID, 7, 100, as("ana@example.com", "Ana")))
	u, err := w.accounts.User(t.Context(), was.ID)
	require.NoError(t, err)
	require.Len(t, u.Addresses, 5)
	require.Equal(t, "es", u.Preferences.Language)
	require.Contains(t, u.Roles, caller.SupportAgent)
	_, err = w.authenticate(t, "ana@example.com", "a password")
	require.NoError(t, err)
}

// Who was erased here is not adopted. An account that went there before it could be adopted stays
// here, until who sends it has it adopted as it is and then gone.
func TestWhoIsGoneIsNotAdopted(t *testing.T) {
	stores(t, func(t *testing.T, w *world) {
		k := movedIn(w.db(t))
		u := w.lived(t)
		require.NoError(t, w.accounts.Delete(t.Context(), w.admin(t, "admin@example.com").ID, u.ID, 0))
		require.Equal(t, "account_deleted", refused(t, k, back(u.ID, 7, 1, as("deleted-7@deleted.invalid", "-"))))
		take(t, k, "0", back(u.ID, 7, 2, nil))
		require.Equal(t, "account_deleted", refused(t, k, back(u.ID, 7, 3, as("ana@example.com", "Ana"))))

		other := w.lived(t)
		w.open(t, other.ID)
		take(t, k, "0", back(other.ID, 8, 1, nil))
		require.Contains(t, w.store.Keys("user:"), users.Key(other.ID), "it was made here")
		take(t, k, "0", back(other.ID, 8, 2, as(other.Email, other.Name)))
		take(t, k, "0", back(other.ID, 8, 2, nil))
		require.NotContains(t, w.store.Keys("user:"), users.Key(other.ID))
		open, err := w.sessions.List(t.Context(), other.ID)
		require.NoError(t, err)
		require.Empty(t, open)
		w.register(t, "ana@example.com")
	})
}

// Two replicas adopt the same accounts while their owners change them here: in the end the
// newest state is held, nothing that only exists here is lost, and each e-mail has one account.
func TestAdoptingCompetes(t *testing.T) {
	stores(t, func(t *testing.T, w *world) {
		var all []account.User
		for n := range 6 {
			all = append(all, w.register(t, fmt.Sprintf("p%d@example.com", n)))
		}
		const last = 6
		won, errs := together(3, func(i int) error {
			k, o := movedIn(w.db(t)), w.other(t)
			for position := range uint64(last) {
				for n, u := range all {
					if i == 2 {
						if _, err := o.accounts.Change(context.Background(), u.ID, 0, func(u *account.User) error {
							u.LetterCount++
							return u.Rename("here")
						}); err != nil && fault.KindOf(err) != fault.Unavailable {
							return err
						}
						continue
					}
					in := back(u.ID, n, position, as(u.Email, fmt.Sprint("there ", position)))
					if _, err := k.Take(context.Background(), "0", []intake.Incoming{in}); err != nil && fault.KindOf(err) != fault.Unavailable {
						return err
					}
				}
			}
			return nil
		})
		require.Equal(t, 3, won, "%v", errs)
		k := movedIn(w.db(t))
		for n, u := range all {
			take(t, k, "0", back(u.ID, n, last, as(u.Email, "last")))
			is, found, err := NewAccounts(w.db(t)).ByEmail(t.Context(), u.Email)
			require.NoError(t, err)
			require.True(t, found)
			require.Equal(t, []any{u.ID, "last", uint64(last)}, []any{is.ID, is.Name, is.Origin.Position})
			require.Equal(t, u.PasswordHash, is.PasswordHash)
			require.Positive(t, is.LetterCount)
		}
		fresh, _ := w.names(t, directory.New(NewDirectory(w.db(t))))
		require.Len(t, fresh, len(all))
	})
}

// Whichever half of a transaction is kept when a replica dies, the same document once more
// makes it whole: an adoption, a later state, and an end.
func TestAHalfAdoptionIsMadeWhole(t *testing.T) {
	for trial := range 16 {
		t.Run(strconv.Itoa(trial), func(t *testing.T) {
			r := rand.New(rand.NewPCG(uint64(trial), 7))
			w := newWorld(t)
			u := w.lived(t)
			half := func(in intake.Incoming) {
				dies := &dying{Store: w.store, even: r.IntN(2)}
				_, _ = movedIn(state.Open(dies, nil, slog.New(slog.DiscardHandler))).Take(t.Context(), "0", []intake.Incoming{in})
				take(t, movedIn(w.db(t)), "0", in)
			}
			half(back(u.ID, 7, 1, as("ana@example.com", "Ana")))
			half(back(u.ID, 7, 2, as("new@example.com", "Ana")))
			is, found, err := NewAccounts(w.db(t)).ByEmail(t.Context(), "new@example.com")
			require.NoError(t, err)
			require.True(t, found)
			require.Len(t, is.Addresses, 2)
			require.Equal(t, u.PasswordHash, is.PasswordHash)
			fresh, _ := w.names(t, directory.New(NewDirectory(w.db(t))))
			require.Equal(t, []string{"Ana"}, fresh)
			half(back(u.ID, 7, 3, nil))
			require.Empty(t, w.store.Keys("user:"))
			ids, _, err := movedIn(w.db(t)).List(t.Context(), "")
			require.NoError(t, err)
			require.Empty(t, ids)
			w.now = time.Now()
			w.start(t)
			w.register(t, "new@example.com")
			w.register(t, "ana@example.com")
		})
	}
}

// refused gives the code with which a document is rejected.
func refused(t *testing.T, k intake.Kind[account.Moved], in intake.Incoming) string {
	t.Helper()
	results, err := k.Take(t.Context(), "0", []intake.Incoming{in})
	require.NoError(t, err)
	require.Equal(t, intake.Rejected, results[0].Outcome)
	return results[0].Problem.Code
}

func reads(t *testing.T, k intake.Kind[account.Moved], id, want string) {
	t.Helper()
	docs, err := k.Read(t.Context(), []string{id})
	require.NoError(t, err)
	require.Len(t, docs, 1)
	require.JSONEq(t, want, string(docs[0].Document))
}
