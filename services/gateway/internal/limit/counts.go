package limit

import (
	"net/netip"
	"time"
)

// Count is how many requests of a bucket a replica has let through.
type Count struct {
	Limit   string `json:"l"`
	Address string `json:"a,omitempty"`
	User    string `json:"u,omitempty"`
	Quota   int    `json:"q"`
	Window  int    `json:"w"` // seconds
	N       int    `json:"n"`
}

// collect gives what has been let through in the buckets that are well used
// since it was last asked.
func (l *Limiter) collect() []Count {
	var out []Count
	now := l.now()
	for i := range l.shards {
		s := &l.shards[i]
		s.mu.Lock()
		for j, b := range s.hot {
			// What was used long ago has grown back, and is no news.
			n := min(b.untold, max(1, b.key.quota-int(b.rate.TokensAt(now))))
			c := Count{Limit: b.key.limit, User: b.key.user, Quota: b.key.quota, Window: int(b.key.window / time.Second), N: n}
			if b.key.address.IsValid() {
				c.Address = b.key.address.String()
			}
			out = append(out, c)
			b.untold, b.hot = 0, false
			s.hot[j] = nil
		}
		s.hot = s.hot[:0]
		s.mu.Unlock()
	}
	return out
}

// apply takes what another replica has let through out of the own buckets.
func (l *Limiter) apply(counts []Count) {
	now := l.now()
	for _, c := range counts {
		k := key{limit: c.Limit, quota: c.Quota, window: time.Duration(c.Window) * time.Second, user: c.User}
		if c.Address != "" {
			a, err := netip.ParseAddr(c.Address)
			if err != nil {
				continue
			}
			k.address = a
		}
		if c.Quota < 1 || c.Window < 1 || c.N < 1 {
			continue
		}
		s := l.shard(k)
		s.mu.Lock()
		b := s.bucket(k)
		// It may owe so much that nobody waits longer than two windows for
		// what several replicas let through at once.
		room := int(b.rate.TokensAt(now)) + deepestQuota*k.quota
		for n := min(c.N, room); n > 0; n -= k.quota {
			b.rate.ReserveN(now, min(n, k.quota))
		}
		s.mu.Unlock()
	}
	l.heard.Add(int64(len(counts)))
}

// Heard gives how many counts of other replicas were taken in.
func (l *Limiter) Heard() int64 { return l.heard.Load() }
