package api

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"

	"tienda/services/users/internal/account"
	"tienda/services/users/internal/password"
)

// Somebody without a password must not tell an account of any kind from it.
const unknown = "unknown@example.com"

// costly takes some milliseconds, so that what is left out shows.
var costly = password.Params{MemoryKiB: 2 << 10, Passes: 1, Lanes: 1}

func timed(t *testing.T, hasher account.Hasher) *service {
	t.Helper()
	s := newService(t)
	s.useKey(t)
	s.hasher = hasher
	s.serve(t)
	s.register(t, "wrong@example.com")
	legacy, err := bcrypt.GenerateFromPassword([]byte("a good password"), 6) // a floor for more would make the test slow
	require.NoError(t, err)
	require.Zero(t, s.load(t, strings.Join([]string{
		`{"email":"none@example.com","name":"N"}`,
		`{"email":"sha256@example.com","name":"S","password_hash":{"format":"sha256","hash":"5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8"}}`,
		`{"email":"bcrypt@example.com","name":"B","password_hash":{"format":"bcrypt","hash":"` + string(legacy) + `"}}`,
	}, "\n")).Rejected)
	return s
}

// measure signs in with a wrong password, each time at all of the e-mails in a
// new order, so that what else the machine does falls on them alike.
func measure(t *testing.T, s *service, rounds int, emails ...string) map[string][]time.Duration {
	t.Helper()
	took := map[string][]time.Duration{}
	body := ""
	for range rounds {
		for _, i := range rand.Perm(len(emails)) {
			s.pass(t, 48*time.Hour) // the failures before are forgotten
			start := time.Now()
			a := s.call(t, nobody, "POST", "/v1/auth/token", wrong(emails[i]))
			took[emails[i]] = append(took[emails[i]], time.Since(start))
			require.Equal(t, 401, a.Status, "%s", a.Body)
			if body == "" {
				body = string(a.Body)
			}
			require.Equal(t, body, string(a.Body))
		}
	}
	return took
}

// apart says how well two kinds can be told apart by one time: the chance that
// one of a takes longer than one of b (Mann and Whitney's U / nm), as a
// distance from a half; 0: not at all, 0.5: always.
func apart(a, b []time.Duration) float64 {
	u := 0.0
	for _, x := range a {
		for _, y := range b {
			switch {
			case x > y:
				u++
			case x == y:
				u += 0.5
			}
		}
	}
	d := u/float64(len(a)*len(b)) - 0.5
	return max(d, -d)
}

// Two kinds count as told apart if each of attempts measurements, one after the
// other, tells them apart. One can by chance, and on a busy machine by less than
// any network lets through: who has slept runs sooner than who has computed. So a
// measurement tells only what it orders far better than chance does (with 100
// times each the standard deviation of apart is 0.041 for times of one
// distribution) and by more than a tenth of what an answer takes.
const (
	rounds     = 100
	attempts   = 3
	orderBound = 0.18
	distance   = 0.1
)

// toldApart measures sign-ins of an e-mail without an account and of others, until
// a measurement does not tell; it returns those that all of them told.
func toldApart(t *testing.T, s *service, rounds int, others ...string) []string {
	t.Helper()
	for range attempts {
		took := measure(t, s, rounds, append([]string{unknown}, others...)...)
		base := took[unknown]
		others = slices.DeleteFunc(others, func(email string) bool {
			order, shift := apart(took[email], base), median(took[email])-median(base)
			t.Logf("%-20s median %v (unknown %v), apart %.3f", email, median(took[email]), median(base), order)
			return order < orderBound || max(shift, -shift) < time.Duration(distance*float64(median(base)))
		})
		if len(others) == 0 {
			break
		}
	}
	return others
}

func median(d []time.Duration) time.Duration {
	d = slices.Clone(d)
	slices.Sort(d)
	return d[len(d)/2]
}

// The body is the same, too: measure requires it.
func TestNobodyTellsAccountsApartByTime(t *testing.T) {
	t.Run("by the work alone", func(t *testing.T) {
		require.Empty(t, toldApart(t, timed(t, password.New(costly)), rounds, "wrong@example.com", "none@example.com", "sha256@example.com"))
	})
	t.Run("with the floor that hides dear hashes", func(t *testing.T) {
		dearest := slices.Max(measure(t, timed(t, password.New(costly)), 10, "bcrypt@example.com")["bcrypt@example.com"])
		s := timed(t, password.New(costly, password.Floor(3*dearest)))
		require.Empty(t, toldApart(t, s, rounds/5, "bcrypt@example.com"))
	})
}

// hasty does no work for an account that is not there, or has no password.
type hasty struct{ account.Hasher }

func (h hasty) Matches(ctx context.Context, hash, password string) (bool, error) {
	if hash == "" {
		return false, nil
	}
	return h.Hasher.Matches(ctx, hash, password)
}

// The test above would notice.
func TestTheMeasureTellsAccountsApart(t *testing.T) {
	t.Run("an early return", func(t *testing.T) {
		all := []string{"wrong@example.com", "sha256@example.com"}
		require.Equal(t, all, toldApart(t, timed(t, hasty{password.New(costly)}), rounds/4, slices.Clone(all)...))
	})
	t.Run("a dear hash without a floor", func(t *testing.T) {
		require.NotEmpty(t, toldApart(t, timed(t, password.New(costly)), rounds/5, "bcrypt@example.com"))
	})
}
