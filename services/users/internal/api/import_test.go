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
