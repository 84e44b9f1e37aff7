// Package profiletest says whose servers a run of the tests starts. The local
// profile needs nothing but Go; the others are asked for by name, and a name
// whose server is missing then fails the tests. It starts a Postgres for tests that
// need one.
package profiletest

import (
	"os"
	"slices"
	"strings"
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

// Servers gives those of Names that have a server of their own.
func Servers() []string {
	return slices.DeleteFunc(Names(), func(n string) bool { return n == "local" })
}
