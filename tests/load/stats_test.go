package main

import (
	"encoding/xml"
	"errors"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPercentiles(t *testing.T) {
	var all []time.Duration
	for i := range 1000 {
		all = append(all, time.Duration(i+1)*time.Millisecond)
	}
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	require.Equal(t, Latency{500, 900, 990, 999, 1000}, latency(all))
	require.Equal(t, Latency{2, 2, 2, 2, 2}, latency([]time.Duration{2 * time.Millisecond}))
	require.Equal(t, Latency{}, latency(nil))
	require.Equal(t, 2*time.Second, percentile([]time.Duration{1 * time.Second, 2 * time.Second, 3 * time.Second}, 500))
}

func TestRows(t *testing.T) {
	ms := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
	out := rows([]Sample{
		{Kind: Browse, Class: OK, Latency: ms(1)},
		{Kind: Browse, Class: Failed, Latency: ms(9), Detail: "503"},
		{Kind: Checkout, Class: OK, Latency: ms(4), Settled: ms(6)},
		{Kind: Checkout, Class: SoldOut, Latency: ms(2), Detail: "422 out_of_stock"},
		{Kind: Checkout, Class: NoCart},
	})
	require.Len(t, out, 3)
	require.Equal(t, Kind(""), out[0].Kind)
	require.Equal(t, 5, out[0].Count)
	require.Equal(t, map[Class]int{OK: 2, Failed: 1, SoldOut: 1, NoCart: 1}, out[0].Classes)
	require.InDelta(t, 2, out[0].P50, 0, "what was not sent has no latency")
	require.Equal(t, "503", out[1].Detail)
	require.InDelta(t, 6, out[2].Settled.P99, 0)
	require.Empty(t, out[2].Detail, "sold out is an answer")
	require.Nil(t, out[1].Settled)
}

func TestInTime(t *testing.T) {
	due := []arrival{{0, Browse}, {time.Second, Browse}, {time.Second, Browse}, {0, Browse}}
	samples := []Sample{
		{Class: OK, Latency: 2 * time.Second}, {Class: SoldOut, Latency: time.Second},
		{Class: OK, Latency: 1001 * time.Millisecond}, {Class: Failed},
	}
	require.Equal(t, 2, inTime(due, samples, 2*time.Second), "neither what came late nor what failed")
}

func TestKnee(t *testing.T) {
	step := func(asked, achieved, p99 float64, failed int) Step {
		return Step{Asked: asked, Offered: asked, Achieved: achieved, Rows: []Row{{Count: 100, Classes: map[Class]int{OK: 100 - failed, Failed: failed}, Latency: Latency{P99: p99}}}}
	}
	for name, x := range map[string]struct {
		steps []Step
		want  int
	}{
		"all stood":                 {[]Step{step(10, 10, 5, 0), step(20, 20, 9, 1)}, 1},
		"too slow":                  {[]Step{step(10, 10, 5, 0), step(20, 20, 1001, 0)}, 0},
		"failures":                  {[]Step{step(10, 10, 5, 0), step(20, 20, 9, 2)}, 0},
		"behind":                    {[]Step{step(10, 10, 5, 0), step(20, 18, 9, 0)}, 0},
		"better again does not say": {[]Step{step(10, 10, 5, 0), step(20, 9, 9, 0), step(30, 30, 5, 0)}, 0},
		"at once":                   {[]Step{step(10, 5, 5, 0)}, -1},
		"nothing":                   {nil, -1},
	} {
		require.Equal(t, x.want, knee(x.steps, time.Second), name)
	}
}

func TestCost(t *testing.T) {
	used := usage{seconds: map[string]float64{"orders": 3, "orders-d": 1, "load generator": 2, "mailbox": 5}, bytes: 5000}
	idle := &Cost{Cores: map[string]float64{"orders": 0.1, "orders-d": 0.5, "load generator": 1}}
	c := cost(used, idle, 10*time.Second, 100)
	require.InDelta(t, 20, c.PerEach["orders"], 1e-9, "(3 s - 10 s × 0.1) / 100")
	require.InDelta(t, 0, c.PerEach["orders-d"], 1e-9, "never below nothing")
	require.InDelta(t, 20, c.PerEach["load generator"], 1e-9, "it is not part of the idle shop")
	require.InDelta(t, 0.3, c.Cores["orders"], 1e-9)
	require.InDelta(t, 50, c.Loopback, 1e-9)
	require.InDelta(t, 20, c.shop(), 1e-9)
}

func TestAProcessThatIsGone(t *testing.T) {
	m := &meter{roots: map[string][]int{"self": {1 << 30}}}
	u, err := m.read()
	require.NoError(t, err)
	require.Empty(t, u.seconds, "a process that is not there has used nothing")
	require.Equal(t, []string{"self"}, u.gone)
	all, err := processes()
	require.NoError(t, err)
	require.NotEmpty(t, all)
}

func reportOf(knee float64, stood bool) *Report {
	r := &Report{Shop: "a <shop> & more", Mix: "shop", Arrivals: "Poisson", Knee: knee, Stood: stood}
	for _, x := range []struct{ rate, ms float64 }{{10, 2}, {20, 4}, {40, 700}} {
		r.Steps = append(r.Steps, Step{Asked: x.rate, Rows: []Row{{Latency: Latency{x.ms, 2 * x.ms, 3 * x.ms, 4 * x.ms, 5 * x.ms}}}})
	}
	return r
}

func TestThePlot(t *testing.T) {
	svg := plot(reportOf(20, false))
	count := map[string]int{}
	var points []string
	var texts strings.Builder
	for d := xml.NewDecoder(strings.NewReader(svg)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err, "it is no XML")
		switch e := token.(type) {
		case xml.StartElement:
			for _, a := range e.Attr {
				if a.Name.Local == "class" {
					count[e.Name.Local+"."+a.Value]++
				}
				if a.Name.Local == "points" {
					points = append(points, a.Value)
				}
			}
		case xml.CharData:
			_, _ = texts.Write(e)
		}
	}
	require.Len(t, points, len(percentiles))
	require.Equal(t, 1, count["line.knee"])
	require.Equal(t, 3, count["circle.p0"])
	require.Contains(t, texts.String(), "a <shop> & more")
	require.Contains(t, texts.String(), "knee: 20/s")
	require.Contains(t, svg, "prefers-color-scheme: dark")
	lower := 0.0
	for _, line := range points { // a higher percentile lies higher
		x, y := 0.0, 1e9
		for i, p := range strings.Fields(line) {
			a, b, _ := strings.Cut(p, ",")
			px, err := strconv.ParseFloat(a, 64)
			require.NoError(t, err)
			py, err := strconv.ParseFloat(b, 64)
			require.NoError(t, err)
			require.True(t, px > x && px <= right && py < y && py >= top && py <= bottom, "%s of %s", p, line)
			if x, y = px, py; i == 0 {
				require.True(t, lower == 0 || py < lower)
				lower = py
			}
		}
	}
	require.NotContains(t, plot(reportOf(40, true)), "class=\"knee\"", "all steps were stood")
	require.NotContains(t, plot(reportOf(0, false)), "class=\"knee\"")
	require.NotContains(t, plot(&Report{}), "NaN")
}
