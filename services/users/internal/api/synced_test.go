package api

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
	"tienda/internal/origin/intake"
	"tienda/services/users/internal/account"
	"tienda/services/users/internal/password"
)

// wraps counts the hashes that are made of those of another system.
type wraps struct {
	account.Hasher
	n atomic.Int64
}

func (w *wraps) Wrap(ctx context.Context, l password.Legacy) (string, error) {
	w.n.Add(1)
	return w.Hasher.Wrap(ctx, l)
}

// anyAccount gives a valid SyncUser of number n: any of its fields there or not, in any
// form that the schema allows.
func anyAccount(r *rand.Rand, n int) obj {
	maybe := func() bool { return r.IntN(2) == 0 }
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	word := func() string {
		return pick("a", "Ñandú", "x y", "日本", "O'Brien", `<b>&"\`, "é", " lead", "trail ", "😀", "\u2028x")
	}
	d := obj{"email": fmt.Sprintf(pick("p%d@example.com", "P%d@Example.COM", " p%d@example.com ", "p.%d+x@sub.example.org"), n), "name": word()}
	if maybe() {
		d["roles"] = []string{}
		for _, role := range []string{"admin", "customer", "catalog_manager", "support_agent"} {
			if maybe() {
				d["roles"] = append(d["roles"].([]string), role)
			}
		}
	}
	if maybe() {
		p := obj{"currency": pick("EUR", "USD", "JPY"), "language": pick("en", "es", "pt-BR")}
		if maybe() {
			p["marketing_mail"] = maybe()
		}
		d["preferences"] = p
	}
	if maybe() {
		list := []obj{}
		for range r.IntN(4) {
			a := obj{"name": word(), "line1": word(), "city": word(), "postal_code": pick("1", "28013", "x"), "country": pick("ES", "DE", "US")}
			for _, k := range []string{"line2", "region", "phone"} {
				if maybe() {
					a[k] = pick("", "1", word())
				}
			}
			list = append(list, a)
		}
		d["addresses"] = list
	}
	if maybe() {
		d["created_at"] = pick("2019-03-01T10:00:00Z", "2019-03-01T10:00:00.000Z", "2019-03-01T10:00:00.123456789+05:30", "1999-12-31T23:59:59-08:00")
	}
	if maybe() {
		d["status"] = pick("active", "disabled")
	}
	if maybe() {
		d = hashed(d, word())
		if maybe() {
			d["password_hash"].(obj)["salt"] = word()
		}
	}
	return d
}

// What is sent is read, to the letter, but for the hash; after every later state as well.
func TestWhatIsMovedInIsReadBack(t *testing.T) {
	for seed := range uint64(12) {
		s := newService(t)
		r := rand.New(rand.NewPCG(seed, 1))
		want := map[string]obj{}
		var keys []string
		for n := range 30 {
			keys = append(keys, fmt.Sprintf("users:%d", n))
		}
		for position := range 3 {
			var rows []obj
			for n, key := range keys {
				if position > 0 && r.IntN(3) == 0 {
					continue
				}
				doc := anyAccount(r, n)
				rows = append(rows, row(key, position, doc))
				doc = asJSON(t, doc)
				delete(doc, "password_hash")
				want[idOf(key)] = doc
			}
			for _, result := range s.move(t, rows...) {
				require.Equal(t, intake.Stored, result.Outcome, "seed %d: %+v", seed, result.Problem)
			}
			require.Equal(t, want, s.held(t, keys...), "seed %d", seed)
		}
		require.Len(t, s.listed(t), len(keys))
		require.NoError(t, s.directory.Refresh(t.Context()))
		require.Equal(t, len(keys), s.search(t, "example&limit=100"))
	}
}

// Whatever of it is changed here is seen as a difference, in a document that can be sent:
// and gone once the document is sent again.
func TestWhatIsChangedHereShows(t *testing.T) {
	s := newService(t)
	s.useKey(t)
	staff := s.stored(t, "boss@example.com", caller.Admin)
	full := hashed(whole(), "a good password")
	full["email"], full["roles"] = "Ana@example.com", []string{"support_agent"}
	ana := s.taken(t, "users:1", 1, full)
	bare := hashed(obj{"email": "ben@example.com", "name": "B"}, "a good password")
	ben := s.taken(t, "users:2", 1, bare)
	sent := map[string]obj{"users:1": full, "users:2": bare}
	firstAddress := func(c caller.Caller, n int) string {
		return s.ok(t, c, "GET", "/v1/me/addresses", nil, 200)["items"].([]any)[n].(obj)["id"].(string)
	}
	other := madrid()
	other["line1"] = "Gran Vía 1"
	tests := map[string]struct {
		key    string
		change func()
		field  string
	}{
		"name": {"users:1", func() { s.ok(t, ana, "PATCH", "/v1/me", obj{"name": "Anna"}, 200) }, "name"},
		"currency": {"users:1", func() {
			s.ok(t, ana, "PUT", "/v1/me/preferences", obj{"currency": "EUR", "language": "es", "marketing_mail": true}, 200)
		}, "preferences"},
		"consent": {"users:2", func() {
			s.ok(t, ben, "PUT", "/v1/me/preferences", obj{"currency": "EUR", "language": "en", "marketing_mail": true}, 200)
		}, "preferences"},
		"a new address":    {"users:2", func() { s.ok(t, ben, "POST", "/v1/me/addresses", madrid(), 201) }, "addresses"},
		"another address":  {"users:1", func() { s.ok(t, ana, "PUT", "/v1/me/addresses/"+firstAddress(ana, 0), other, 200) }, "addresses"},
		"one address less": {"users:1", func() { s.ok(t, ana, "DELETE", "/v1/me/addresses/"+firstAddress(ana, 1), nil, 204) }, "addresses"},
		"default address": {"users:1", func() {
			s.ok(t, ana, "PUT", "/v1/me/preferences", obj{"currency": "USD", "language": "es", "marketing_mail": true, "default_address_id": firstAddress(ana, 1)}, 200)
		}, "addresses"},
		"roles": {"users:1", func() { s.ok(t, staff, "PUT", "/v1/users/"+ana.UserID+"/roles", obj{"roles": []string{}}, 200) }, "roles"},
		"a role more": {"users:2", func() {
			s.ok(t, staff, "PUT", "/v1/users/"+ben.UserID+"/roles", obj{"roles": []string{"catalog_manager"}}, 200)
		}, "roles"},
		"disabled": {"users:2", func() { s.ok(t, staff, "POST", "/v1/users/"+ben.UserID+"/disable", obj{"reason": "x"}, 200) }, "status"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			before := s.held(t, tt.key)[idOf(tt.key)]
			tt.change()
			after := s.held(t, tt.key)[idOf(tt.key)]
			require.NotEqual(t, before[tt.field], after[tt.field])
			s.taken(t, tt.key, 1, sent[tt.key])
			require.Equal(t, before, s.held(t, tt.key)[idOf(tt.key)], "the monolith is in charge")

			tt.change()
			again := s.held(t, tt.key)[idOf(tt.key)]
			require.Equal(t, strings.ToLower(again["email"].(string)), again["email"])
			hash := sent[tt.key]["password_hash"]
			again["password_hash"] = hash
			s.taken(t, tt.key, 1, again)
			delete(again, "password_hash")
			require.Equal(t, again, s.held(t, tt.key)[idOf(tt.key)], "what is read can be sent")
			s.taken(t, tt.key, 1, sent[tt.key])
		})
	}
}
