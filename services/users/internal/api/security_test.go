package api

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/demo"
	"tienda/internal/contract/contracttest"
	"tienda/services/users/internal/letters"
	"tienda/services/users/internal/totp"
)

// The service itself has no account: the demo accounts are data that the local
// run loads.
func TestThereAreNoDefaultAccounts(t *testing.T) {
	s := newService(t)
	s.useKey(t)
	require.NoError(t, s.directory.Refresh(t.Context()))
	require.Empty(t, s.ok(t, admin, "GET", "/v1/users", nil, 200)["items"])
	for _, a := range demo.Accounts {
		require.Equal(t, "invalid_credentials", s.refuse(t, nobody, "POST", "/v1/auth/token", grant(a.Email, obj{"password": a.Password}), 401))
	}
}

// Nobody is made to change a password that nobody else knows.
func TestPasswordsDoNotRunOut(t *testing.T) {
	s := newService(t)
	s.useKey(t)
	s.register(t, "ana@example.com")
	s.pass(t, 10*365*24*time.Hour)
	s.signIn(t, "ana@example.com")
}

// Who reads the mail can set the password, and does not get around the second
// factor of an account whose e-mail was verified with that.
func TestAResetKeepsTheSecondFactor(t *testing.T) {
	s := newService(t)
	s.useKey(t)
	ana := s.register(t, "ana@example.com")
	s.ok(t, nobody, "POST", "/v1/users/verify-email", obj{"token": s.link(t, letters.VerifyEmail, "ana@example.com")}, 204)
	secret := s.turnOn(t, ana)
	a := s.call(t, nobody, "POST", "/v1/auth/password-reset", obj{"email": "ana@example.com"})
	require.Equal(t, 202, a.Status, "%s", a.Body)
	a = s.call(t, nobody, "POST", "/v1/auth/password-reset/confirm",
		obj{"token": s.link(t, letters.ResetPassword, "ana@example.com"), "new_password": "the best password"})
	require.Equal(t, 204, a.Status, "%s", a.Body)
	require.Empty(t, a.Body, "a reset lets nobody in")
	fresh := obj{"password": "the best password"}
	require.Equal(t, "second_factor_required", s.refuse(t, nobody, "POST", "/v1/auth/token", grant("ana@example.com", fresh), 401))
	fresh["totp"] = s.code(t, secret, 1)
	s.ok(t, nobody, "POST", "/v1/auth/token", grant("ana@example.com", fresh), 200)
}

// The trail says what a user has shown to be let in.
func TestTheTrailNamesTheFactors(t *testing.T) {
	s := newService(t)
	s.useKey(t)
	ana := s.register(t, "ana@example.com")
	in := func(more obj) contracttest.Answer {
		a := s.call(t, nobody, "POST", "/v1/auth/token", grant("ana@example.com", more))
		require.Equal(t, 200, a.Status, "%s", a.Body)
		return a
	}
	in(nil)
	started := s.ok(t, ana, "POST", "/v1/me/totp", obj{"password": "a good password"}, 200)
	secret := started["secret"].(string)
	codes := s.ok(t, ana, "POST", "/v1/me/totp/confirm", obj{"totp": s.code(t, secret, 0)}, 200)["recovery_codes"].([]any)
	s.pass(t, totp.Period)
	in(obj{"totp": s.code(t, secret, 0)})
	in(obj{"recovery_code": codes[0]})
	var with []string
	for _, item := range s.ok(t, admin, "GET", "/v1/ops/audit?kind=signed_in", nil, 200)["items"].([]any) {
		with = append(with, item.(obj)["detail"].(obj)["with"].(string))
	}
	require.ElementsMatch(t, []string{"password", "password totp", "password recovery_code"}, with)
}

// A refresh token that is used a second time was stolen, from its user or by him:
// the trail tells of it.
func TestAReusedTokenIsInTheTrail(t *testing.T) {
	s := newService(t)
	s.useKey(t)
	ana := s.register(t, "ana@example.com")
	first := s.signIn(t, "ana@example.com")
	used := obj{"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
	s.ok(t, nobody, "POST", "/v1/auth/token", used, 200)
	s.pass(t, time.Minute)
	require.Equal(t, "invalid_refresh_token", s.refuse(t, nobody, "POST", "/v1/auth/token", used, 401))
	told := s.ok(t, admin, "GET", "/v1/ops/audit?kind=refresh_token_reused", nil, 200)["items"].([]any)
	require.Len(t, told, 1)
	require.Equal(t, []any{ana.UserID, first["session_id"]}, []any{told[0].(obj)["user_id"], told[0].(obj)["session_id"]})
}
