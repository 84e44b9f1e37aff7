package strangler

import (
	"context"
	"time"

	"tienda/services/gateway/internal/forward"
	"tienda/services/gateway/internal/route"
)

// enter lets a write through, once its service is not fenced, and counts it until leave.
// size is that of its body in bytes.
func (s *Switch) enter(ctx context.Context, to *route.Route, size int) (goes *route.Route, counted []at, err error) {
	goes, counted, next, err := s.pass(to)
	if next == nil {
		return goes, counted, err
	}
	if !s.hold(size) {
		s.refused.Add(1)
		return nil, nil, errMoving
	}
	defer s.release(size)
	timer := time.NewTimer(LongestHold)
	defer timer.Stop()
	for next != nil {
		select {
		case <-next:
			goes, counted, next, err = s.pass(to)
		case <-timer.C:
			s.refused.Add(1)
			return nil, nil, errMoving
		case <-ctx.Done():
			return nil, nil, forward.ErrGone
		}
	}
	return goes, counted, err
}

// pass lets a write through as the plan is now. next is set for one that is held, and
// closed when there is another plan.
func (s *Switch) pass(to *route.Route) (goes *route.Route, counted []at, next <-chan struct{}, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.plan.Load()
	if p == nil {
		return nil, nil, nil, errStarting
	}
	if goes, err = p.target(to); err != nil {
		return nil, nil, nil, err
	}
	if p.fenced(to) {
		return nil, nil, p.next, nil
	}
	service, known := p.Services[to.Service]
	if !known {
		return goes, nil, nil, nil
	}
	counted = make([]at, 1, 1+len(to.With))
	counted[0] = at{to.Service, service.To}
	for _, other := range to.With {
		if p.Services[other].To == Monolith {
			counted = append(counted, at{other, Monolith})
		}
	}
	for _, c := range counted {
		s.writes[c]++
	}
	return goes, counted, nil, nil
}

// leave takes a write out of those under way; one whose outcome is not known after a
// while.
func (s *Switch) leave(counted []at, unknown bool) {
	if unknown {
		time.AfterFunc(settle, func() { s.leave(counted, false) })
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range counted {
		if s.writes[c]--; s.writes[c] == 0 {
			delete(s.writes, c)
		}
	}
	if p := s.plan.Load(); s.drained < p.Version && s.quiet(p) {
		select {
		case s.kick <- struct{}{}:
		default:
		}
	}
}

func (s *Switch) hold(size int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held >= mostHeld || s.bytes+size > mostBytes {
		return false
	}
	s.held++
	s.bytes += size
	s.waited.Add(1)
	return true
}

func (s *Switch) release(size int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held--
	s.bytes -= size
}
