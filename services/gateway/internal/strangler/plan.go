package strangler

import (
	"maps"

	"tienda/services/gateway/internal/route"
)

// Place is where the requests of a service go.
type Place string

// The places.
const (
	Monolith Place = "monolith"
	Shop     Place = "shop"
)

func (p Place) other() Place {
	if p == Monolith {
		return Shop
	}
	return Monolith
}

// Service is how the requests of one service are sent.
type Service struct {
	To     Place   `json:"to"`
	Fenced bool    `json:"fenced"` // writes are held
	Shadow float64 `json:"shadow"` // share of the reads at the monolith that the shop is asked as well
}

// Plan is how the requests of all services are sent; services that it does not name are
// the shop's.
type Plan struct {
	Version  int64              `json:"version"`
	Services map[string]Service `json:"services"`
}

// plan is a Plan in use.
type plan struct {
	Plan
	next chan struct{} // closed when another takes its place
}

// target gives the route, or its twin at the monolith.
func (p *plan) target(to *route.Route) (*route.Route, error) {
	switch {
	case p.Services[to.Service].To == Monolith:
		return to.Monolith, nil
	case to.Legacy:
		return nil, errMoved
	}
	return to, nil
}

// fenced says whether writes of the route are held: those of its service, and of
// another whose data it writes.
func (p *plan) fenced(to *route.Route) bool {
	if p.Services[to.Service].Fenced {
		return true
	}
	for _, other := range to.With {
		if p.Services[other].Fenced {
			return true
		}
	}
	return false
}

// take puts a plan in use for all requests that begin from now on. One that is not
// newer is left: the migration may have lost its own state, and where the writes belong
// is what was known last.
func (s *Switch) take(p Plan) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.plan.Load()
	if before != nil && p.Version <= before.Version {
		if p.Version < before.Version {
			s.log.Error("the migration knows an older routing than was applied, which is kept; a restart takes it", "version", p.Version, "applied", before.Version)
		}
		return
	}
	moved := before != nil && !maps.EqualFunc(before.Services, p.Services, func(a, b Service) bool { return a.To == b.To })
	if moved {
		s.forget() // of the time before; what is fetched by now is fetched at the old place
	}
	s.plan.Store(&plan{Plan: p, next: make(chan struct{})})
	if moved {
		s.forget()
	}
	if before != nil {
		close(before.next)
	}
	s.log.Info("routing taken", "version", p.Version, "services", p.Services)
}

// applied gives the newest version for which no write is under way to a place that it
// takes writes from.
func (s *Switch) applied() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.plan.Load(); p != nil && s.quiet(p) {
		s.drained = p.Version
	}
	return s.drained
}

// quiet says whether no write is under way where a plan lets none begin. The caller
// holds the mutex.
func (s *Switch) quiet(p *plan) bool {
	for id, service := range p.Services {
		if s.writes[at{id, service.To.other()}] > 0 || service.Fenced && s.writes[at{id, service.To}] > 0 {
			return false
		}
	}
	return true
}
