package main

import (
	"math"
	"math/rand/v2"
	"sort"
)

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

// zipfChances gives the cumulative chances of n ranks: rank i has 1/i^s of the
// first one's. The generator of math/rand is only for s > 1.
func zipfChances(n int, s float64) []float64 {
	out := make([]float64, n)
	sum := 0.0
	for i := range out {
		sum += 1 / math.Pow(float64(i+1), s)
		out[i] = sum
	}
	for i := range out {
		out[i] /= sum
	}
	return out
}

// search gives the rank that a number from [0, 1) falls on.
func search(chances []float64, x float64) int {
	return min(sort.SearchFloat64s(chances, x), len(chances)-1)
}
