// Package limit counts requests against the limits of the route table.
//
// Each replica decides by itself, from buckets in its memory: no request waits
// for another process. Replicas tell each other, some times a second and beside
// the requests, what they have let through (exchange.go), and take that out of
// their own buckets. So a client who spreads his requests gets in the long run
// what one replica would give him; at first, up to what each gives until it has
// heard of the others (docs/adr/0017).
package limit

import (
	"hash/maphash"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"golang.org/x/time/rate"

	"tienda/services/gateway/internal/route"
)

// What is kept: buckets of the clients that came last, about 300 bytes each. A
// bucket that is forgotten is full when its client comes again.
const (
	shards       = 16
	DefaultSize  = 65_536
	hotFraction  = 8  // a bucket is told of once an eighth of it is used
	hotPerShard  = 16 // buckets that are told of at once
	deepestQuota = 1  // how many quotas a bucket may owe for what others let through
)

// Client is who asks: his address (package client), and his ID if he is signed in.
type Client struct {
	Address netip.Addr
	User    string
}

// key names a bucket. The one of everyone has neither address nor user. A limit
// that is changed begins anew, and replicas that do not have the same table yet
// do not count for each other.
type key struct {
	limit   string
	quota   int
	window  time.Duration
	address netip.Addr
	user    string
}

func keyOf(l *route.Limit, c Client) (key, bool) {
	k := key{limit: l.Name, quota: l.Quota, window: l.Window}
	switch l.By {
	case route.ByEveryone:
	case route.ByUser:
		k.user = c.User
		return k, c.User != ""
	case route.ByClient:
		if k.user = c.User; k.user == "" {
			k.address = c.Address
		}
	default:
		k.address = c.Address
	}
	return k, true
}

// bucket is what one client has left of one limit.
type bucket struct {
	key    key
	rate   *rate.Limiter
	untold int  // let through here and not told to the other replicas
	hot    bool // stands in the shard's list of what is to be told
}

// Limiter holds the buckets of a replica.
type Limiter struct {
	seed   maphash.Seed
	shards [shards]shard
	now    func() time.Time
	heard  atomic.Int64 // counts of other replicas
}

type shard struct {
	mu      sync.Mutex
	buckets *simplelru.LRU[key, *bucket]
	hot     []*bucket
}

// New gives a limiter of at most size buckets.
func New(size int, now func() time.Time) *Limiter {
	l := &Limiter{seed: maphash.MakeSeed(), now: now}
	for i := range l.shards {
		s := &l.shards[i]
		s.buckets, _ = simplelru.NewLRU[key, *bucket](max(1, size/shards), nil) // fails for no size only
	}
	return l
}

// Verdict is what a request may know about its limits.
type Verdict struct {
	OK    bool
	Limit *route.Limit // the one that is nearest to its end; nil: none was asked
	Share float64      // of its quota that is left; below 0 where it owes
	Left  int          // requests that it still allows at once
	Full  time.Duration
	Wait  time.Duration // until a request is allowed again; 0 if OK
}

// Allow takes a request of c out of each of the limits. It is refused by the
// first that is used up, and then not taken out of those that follow.
func (l *Limiter) Allow(c Client, limits ...[]*route.Limit) Verdict {
	v := Verdict{OK: true}
	now := l.now()
	for _, some := range limits {
		for _, lim := range some {
			k, counts := keyOf(lim, c)
			if !counts {
				continue
			}
			ok, left := l.take(k, now)
			if part := left / float64(lim.Quota); !ok || v.Limit == nil || part < v.Share {
				v.Share = part
				v.Limit, v.Left = lim, max(0, int(left))
				v.Full = time.Duration((float64(lim.Quota) - left) / float64(lim.Quota) * float64(lim.Window))
			}
			if !ok {
				v.OK = false
				v.Wait = time.Duration((1 - left) / float64(lim.Quota) * float64(lim.Window))
				return v
			}
		}
	}
	return v
}

func (l *Limiter) take(k key, now time.Time) (ok bool, left float64) {
	s := l.shard(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.bucket(k)
	ok = b.rate.AllowN(now, 1)
	left = b.rate.TokensAt(now)
	if !ok {
		return false, left
	}
	b.untold++
	if !b.hot && len(s.hot) < hotPerShard && float64(k.quota)-left >= float64(k.quota)/hotFraction {
		b.hot = true
		s.hot = append(s.hot, b)
	}
	return true, left
}

func (l *Limiter) shard(k key) *shard { return &l.shards[maphash.Comparable(l.seed, k)%shards] }

// bucket gives the bucket of a key, a full one if there is none.
func (s *shard) bucket(k key) *bucket {
	b, ok := s.buckets.Get(k)
	if !ok {
		b = &bucket{key: k, rate: rate.NewLimiter(rate.Limit(float64(k.quota)/k.window.Seconds()), k.quota)}
		s.buckets.Add(k, b)
	}
	return b
}

// Len gives how many buckets are kept.
func (l *Limiter) Len() (n int) {
	for i := range l.shards {
		s := &l.shards[i]
		s.mu.Lock()
		n += s.buckets.Len()
		s.mu.Unlock()
	}
	return n
}

// Header gives the value of the header RateLimit (draft-ietf-httpapi-ratelimit-
// headers-10): what is left of the nearest limit, and in how many seconds all of
// it is there again.
func (v Verdict) Header() string {
	b := make([]byte, 0, 48)
	b = append(append(append(b, '"'), v.Limit.Name...), `";r=`...)
	b = strconv.AppendInt(b, int64(v.Left), 10)
	b = strconv.AppendInt(append(b, ";t="...), seconds(v.Full), 10)
	return string(b)
}

// RetryAfter gives the seconds until a request is allowed again.
func (v Verdict) RetryAfter() string { return strconv.FormatInt(max(1, seconds(v.Wait)), 10) }

func seconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }
