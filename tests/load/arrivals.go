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

// keys draws which of n products is wanted.
type keys struct {
	n      int
	chance []float64 // cumulative, of a Zipf distribution; nil: uniform
}

// zipfExponent is YCSB's, which the Online Marketplace benchmark takes over.
const zipfExponent = 0.99

func newKeys(n int, zipf bool) keys {
	k := keys{n: n}
	if !zipf {
		return k
	}
	k.chance = zipfChances(n, zipfExponent)
	return k
}

// draw gives a number below n; with Zipf small ones are likelier.
func (k keys) draw(r *rand.Rand) int {
	if k.chance == nil {
		return r.IntN(k.n)
	}
	return search(k.chance, r.Float64())
}
