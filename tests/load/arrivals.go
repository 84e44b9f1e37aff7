package main

import (
	"math/rand/v2"
	"time"
)

// arrival is one thing that is to begin at a time, whatever became of those
// before it.
type arrival struct {
	At   time.Duration // from the step's beginning
	Kind Kind
}

// arrivals draws those of a step: rate a second for the duration. Constant ones
// are the same time apart; those of a Poisson process are apart by exponential
// times, as of many customers who do not know of each other.
func arrivals(r *rand.Rand, rate float64, d time.Duration, poisson bool, m mix) []arrival {
	gap := float64(time.Second) / rate
	var out []arrival
	for at := 0.0; ; {
		if poisson {
			at += r.ExpFloat64() * gap
		} else if len(out) > 0 {
			at = float64(len(out)) * gap
		}
		if at >= float64(d) {
			return out
		}
		out = append(out, arrival{time.Duration(at), m.draw(r)})
	}
}
