package traces

import (
	"cmp"
	"slices"
	"time"
)

// Problem is what went wrong at a route in the same way, one time or more.
type Problem struct {
	App    string    `json:"app"`
	Route  string    `json:"route"` // "POST /v1/orders"
	Status int       `json:"status"`
	Code   string    `json:"code,omitempty"` // of the problem document
	Count  int       `json:"count"`          // of the traces that are kept
	Last   time.Time `json:"last"`
	Traces []string  `json:"traces"` // the newest, 5 at most
}

const shown = 5

// Problems gives what went wrong in the traces that are kept, by route, status and code,
// the newest first.
func (r *Ring) Problems(n int) []Problem {
	r.mu.Lock()
	defer r.mu.Unlock()
	type kind struct {
		app, route, code string
		status           int
	}
	type seen struct {
		at    int64
		trace string
	}
	found := map[kind][]seen{}
	for _, e := range r.traces {
		if e.class != failed {
			continue
		}
		for i := range e.spans {
			if s := &e.spans[i]; s.problem() && !e.told(s) {
				k := kind{s.App, s.Name, e.code(s), s.status()}
				found[k] = append(found[k], seen{s.Begun, e.id})
			}
		}
	}
	all := make([]Problem, 0, len(found))
	for k, of := range found {
		slices.SortFunc(of, func(a, b seen) int { return cmp.Compare(b.at, a.at) })
		p := Problem{App: k.app, Route: k.route, Status: k.status, Code: k.code, Count: len(of), Last: time.Unix(0, of[0].at).UTC()}
		for _, s := range of {
			if !slices.Contains(p.Traces, s.trace) && len(p.Traces) < shown {
				p.Traces = append(p.Traces, s.trace)
			}
		}
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b Problem) int { return cmp.Or(b.Last.Compare(a.Last), cmp.Compare(a.Route, b.Route)) })
	return all[:min(n, len(all))]
}

// told says that the client's request, which failed with it, tells of a span.
func (e *entry) told(s *Span) bool {
	return s.Parent != "" && s.Kind == "server" && e.root >= 0 && e.spans[e.root].problem()
}

// code is that of the problem document that answered a request. The gateway hands on what
// it does not read: there it is that of the app behind it.
func (e *entry) code(s *Span) string {
	if code := s.Attrs["tienda.problem"]; code != "" || s.Parent != "" {
		return code
	}
	for i := range e.spans {
		if other := &e.spans[i]; other.Kind == "server" && !other.Side && other.App == s.Attrs["tienda.app"] && other.status() == s.status() {
			return other.Attrs["tienda.problem"]
		}
	}
	return ""
}
