package traces

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

// Limits bound what is kept: some 20 MB.
type Limits struct {
	Traces, Spans int           // of all
	PerTrace      int           // spans of one; those that come later are counted only
	Slow          time.Duration // a request that takes so long is slow
}

// Usual are the limits of a local run.
var Usual = Limits{Traces: 1000, Spans: 20000, PerTrace: 1000, Slow: 250 * time.Millisecond}

// class says how long a trace is kept.
type class int

const (
	plain class = iota
	slow
	failed
	classes
)

// shares are the parts of the ring that the classes get where all want more: while there
// is room, any of them may have it.
var shares = [classes]int{plain: 1, slow: 1, failed: 2}

type entry struct {
	id      string
	n       int // in the order of their first spans
	class   class
	spans   []Span
	root    int // of spans; -1: it has not come
	dropped int
	hidden  bool // asked for by the view itself
}

// Ring keeps the last traces.
type Ring struct {
	limits Limits
	own    string

	mu      sync.Mutex
	traces  map[string]*entry
	spans   int
	next    int
	changes int
}

// New gives an empty ring. Traces whose first span is linked to own, a trace ID, are not
// kept: the view asks for things, too.
func New(limits Limits, own string) *Ring {
	return &Ring{limits: limits, own: own, traces: map[string]*entry{}}
}

// Add takes spans in, of any traces and in any order.
func (r *Ring) Add(spans []Span) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.changes++
	for _, s := range spans {
		e := r.traces[s.Trace]
		if e == nil {
			e = &entry{id: s.Trace, n: r.next, root: -1}
			r.next++
			r.traces[s.Trace] = e
		}
		r.put(e, s)
	}
	for len(r.traces) > r.limits.Traces || r.spans > r.limits.Spans {
		r.evict()
	}
}

func (r *Ring) put(e *entry, s Span) {
	if s.Parent == "" && slices.Contains(s.Links, r.own) {
		r.spans -= len(e.spans)
		e.hidden, e.spans, e.root = true, nil, -1
	}
	if e.hidden {
		return
	}
	if len(e.spans) >= r.limits.PerTrace {
		e.dropped++
		return
	}
	if s.Parent == "" {
		e.root = len(e.spans)
	}
	e.spans = append(e.spans, s)
	r.spans++
	e.class = max(e.class, r.classOf(&s))
}

// classOf says what a span makes of its trace.
func (r *Ring) classOf(s *Span) class {
	if s.problem() {
		return failed
	}
	if s.Parent == "" && time.Duration(s.Ended-s.Begun) >= r.limits.Slow {
		return slow
	}
	return plain
}

// problem says whether a span is of a request that ended as a problem: one of a client
// with a 4xx or 5xx, any other with a 5xx, or none. What an app is told of another, or of
// a store that another writer was faster at, is its daily business.
func (s *Span) problem() bool {
	if s.Side || s.Kind != "server" && s.Kind != "consumer" {
		return false
	}
	return s.Failed || s.Parent == "" && s.status() >= 400
}

// evict drops the oldest trace of the class that has most beyond its share.
func (r *Ring) evict() {
	var oldest [classes]*entry
	var count [classes]int
	for _, e := range r.traces {
		count[e.class]++
		if o := oldest[e.class]; o == nil || e.n < o.n {
			oldest[e.class] = e
		}
	}
	from := plain
	for c := slow; c < classes; c++ {
		if count[c]*shares[from] > count[from]*shares[c] {
			from = c
		}
	}
	r.spans -= len(oldest[from].spans)
	delete(r.traces, oldest[from].id)
}

// Summary is what a list says of a trace. Took is of its first request, Whole until the
// last consumer has ended.
type Summary struct {
	ID     string    `json:"id"`
	Name   string    `json:"name"`
	App    string    `json:"app"`
	At     time.Time `json:"at"`
	Status int       `json:"status"`         // 0: no request, or no answer
	Code   string    `json:"code,omitempty"` // of the problem document
	TookMS float64   `json:"took_ms"`
	Whole  float64   `json:"whole_ms"`
	Spans  int       `json:"spans"`
	Apps   []string  `json:"apps"`
	Failed bool      `json:"failed"`
	Slow   bool      `json:"slow"`
}

// List gives the newest traces that keep accepts, n at most.
func (r *Ring) List(n int, keep func(Summary) bool) []Summary {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]Summary, 0, len(r.traces))
	for _, e := range r.traces {
		if len(e.spans) > 0 {
			if s := e.summary(r.limits.Slow); keep(s) {
				all = append(all, s)
			}
		}
	}
	slices.SortFunc(all, func(a, b Summary) int { return cmp.Or(b.At.Compare(a.At), cmp.Compare(a.ID, b.ID)) })
	return all[:min(n, len(all))]
}

// Trace gives the spans of a trace in the order of their beginnings, and how many more
// came than are kept; none where it is not known.
func (r *Ring) Trace(id string) (spans []Span, dropped int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.traces[id]
	if e == nil {
		return nil, 0
	}
	return slices.SortedStableFunc(slices.Values(e.spans), func(a, b Span) int { return cmp.Compare(a.Begun, b.Begun) }), e.dropped
}

// Changes is another number whenever spans have come.
func (r *Ring) Changes() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.changes
}

func (e *entry) summary(limit time.Duration) Summary {
	first, last := &e.spans[0], e.spans[0].Ended
	apps := map[string]bool{}
	for i := range e.spans {
		s := &e.spans[i]
		if s.Begun < first.Begun {
			first = s
		}
		last = max(last, s.Ended)
		apps[s.App] = true
	}
	if e.root >= 0 {
		first = &e.spans[e.root]
	}
	took := time.Duration(first.Ended - first.Begun)
	out := Summary{
		ID: e.id, Name: first.Name, App: first.App, At: time.Unix(0, first.Begun).UTC(), Status: first.status(), TookMS: ms(took),
		Whole: ms(time.Duration(last - first.Begun)), Spans: len(e.spans) + e.dropped, Failed: e.class == failed, Slow: took >= limit,
	}
	for app := range apps {
		out.Apps = append(out.Apps, app)
	}
	slices.Sort(out.Apps)
	if out.Failed {
		out.Code = e.code(first)
	}
	return out
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
