package main

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func seeded() *rand.Rand { return rand.New(rand.NewPCG(7, 7)) }

func TestConstantArrivals(t *testing.T) {
	all := arrivals(seeded(), 50, 2*time.Second, false, mix{Browse: 1})
	require.Len(t, all, 100)
	for i, a := range all {
		require.Equal(t, time.Duration(i)*20*time.Millisecond, a.At)
	}
}

// Of a Poisson process the times between arrivals are exponential: their mean is
// their deviation, and 1 - 1/e of them are shorter.
func TestPoissonArrivals(t *testing.T) {
	const rate = 100.0
	all := arrivals(seeded(), rate, 200*time.Second, true, mix{Browse: 1})
	require.InDelta(t, 20_000, len(all), 4*math.Sqrt(20_000))
	gaps, mean, short := make([]float64, 0, len(all)), 0.0, 0
	for i := range all[1:] {
		gap := (all[i+1].At - all[i].At).Seconds()
		require.GreaterOrEqual(t, gap, 0.0)
		gaps, mean = append(gaps, gap), mean+gap
		if gap < 1/rate {
			short++
		}
	}
	mean /= float64(len(gaps))
	variance := 0.0
	for _, g := range gaps {
		variance += (g - mean) * (g - mean) / float64(len(gaps))
	}
	require.InEpsilon(t, 1/rate, mean, 0.05)
	require.InEpsilon(t, mean, math.Sqrt(variance), 0.05)
	require.InDelta(t, 1-1/math.E, float64(short)/float64(len(gaps)), 0.02)
}

func TestASeedDecidesTheArrivals(t *testing.T) {
	once := arrivals(seeded(), 100, time.Second, true, mixes["shop"])
	require.Equal(t, once, arrivals(seeded(), 100, time.Second, true, mixes["shop"]))
	require.NotEqual(t, once, arrivals(rand.New(rand.NewPCG(8, 7)), 100, time.Second, true, mixes["shop"]))
}

func TestMixes(t *testing.T) {
	for name, want := range map[string]map[Kind]float64{
		"shop":           {Browse: .80, Cart: .15, Checkout: .05},
		"marketplace":    {Session: .30, Board: .05, Price: .03, Replace: .02, Delivery: .60},
		"browse=1,cart":  {Browse: .5, Cart: .5},
		"orders":         {Orders: 1},
		"cart=3,price=0": {Cart: 1},
	} {
		m, err := parseMix(name)
		require.NoError(t, err, name)
		got := map[Kind]float64{}
		r := seeded()
		for range 20_000 {
			got[m.draw(r)] += 1.0 / 20_000
		}
		require.Len(t, got, len(want), name)
		for k, share := range want {
			require.InDelta(t, share, got[k], 0.015, "%s %s", name, k)
		}
		again, err := parseMix(m.String())
		require.NoError(t, err)
		require.Equal(t, m.String(), again.String())
	}
	for _, bad := range []string{"", "shopp", "cart=x", "cart=-1", "cart=0"} {
		_, err := parseMix(bad)
		require.Error(t, err, bad)
	}
}

func TestKeys(t *testing.T) {
	count := func(k keys) []int {
		out, r := make([]int, k.n), seeded()
		for range 100_000 {
			out[k.draw(r)]++
		}
		return out
	}
	even := count(newKeys(10, false))
	zipf := count(newKeys(10, true))
	sum := 0.0
	for i := range 10 {
		sum += math.Pow(float64(i+1), -zipfExponent)
	}
	for i := range 10 {
		require.InEpsilon(t, 10_000, even[i], 0.05)
		require.InEpsilon(t, 100_000*math.Pow(float64(i+1), -zipfExponent)/sum, zipf[i], 0.05, "rank %d", i)
	}
}
