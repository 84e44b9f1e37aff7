package route

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"time"
)

// The bounds of what a limit may state.
const (
	largestQuota  = 1_000_000
	longestWindow = 24 * time.Hour
)

// By says whose requests one count is of.
type By string

// The kinds of count.
const (
	ByAddress  By = "address"  // of an address, whoever asks from it
	ByUser     By = "user"     // of a signed-in user, wherever he is; others are not counted
	ByClient   By = "client"   // of the user, or the address of who is not signed in
	ByEveryone By = "everyone" // of all requests
)

// Limit is a bucket of Quota requests that fills up again within Window: so many
// at once, Quota / Window in the long run, and never more than twice Quota
// within a Window.
type Limit struct {
	Name   string
	By     By
	Quota  int
	Window time.Duration
	Policy string // its item of the header RateLimit-Policy
}

// The limits that every route has. A table that does not name them has none.
const (
	allOfAddress = "address"
	allOfUser    = "user"
)

type limitLine struct {
	By     By     `yaml:"by"`
	Quota  int    `yaml:"quota"`
	Window string `yaml:"window"`
}

var limitName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}$`)

// limits reads the named limits of a table, each quota times factor.
func limits(lines map[string]limitLine, factor int) (map[string]*Limit, []error) {
	out := map[string]*Limit{}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(lines)) {
		line := lines[name]
		fail := func(format string, args ...any) {
			errs = append(errs, fmt.Errorf("limits: %s: %s", name, fmt.Sprintf(format, args...)))
		}
		if !limitName.MatchString(name) {
			fail("%q is not a name", name)
		}
		window, err := time.ParseDuration(line.Window)
		if err != nil || window < time.Second || window > longestWindow || window%time.Second != 0 {
			fail("window: %q is not a number of whole seconds up to %s", line.Window, longestWindow)
			continue
		}
		if line.Quota < 1 || line.Quota > largestQuota {
			fail("quota: %d is not within 1 and %d", line.Quota, largestQuota)
		}
		switch by := line.By; {
		case name == allOfAddress && by != ByAddress, name == allOfUser && by != ByUser:
			fail("by: must be %s", name)
		case !slices.Contains([]By{ByAddress, ByUser, ByClient, ByEveryone}, by):
			fail("by: %q is none of address, user, client, everyone", by)
		}
		l := &Limit{Name: name, By: line.By, Quota: line.Quota * factor, Window: window}
		l.Policy = `"` + name + `";q=` + strconv.Itoa(l.Quota) + `;w=` + strconv.Itoa(int(window/time.Second))
		out[name] = l
	}
	return out, errs
}

// sort puts the limits of a route where they are asked: those that need no
// token checked first, so that a flood costs no signatures.
func (r *Route) sort(all []*Limit) {
	for _, l := range all {
		switch l.By {
		case ByAddress, ByEveryone:
			r.First = append(r.First, l)
		default:
			r.Then = append(r.Then, l)
		}
	}
	for _, signedIn := range []bool{false, true} {
		policy := ""
		for _, l := range all {
			if l.By == ByUser && !signedIn {
				continue
			}
			if policy != "" {
				policy += ", "
			}
			policy += l.Policy
		}
		switch {
		case policy == "":
		case signedIn:
			r.PolicyUser = []string{policy}
		default:
			r.PolicyGuest = []string{policy}
		}
	}
}
