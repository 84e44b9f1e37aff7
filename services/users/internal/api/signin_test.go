package api

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
	"tienda/internal/contract/contracttest"
	"tienda/internal/state"
	"tienda/services/users/internal/account"
	"tienda/services/users/internal/throttle"
)

func (s *service) withDevice(t *testing.T, token string, body any) contracttest.Answer {
	t.Helper()
	return s.Do(t, contracttest.Request{Method: "POST", Path: "/v1/auth/token", Body: body, Header: http.Header{"Device-Token": {token}}})
}

func wrong(email string) obj { return grant(email, obj{"password": "wrong password"}) }

func from(address string) caller.Caller { return caller.Caller{Address: address} }

// A guesser is slowed down, in the same way for an account and for none; the
// owner's device gets in at any time, and is slowed down for its own mistakes.
func TestGuessingIsSlowedDown(t *testing.T) {
	s := newService(t)
	s.useKey(t)
	s.register(t, "ana@example.com")
	device := s.call(t, nobody, "POST", "/v1/auth/token", grant("ana@example.com", nil)).Header.Get("Device-Token")
	require.NotEmpty(t, device)
	var said []string
	for _, email := range []string{"ana@example.com", "nobody@example.com", "a,b@example.com"} {
		var answers []string
		try := func(status int, retry string) {
			t.Helper()
			a := s.call(t, nobody, "POST", "/v1/auth/token", wrong(email))
			require.Equal(t, status, a.Status, "%s", a.Body)
			require.Equal(t, retry, a.Header.Get("Retry-After"))
			answers = append(answers, string(a.Body))
		}
		for range throttle.Account.Free {
			try(401, "")
		}
		for _, wait := range []int{1, 2, 4, 8, 16, 32} {
			try(429, strconv.Itoa(wait))
			s.pass(t, time.Duration(wait)*time.Second)
			try(401, "")
		}
		said = append(said, strings.Join(answers, ""))
	}
	require.Equal(t, said[0], said[1])
	require.Equal(t, said[0], said[2])

	require.Equal(t, 401, s.call(t, nobody, "POST", "/v1/auth/token", wrong("ana@example.com")).Status)
	require.Equal(t, "too_many_attempts", s.refuse(t, nobody, "POST", "/v1/auth/token", grant("ana@example.com", nil), 429))
	a := s.withDevice(t, device, grant("ana@example.com", nil))
	require.Equal(t, 200, a.Status, "the owner gets in")
	require.NotEmpty(t, a.Header.Get("Device-Token"))
	require.Equal(t, 429, s.call(t, nobody, "POST", "/v1/auth/token", wrong("ana@example.com")).Status, "which does not help the guesser")
	for range throttle.Device.Free {
		require.Equal(t, 401, s.withDevice(t, device, wrong("ana@example.com")).Status)
	}
	require.Equal(t, 429, s.withDevice(t, device, grant("ana@example.com", nil)).Status)
	s.pass(t, time.Second)
	require.Equal(t, 200, s.withDevice(t, device, grant("ana@example.com", nil)).Status)
}

// A device's token is good for its account alone, in the header or the cookie.
func TestDeviceTokens(t *testing.T) {
	s := newService(t)
	s.useKey(t)
	s.register(t, "ana@example.com")
	s.register(t, "eve@example.com")
	a := s.call(t, nobody, "POST", "/v1/auth/token", grant("ana@example.com", nil))
	token := a.Header.Get("Device-Token")
	cookie := a.Header.Get("Set-Cookie")
	require.Equal(t, "tienda_device="+token+"; Path=/v1/auth; Max-Age=31536000; HttpOnly; SameSite=Strict", cookie)
	a = s.Do(t, contracttest.Request{Method: "POST", Path: "/v1/auth/token", Body: grant("ana@example.com", nil), Header: http.Header{"X-Forwarded-Proto": {"https"}}})
	require.Contains(t, a.Header.Get("Set-Cookie"), "; Secure")
	eve := s.call(t, nobody, "POST", "/v1/auth/token", grant("eve@example.com", nil)).Header.Get("Device-Token")
	refresh := s.signIn(t, "eve@example.com")["refresh_token"]
	a = s.call(t, nobody, "POST", "/v1/auth/token", obj{"grant_type": "refresh_token", "refresh_token": refresh})
	require.Empty(t, a.Header.Get("Device-Token"), "only a password proves who it is")
	for range throttle.Account.Free {
		s.withDevice(t, eve, wrong("ana@example.com"))
	}
	require.Equal(t, 429, s.withDevice(t, eve, grant("ana@example.com", nil)).Status, "Eve's device is a stranger to Ana's account")
	a = s.call(t, nobody, "POST", "/v1/auth/token", wrong("ana@example.com"))
	require.Equal(t, 429, a.Status)
	require.Empty(t, a.Header.Get("Device-Token"))
	a = s.Do(t, contracttest.Request{Method: "POST", Path: "/v1/auth/token", Body: grant("ana@example.com", nil), Header: http.Header{"Cookie": {"tienda_device=" + token}}})
	require.Equal(t, 200, a.Status)
}

// One who tries one password at many accounts is slowed down by the address,
// and whoever has signed in before from there is not.
func TestSprayingIsSlowedDown(t *testing.T) {
	s := newService(t)
	s.useKey(t)
	s.register(t, "ana@example.com")
	const office = "2001:db8:7:7::1"
	device := s.call(t, from(office), "POST", "/v1/auth/token", grant("ana@example.com", nil)).Header.Get("Device-Token")
	for i := range throttle.Address.Free {
		address := fmt.Sprintf("2001:db8:7:7::%x", i)
		require.Equal(t, 401, s.call(t, from(address), "POST", "/v1/auth/token", wrong(fmt.Sprintf("u%d@example.com", i))).Status)
	}
	a := s.call(t, from(office), "POST", "/v1/auth/token", grant("ana@example.com", nil))
	require.Equal(t, 429, a.Status)
	require.Equal(t, "1", a.Header.Get("Retry-After"))
	require.Equal(t, 200, s.call(t, from("2001:db8:7:8::1"), "POST", "/v1/auth/token", grant("ana@example.com", nil)).Status)
	a = s.Do(t, contracttest.Request{
		Method: "POST", Path: "/v1/auth/token", As: from(office), Body: grant("ana@example.com", nil), Header: http.Header{"Device-Token": {device}},
	})
	require.Equal(t, 200, a.Status)
	require.Equal(t, 429, s.call(t, from(office), "POST", "/v1/auth/token", grant("eve@example.com", nil)).Status,
		"a good sign-in does not clear the address")
	s.pass(t, time.Hour)
	require.Equal(t, 200, s.call(t, from(office), "POST", "/v1/auth/token", grant("ana@example.com", nil)).Status)
}

func TestRegistrationsOfAnAddress(t *testing.T) {
	s := newService(t)
	newcomer := func(i int) obj {
		return obj{"email": fmt.Sprintf("n%d@example.com", i), "password": "a good password", "name": "N"}
	}
	for i := range throttle.Requests.Free {
		s.ok(t, from("192.0.2.7"), "POST", "/v1/users", newcomer(i), 201)
	}
	a := s.call(t, from("192.0.2.7"), "POST", "/v1/users", newcomer(100))
	require.Equal(t, 429, a.Status, "%s", a.Body)
	require.Equal(t, "10", a.Header.Get("Retry-After"))
	s.ok(t, from("192.0.2.8"), "POST", "/v1/users", newcomer(100), 201)
	for i := range 2 * throttle.Requests.Free { // the machine itself is no client
		s.ok(t, from("127.0.0.1"), "POST", "/v1/users", newcomer(200+i), 201)
	}
	s.pass(t, 10*time.Second)
	s.ok(t, from("192.0.2.7"), "POST", "/v1/users", newcomer(101), 201)
}

// barrier holds all checks back until the last has come.
type barrier struct {
	account.Hasher
	come *sync.WaitGroup
}

func (b barrier) Matches(ctx context.Context, hash, password string) (bool, error) {
	b.come.Done()
	b.come.Wait()
	return b.Hasher.Matches(ctx, hash, password)
}

// Of many guesses at once no more are answered than one by one, at one replica
// or at several, although all were begun before the first was counted.
func TestManyGuessesAtOnce(t *testing.T) {
	s := newService(t)
	s.useKey(t)
	s.register(t, "ana@example.com")
	const guesses = 100
	var come, done sync.WaitGroup
	come.Add(guesses)
	s.hasher = barrier{s.hasher, &come}
	replicas := []*service{s.replica(t), s.replica(t), s.replica(t)}
	answers := make([]int, guesses)
	for i := range guesses {
		done.Go(func() {
			answers[i] = replicas[i%len(replicas)].call(t, nobody, "POST", "/v1/auth/token", wrong("ana@example.com")).Status
		})
	}
	done.Wait()
	count := map[int]int{}
	for _, st := range answers {
		count[st]++
	}
	require.Equal(t, map[int]int{401: throttle.Account.Free, 429: guesses - throttle.Account.Free}, count)
}

// A right password that is checked while the wrong ones use the tries up is not
// let in: else a guesser would send all guesses at once.
func TestTheRightGuessAmongMany(t *testing.T) {
	s := newService(t)
	s.useKey(t)
	s.register(t, "ana@example.com")
	guessed := false
	s.reads.before = func(keys []string) {
		if guessed || !slices.ContainsFunc(keys, func(k string) bool { return strings.HasPrefix(k, "sessions:") }) {
			return
		}
		guessed = true
		for range throttle.Account.Free {
			require.Equal(t, 401, s.call(t, nobody, "POST", "/v1/auth/token", wrong("ana@example.com")).Status)
		}
	}
	a := s.call(t, nobody, "POST", "/v1/auth/token", grant("ana@example.com", nil))
	require.True(t, guessed)
	require.Equal(t, 429, a.Status, "%s", a.Body)
	require.Empty(t, s.store.Keys("sessions:"))
}

// What is stored of failures names nobody, and goes by itself.
func TestCountsNameNobodyAndGo(t *testing.T) {
	s := newService(t)
	s.useKey(t)
	var kept []state.Op
	s.store.BeforeCommit = func(ops []state.Op) error { kept = append(kept, ops...); return nil }
	s.call(t, from("192.0.2.7"), "POST", "/v1/auth/token", wrong("ana@example.com"))
	require.Len(t, kept, 2, "one of the account, one of the address, in one commit")
	for _, op := range kept {
		require.Positive(t, op.TTL)
		require.LessOrEqual(t, op.TTL, time.Hour+time.Second)
		for _, secret := range []string{"ana", "192.0.2"} {
			require.NotContains(t, op.Key+string(op.Value), secret)
		}
	}
}
