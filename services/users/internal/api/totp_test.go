package api

import (
	"maps"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/pquerna/otp"
	otptotp "github.com/pquerna/otp/totp"
	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
	"tienda/services/users/internal/throttle"
	"tienda/services/users/internal/totp"
)

// code gives the code that an app shows some periods from now.
func (s *service) code(t *testing.T, secret string, periods int) string {
	t.Helper()
	c, err := otptotp.GenerateCodeCustom(secret, s.now.Add(time.Duration(periods)*totp.Period), otptotp.ValidateOpts{
		Period: 30, Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1,
	})
	require.NoError(t, err)
	return c
}

// turnOn gives the account a second factor.
func (s *service) turnOn(t *testing.T, as caller.Caller) (secret string) {
	t.Helper()
	started := s.ok(t, as, "POST", "/v1/me/totp", obj{"password": "a good password"}, 200)
	secret = started["secret"].(string)
	s.ok(t, as, "POST", "/v1/me/totp/confirm", obj{"totp": s.code(t, secret, 0)}, 200)
	return secret
}

func grant(email string, more obj) obj {
	in := obj{"grant_type": "password", "email": email, "password": "a good password"}
	for k, v := range more {
		in[k] = v
	}
	return in
}

// refuse makes a call that must be refused and gives the problem's code.
func (s *service) refuse(t *testing.T, as caller.Caller, method, path string, body any, status int) string {
	t.Helper()
	a := s.call(t, as, method, path, body)
	require.Equal(t, status, a.Status, "%s", a.Body)
	code, _ := a.Problem(t)
	return code
}

func TestSecondFactor(t *testing.T) {
	s := newService(t)
	s.useKey(t)
	ana := s.register(t, "ana@example.com")
	in := func(more obj, status int) string {
		if status != 200 {
			return s.refuse(t, nobody, "POST", "/v1/auth/token", grant("ana@example.com", more), status)
		}
		return s.ok(t, nobody, "POST", "/v1/auth/token", grant("ana@example.com", more), 200)["session_id"].(string)
	}
	require.Equal(t, obj{"enabled": false, "recovery_codes_left": 0.0}, s.ok(t, ana, "GET", "/v1/me/totp", nil, 200))

	first := s.ok(t, ana, "POST", "/v1/me/totp", obj{"password": "a good password"}, 200)
	in(nil, 200) // it is not confirmed
	started := s.ok(t, ana, "POST", "/v1/me/totp", obj{"password": "a good password"}, 200)
	secret := started["secret"].(string)
	require.NotEqual(t, first["secret"], secret)
	u, err := url.Parse(started["otpauth_url"].(string))
	require.NoError(t, err)
	require.Equal(t, "otpauth://totp/Tienda:ana@example.com", u.Scheme+"://"+u.Host+u.Path)
	require.Equal(t, secret, u.Query().Get("secret"))
	require.Equal(t, "Tienda", u.Query().Get("issuer"))
	for _, item := range s.snapshot(t) {
		require.NotContains(t, string(item.Value), secret, "the store holds it sealed")
	}
	require.Equal(t, "invalid_second_factor", s.refuse(t, ana, "POST", "/v1/me/totp/confirm", obj{"totp": s.code(t, first["secret"].(string), 0)}, 422))
	s.pass(t, totp.StartLimit+time.Second)
	require.Equal(t, "totp_not_started", s.refuse(t, ana, "POST", "/v1/me/totp/confirm", obj{"totp": s.code(t, secret, 0)}, 409))
	secret = s.ok(t, ana, "POST", "/v1/me/totp", obj{"password": "a good password"}, 200)["secret"].(string)
	codes := s.ok(t, ana, "POST", "/v1/me/totp/confirm", obj{"totp": s.code(t, secret, 0)}, 200)["recovery_codes"].([]any)
	require.Len(t, codes, 10)
	require.Equal(t, "totp_on", s.refuse(t, ana, "POST", "/v1/me/totp", obj{"password": "a good password"}, 409))
	require.Equal(t, "totp_on", s.refuse(t, ana, "POST", "/v1/me/totp/confirm", obj{"totp": s.code(t, secret, 1)}, 409))
	require.Equal(t, obj{"enabled": true, "recovery_codes_left": 10.0}, s.ok(t, ana, "GET", "/v1/me/totp", nil, 200))

	require.Equal(t, "second_factor_required", in(nil, 401))
	require.Equal(t, "invalid_credentials", in(obj{"password": "wrong password", "totp": s.code(t, secret, 1)}, 401))
	require.Equal(t, "invalid_second_factor", in(obj{"totp": s.code(t, secret, 0)}, 401), "it was used to confirm")
	in(obj{"totp": s.code(t, secret, 1)}, 200)
	require.Equal(t, "invalid_second_factor", in(obj{"totp": s.code(t, secret, 1)}, 401), "each code is good once")
	require.Equal(t, "invalid_second_factor", in(obj{"totp": s.code(t, secret, 0)}, 401), "and none before a used one")
	s.pass(t, 5*totp.Period)
	require.Equal(t, "invalid_second_factor", in(obj{"totp": s.code(t, secret, -2)}, 401))
	require.Equal(t, "invalid_second_factor", in(obj{"totp": s.code(t, secret, 2)}, 401))
	s.pass(t, 10*time.Hour) // so many failures are forgotten
	in(obj{"totp": s.code(t, secret, -1)}, 200)

	code := codes[3].(string)
	in(obj{"recovery_code": strings.ToLower(strings.ReplaceAll(code, "-", " "))}, 200)
	require.Equal(t, "invalid_second_factor", in(obj{"recovery_code": code}, 401))
	require.Equal(t, obj{"enabled": true, "recovery_codes_left": 9.0}, s.ok(t, ana, "GET", "/v1/me/totp", nil, 200))

	require.Equal(t, "wrong_password", s.refuse(t, ana, "POST", "/v1/me/totp/recovery-codes", obj{"password": "wrong", "totp": s.code(t, secret, 0)}, 422))
	fresh := s.ok(t, ana, "POST", "/v1/me/totp/recovery-codes", obj{"password": "a good password", "totp": s.code(t, secret, 0)}, 200)["recovery_codes"].([]any)
	require.Equal(t, "invalid_second_factor", in(obj{"recovery_code": codes[0]}, 401), "the old ones are gone")
	in(obj{"recovery_code": fresh[0]}, 200)

	require.Equal(t, "invalid_second_factor", s.refuse(t, ana, "DELETE", "/v1/me/totp", obj{"password": "a good password", "recovery_code": "x"}, 422))
	s.ok(t, ana, "DELETE", "/v1/me/totp", obj{"password": "a good password", "recovery_code": fresh[1]}, 204)
	in(nil, 200)
	require.Empty(t, s.store.Keys("factor:"))
}

// What decides who has the account asks for the second factor where it is on:
// the password alone, and a stolen session with it, are not enough.
func TestTheSecondFactorGuardsTheAccount(t *testing.T) {
	s := newService(t)
	s.useKey(t)
	ana := s.register(t, "ana@example.com")
	secret := s.turnOn(t, ana)
	const pw = "a good password"
	requests := []struct {
		path string
		body obj
		done int
	}{
		{"/v1/me/email", obj{"email": "new@example.com", "password": pw}, 202},
		{"/v1/me/password", obj{"current_password": pw, "new_password": pw + " 2"}, 204},
		{"/v1/me/delete", obj{"password": pw + " 2"}, 204},
	}
	for _, r := range requests {
		with := func(name string, v any) obj {
			out := maps.Clone(r.body)
			out[name] = v
			return out
		}
		s.pass(t, time.Hour)
		require.Equal(t, "second_factor_required", s.refuse(t, ana, "POST", r.path, r.body, 422))
		require.Equal(t, "invalid_second_factor", s.refuse(t, ana, "POST", r.path, with("recovery_code", "ABCD"), 422))
		a := s.call(t, ana, "POST", r.path, with("totp", s.code(t, secret, 5)))
		code, fields := a.Problem(t)
		require.Equal(t, "invalid_second_factor", code)
		require.Equal(t, []string{"/totp"}, fields)
		s.ok(t, ana, "POST", r.path, with("totp", s.code(t, secret, 0)), r.done)
	}
	s.register(t, "ana@example.com") // the address is free again
}

// Who has the password cannot try all codes.
func TestCodesOfASessionCannotBeGuessed(t *testing.T) {
	s := newService(t)
	s.useKey(t)
	ana := s.register(t, "ana@example.com")
	secret := s.turnOn(t, ana)
	body := func(code string) obj {
		return obj{"current_password": "a good password", "new_password": "another good one", "totp": code}
	}
	for range throttle.Account.Free {
		require.Equal(t, "invalid_second_factor", s.refuse(t, ana, "POST", "/v1/me/password", body("000000"), 422))
	}
	a := s.call(t, ana, "POST", "/v1/me/password", body(s.code(t, secret, 1)))
	require.Equal(t, 429, a.Status)
	require.NotEmpty(t, a.Header.Get("Retry-After"))
}

// Of many sign-ins with one code at the same time, one gets in.
func TestOneCodeManyTimesAtOnce(t *testing.T) {
	s := newService(t)
	s.useKey(t)
	secret := s.turnOn(t, s.register(t, "ana@example.com"))
	for _, proof := range []obj{{"totp": s.code(t, secret, 1)}} {
		statuses := make([]int, 8)
		var wg sync.WaitGroup
		for i := range statuses {
			wg.Go(func() {
				statuses[i] = s.call(t, nobody, "POST", "/v1/auth/token", grant("ana@example.com", proof)).Status
			})
		}
		wg.Wait()
		good := 0
		for _, st := range statuses {
			require.Contains(t, []int{200, 401, 429}, st)
			if st == 200 {
				good++
			}
		}
		require.Equal(t, 1, good)
	}
}

// Wrong codes are slowed down as wrong passwords are, for strangers and for
// whoever holds a session; the owner's device still gets in.
func TestCodesAreThrottled(t *testing.T) {
	s := newService(t)
	s.useKey(t)
	ana := s.register(t, "ana@example.com")
	secret := s.turnOn(t, ana)
	a := s.call(t, nobody, "POST", "/v1/auth/token", grant("ana@example.com", obj{"totp": s.code(t, secret, 1)}))
	require.Equal(t, 200, a.Status)
	device := a.Header.Get("Device-Token")
	s.pass(t, 2*totp.Period)
	for range 5 {
		require.Equal(t, "invalid_second_factor", s.refuse(t, nobody, "POST", "/v1/auth/token", grant("ana@example.com", obj{"recovery_code": "x"}), 401))
	}
	right := grant("ana@example.com", obj{"totp": s.code(t, secret, 0)})
	require.Equal(t, "too_many_attempts", s.refuse(t, nobody, "POST", "/v1/auth/token", right, 429))
	require.Equal(t, 200, s.withDevice(t, device, right).Status)

	for range 5 {
		s.refuse(t, ana, "DELETE", "/v1/me/totp", obj{"password": "a good password", "recovery_code": "x"}, 422)
	}
	a = s.call(t, ana, "DELETE", "/v1/me/totp", obj{"password": "a good password", "totp": s.code(t, secret, 1)})
	require.Equal(t, 429, a.Status)
	require.Equal(t, "1", a.Header.Get("Retry-After"))
	s.pass(t, time.Second)
	s.ok(t, ana, "DELETE", "/v1/me/totp", obj{"password": "a good password", "totp": s.code(t, secret, 1)}, 204)
	s.ok(t, caller.Caller{UserID: ana.UserID, Roles: ana.Roles}, "POST", "/v1/me/totp", obj{"password": "a good password"}, 200)
	require.Equal(t, "account_gone", s.refuse(t, caller.Caller{UserID: uuid.NewString()}, "POST", "/v1/me/totp", obj{"password": "a good password"}, 401))
}

// A device that was trusted before the second factor has to show it as well,
// and is a stranger until it has.
func TestTheSecondFactorForgetsDevices(t *testing.T) {
	s := newService(t)
	s.useKey(t)
	ana := s.register(t, "ana@example.com")
	device := s.call(t, nobody, "POST", "/v1/auth/token", grant("ana@example.com", nil)).Header.Get("Device-Token")
	s.pass(t, time.Minute)
	secret := s.turnOn(t, ana)
	for range 5 {
		s.refuse(t, nobody, "POST", "/v1/auth/token", grant("ana@example.com", obj{"password": "wrong password"}), 401)
	}
	right := grant("ana@example.com", obj{"totp": s.code(t, secret, 1)})
	require.Equal(t, 429, s.withDevice(t, device, right).Status)
	s.pass(t, time.Second)
	a := s.withDevice(t, device, right)
	require.Equal(t, 200, a.Status)
	for range 5 {
		s.refuse(t, nobody, "POST", "/v1/auth/token", grant("ana@example.com", obj{"password": "wrong password"}), 401)
	}
	s.pass(t, 2*totp.Period)
	require.Equal(t, 200, s.withDevice(t, a.Header.Get("Device-Token"), grant("ana@example.com", obj{"totp": s.code(t, secret, 0)})).Status)
}
