package api

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/services/users/internal/letters"
)

// Somebody has registered with the owner's e-mail, asked for another address and
// turned a second factor on. The owner, who reads the mail, takes the account
// over for good by a reset.
func TestAnOwnerTakesTheAccountBack(t *testing.T) {
	s := newService(t)
	s.useKey(t)
	squatter := s.register(t, "owner@example.com")
	s.ok(t, squatter, "POST", "/v1/me/email", obj{"email": "squatter@example.com", "password": "a good password"}, 202)
	link := s.link(t, letters.ConfirmNewEmail, "squatter@example.com")
	s.turnOn(t, squatter)

	s.ok(t, nobody, "POST", "/v1/auth/password-reset", obj{"email": "owner@example.com"}, 202)
	s.ok(t, nobody, "POST", "/v1/auth/password-reset/confirm",
		obj{"token": s.link(t, letters.ResetPassword, "owner@example.com"), "new_password": "the owner's own"}, 204)
	s.ok(t, nobody, "POST", "/v1/auth/token", grant("owner@example.com", obj{"password": "the owner's own"}), 200)
	require.Equal(t, "invalid_token", s.refuse(t, nobody, "POST", "/v1/users/verify-email", obj{"token": link}, 422))
	require.Contains(t, kinds(s.ok(t, squatter, "GET", "/v1/me/security-events", nil, 200)), "second_factor_off")
}

// A change of the password ends what was asked for with the old one.
func TestAChangedPasswordEndsAskedAddresses(t *testing.T) {
	s := newService(t)
	ana := s.register(t, "ana@example.com")
	s.ok(t, ana, "POST", "/v1/me/email", obj{"email": "thief@example.com", "password": "a good password"}, 202)
	link := s.link(t, letters.ConfirmNewEmail, "thief@example.com")
	s.ok(t, ana, "POST", "/v1/me/password", obj{"current_password": "a good password", "new_password": "a better password"}, 204)
	require.Equal(t, "invalid_token", s.refuse(t, nobody, "POST", "/v1/users/verify-email", obj{"token": link}, 422))
}

// Somebody guesses all the time. Who resets the password gets in with the device
// that did it, although all devices of before are forgotten.
func TestAResetUnderAttack(t *testing.T) {
	s := newService(t)
	s.useKey(t)
	s.register(t, "ana@example.com")
	guess := func() { s.call(t, nobody, "POST", "/v1/auth/token", wrong("ana@example.com")) }
	for range 10 {
		guess()
	}
	s.ok(t, nobody, "POST", "/v1/auth/password-reset", obj{"email": "ana@example.com"}, 202)
	a := s.call(t, nobody, "POST", "/v1/auth/password-reset/confirm", obj{"token": s.link(t, letters.ResetPassword, "ana@example.com"), "new_password": "a better password"})
	require.Equal(t, 204, a.Status)
	guess()
	good := grant("ana@example.com", obj{"password": "a better password"})
	require.Equal(t, "too_many_attempts", s.refuse(t, nobody, "POST", "/v1/auth/token", good, 429))
	require.Equal(t, 200, s.withDevice(t, a.Header.Get("Device-Token"), good).Status)
}

// Devices of a former account with the e-mail are strangers to the next one.
func TestDevicesOfAFormerAccount(t *testing.T) {
	s := newService(t)
	s.useKey(t)
	former := s.register(t, "ana@example.com")
	device := s.call(t, nobody, "POST", "/v1/auth/token", grant("ana@example.com", nil)).Header.Get("Device-Token")
	s.ok(t, former, "POST", "/v1/me/delete", obj{"password": "a good password"}, 204)
	s.pass(t, 30*24*time.Hour)
	s.ok(t, nobody, "POST", "/v1/users", obj{"email": "ana@example.com", "password": "the owner's own", "name": "Ana"}, 201)
	for range 5 {
		require.Equal(t, 401, s.withDevice(t, device, wrong("ana@example.com")).Status)
	}
	require.Equal(t, 429, s.withDevice(t, device, wrong("ana@example.com")).Status, "counted at the e-mail, as a stranger's")
}

// A sign-in that began before the second factor was on does not get in without.
func TestASignInMeetsAFactorThatIsTurnedOn(t *testing.T) {
	s := newService(t)
	s.useKey(t)
	ana := s.register(t, "ana@example.com")
	secret := s.ok(t, ana, "POST", "/v1/me/totp", obj{"password": "a good password"}, 200)["secret"].(string)
	raced := false
	s.reads.before = func(keys []string) {
		if !raced && slices.ContainsFunc(keys, func(k string) bool { return strings.HasPrefix(k, "sessions:") }) {
			raced = true
			s.ok(t, ana, "POST", "/v1/me/totp/confirm", obj{"totp": s.code(t, secret, 0)}, 200)
		}
	}
	require.Equal(t, "second_factor_required", s.refuse(t, nobody, "POST", "/v1/auth/token", grant("ana@example.com", nil), 401))
	require.True(t, raced)
}

// A token that comes along with a sign-in says nothing in the trail: else the
// owner would see a member of staff where a thief was.
func TestAStrangersTokenHidesNothing(t *testing.T) {
	s := newService(t)
	s.useKey(t)
	ana, thief := s.register(t, "ana@example.com"), s.register(t, "thief@example.com")
	thief.Session, thief.Address = s.signIn(t, "thief@example.com")["session_id"].(string), "203.0.113.66"
	in := s.ok(t, thief, "POST", "/v1/auth/token", grant("ana@example.com", nil), 200)
	e := s.ok(t, ana, "GET", "/v1/me/security-events", nil, 200)["items"].([]any)[0].(obj)
	require.Equal(t, []any{"signed_in", ana.UserID, in["session_id"], "203.0.113.66"}, []any{e["kind"], e["actor_id"], e["session_id"], e["address"]})
}

// Wrong codes are in the trail, wherever they are given.
func TestWrongCodesAreInTheTrail(t *testing.T) {
	s := newService(t)
	s.useKey(t)
	ana := s.register(t, "ana@example.com")
	s.turnOn(t, ana)
	s.refuse(t, nobody, "POST", "/v1/auth/token", grant("ana@example.com", obj{"totp": "000000"}), 401)
	s.refuse(t, ana, "DELETE", "/v1/me/totp", obj{"password": "a good password", "totp": "000000"}, 422)
	require.NoError(t, s.trail.Flush(t.Context(), true))
	for _, item := range s.ok(t, admin, "GET", "/v1/ops/audit?kind=sign_in_failed&user_id="+ana.UserID, nil, 200)["items"].([]any) {
		require.Equal(t, "wrong second factor", item.(obj)["detail"].(obj)["reason"])
	}
	require.NotEmpty(t, s.ok(t, admin, "GET", "/v1/ops/audit?kind=sign_in_failed&user_id="+ana.UserID, nil, 200)["items"])
}

// The links of a disabled account are good for nothing.
func TestLinksOfADisabledAccount(t *testing.T) {
	s := newService(t)
	ana := s.register(t, "ana@example.com")
	s.ok(t, nobody, "POST", "/v1/auth/password-reset", obj{"email": "ana@example.com"}, 202)
	link := s.link(t, letters.ResetPassword, "ana@example.com")
	s.ok(t, admin, "POST", "/v1/users/"+ana.UserID+"/disable", obj{"reason": "fraud"}, 200)
	require.Equal(t, "invalid_token", s.refuse(t, nobody, "POST", "/v1/auth/password-reset/confirm", obj{"token": link, "new_password": "a better password"}, 422))
}
