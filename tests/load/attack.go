package main

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"
)

// outstanding is how many arrivals may be without an answer at a time. Those
// beyond it wait here, and their waiting counts.
const outstanding = 10_000

// Sample is what became of one arrival.
type Sample struct {
	Kind    Kind
	Class   Class
	Late    time.Duration // from the intended time until the generator began it
	Latency time.Duration // from the intended time to the answer
	Settled time.Duration // of a checkout: from the intended time until its order is confirmed, as the buyer sees it; 0: it is not
	Sent    int           // requests
	Detail  string        // of what went wrong
}

// result is what an action says of itself.
type result struct {
	class    Class
	answered time.Time // when the answer was there that its customer waits for; zero: at the end
	settled  time.Time
	sent     int
	detail   string
}

// attack begins each arrival at its time, with at most so many workers, and waits
// for all of them.
//
// vegeta's attacker paces them: whenever one is due and all of its workers are
// waiting for answers it adds a worker, so that a slow shop holds nothing up.
// What it does not do is count from when a request was due: a Result's Timestamp
// is taken when a worker has got round to it, and its own pacers stop at the end
// of the time, so that what was due and not yet sent is left out. Both flatter
// a generator that falls behind (coordinated omission). Here the pacer has the
// times of all arrivals, every one is sent, and latency counts from them.
func attack(ctx context.Context, due []arrival, workers uint64, do func(context.Context, Kind) result) []Sample {
	p := &pacer{due: due}
	rt := &dispatch{ctx: ctx, pacer: p, samples: make([]Sample, len(due)), do: do}
	a := vegeta.NewAttacker(vegeta.Client(&http.Client{Transport: rt}), vegeta.MaxWorkers(workers))
	target := vegeta.NewStaticTargeter(vegeta.Target{Method: http.MethodGet, URL: "http://arrival.invalid/"})
	stop := context.AfterFunc(ctx, func() { a.Stop() })
	defer stop()
	sent := 0
	for range a.Attack(target, p, 0, "") {
		sent++
	}
	return rt.samples[:sent]
}

// pacer has an attacker send at the times of the arrivals.
type pacer struct {
	due   []arrival
	once  sync.Once
	began time.Time
}

// Pace implements vegeta.Pacer.
func (p *pacer) Pace(elapsed time.Duration, hits uint64) (time.Duration, bool) {
	p.once.Do(func() { p.began = time.Now().Add(-elapsed) })
	if hits >= uint64(len(p.due)) {
		return 0, true
	}
	return p.due[hits].At - elapsed, false
}

// Rate implements vegeta.Pacer.
func (p *pacer) Rate(time.Duration) float64 {
	if len(p.due) == 0 {
		return 0
	}
	return float64(len(p.due)) / p.due[len(p.due)-1].At.Seconds()
}

// dispatch stands where the attacker's connections would be: the request's number
// says which arrival it is, and the action that it stands for is done.
type dispatch struct {
	ctx     context.Context //nolint:containedctx // the attacker's requests have none of their own
	pacer   *pacer
	samples []Sample // by number; each is written by one worker
	do      func(context.Context, Kind) result
}

// RoundTrip implements http.RoundTripper.
func (d *dispatch) RoundTrip(req *http.Request) (*http.Response, error) {
	n, err := strconv.Atoi(req.Header.Get("X-Vegeta-Seq"))
	if err != nil {
		return nil, err
	}
	due := d.pacer.began.Add(d.pacer.due[n].At)
	s := &d.samples[n]
	s.Kind, s.Late = d.pacer.due[n].Kind, time.Since(due)
	r := d.do(d.ctx, s.Kind)
	if r.answered.IsZero() {
		r.answered = time.Now()
	}
	s.Class, s.Sent, s.Detail, s.Latency = r.class, r.sent, r.detail, r.answered.Sub(due)
	if !r.settled.IsZero() {
		s.Settled = r.settled.Sub(due)
	}
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader("")), Request: req}, nil
}
