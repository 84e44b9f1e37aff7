package limit

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/state"
	"tienda/internal/state/statetest"
	"tienda/services/gateway/internal/route"
)

// counting is a store that can be away and says what it was asked.
type counting struct {
	state.Store
	away          atomic.Bool
	reads, writes atomic.Int64
	largest       atomic.Int64
}

func (s *counting) Get(ctx context.Context, keys ...string) ([]state.Item, error) {
	s.reads.Add(1)
	if s.away.Load() {
		return nil, errors.New("away")
	}
	return s.Store.Get(ctx, keys...)
}

func (s *counting) Commit(ctx context.Context, ops ...state.Op) error {
	s.writes.Add(1)
	if s.away.Load() {
		return errors.New("away")
	}
	for _, op := range ops {
		s.largest.Store(max(s.largest.Load(), int64(len(op.Value))))
	}
	return s.Store.Commit(ctx, ops...)
}

// replicas are gateways on one clock and one store.
type replicas struct {
	clock
	store *counting
	all   []*Exchange
	log   bytes.Buffer
}

func group(t *testing.T, n int) *replicas {
	r := &replicas{store: &counting{Store: statetest.NewMemory()}}
	for range n {
		x := NewExchange(New(1000, r.now), r.store, slog.New(slog.NewTextHandler(&r.log, nil)))
		r.all = append(r.all, x)
	}
	r.turns(t, int(2*lookEvery/turnEvery)) // until they know of each other
	return r
}

func (r *replicas) turns(t *testing.T, n int) {
	for range n {
		r.advance(turnEvery)
		for _, x := range r.all {
			x.report(t.Context(), x.turn(t.Context()))
		}
	}
}

// flood asks, n times in each turn, whichever replica is next, and gives how
// many requests passed in each of the windows.
func (r *replicas) flood(t *testing.T, lim *route.Limit, n, windows int) []int {
	passed := make([]int, windows)
	next := 0
	for w := range passed {
		for range int(lim.Window / turnEvery) {
			for range n {
				if r.all[next%len(r.all)].limiter.Allow(guest, []*route.Limit{lim}).OK {
					passed[w]++
				}
				next++
			}
			r.turns(t, 1)
		}
	}
	return passed
}

// A client who spreads his requests gets in the long run what one replica would
// give. In the first window the bucket is full, and each replica has one.
func TestReplicasShareALimit(t *testing.T) {
	for _, c := range []struct {
		replicas, quota int
		window          time.Duration
		perTurn         int // of 250 ms
	}{
		{1, 100, 10 * time.Second, 20},
		{2, 100, 10 * time.Second, 20},
		{2, 600, 10 * time.Second, 40},
		{3, 600, 10 * time.Second, 200},
		{4, 30, time.Minute, 10},
	} {
		r := group(t, c.replicas)
		lim := &route.Limit{Name: "l", By: route.ByAddress, Quota: c.quota, Window: c.window}
		got := r.flood(t, lim, c.perTurn, 5)
		t.Logf("%d replicas, quota %d in %s, %d requests/s: passed in each window %v", c.replicas, c.quota, c.window, 4*c.perTurn, got)
		fresh := 2 * c.quota // a full bucket, and what grows back
		require.LessOrEqual(t, got[0], fresh+c.replicas*(c.perTurn+c.quota/hotFraction), "the first window, with what passes before others hear of it")
		var later int
		for _, n := range got[2:] {
			later += n
		}
		require.InEpsilon(t, 3*c.quota, later, 0.05, "in the long run, what one replica lets through")
	}
}

func TestAClientOfOneReplicaIsKnownToAll(t *testing.T) {
	r := group(t, 2)
	lim := []*route.Limit{second}
	require.Equal(t, 10, passed(r.all[0].limiter, ana, 20, lim))
	require.Equal(t, 10, passed(r.all[0].limiter, guest, 20, lim))
	r.turns(t, 2)
	require.Less(t, passed(r.all[1].limiter, ana, 20, lim), 2)
	require.Less(t, passed(r.all[1].limiter, guest, 20, lim), 2)
	require.Equal(t, 10, passed(r.all[1].limiter, other, 20, lim), "nobody else pays for it")
	require.Positive(t, r.all[1].limiter.Heard())
}

// Replicas whose tables differ, while a change spreads, do not count for each other.
func TestAnotherTableIsAnotherCount(t *testing.T) {
	r := group(t, 2)
	wide := *second
	wide.Quota = 1000
	require.Equal(t, 10, passed(r.all[0].limiter, guest, 20, []*route.Limit{second}))
	r.turns(t, 2)
	require.Equal(t, 1000, passed(r.all[1].limiter, guest, 2000, []*route.Limit{&wide}))
}

// What costs nothing is not shared: a replica that is alone, and clients who use
// little of their limits.
func TestWhatIsNotShared(t *testing.T) {
	r := group(t, 1)
	began := r.store.writes.Load()
	reads := r.store.reads.Load()
	passed(r.all[0].limiter, guest, 10, []*route.Limit{second})
	r.turns(t, 40) // 10 s
	require.LessOrEqual(t, r.store.writes.Load()-began, int64(2), "it says that it is there, nothing else")
	require.LessOrEqual(t, r.store.reads.Load()-reads, int64(5))

	r = group(t, 2)
	calm := &route.Limit{Name: "calm", By: route.ByAddress, Quota: 100, Window: 10 * time.Second}
	began = r.store.writes.Load()
	for range 40 {
		r.all[0].limiter.Allow(guest, []*route.Limit{calm})
		r.turns(t, 1)
	}
	require.LessOrEqual(t, r.store.writes.Load()-began, int64(6), "beats only")
	require.Zero(t, r.all[1].limiter.Heard())
}

func TestTheDocumentsAreBounded(t *testing.T) {
	r := group(t, 2)
	for range 5 {
		for i := range 5000 {
			passed(r.all[0].limiter, Client{Address: ana.Address, User: strings.Repeat("u", 32) + string(rune('a'+i%26)) + string(rune('a'+i/26%26)) + string(rune('a'+i/676))}, 2, []*route.Limit{second})
		}
		r.turns(t, 1)
	}
	require.Less(t, r.store.largest.Load(), int64(160_000))
	require.Positive(t, r.all[1].limiter.Heard())
}

func TestWithoutTheStoreEachCountsForItself(t *testing.T) {
	r := group(t, 2)
	r.store.away.Store(true)
	lim := []*route.Limit{second}
	for range 10 {
		passed(r.all[0].limiter, guest, 10, lim)
		r.turns(t, 1)
	}
	require.Equal(t, 10, passed(r.all[1].limiter, guest, 20, lim), "the other knows of nothing")
	require.Zero(t, passed(r.all[0].limiter, guest, 5, by(route.ByAddress, 1))-1, "the own limits go on")
	require.Equal(t, 2, strings.Count(r.log.String(), "not shared"), "each says so once")
	r.store.away.Store(false)
	r.turns(t, 8)
	require.Equal(t, 2, strings.Count(r.log.String(), "shared again"))
	require.Positive(t, r.all[1].limiter.Heard())
}

// A replica that dies is dropped, one that comes is found, and one that was
// taken for dead (its process stood still) comes back.
func TestReplicasComeAndGo(t *testing.T) {
	r := group(t, 3)
	for _, x := range r.all {
		require.Len(t, x.others, 2)
	}
	paused := r.all[2]
	r.all = r.all[:2]
	r.turns(t, int((deadAfter+2*lookEvery+beatEvery)/turnEvery))
	require.Len(t, r.all[0].others, 1)
	r.all = append(r.all, paused)
	r.turns(t, int((2*lookEvery+beatEvery)/turnEvery))
	for _, x := range r.all {
		require.Len(t, x.others, 2)
	}
}

func TestNonsenseFromTheStoreIsLeftOut(t *testing.T) {
	r := group(t, 2)
	a, b := r.all[0], r.all[1]
	b.limiter.apply([]Count{{Limit: "second", Address: "nowhere", Quota: 10, Window: 10, N: 5}, {Limit: "second", Address: guest.Address.String(), Quota: 0, Window: 10, N: 5},
		{Limit: "second", Address: guest.Address.String(), Quota: 10, Window: 10, N: -5}})
	require.Equal(t, 10, passed(b.limiter, guest, 20, []*route.Limit{second}))
	b.limiter.apply([]Count{{Limit: "second", Address: other.Address.String(), Quota: 10, Window: 10, N: 1 << 40}})
	r.advance(2 * second.Window)
	require.GreaterOrEqual(t, passed(b.limiter, other, 20, []*route.Limit{second}), 9, "nobody is shut out for longer than two windows")
	require.NoError(t, r.store.Commit(t.Context(), state.Op{Key: ofReplica + a.id, Value: []byte(`nonsense`), Blind: true}, state.Op{Key: directory, Value: []byte(`nonsense`), Blind: true}))
	r.turns(t, 20)
	require.Len(t, b.others, 1)
}
