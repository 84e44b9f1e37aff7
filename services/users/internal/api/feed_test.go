package api

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
	"tienda/internal/contract"
	"tienda/internal/contract/contracttest"
	"tienda/internal/origin/intake/intaketest"
	"tienda/services/users/internal/letters"
)

// silent are the routes that change nothing of an account that another system is told of.
var silent = []string{
	"POST /v1/auth/token", "POST /v1/auth/logout", "DELETE /v1/auth/sessions", "DELETE /v1/auth/sessions/{id}",
	"POST /v1/ops/signing-keys/rotate", "POST /v1/ops/service-accounts", "DELETE /v1/ops/service-accounts/{id}",
	"POST /v1/ops/service-accounts/{id}/secret", "POST /v1/me/totp", "DELETE /v1/me/totp", "POST /v1/me/totp/confirm",
	"POST /v1/me/totp/recovery-codes", "POST /v1/me/verification", "POST /v1/me/email", "POST /v1/me/password",
	"POST /v1/auth/password-reset", "POST /v1/auth/password-reset/confirm",
	"POST /internal/v1/sync/users", "POST /internal/v1/sync/users/read",
}

func TestWhatIsTold(t *testing.T) {
	for _, on := range []bool{true, false} {
		s := newService(t)
		s.useKey(t)
		if on {
			s.announce()
		}
		c := intaketest.New(t, s.Server, "users")
		var ana caller.Caller
		var address string
		changed, gone := []string{"users"}, []string{"-users"}
		tried := map[string]bool{}
		prefs := obj{"currency": "USD", "language": "es", "marketing_mail": true}
		imported := func() {
			a := s.Do(t, contracttest.Request{
				Method: "POST", Path: "/internal/v1/import/users", As: caller.Caller{App: "gateway"}, ContentType: contract.NDJSON,
				Body: `{"email":"bob@example.com","name":"Bob"}`,
			})
			require.Equal(t, 200, a.Status)
		}
		asked := func() {
			s.ok(t, ana, "POST", "/v1/me/email", obj{"email": "iva@example.com", "password": "a good password"}, 202)
		}
		for _, step := range []struct {
			route string
			do    func()
			want  []string
		}{
			{"POST /v1/users", func() { ana = s.register(t, "ana@example.com") }, changed},
			{"POST /v1/auth/token", func() { ana.Session = s.signIn(t, "ana@example.com")["session_id"].(string) }, nil},
			{"PATCH /v1/me", func() { s.ok(t, ana, "PATCH", "/v1/me", obj{"name": "Eva"}, 200) }, changed},
			{"PATCH /v1/me", func() { s.ok(t, ana, "PATCH", "/v1/me", obj{"name": "Eva"}, 200) }, nil},
			{"POST /v1/me/addresses", func() { address = s.ok(t, ana, "POST", "/v1/me/addresses", madrid(), 201)["id"].(string) }, changed},
			{"PUT /v1/me/addresses/{id}", func() {
				to := madrid()
				to["line1"] = "Gran Vía 1"
				s.ok(t, ana, "PUT", "/v1/me/addresses/"+address, to, 200)
			}, changed},
			{"PUT /v1/me/preferences", func() { s.ok(t, ana, "PUT", "/v1/me/preferences", prefs, 200) }, changed},
			{"DELETE /v1/me/addresses/{id}", func() { s.ok(t, ana, "DELETE", "/v1/me/addresses/"+address, nil, 204) }, changed},
			{"PUT /v1/users/{id}/roles", func() {
				s.ok(t, admin, "PUT", "/v1/users/"+ana.UserID+"/roles", obj{"roles": []string{"support_agent"}}, 200)
			}, changed},
			{"POST /v1/me/verification", func() { s.ok(t, ana, "POST", "/v1/me/verification", nil, 202) }, nil},
			{"POST /v1/users/verify-email", func() {
				s.ok(t, nobody, "POST", "/v1/users/verify-email", obj{"token": s.link(t, letters.VerifyEmail, "ana@example.com")}, 204)
			}, nil},
			{"POST /v1/me/email", asked, nil},
			{"POST /v1/users/verify-email", func() {
				s.ok(t, nobody, "POST", "/v1/users/verify-email", obj{"token": s.link(t, letters.ConfirmNewEmail, "iva@example.com")}, 204)
			}, changed},
			{"POST /v1/me/password", func() {
				s.ok(t, ana, "POST", "/v1/me/password", obj{"current_password": "a good password", "new_password": "a better password"}, 204)
			}, nil},
			{"POST /v1/users/{id}/disable", func() {
				s.ok(t, admin, "POST", "/v1/users/"+ana.UserID+"/disable", obj{"reason": "a test"}, 200)
			}, changed},
			{"POST /v1/users/{id}/enable", func() { s.ok(t, admin, "POST", "/v1/users/"+ana.UserID+"/enable", nil, 200) }, changed},
			{"POST /internal/v1/import/users", imported, changed},
			{"POST /internal/v1/import/users", imported, nil},
			{"POST /v1/me/delete", func() { s.ok(t, ana, "POST", "/v1/me/delete", obj{"password": "a better password"}, 204) }, gone},
			{"POST /v1/users", func() { ana = s.register(t, "ana@example.com") }, changed},
			{"DELETE /v1/users/{id}", func() { s.ok(t, admin, "DELETE", "/v1/users/"+ana.UserID, nil, 204) }, gone},
		} {
			step.do()
			told := c.Hear(t, s.events.Events())
			if !on {
				require.Empty(t, told)
				continue
			}
			require.Equal(t, step.want, told, step.route)
			c.RequireEqual(t)
			tried[step.route] = true
		}
		for _, name := range silent {
			tried[name] = true
		}
		for _, r := range s.routes {
			require.True(t, !on || r.Method == http.MethodGet || tried[r.Method+" "+r.Path], "%s %s: nobody says what is told of it", r.Method, r.Path)
		}
	}
}

// The routes that are said to be silent are.
func TestWhatIsNotTold(t *testing.T) {
	s := newService(t)
	s.useKey(t)
	s.announce()
	c := intaketest.New(t, s.Server, "users")
	ana := s.register(t, "ana@example.com")
	ana.Session = s.signIn(t, "ana@example.com")["session_id"].(string)
	require.Equal(t, []string{"users"}, c.Hear(t, s.events.Events()))
	s.turnOn(t, ana)
	s.ok(t, ana, "DELETE", "/v1/auth/sessions", nil, 204)
	s.call(t, nobody, "POST", "/v1/auth/token", obj{"grant_type": "password", "email": "ana@example.com", "password": "wrong password"})
	require.Empty(t, c.Hear(t, s.events.Events()))
	s.recover(t)
	require.Equal(t, []string{"users", "users"}, c.Hear(t, s.events.Events()), "eva is new, and has another e-mail")
	c.RequireEqual(t)
}

// Of accounts that are moved in nothing is told; of what is changed of them here, all.
func TestWhatIsToldOfMoved(t *testing.T) {
	s := newService(t)
	s.useKey(t)
	s.announce()
	c := intaketest.New(t, s.Server, "users")
	ana := s.taken(t, "users:1", 1, obj{"email": "a@example.com", "name": "A"})
	s.taken(t, "users:2", 1, obj{"email": "b@example.com", "name": "B"})
	s.taken(t, "users:2", 2, nil)
	require.Empty(t, c.Hear(t, s.events.Events()))
	c.Forget(t, s.events.Events())
	require.Equal(t, 1, len(c.IDs("users")))
	s.ok(t, ana, "PATCH", "/v1/me", obj{"name": "Eva"}, 200)
	require.Equal(t, []string{"users"}, c.Hear(t, s.events.Events()))
	require.Equal(t, "Eva", c.Document(t, "users", ana.UserID)["name"])
	s.ok(t, admin, "DELETE", "/v1/users/"+ana.UserID, nil, 204)
	require.Equal(t, []string{"-users"}, c.Hear(t, s.events.Events()))
	c.RequireEqual(t)
}

// Who only hears of changes and reads ends with what a full reading gives.
func TestAWalkThatIsFollowed(t *testing.T) {
	for seed := range uint64(4) {
		rnd := rand.New(rand.NewPCG(seed, 11))
		s := newService(t)
		s.useKey(t)
		s.announce()
		other := s.replica(t)
		other.announce()
		c := intaketest.New(t, s.Server, "users")
		for range 120 {
			on := []*service{s, other}[rnd.IntN(2)]
			id := c.Any(rnd.IntN, "users", admin.UserID)
			who := caller.Caller{UserID: id, Roles: []caller.Role{caller.Customer}}
			n := rnd.IntN(4)
			switch rnd.IntN(8) {
			case 0, 1, 2:
				on.call(t, nobody, "POST", "/v1/users", obj{"email": fmt.Sprintf("u%d@example.com", n), "password": "a good password", "name": "A"})
			case 3:
				on.call(t, who, "PATCH", "/v1/me", obj{"name": fmt.Sprint("N", n)})
			case 4:
				on.call(t, who, "POST", "/v1/me/addresses", madrid())
			case 5:
				on.call(t, admin, "POST", "/v1/users/"+id+"/"+[]string{"disable", "enable"}[rnd.IntN(2)], obj{"reason": "x"})
			case 6:
				on.call(t, admin, "PUT", "/v1/users/"+id+"/roles", obj{"roles": []string{"support_agent"}[:rnd.IntN(2)]})
			case 7:
				on.call(t, admin, "DELETE", "/v1/users/"+id, nil)
			}
			c.Hear(t, s.events.Events())
		}
		c.RequireEqual(t)
	}
}
