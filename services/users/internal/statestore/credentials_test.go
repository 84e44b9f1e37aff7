package statestore

import (
	"context"
	"log/slog"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/mail"
	"tienda/internal/mail/mailroom"
	"tienda/internal/state"
	"tienda/internal/state/statetest"
	"tienda/services/users/internal/account"
	"tienda/services/users/internal/letters"
	"tienda/services/users/internal/session"
)

// asked asks for another address and gives the token of the letter, without a
// sender.
func asked(t *testing.T, w *world, id, email string) string {
	t.Helper()
	require.NoError(t, w.accounts.AskNewEmail(t.Context(), id, email, "a password", passwordAlone))
	u, err := w.accounts.User(t.Context(), id)
	require.NoError(t, err)
	shop, err := url.Parse("https://shop.example")
	require.NoError(t, err)
	store := NewAccounts(state.Open(w.store, nil, slog.New(slog.DiscardHandler)))
	m, err := account.NewComposer(store, w.sessions, shop, func() time.Time { return w.now }).Compose(t.Context(),
		mail.Letter{Kind: letters.ConfirmNewEmail, About: id, Number: u.LetterCount, To: email})
	require.NoError(t, err)
	return proofIn(t, m)
}

// Of many who want one address at once, by registration and by change, one gets
// it, on a store that rolls back and on one that does not.
func TestOneAddressForOneAccount(t *testing.T) {
	for _, halves := range []bool{false, true} {
		w := newWorld(t)
		w.store.KeepsHalves = halves
		ana, eva := w.register(t, "ana@example.com"), w.register(t, "eva@example.com")
		tokens := []string{asked(t, w, ana.ID, "new@example.com"), asked(t, w, eva.ID, "new@example.com")}
		won, errs := together(9, func(i int) error {
			if i < 6 {
				_, err := w.accounts.VerifyEmail(context.Background(), tokens[i%2])
				return err
			}
			_, err := w.accounts.Register(context.Background(), "new@example.com", "a password", "X")
			return err
		})
		require.Equal(t, 1, won, "%v", errs)
		holder, err := w.authenticate(t, "new@example.com", "a password")
		require.NoError(t, err)
		free := 0
		for _, u := range []account.User{ana, eva} {
			_, err := w.authenticate(t, u.Email, "a password")
			require.Equal(t, u.ID != holder.ID, err == nil)
			if err != nil {
				_, err := w.accounts.Register(t.Context(), u.Email, "a password", "X")
				require.NoError(t, err, "the former address is free")
				free++
			}
		}
		require.LessOrEqual(t, free, 1)
	}
}

// Whatever the process dies in the middle of, the address has one owner.
func TestAChangeOfAddressThatIsCutOff(t *testing.T) {
	for writes := range 3 {
		w := newWorld(t)
		ana := w.register(t, "ana@example.com")
		tok := asked(t, w, ana.ID, "new@example.com")
		n := 0
		w.store.BeforeCommit = func([]state.Op) error {
			if n++; n > writes {
				return errDead
			}
			return nil
		}
		_, err := w.accounts.VerifyEmail(t.Context(), tok)
		w.store.BeforeCommit = nil
		require.Equal(t, writes >= 2, err == nil)
		email, other := "ana@example.com", "new@example.com"
		if writes >= 2 { // the document of the user has it
			email, other = other, email
		}
		u, err := w.authenticate(t, email, "a password")
		require.NoError(t, err)
		require.Equal(t, ana.ID, u.ID)
		_, err = w.authenticate(t, other, "a password")
		require.ErrorIs(t, err, account.ErrCredentials)
		_, err = w.accounts.Register(t.Context(), other, "a password", "X")
		if writes == 1 {
			require.ErrorIs(t, err, account.ErrEmailTaken, "kept for a minute")
			continue
		}
		require.NoError(t, err)
	}
}

// An imported account that has another address since is brought up to date by
// its old line, and not made anew over the user's own.
func TestImportAfterAChangeOfAddress(t *testing.T) {
	w := newWorld(t)
	line := account.Imported{Email: "ana@example.com", Name: "Ana", Password: "a password"}
	load := func(name string) error {
		line.Name = name
		refused, err := w.accounts.Import(t.Context(), []account.Imported{line})
		require.NoError(t, err)
		return refused[0]
	}
	require.NoError(t, load("Ana"))
	id := account.ImportedID("ana@example.com")
	_, err := w.accounts.VerifyEmail(t.Context(), asked(t, w, id, "new@example.com"))
	require.NoError(t, err)
	require.NoError(t, load("Ana María"))
	u, err := w.authenticate(t, "new@example.com", "a password")
	require.NoError(t, err)
	require.Equal(t, []string{id, "Ana María", "new@example.com"}, []string{u.ID, u.Name, u.Email})
	_, err = w.authenticate(t, "ana@example.com", "a password")
	require.ErrorIs(t, err, account.ErrCredentials)
	stranger := w.register(t, "ana@example.com")
	require.Error(t, load("Thief"))
	got, err := w.accounts.User(t.Context(), stranger.ID)
	require.NoError(t, err)
	require.Equal(t, "Ana", got.Name)
}

// A store that does not roll back keeps the change and not its letter: the
// change is not made twice, and the letter is written.
func TestALetterThatHadAConflict(t *testing.T) {
	w := newWorld(t)
	w.store.KeepsHalves = true
	ana := w.register(t, "ana@example.com")
	stray := state.Open(w.store, nil, slog.New(slog.DiscardHandler))
	raced := false
	w.store.BeforeCommit = func([]state.Op) error {
		if raced {
			return nil
		}
		raced = true
		return stray.Update(t.Context(), func(tx *state.Tx) error { // of a commit that fails
			return mailroom.Put(tx, mail.Letter{ID: ana.ID + ":2", Kind: letters.VerifyEmail, About: ana.ID, Number: 2})
		})
	}
	_, err := w.accounts.ChangePassword(t.Context(), ana.ID, "a password", "another one", "s", passwordAlone)
	require.NoError(t, err)
	u, err := w.accounts.User(t.Context(), ana.ID)
	require.NoError(t, err)
	require.Equal(t, int64(1), u.PasswordEpoch)
	require.Equal(t, int64(2), u.LetterCount)
	l, mine, err := mailroom.New(stray).Claim(t.Context(), ana.ID+":2", time.Now(), time.Now())
	require.NoError(t, err)
	require.True(t, mine)
	require.Equal(t, letters.PasswordChanged, l.Kind)
	require.Equal(t, "s", l.Ref)
}

// What a request does to the store is the same for an e-mail that somebody has
// and for one that nobody has; so is the time.
func TestAskingForAResetTellsNothing(t *testing.T) {
	c := &calls{Store: statetest.NewMemory()}
	db := state.Open(c, nil, slog.New(slog.DiscardHandler))
	accounts := accountsIn(db)
	_, err := accounts.Register(t.Context(), "ana@example.com", "a password", "Ana")
	require.NoError(t, err)
	for _, email := range []string{"ana@example.com", "nobody@example.com"} {
		c.reads, c.writes = 0, 0
		require.NoError(t, accounts.AskReset(t.Context(), email))
		require.Equal(t, []int{1, 1}, []int{c.reads, c.writes}, email)
	}
	require.NoError(t, accounts.AskReset(t.Context(), "a,b@example.com"), "no e-mail, the same answer")
}

func TestEndAll(t *testing.T) {
	w := newWorld(t)
	u := w.register(t, "ana@example.com")
	var all []session.Token
	for range 3 {
		tok, err := w.sessions.Open(t.Context(), u.ID, session.Client{UserAgent: ""})
		require.NoError(t, err)
		all = append(all, tok)
		w.now = w.now.Add(time.Minute)
	}
	require.NoError(t, w.sessions.EndAll(t.Context(), u.ID, all[0].SessionID, w.now.Add(-time.Minute)))
	open, err := w.sessions.List(t.Context(), u.ID)
	require.NoError(t, err)
	require.Equal(t, []string{all[2].SessionID, all[0].SessionID}, []string{open[0].ID, open[1].ID})
	require.NoError(t, w.sessions.EndAll(t.Context(), u.ID, "", time.Time{}))
	open, err = w.sessions.List(t.Context(), u.ID)
	require.NoError(t, err)
	require.Empty(t, open)
	revoked := 0
	for _, typ := range w.events.Types() {
		if typ == "tienda.users.session_revoked" {
			revoked++
		}
	}
	require.Equal(t, 3, revoked)
}
