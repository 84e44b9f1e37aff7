// Package throttle slows down who guesses: after some failures each further
// try has to wait, twice as long each time. A guard counts the failures of one
// thing: an account, a device, an address.
package throttle

import (
	"fmt"
	"time"

	"tienda/internal/fault"
)

// Policy says how a guard counts.
type Policy struct {
	Free    int           // failures before there is a delay
	First   time.Duration // the delay then; it doubles with each further failure
	Longest time.Duration
	Forget  time.Duration // in which one failure is forgotten
	Most    int           // failures that are remembered
}

// The policies.
var (
	// Account is for tries from where nobody has signed in before: 17 in the
	// first two hours, some 24 a day from then on.
	Account = Policy{Free: 5, First: time.Second, Longest: time.Hour, Forget: time.Hour, Most: 24}
	// Device is for those of a device that has signed in: its owner may be
	// tired, but is not a botnet.
	Device = Policy{Free: 10, First: time.Second, Longest: 15 * time.Minute, Forget: 10 * time.Minute, Most: 30}
	// Address is for all failures of a network address, behind which may be a
	// whole company: one a minute is always forgiven.
	Address = Policy{Free: 30, First: time.Second, Longest: 10 * time.Minute, Forget: time.Minute, Most: 60}
	// Requests is for what an address may ask for without being anybody, such
	// as a new account.
	Requests = Policy{Free: 30, First: 10 * time.Second, Longest: 10 * time.Minute, Forget: time.Minute, Most: 60}
)

// Guard is what is remembered of failures. Its JSON form is how it is stored;
// the zero Guard has none.
type Guard struct {
	Clear time.Time `json:"clear"` // when all is forgotten
	Next  time.Time `json:"next"`  // when the next try is let through
}

// Failures says how many are not forgotten.
func (g Guard) Failures(p Policy, now time.Time) int {
	left := g.Clear.Sub(now)
	if left <= 0 {
		return 0
	}
	return int((left + p.Forget - 1) / p.Forget)
}

// Wait says how long the next try has to wait; 0: it may come.
func (g Guard) Wait(now time.Time) time.Duration { return max(g.Next.Sub(now), 0) }

// Fail counts one more failure.
func (g *Guard) Fail(p Policy, now time.Time) {
	from := g.Clear
	if from.Before(now) {
		from = now
	}
	g.Clear = from.Add(p.Forget).UTC()
	if latest := now.Add(time.Duration(p.Most) * p.Forget).UTC(); g.Clear.After(latest) {
		g.Clear = latest
	}
	g.Next = now.UTC()
	if over := g.Failures(p, now) - p.Free; over >= 0 {
		// 2^30 seconds are longer than any Longest.
		g.Next = g.Next.Add(min(p.First<<min(over, 30), p.Longest))
	}
}

// Wait is the error of a try that comes too early.
type Wait struct {
	For time.Duration
}

var errTooMany = fault.New(fault.TooMany, "too_many_attempts", "There were too many attempts. Wait before you try again.")

// Error says how long.
func (w *Wait) Error() string { return fmt.Sprintf("%s (%s)", errTooMany.Error(), w.For) }

// Unwrap gives the fault of the kind TooMany.
func (w *Wait) Unwrap() error { return errTooMany }

// Seconds is For, rounded up.
func (w *Wait) Seconds() int { return int((w.For + time.Second - 1) / time.Second) }
