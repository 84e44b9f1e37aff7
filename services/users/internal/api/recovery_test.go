package api

import (
	"context"
	"log/slog"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
	"tienda/internal/mail"
	"tienda/internal/state"
	"tienda/services/users/internal/account"
	"tienda/services/users/internal/letters"
	"tienda/services/users/internal/statestore"
)

type noSessions struct{}

func (noSessions) EndAll(context.Context, string, string, time.Time) error { return nil }

var tokenOf = regexp.MustCompile(`#token=([\w-]{64})`)

// link sends the newest letter of a kind and gives the token in it.
func (s *service) link(t *testing.T, k mail.Kind, to string) string {
	t.Helper()
	shop, err := url.Parse("https://shop.example")
	require.NoError(t, err)
	var newest mail.Letter
	for _, key := range s.store.Keys("mail:") {
		l, _, err := s.users.Mail().Claim(t.Context(), strings.TrimPrefix(key, "mail:"), s.now, s.now)
		require.NoError(t, err)
		if l.Kind == k && l.To == to && l.Number >= newest.Number {
			newest = l
		}
	}
	require.NotEmpty(t, newest.ID, "no letter of the kind %s to %s", k, to)
	m, err := account.NewComposer(s.users, noSessions{}, shop, func() time.Time { return s.now }).Compose(t.Context(), newest)
	require.NoError(t, err)
	found := tokenOf.FindStringSubmatch(m.Text)
	require.NotNil(t, found, m.Text)
	return found[1]
}

// recover walks through the routes of e-mail addresses and passwords.
func (s *service) recover(t *testing.T) {
	t.Helper()
	signIn := func(email, password string) int {
		return s.call(t, nobody, "POST", "/v1/auth/token", obj{"grant_type": "password", "email": email, "password": password}).Status
	}
	eva := s.register(t, "eva@example.com")
	me := s.ok(t, eva, "GET", "/v1/me", nil, 200)
	require.Equal(t, false, me["email_verified"])
	s.ok(t, eva, "POST", "/v1/me/verification", nil, 202)
	s.ok(t, nobody, "POST", "/v1/users/verify-email", obj{"token": s.link(t, letters.VerifyEmail, "eva@example.com")}, 204)
	require.Equal(t, true, s.ok(t, eva, "GET", "/v1/me", nil, 200)["email_verified"])

	s.ok(t, eva, "POST", "/v1/me/email", obj{"email": "iva@example.com", "password": "a good password"}, 202)
	s.ok(t, nobody, "POST", "/v1/users/verify-email", obj{"token": s.link(t, letters.ConfirmNewEmail, "iva@example.com")}, 204)
	require.Equal(t, "iva@example.com", s.ok(t, eva, "GET", "/v1/me", nil, 200)["email"])

	first, second := s.signIn(t, "iva@example.com"), s.signIn(t, "iva@example.com")
	eva.Session = first["session_id"].(string)
	s.ok(t, eva, "POST", "/v1/me/password", obj{"current_password": "a good password", "new_password": "a better password"}, 204)
	refresh := func(t *testing.T, session obj) int {
		return s.call(t, nobody, "POST", "/v1/auth/token", obj{"grant_type": "refresh_token", "refresh_token": session["refresh_token"]}).Status
	}
	require.Equal(t, 401, refresh(t, second))
	require.Equal(t, 200, refresh(t, first), "the own session goes on")
	require.Equal(t, 401, signIn("iva@example.com", "a good password"))

	known := s.call(t, nobody, "POST", "/v1/auth/password-reset", obj{"email": "IVA@example.com"})
	unknown := s.call(t, nobody, "POST", "/v1/auth/password-reset", obj{"email": "nobody@example.com"})
	require.Equal(t, 202, known.Status)
	require.Equal(t, known, unknown, "status, header and body tell nothing")
	reset := obj{"token": s.link(t, letters.ResetPassword, "iva@example.com"), "new_password": "the best password"}
	s.ok(t, nobody, "POST", "/v1/auth/password-reset/confirm", reset, 204)
	code, fields := s.call(t, nobody, "POST", "/v1/auth/password-reset/confirm", reset).Problem(t)
	require.Equal(t, "invalid_token", code)
	require.Equal(t, []string{"/token"}, fields)
	require.Empty(t, s.ok(t, eva, "GET", "/v1/auth/sessions", nil, 200)["items"])
	require.Equal(t, 200, signIn("iva@example.com", "the best password"))
}

// Refusals of the same routes; nothing is changed by them.
func TestBadRecovery(t *testing.T) {
	s := newService(t)
	s.useKey(t)
	ana := s.register(t, "ana@example.com")
	s.register(t, "bob@example.com")
	good := s.link(t, letters.VerifyEmail, "ana@example.com")
	forged := strings.Repeat("A", 64)
	stranger := caller.Caller{UserID: uuid.NewString(), Roles: []caller.Role{caller.Customer}}
	long := strings.Repeat("x", 129)
	tests := []struct {
		name        string
		as          caller.Caller
		path        string
		body        any
		status      int
		code, field string
	}{
		{"forged token", nobody, "/v1/users/verify-email", obj{"token": forged}, 422, "invalid_token", "/token"},
		{"short token", nobody, "/v1/users/verify-email", obj{"token": "AAAA"}, 400, "invalid_request", "/token"},
		{"a token for another thing", nobody, "/v1/auth/password-reset/confirm", obj{"token": good, "new_password": "a better password"}, 422, "invalid_token", "/token"},
		{"reset with a forged token", nobody, "/v1/auth/password-reset/confirm", obj{"token": forged, "new_password": "a better password"}, 422, "invalid_token", "/token"},
		{"reset to a short password", nobody, "/v1/auth/password-reset/confirm", obj{"token": forged, "new_password": "short"}, 400, "invalid_request", "/new_password"},
		{"reset to a long password", nobody, "/v1/auth/password-reset/confirm", obj{"token": forged, "new_password": long}, 400, "invalid_request", "/new_password"},
		{"reset of what is no e-mail", nobody, "/v1/auth/password-reset", obj{"email": "ana"}, 400, "invalid_request", "/email"},
		{"reset without an e-mail", nobody, "/v1/auth/password-reset", obj{}, 400, "invalid_request", "/email"},
		{"change with a wrong password", ana, "/v1/me/password", obj{"current_password": "wrong", "new_password": "a better password"}, 422, "wrong_password", "/current_password"},
		{"change to a short password", ana, "/v1/me/password", obj{"current_password": "a good password", "new_password": "short"}, 400, "invalid_request", "/new_password"},
		{"change by nobody", nobody, "/v1/me/password", obj{"current_password": "a good password", "new_password": "a better password"}, 401, "sign_in", ""},
		{"change by an account that is gone", stranger, "/v1/me/password", obj{"current_password": "a good password", "new_password": "a better password"}, 401, "account_gone", ""},
		{"address with a wrong password", ana, "/v1/me/email", obj{"email": "new@example.com", "password": "wrong"}, 422, "wrong_password", "/password"},
		{"the same address", ana, "/v1/me/email", obj{"email": "Ana@example.com", "password": "a good password"}, 422, "invalid_value", "/email"},
		{"an address that is none", ana, "/v1/me/email", obj{"email": "a,b@example.com", "password": "a good password"}, 422, "invalid_value", "/email"},
		{"an address that adds a header", ana, "/v1/me/email", obj{"email": "new@example.com\r\nBcc:x@example.com", "password": "a good password"}, 400, "invalid_request", "/email"},
		{"address by nobody", nobody, "/v1/me/email", obj{"email": "new@example.com", "password": "a good password"}, 401, "sign_in", ""},
		{"verification by nobody", nobody, "/v1/me/verification", nil, 401, "sign_in", ""},
		{"verification of an account that is gone", stranger, "/v1/me/verification", nil, 401, "account_gone", ""},
	}
	before := s.snapshot(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := s.call(t, tt.as, "POST", tt.path, tt.body)
			require.Equal(t, tt.status, a.Status, "%s", a.Body)
			code, fields := a.Problem(t)
			require.Equal(t, tt.code, code)
			if tt.field != "" {
				require.Contains(t, fields, tt.field)
			}
			require.Equal(t, before, s.snapshot(t), "something was changed")
		})
	}
	t.Run("four letters within an hour", func(t *testing.T) {
		for range account.MaxAsked {
			s.ok(t, ana, "POST", "/v1/me/verification", nil, 202)
		}
		a := s.call(t, ana, "POST", "/v1/me/verification", nil)
		require.Equal(t, 429, a.Status)
		code, _ := a.Problem(t)
		require.Equal(t, "too_many_letters", code)
	})
	t.Run("an address that somebody has", func(t *testing.T) {
		s.ok(t, ana, "POST", "/v1/me/email", obj{"email": "bob@example.com", "password": "a good password"}, 202)
		a := s.call(t, nobody, "POST", "/v1/users/verify-email", obj{"token": s.link(t, letters.ConfirmNewEmail, "bob@example.com")})
		require.Equal(t, 409, a.Status, "said to who reads that address's mail only")
	})
}

// A sign-in with the old password that is under way while the password changes
// leaves no session.
func TestSignInDuringAChange(t *testing.T) {
	s := newService(t)
	s.useKey(t)
	ana := s.register(t, "ana@example.com")
	changed := false
	// Another replica: in this one the change would wait for the sign-in's commit.
	other := statestore.NewAccounts(state.Open(s.store, nil, slog.New(slog.DiscardHandler)))
	s.store.BeforeCommit = func(ops []state.Op) error {
		if changed || !slices.ContainsFunc(ops, func(op state.Op) bool { return strings.HasPrefix(op.Key, "sessions:") }) {
			return nil
		}
		changed = true // after the password was checked, before the session is there
		_, err := other.Update(t.Context(), ana.UserID, func(u *account.User) error {
			u.SetPassword("another", "", s.now)
			return nil
		})
		return err
	}
	a := s.call(t, nobody, "POST", "/v1/auth/token", obj{"grant_type": "password", "email": "ana@example.com", "password": "a good password"})
	require.True(t, changed)
	require.Equal(t, 401, a.Status)
	code, _ := a.Problem(t)
	require.Equal(t, "invalid_credentials", code)
	require.Empty(t, s.ok(t, ana, "GET", "/v1/auth/sessions", nil, 200)["items"])
}
