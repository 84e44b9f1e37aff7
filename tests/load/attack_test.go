package main

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Nobody gets an answer until all have come: a program whose customers waited for
// each other would stand still.
func TestArrivalsDoNotWaitForAnswers(t *testing.T) {
	const n = 200
	due := arrivals(seeded(), n, time.Second, false, mix{Browse: 1, Cart: 1})
	var came sync.WaitGroup
	came.Add(n)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	samples := attack(ctx, due, outstanding, func(ctx context.Context, k Kind) result {
		came.Done()
		all := make(chan struct{})
		go func() { came.Wait(); close(all) }()
		select {
		case <-all:
			return result{class: OK, sent: 1}
		case <-ctx.Done():
			return result{class: TimedOut}
		}
	})
	require.Len(t, samples, n)
	for i, s := range samples {
		require.Equal(t, OK, s.Class)
		require.Equal(t, due[i].Kind, s.Kind)
		require.GreaterOrEqual(t, s.Latency, due[n-1].At-due[i].At, "it waited for the last one to come")
	}
}

// With one worker the second arrival cannot be sent before the first is answered.
// Its latency is what its customer has waited, not what its request took.
func TestLatencyCountsFromWhenItWasDue(t *testing.T) {
	const stall = 300 * time.Millisecond
	var n atomic.Int64
	due := []arrival{{0, Browse}, {10 * time.Millisecond, Browse}, {20 * time.Millisecond, Browse}}
	samples := attack(t.Context(), due, 1, func(context.Context, Kind) result {
		if n.Add(1) == 1 {
			<-time.After(stall) // the shop stands still
		}
		return result{class: OK, sent: 1}
	})
	require.Len(t, samples, 3, "what is late is sent all the same")
	for i, s := range samples {
		require.GreaterOrEqual(t, s.Latency, stall-due[i].At)
	}
	require.GreaterOrEqual(t, samples[1].Late, stall-due[1].At)
}

func TestAnAttackEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	samples := attack(ctx, arrivals(seeded(), 100, time.Hour, false, mix{Browse: 1}), outstanding, func(context.Context, Kind) result {
		cancel()
		return result{class: OK}
	})
	require.NotEmpty(t, samples)
	require.Less(t, len(samples), 100)
}
