package api

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/demo"
	"tienda/internal/caller"
	"tienda/internal/contract"
	"tienda/internal/contract/contracttest"
	"tienda/internal/ndjson"
	"tienda/internal/state"
	"tienda/services/users/internal/account"
	"tienda/services/users/internal/password"
)

func (s *service) load(t *testing.T, body string) ndjson.Report {
	t.Helper()
	a := s.Do(t, contracttest.Request{
		Method: "POST", Path: "/internal/v1/import/users", As: caller.Caller{App: "migration"}, ContentType: contract.NDJSON, Body: body,
	})
	require.Equal(t, 200, a.Status, "%s", a.Body)
	var r ndjson.Report
	a.JSON(t, &r)
	return r
}

func person(i int) string { return fmt.Sprintf(`{"email":"p%d@example.com","name":"P %d"}`, i, i) }

func TestImportKeepsTheGoodLines(t *testing.T) {
	s := newService(t)
	s.register(t, "own@example.com")
	body := strings.Join([]string{
		person(1),
		``,
		`{"email":`,
		`{"email":"p2@example.com"}`,
		`{"email":"p2@example.com","name":"P","is_admin":true}`,
		`{"email":"own@example.com","name":"P"}`,
		`{"email":"p3@example.com","name":"P","addresses":[{"name":"P","line1":"1","city":"C","postal_code":"1","country":"QX"}]}`,
		`{"email":"p4@example.com","name":"` + strings.Repeat("x", ndjson.MaxLine) + `"}`,
		`{"email":"p5@example.com","name":"P"` + strings.Repeat(" ", ndjson.MaxLine-40) + `}`,
		`   ` + person(6) + "\r",
		person(7),
	}, "\n")
	r := s.load(t, body)
	require.Equal(t, 4, r.Accepted)
	require.Equal(t, 6, r.Rejected)
	var at []string
	for _, e := range r.Errors {
		line := fmt.Sprint(e.Line)
		for _, f := range e.Fields {
			line += " " + f.Name
		}
		at = append(at, line)
	}
	require.Equal(t, []string{"3 ", "4 /name", "5 /is_admin", "6 /email", "7 /addresses/0/country", "8"}, at)

	r = s.load(t, body)
	require.Equal(t, 4, r.Accepted, "a repeat")
	require.Len(t, s.store.Keys("user:"), 5)
}

func TestImportEnds(t *testing.T) {
	tests := []struct {
		name, body         string
		accepted, rejected int
	}{
		{"only blank lines", "\n \n\t\n", 0, 0},
		{"a last line with its end", person(1) + "\n", 1, 0},
		{"a last line without", person(1), 1, 0},
		{"a last line that is too long", person(1) + "\n" + strings.Repeat("x", 3*ndjson.MaxLine), 1, 1},
		{"just a batch", people(50), 50, 0},
		{"a batch and one", people(51), 51, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newService(t).load(t, tt.body)
			require.Equal(t, []int{tt.accepted, tt.rejected}, []int{r.Accepted, r.Rejected})
		})
	}
}

func people(n int) string {
	lines := make([]string, n)
	for i := range lines {
		lines[i] = person(i)
	}
	return strings.Join(lines, "\n")
}

func TestImportReportsAThousandErrorsAtMost(t *testing.T) {
	r := newService(t).load(t, strings.Repeat("x\n", ndjson.MaxErrors+1))
	require.Equal(t, ndjson.MaxErrors+1, r.Rejected)
	require.Len(t, r.Errors, ndjson.MaxErrors)
	require.True(t, r.Truncated)
}

// When storage fails midway the batches before are kept, and all can be sent
// again.
func TestImportThroughAnOutage(t *testing.T) {
	s := newService(t)
	commits := 0
	s.store.BeforeCommit = func([]state.Op) error {
		if commits++; commits == 2 {
			return errors.New("disk full")
		}
		return nil
	}
	a := s.Do(t, contracttest.Request{
		Method: "POST", Path: "/internal/v1/import/users", As: caller.Caller{App: "gateway"}, ContentType: contract.NDJSON, Body: people(120),
	})
	require.Equal(t, 503, a.Status)
	require.Len(t, s.store.Keys("user:"), 50)
	require.Equal(t, 120, s.load(t, people(120)).Accepted)
	require.Len(t, s.store.Keys("user:"), 120)
}

func TestDemoAccountsCanSignIn(t *testing.T) {
	s := newService(t)
	s.useKey(t)
	file, err := demo.FS.ReadFile("users.ndjson")
	require.NoError(t, err)
	for range 2 {
		require.Equal(t, ndjson.Report{Accepted: len(demo.Accounts), Errors: []ndjson.Failure{}}, s.load(t, string(file)))
	}
	for _, a := range demo.Accounts {
		s.ok(t, nobody, "POST", "/v1/auth/token", obj{"grant_type": "password", "email": a.Email, "password": a.Password}, 200)
	}
}

// Hashes of other systems are kept inside ours, let their owners in, and become
// ours at the first sign-in, which costs no call more.
func TestLegacyHashesAreUpgraded(t *testing.T) {
	s := newService(t)
	s.useKey(t)
	const sha1 = "5baa61e4c9b93f3f0682250b6cf8331b7ee68fd8" // of "password"
	r := s.load(t, strings.Join([]string{
		`{"email":"sha@example.com","name":"S","password_hash":{"format":"sha1","hash":"` + sha1 + `"}}`,
		`{"email":"salted@example.com","name":"S","password_hash":{"format":"sha256","hash":"7a37b85c8918eac19a9089c0fa5a2ab4dce3f90528dcdeec108b23ddf3607b99","salt":"salt","salt_placement":"after"}}`,
		`{"email":"bcrypt@example.com","name":"B","password_hash":{"format":"bcrypt","hash":"$2y$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a"}}`,
		`{"email":"plain@example.com","name":"P","password":"abc"}`,
		`{"email":"bad@example.com","name":"B","password_hash":{"format":"sha1","hash":"abc"}}`,
		`{"email":"bad@example.com","name":"B","password_hash":{"format":"rot13","hash":"abc"}}`,
		`{"email":"bad@example.com","name":"B","password":"abcdefgh","password_hash":{"format":"sha1","hash":"` + sha1 + `"}}`,
	}, "\n"))
	require.Equal(t, 4, r.Accepted)
	var fields []string
	for _, e := range r.Errors {
		fields = append(fields, e.Fields[0].Name)
	}
	require.Equal(t, []string{"/password_hash/hash", "/password_hash/format", "/password_hash"}, fields)
	for _, item := range s.snapshot(t) {
		for _, weak := range []string{sha1, "XXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a", "7a37b85c", `"abc"`} {
			require.NotContains(t, string(item.Value), weak, "no weak hash is stored, and no password")
		}
	}
	stored := func(email string) string {
		items, err := s.store.Get(t.Context(), "user:"+account.ImportedID(email))
		require.NoError(t, err)
		_, rest, ok := strings.Cut(string(items[0].Value), `"password_hash":"`)
		require.True(t, ok)
		hash, _, _ := strings.Cut(rest, `"`)
		return hash
	}
	for email, password := range map[string]string{
		"sha@example.com": "password", "salted@example.com": "password", "bcrypt@example.com": "U*U*U", "plain@example.com": "abc",
	} {
		before := stored(email)
		require.Equal(t, email != "plain@example.com", strings.HasPrefix(before, "$wrapped$"), before)
		require.Equal(t, "invalid_credentials", s.refuse(t, nobody, "POST", "/v1/auth/token", grant(email, obj{"password": "other"}), 401))
		require.Equal(t, before, stored(email))
		s.ok(t, nobody, "POST", "/v1/auth/token", grant(email, obj{"password": password}), 200)
		after := stored(email)
		require.True(t, strings.HasPrefix(after, "$argon2id$v=19$m=64,t=1,p=1$"), after)
		require.Equal(t, email == "plain@example.com", before == after, "what is ours already stays")
		s.ok(t, nobody, "POST", "/v1/auth/token", grant(email, obj{"password": password}), 200)
		require.Equal(t, after, stored(email))
	}

	// The parameters of the service have been raised.
	s.hasher = password.New(password.Params{MemoryKiB: 128, Passes: 1, Lanes: 1})
	s.serve(t)
	s.ok(t, nobody, "POST", "/v1/auth/token", grant("plain@example.com", obj{"password": "abc"}), 200)
	require.True(t, strings.HasPrefix(stored("plain@example.com"), "$argon2id$v=19$m=128,t=1,p=1$"))
}
