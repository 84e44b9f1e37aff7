package simulation

import (
	"math/rand/v2"
	"time"
)

// mix is which faults a run has, and how many. Each seed has a mix of its own,
// and many lack some kinds altogether: a bug that needs one kind is not drowned
// by the others.
type mix struct {
	latency  time.Duration
	rollback bool // the stores roll back, like SQLite and Postgres; else like Redis

	// Chances per step, in thousandths.
	refuse   int // a call to the store fails and nothing is written
	lose     int // it lands and its answer is lost
	hang     int // it takes up to hangTime, most likely longer than the caller waits
	conflict int // somebody else was faster
	network  int // a request does not arrive
	repeat   int // a request arrives twice
	unheard  int // its answer is lost
	publish  int // a publish fails, with or without effect
	twice    int // an event is delivered again
	mail     int // a letter is not sent, or the answer is lost
	pay      int // the payment provider is not reached, answers late or not at all, or is asked twice
	crash    int // some process dies
	pause    int // some process stands still
	stop     int // some process is stopped in good order

	outages int // how many crashes, pauses and stops there may be
	buyers  int
	carts   int // of each buyer
}

// hangTime bounds how long a call may be under way. internal/state relies on a
// bound too: after twice its own time limit a write lands no more.
const hangTime = 15 * time.Second

func newMix(r *rand.Rand) mix {
	sometimes := func(most int) int {
		if r.IntN(3) == 0 {
			return 0
		}
		return 1 + r.IntN(most)
	}
	m := mix{
		latency: []time.Duration{300 * time.Microsecond, 2 * time.Millisecond, 10 * time.Millisecond}[r.IntN(3)], rollback: r.IntN(2) == 0,
		refuse: sometimes(30), lose: sometimes(40), hang: sometimes(15), conflict: sometimes(80),
		network: sometimes(60), repeat: sometimes(80), unheard: sometimes(60), publish: sometimes(150), twice: sometimes(300),
		crash: sometimes(12), pause: sometimes(6), stop: sometimes(4), outages: r.IntN(6),
		buyers: 3 + r.IntN(6), carts: 1 + r.IntN(3),
	}
	m.mail = sometimes(200)
	m.pay = sometimes(150)
	return m
}

// chance says whether something happens, n times in a thousand.
func (w *world) chance(n int) bool { return !w.calm && n > 0 && w.rng.IntN(1000) < n }

func (w *world) upTo(d time.Duration) time.Duration { return time.Duration(w.rng.Int64N(int64(d))) + 1 }
