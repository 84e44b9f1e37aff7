package account

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tienda/internal/mail"
	"tienda/services/users/internal/letters"
)

func ana(t *testing.T) *User {
	t.Helper()
	u, err := New("ana@example.com", "Ana", "old hash", noon)
	require.NoError(t, err)
	u.changes = nil
	return &u
}

func (u *User) last() mail.Letter { return u.letters[len(u.letters)-1] }

func TestProofTokens(t *testing.T) {
	u := ana(t)
	tok, p := u.prove(u.Email, time.Hour, noon)
	got, err := ParseProofToken(tok.String())
	require.NoError(t, err)
	require.Equal(t, tok, got)
	require.Len(t, tok.String(), 64, "as the contract says")
	require.True(t, p.fits(tok.secret, noon.Add(time.Hour-1)))
	require.False(t, p.fits(tok.secret, noon.Add(time.Hour)), "too old")
	require.NotContains(t, p.Hash, tok.secret)
	other, _ := u.prove(u.Email, time.Hour, noon)
	require.False(t, p.fits(other.secret, noon))
	require.False(t, (*Proof)(nil).fits(tok.secret, noon))
	require.False(t, (&Proof{Email: "x", ExpiresAt: noon.Add(time.Hour)}).fits(nil, noon), "one that was not sent fits nothing")
	for _, bad := range []string{"", "x", tok.String()[1:], tok.String() + "A", strings.Repeat("!", 64)} {
		_, err := ParseProofToken(bad)
		require.ErrorIs(t, err, ErrProof)
	}
}

func TestVerify(t *testing.T) {
	u := ana(t)
	require.NoError(t, u.AskVerification(noon))
	l := u.last()
	require.Equal(t, letters.VerifyEmail, l.Kind)
	first, err := u.Prove(l, noon)
	require.NoError(t, err)
	second, err := u.Prove(l, noon)
	require.NoError(t, err)
	require.False(t, u.Seen(), "nothing that others see")
	require.ErrorIs(t, u.Verify(first, noon), ErrProof, "only the newest counts")
	require.ErrorIs(t, u.Verify(second, noon.Add(VerifyTime)), ErrProof)
	reset, err := u.Prove(mail.Letter{Kind: letters.ResetPassword, To: u.Email}, noon)
	require.NoError(t, err)
	require.ErrorIs(t, u.Verify(reset, noon), ErrProof, "a token is good for one thing")
	require.NoError(t, u.Verify(second, noon.Add(VerifyTime-1)))
	require.True(t, u.EmailVerified)
	require.True(t, u.Seen())
	require.ErrorIs(t, u.Verify(second, noon), ErrProof, "once")
	require.ErrorIs(t, u.AskVerification(noon), ErrVerified)
	_, err = u.Prove(l, noon)
	require.ErrorIs(t, err, mail.ErrMoot, "a letter that comes too late")
}

func TestNewEmail(t *testing.T) {
	u := ana(t)
	require.Error(t, u.AskNewEmail("ANA@example.com", noon), "the same")
	require.Error(t, u.AskNewEmail("nobody", noon))
	require.NoError(t, u.AskNewEmail("Eva@example.com", noon))
	old := u.last()
	require.Equal(t, "eva@example.com", old.To)
	require.NoError(t, u.AskNewEmail("ava@example.com", noon))
	_, err := u.Prove(old, noon)
	require.ErrorIs(t, err, mail.ErrMoot, "of several the newest counts")
	tok, err := u.Prove(u.last(), noon)
	require.NoError(t, err)
	reset, err := u.Prove(mail.Letter{Kind: letters.ResetPassword, To: u.Email}, noon)
	require.NoError(t, err)
	require.ErrorIs(t, u.TakeNewEmail(tok, noon.Add(VerifyTime)), ErrProof)
	require.NoError(t, u.TakeNewEmail(tok, noon))
	require.Equal(t, "ava@example.com", u.Email)
	require.True(t, u.EmailVerified)
	require.Equal(t, letters.EmailChanged, u.last().Kind)
	require.Equal(t, "ana@example.com", u.last().To, "the old address is told")
	require.ErrorIs(t, u.TakeNewEmail(tok, noon), ErrProof)
	require.ErrorIs(t, u.ResetPassword(reset, "h", noon), ErrProof, "what went to the old address is void")
}

func TestReset(t *testing.T) {
	u := ana(t)
	l := mail.Letter{Kind: letters.ResetPassword, To: u.Email}
	tok, err := u.Prove(l, noon)
	require.NoError(t, err)
	require.ErrorIs(t, u.ResetPassword(tok, "new hash", noon.Add(ResetTime)), ErrProof)
	require.NoError(t, u.ResetPassword(tok, "new hash", noon.Add(ResetTime-1)))
	require.Equal(t, "new hash", u.PasswordHash)
	require.Equal(t, int64(1), u.PasswordEpoch)
	require.True(t, u.EmailVerified)
	require.Equal(t, letters.PasswordChanged, u.last().Kind)
	require.ErrorIs(t, u.ResetPassword(tok, "third hash", noon), ErrProof)

	tok, err = u.Prove(l, noon)
	require.NoError(t, err)
	u.SetPassword("by the user", "session", noon)
	require.Equal(t, "session", u.last().Ref)
	require.ErrorIs(t, u.ResetPassword(tok, "x", noon), ErrProof, "a change forgets open resets")
	_, err = u.Prove(mail.Letter{Kind: letters.ResetPassword, To: "former@example.com"}, noon)
	require.ErrorIs(t, err, mail.ErrMoot)
}

func TestLettersAreBounded(t *testing.T) {
	u := ana(t)
	for range MaxAsked {
		require.NoError(t, u.AskVerification(noon))
		require.NoError(t, u.AskNewEmail("eva@example.com", noon))
		_, err := u.Prove(mail.Letter{Kind: letters.ResetPassword, To: u.Email}, noon)
		require.NoError(t, err)
	}
	require.ErrorIs(t, u.AskVerification(noon.Add(askTime-1)), ErrAsked)
	require.ErrorIs(t, u.AskNewEmail("eva@example.com", noon.Add(askTime-1)), ErrAsked)
	_, err := u.Prove(mail.Letter{Kind: letters.ResetPassword, To: u.Email}, noon.Add(askTime-1))
	require.ErrorIs(t, err, mail.ErrMoot, "without telling")
	_, err = u.Prove(mail.Letter{Kind: letters.ResetPassword, To: u.Email, Tries: 1}, noon)
	require.NoError(t, err, "a letter that is tried again is no other one")
	require.NoError(t, u.AskVerification(noon.Add(askTime)))
	require.Len(t, u.Asked[letters.VerifyEmail], 1, "what is over is forgotten")
}

// A letter that a store has kept of a commit that failed is none of the user's.
func TestWrote(t *testing.T) {
	u := ana(t)
	require.NoError(t, u.AskVerification(noon))
	l := u.last()
	require.Equal(t, u.ID+":1", l.ID)
	require.True(t, u.Wrote(l))
	require.False(t, ana(t).Wrote(l))
	l.Number = 2
	require.False(t, u.Wrote(l))
	l.Number, l.About = 1, uuid.NewString()
	require.False(t, u.Wrote(l))
}

func TestShopURL(t *testing.T) {
	for _, good := range []string{"https://shop.example", "https://shop.example/tienda/", "http://127.0.0.1:8080", "http://localhost:3000"} {
		_, err := ShopURL(good)
		require.NoError(t, err, good)
	}
	for _, bad := range []string{"", "shop.example", "http://shop.example", "https://", "https://u:p@shop.example", "https://shop.example/?a=b", "https://shop.example/#x", "ftp://localhost", "https://a b"} {
		_, err := ShopURL(bad)
		require.Error(t, err, bad)
	}
}

// A new password is judged as the first one was, and the field is its own.
func TestCheckNewPassword(t *testing.T) {
	require.NoError(t, checkNew("a good password"))
	require.ErrorContains(t, checkNew("short"), "/new_password")
}
