package main

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// Latency is percentiles, in ms.
type Latency struct {
	P50  float64 `json:"p50_ms"`
	P90  float64 `json:"p90_ms"`
	P99  float64 `json:"p99_ms"`
	P999 float64 `json:"p999_ms"`
	Max  float64 `json:"max_ms"`
}

// percentile gives the smallest value that so many in a thousand of all are not
// above (nearest rank); 0 of none. all is sorted.
func percentile(all []time.Duration, perMille int) time.Duration {
	if len(all) == 0 {
		return 0
	}
	rank := (perMille*len(all) + 999) / 1000 // rounded up
	return all[max(rank, 1)-1]
}

func latency(all []time.Duration) Latency {
	slices.Sort(all)
	ms := func(p int) float64 { return math.Round(percentile(all, p).Seconds()*1e5) / 100 }
	return Latency{ms(500), ms(900), ms(990), ms(999), ms(1000)}
}

// Row is one kind of arrival in a step.
type Row struct {
	Kind    Kind          `json:"kind"` // "": all of them
	Count   int           `json:"count"`
	Classes map[Class]int `json:"classes"`
	Latency
	// Settled is until the buyer sees the order confirmed.
	Settled *Latency `json:"confirmed,omitempty"`
	Detail  string   `json:"first_failure,omitempty"`
}

// rows adds up the samples: all of them first, then each kind. Percentiles are
// over everything that was sent, failures and refusals too: a quick refusal must
// not count as less than a wait, so classes are told beside it.
func rows(samples []Sample) []Row {
	by := map[Kind][]Sample{}
	for _, s := range samples {
		by[""] = append(by[""], s)
		by[s.Kind] = append(by[s.Kind], s)
	}
	var out []Row
	for kind, all := range by {
		r := Row{Kind: kind, Count: len(all), Classes: map[Class]int{}}
		var took, settled []time.Duration
		for _, s := range all {
			r.Classes[s.Class]++
			if s.Class != NoCart {
				took = append(took, s.Latency)
			}
			if s.Settled > 0 {
				settled = append(settled, s.Settled)
			}
			if r.Detail == "" && s.Class.bad() {
				r.Detail = s.Detail
			}
		}
		r.Latency = latency(took)
		if len(settled) > 0 && kind != "" {
			l := latency(settled)
			r.Settled = &l
		}
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b Row) int { return cmp.Compare(a.Kind, b.Kind) })
	return out
}

// bad says whether an answer of this class is the shop's failure, or this
// program's. What a rule refuses, sold out above all, is an answer.
func (c Class) bad() bool {
	return c != OK && c != SoldOut && c != Business
}

// inTime counts the arrivals that had a good answer before the step's time was over.
// In a shop that keeps up those without one are the last few.
func inTime(due []arrival, samples []Sample, d time.Duration) (n int) {
	for i, s := range samples {
		if !s.Class.bad() && due[i].At+s.Latency <= d {
			n++
		}
	}
	return n
}

// The knee is looked for with these.
const (
	keptUp    = 0.95 // of the asked rate is achieved
	mostWrong = 0.01 // of all arrivals
)

// knee gives the highest step that the shop stood: at least 95 % of the asked
// rate was achieved, at most 1 % failed, and 99 % were answered within the limit.
// It ends at the first step that was too much. -1: the first one was.
func knee(steps []Step, limit time.Duration) int {
	last := -1
	for i, s := range steps {
		all := s.Rows[0]
		bad := 0
		for c, n := range all.Classes {
			if c.bad() {
				bad += n
			}
		}
		if s.Achieved < keptUp*s.Offered || float64(bad) > mostWrong*float64(all.Count) || all.P99 > limit.Seconds()*1000 {
			return last
		}
		last = i
	}
	return last
}
