package strangler

import (
	"bytes"
	"context"
	"math"
	"net/http"
	"slices"
	"sync"
	"time"

	"tienda/internal/caller"
	"tienda/internal/trace"
	"tienda/services/gateway/internal/route"
)

// The bounds of shadow reads.
const (
	mostShadows     = 8               // under way at once
	shadowLimit     = 2 * time.Second // of one
	largestCompared = 256 << 10       // bytes of a body
	mostDifferences = 20              // kept of a route
	mostReported    = 20              // routes in one report
)

// Counts are what became of the shadow reads of a route.
type Counts struct {
	Route       string       `json:"route"`
	Service     string       `json:"service"`
	Same        int64        `json:"same"`
	Differ      int64        `json:"different"`
	Failed      int64        `json:"failed"`  // the shop had no answer in time
	Dropped     int64        `json:"dropped"` // not asked
	Differences []Difference `json:"differences"`
}

// Difference is how two answers differ, without their values.
type Difference struct {
	At       time.Time `json:"at"`
	Monolith int       `json:"monolith_status"`
	Shop     int       `json:"shop_status"`
	Pointers []string  `json:"pointers"`
}

type shadows struct {
	slots chan struct{}

	mu                            sync.Mutex
	share                         map[string]float64 // of a service, what has come together of one read
	routes                        map[string]*Counts // since they were collected
	same, differ, failed, dropped int64              // in all
}

func newShadows() *shadows {
	return &shadows{slots: make(chan struct{}, mostShadows), share: map[string]float64{}, routes: map[string]*Counts{}}
}

// sampled says whether it is a read's turn: of a share of a tenth each tenth's.
func (s *shadows) sampled(service string, share float64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	whole, rest := math.Modf(s.share[service] + min(share, 1))
	s.share[service] = rest
	return whole >= 1
}

// shadowed has the monolith answer, and then compares that with what the shop would have
// said, when the client has its answer.
func (s *Switch) shadowed(w http.ResponseWriter, r *http.Request, to *route.Route, who caller.Caller, t trace.Trace) error {
	select {
	case s.shadows.slots <- struct{}{}:
	default:
		s.shadows.count(to, func(c *Counts) { c.Dropped++ })
		return s.next.Forward(w, r, to.Monolith, who, t)
	}
	handed := false
	defer func() {
		if !handed {
			<-s.shadows.slots
		}
	}()
	seen := &tee{ResponseWriter: w}
	if err := s.next.Forward(seen, r, to.Monolith, who, t); err != nil {
		return err
	}
	if seen.status == http.StatusNotModified || seen.large {
		return nil
	}
	handed = true
	// What belongs to the request is the server's again when this returns.
	ask := r.Clone(context.WithoutCancel(r.Context()))
	ask.Header.Del("If-None-Match")
	old := answer{seen.status, w.Header().Get("Content-Type"), seen.body.Bytes()}
	go func() {
		defer func() { <-s.shadows.slots }()
		s.compare(ask, to, who, t, old)
	}()
	return nil
}

// compare asks the shop and counts what comes of it.
func (s *Switch) compare(r *http.Request, to *route.Route, who caller.Caller, t trace.Trace, old answer) {
	ctx, cancel := context.WithTimeout(r.Context(), shadowLimit)
	defer cancel()
	got, err := s.shop.Read(ctx, r, to, who, t, largestCompared)
	if err != nil {
		s.shadows.count(to, func(c *Counts) { c.Failed++ })
		return
	}
	pointers, same := differences(old, answer{got.Status, got.Header.Get("Content-Type"), got.Body}, to.Ignore)
	s.shadows.count(to, func(c *Counts) {
		if same {
			c.Same++
			return
		}
		c.Differ++
		c.note(Difference{time.Now().UTC(), old.status, got.Status, append([]string{}, pointers...)})
	})
}

func (c *Counts) note(d ...Difference) {
	all := slices.Concat(c.Differences, d)
	c.Differences = append([]Difference{}, all[max(0, len(all)-mostDifferences):]...)
}

func (s *shadows) count(to *route.Route, add func(*Counts)) {
	c := Counts{Route: http.MethodGet + " " + to.Path, Service: to.Service}
	add(&c)
	s.mu.Lock()
	s.same, s.differ, s.failed, s.dropped = s.same+c.Same, s.differ+c.Differ, s.failed+c.Failed, s.dropped+c.Dropped
	s.mu.Unlock()
	s.add([]Counts{c})
}

// add counts, anew where a report did not reach anybody.
func (s *shadows) add(counts []Counts) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range counts {
		sum := s.routes[c.Route]
		if sum == nil {
			sum = &Counts{Route: c.Route, Service: c.Service, Differences: []Difference{}}
			s.routes[c.Route] = sum
		}
		sum.Same += c.Same
		sum.Differ += c.Differ
		sum.Failed += c.Failed
		sum.Dropped += c.Dropped
		sum.note(c.Differences...)
	}
}

// collect gives what was counted since it was collected last, of some routes at a time.
func (s *shadows) collect() (out []Counts) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, c := range s.routes {
		if len(out) == mostReported {
			break
		}
		out = append(out, *c)
		delete(s.routes, name)
	}
	return out
}

func (s *shadows) totals() (same, differ, failed, dropped int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.same, s.differ, s.failed, s.dropped
}

// tee keeps what is written to a client.
type tee struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
	large  bool
}

// WriteHeader notes the status.
func (t *tee) WriteHeader(status int) {
	if t.status == 0 {
		t.status = status
	}
	t.ResponseWriter.WriteHeader(status)
}

// Write keeps what is not too large to be compared.
func (t *tee) Write(b []byte) (int, error) {
	if t.status == 0 {
		t.status = http.StatusOK
	}
	if t.large = t.large || t.body.Len()+len(b) > largestCompared; !t.large {
		t.body.Write(b)
	}
	return t.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (t *tee) Unwrap() http.ResponseWriter { return t.ResponseWriter }
