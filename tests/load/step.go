package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

// reserve is how many full carts there are beyond those that a step is short of.
const reserve = 20

// step is one rate for a time. Carts that it would be short of are filled before.
func (m *market) step(ctx context.Context, draws *rand.Rand, o options, rate float64, d time.Duration, idle *Cost, meter *meter) (*Step, error) {
	due := arrivals(draws, rate, d, o.poisson, o.mix)
	count := map[Kind]int{}
	for _, a := range due {
		count[a.Kind]++
	}
	if n := count[Checkout]; n > 0 {
		if err := m.fill(ctx, max(0, n-count[Cart]/fullCart)+min(n, reserve)); err != nil {
			return nil, err
		}
	}
	if err := meter.rest(ctx, o, idle); err != nil {
		return nil, err
	}
	before, err := meter.read()
	if err != nil {
		return nil, err
	}
	sent, in, out := m.web.Sent.Load(), m.web.In.Load(), m.web.Out.Load()
	began := time.Now()
	samples := attack(ctx, due, outstanding, m.do)
	took := time.Since(began)
	s := &Step{
		Mix: o.mix.String(), Asked: rate, Offered: float64(len(due)) / d.Seconds(), Achieved: float64(inTime(due, samples, d)) / d.Seconds(), Seconds: took.Seconds(),
		Requests: int(m.web.Sent.Load() - sent), BytesIn: m.web.In.Load() - in, BytesOut: m.web.Out.Load() - out, Rows: rows(samples),
	}
	var late []time.Duration
	for _, x := range samples {
		late = append(late, x.Late)
	}
	s.LateP99 = latency(late).P99
	if err := m.finish(ctx); err != nil {
		return nil, err
	}
	if err := meter.rest(ctx, o, idle); err != nil {
		return nil, err
	}
	after, err := meter.read()
	if err != nil {
		return nil, err
	}
	s.Load = loadAverage()
	if meter != nil {
		s.Cost = cost(after.less(before), idle, time.Since(began), len(samples))
	}
	if len(samples) == 0 {
		return nil, fmt.Errorf("nothing was due: %v/s for %s", rate, d)
	}
	return s, ctx.Err()
}
