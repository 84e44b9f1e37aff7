package main

import (
	"math"
	"sort"
)

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
