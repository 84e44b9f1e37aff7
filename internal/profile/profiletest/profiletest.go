// Package profiletest says whose servers a run of the tests starts. The local
// profile needs nothing but Go; the others are asked for by name, and a name
// whose server is missing then fails the tests. What is not asked for is skipped. It starts a Postgres for tests that
// need one.
package profiletest

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// Names gives the profiles of PROFILES, a comma-separated list; "local" alone
// where it is not set.
func Names() []string {
	v := os.Getenv("PROFILES")
	if v == "" {
		return []string{"local"}
	}
	return strings.Split(v, ",")
}

// Has says whether a profile is to be tested.
func Has(name string) bool { return slices.Contains(Names(), name) }

// Needs skips a test for which PROFILES does not name a profile.
func Needs(t testing.TB, name string) {
	t.Helper()
	if !Has(name) {
		t.Skipf("PROFILES does not name %s", name)
	}
}

// OnServers runs a test for each of Servers, and skips it where there is none.
func OnServers(t *testing.T, do func(t *testing.T, name string)) {
	t.Helper()
	if len(Servers()) == 0 {
		t.Skip("PROFILES names no profile with a server")
	}
	for _, name := range Servers() {
		t.Run(name, func(t *testing.T) { do(t, name) })
	}
}

// Servers gives those of Names that have a server of their own.
func Servers() []string {
	return slices.DeleteFunc(Names(), func(n string) bool { return n == "local" })
}
