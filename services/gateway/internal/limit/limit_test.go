package limit

import (
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/services/gateway/internal/route"
)

// clock is moved by the tests.
type clock struct{ at atomic.Int64 }

func (c *clock) now() time.Time          { return time.Unix(1_800_000_000, c.at.Load()) }
func (c *clock) advance(d time.Duration) { c.at.Add(int64(d)) }

var (
	ana    = Client{Address: netip.MustParseAddr("203.0.113.7"), User: "ana"}
	guest  = Client{Address: netip.MustParseAddr("203.0.113.7")}
	other  = Client{Address: netip.MustParseAddr("203.0.113.8")}
	second = &route.Limit{Name: "second", By: route.ByClient, Quota: 10, Window: 10 * time.Second}
)

func by(kind route.By, quota int) []*route.Limit {
	return []*route.Limit{{Name: string(kind), By: kind, Quota: quota, Window: 10 * time.Second}}
}

// passed counts how many of n requests at once are let through.
func passed(l *Limiter, c Client, n int, limits ...[]*route.Limit) (ok int) {
	for range n {
		if l.Allow(c, limits...).OK {
			ok++
		}
	}
	return ok
}

func TestABucketIsUsedUpAndFillsUpAgain(t *testing.T) {
	var c clock
	l := New(100, c.now)
	limits := []*route.Limit{second}
	require.Equal(t, 10, passed(l, guest, 50, limits), "the quota at once")
	c.advance(time.Second)
	require.Equal(t, 1, passed(l, guest, 50, limits), "a tenth of the window, a tenth of the quota")
	c.advance(3 * time.Second)
	require.Equal(t, 3, passed(l, guest, 50, limits))
	c.advance(time.Hour)
	require.Equal(t, 10, passed(l, guest, 50, limits), "never more than the quota")

	var total int
	for range 100 { // a window, ten times a second
		c.advance(100 * time.Millisecond)
		total += passed(l, guest, 3, limits)
	}
	require.InDelta(t, 10, total, 1, "who always asks gets the quota in a window")
}

func TestWhoseRequestsAreCounted(t *testing.T) {
	for _, c := range []struct {
		kind                     route.By
		ana, anaElsewhere, guest int // of 3 each, one after another, with a quota of 3
		stranger                 int
	}{
		{kind: route.ByAddress, ana: 3, anaElsewhere: 3, guest: 0, stranger: 0},
		{kind: route.ByUser, ana: 3, anaElsewhere: 0, guest: 3, stranger: 3},
		{kind: route.ByClient, ana: 3, anaElsewhere: 0, guest: 3, stranger: 3},
		{kind: route.ByEveryone, ana: 3, anaElsewhere: 0, guest: 0, stranger: 0},
	} {
		var at clock
		l := New(100, at.now)
		lim := by(c.kind, 3)
		require.Equal(t, c.ana, passed(l, ana, 3, lim), c.kind)
		require.Equal(t, c.anaElsewhere, passed(l, Client{Address: other.Address, User: "ana"}, 3, lim), c.kind)
		require.Equal(t, c.guest, passed(l, guest, 3, lim), c.kind)
		require.Equal(t, c.stranger, passed(l, other, 3, lim), c.kind)
	}
	var at clock
	l := New(100, at.now)
	require.Equal(t, 3, passed(l, guest, 5, by(route.ByAddress, 3)))
	require.Equal(t, 5, passed(l, guest, 5, []*route.Limit{second}), "another limit has another count")
	require.True(t, l.Allow(guest, by(route.ByUser, 1)).OK)
	require.Nil(t, l.Allow(guest, by(route.ByUser, 1)).Limit, "a user's limit says nothing of guests")
}

func TestTheVerdictSaysHowItStands(t *testing.T) {
	var c clock
	l := New(100, c.now)
	address := by(route.ByAddress, 100)
	v := l.Allow(guest, address, []*route.Limit{second})
	require.True(t, v.OK)
	require.Equal(t, `"second";r=9;t=1`, v.Header(), "the one that is nearer to its end")
	passed(l, guest, 8, address, []*route.Limit{second})
	require.Equal(t, `"second";r=0;t=10`, l.Allow(guest, address, []*route.Limit{second}).Header())
	v = l.Allow(guest, address, []*route.Limit{second})
	require.False(t, v.OK)
	require.Equal(t, "second", v.Limit.Name)
	require.Equal(t, "1", v.RetryAfter())
	require.Equal(t, `"second";r=0;t=10`, v.Header())
	c.advance(time.Duration(1) * time.Second)
	require.True(t, l.Allow(guest, address, []*route.Limit{second}).OK, "as Retry-After has said")
}

func TestAChangedLimitBeginsAnew(t *testing.T) {
	var c clock
	l := New(100, c.now)
	require.Equal(t, 3, passed(l, guest, 9, by(route.ByAddress, 3)))
	require.Equal(t, 6, passed(l, guest, 9, by(route.ByAddress, 6)))
	require.Zero(t, passed(l, guest, 9, by(route.ByAddress, 3)), "changed back, it is what it was")
}

func TestTheBucketsAreBounded(t *testing.T) {
	var c clock
	l := New(160, c.now)
	for i := range 10_000 {
		l.Allow(Client{Address: netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})}, by(route.ByAddress, 3))
	}
	require.LessOrEqual(t, l.Len(), 160)
	require.Greater(t, l.Len(), 100)
	require.LessOrEqual(t, len(l.collect()), shards*hotPerShard)
}

func TestManyAtOnceGetTheQuota(t *testing.T) {
	var c clock
	l := New(1000, c.now)
	var ok atomic.Int64
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() { ok.Add(int64(passed(l, guest, 1000, by(route.ByAddress, 700), by(route.ByEveryone, 5000)))) })
	}
	wg.Wait()
	require.EqualValues(t, 700, ok.Load())
}

func BenchmarkAllow(b *testing.B) {
	l := New(DefaultSize, time.Now)
	first, then := by(route.ByAddress, 1_000_000), []*route.Limit{{Name: "read", By: route.ByClient, Quota: 1_000_000, Window: time.Second}}
	clients := make([]Client, 1000)
	for i := range clients {
		clients[i].Address = netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})
	}
	b.Run("two limits", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if !l.Allow(clients[i%1000], first, then).OK {
				b.Fatal(fmt.Sprint("refused after ", i))
			}
		}
	})
	b.Run("parallel", func(b *testing.B) {
		var n atomic.Int64
		b.RunParallel(func(p *testing.PB) {
			for i := int(n.Add(100)); p.Next(); i++ {
				l.Allow(clients[i%1000], first, then)
			}
		})
	})
}
