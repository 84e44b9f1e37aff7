package main

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// Kind is a sort of fault.
type Kind string

// The kinds of fault.
const (
	KillService  Kind = "kill -9 of a service"
	KillSidecar  Kind = "kill -9 of a sidecar"
	KillBroker   Kind = "kill -9 of the broker"
	KillStore    Kind = "kill -9 of the store"
	KillMail     Kind = "kill -9 of the mail server"
	KillPay      Kind = "kill -9 of the payment provider"
	PauseService Kind = "pause of a service"
	PauseSidecar Kind = "pause of a sidecar"
	PauseBroker  Kind = "pause of the broker"
	PauseStore   Kind = "pause of the store"
	PausePay     Kind = "pause of the payment provider"
	CutLink      Kind = "link cut"
	ResetLink    Kind = "answers lost on a link"
	ShortLink    Kind = "answers cut short on a link"
	SlowLink     Kind = "slow link"
)

// The links that can be disturbed: between the buyers and the gateway, and
// between all sidecars and the broker or the store.
const (
	linkBuyers = "buyers"
	linkBroker = "broker"
	linkStore  = "store"
)

// Fault is one fault.
type Fault struct {
	After  time.Duration // the beginning of the one before it
	Kind   Kind
	Target string        // a process of the ready file, or a link
	For    time.Duration // of a pause or of a disturbed link
}

func (f Fault) String() string {
	s := string(f.Kind) + ": " + f.Target
	if f.For > 0 {
		s += fmt.Sprintf(" for %.1f s", f.For.Seconds())
	}
	return s
}

// targets are what there is to be hit.
type targets struct {
	services                 []string // each with a sidecar
	broker, store, mail, pay string   // "" without one
}

func (t targets) links() []string {
	out := []string{linkBuyers}
	if t.broker != "" {
		out = append(out, linkBroker)
	}
	if t.store != "" {
		out = append(out, linkStore)
	}
	return out
}

// weights say how often each kind comes.
func (t targets) weights() []weight {
	out := []weight{
		{KillService, 30, t.services},
		{KillSidecar, 20, t.services},
		{PauseService, 14, t.services},
		{PauseSidecar, 8, t.services},
		{CutLink, 5, t.links()},
		{ResetLink, 4, t.links()},
		{ShortLink, 4, t.links()},
		{SlowLink, 4, t.links()},
	}
	if t.broker != "" {
		out = append(out, weight{KillBroker, 6, []string{t.broker}}, weight{PauseBroker, 4, []string{t.broker}})
	}
	if t.store != "" {
		out = append(out, weight{KillStore, 6, []string{t.store}}, weight{PauseStore, 4, []string{t.store}})
	}
	if t.mail != "" {
		out = append(out, weight{KillMail, 3, []string{t.mail}})
	}
	if t.pay != "" {
		out = append(out, weight{KillPay, 5, []string{t.pay}}, weight{PausePay, 5, []string{t.pay}})
	}
	return out
}

type weight struct {
	kind Kind
	n    int
	at   []string
}

// plan decides n faults by a seed: the same seed gives the same faults.
func plan(seed uint64, n int, t targets) []Fault {
	r := rand.New(rand.NewPCG(seed, 0))
	all := t.weights()
	total := 0
	for _, w := range all {
		total += w.n
	}
	out := make([]Fault, n)
	for i := range out {
		at, pick := r.IntN(total), 0
		for at >= all[pick].n {
			at -= all[pick].n
			pick++
		}
		w := all[pick]
		out[i] = Fault{After: gap(r), Kind: w.kind, Target: w.at[r.IntN(len(w.at))], For: length(r, w.kind)}
	}
	return out
}

// gap is mostly long enough for the shop to come back, and sometimes so short
// that the next fault meets it on the way.
func gap(r *rand.Rand) time.Duration {
	if r.IntN(5) == 0 {
		return between(r, 50*time.Millisecond, 400*time.Millisecond)
	}
	return between(r, 1500*time.Millisecond, 5*time.Second)
}

// length of a fault. Two pauses in five are about as long as the lease of a
// journal (5 s), so that others adopt what is not dead.
func length(r *rand.Rand, k Kind) time.Duration {
	switch k {
	case PauseService, PauseSidecar, PauseBroker, PauseStore, PausePay:
		if r.IntN(5) < 2 {
			return between(r, 4*time.Second, 8*time.Second)
		}
		return between(r, 200*time.Millisecond, 2*time.Second)
	case CutLink, ResetLink, ShortLink, SlowLink:
		return between(r, 200*time.Millisecond, 3*time.Second)
	default:
		return 0
	}
}

func between(r *rand.Rand, from, to time.Duration) time.Duration {
	return from + time.Duration(r.Int64N(int64(to-from)))
}
