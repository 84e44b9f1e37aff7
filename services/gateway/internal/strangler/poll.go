package strangler

import (
	"context"
	"time"

	"tienda/internal/app"
	"tienda/internal/fault"
)

const (
	pollEvery = 250 * time.Millisecond
	pollSoon  = 50 * time.Millisecond // while a service is fenced, or writes drain
	pollLimit = 2 * time.Second
)

// Report is what a replica says with each poll.
type Report struct {
	Replica string   `json:"replica"`
	Applied int64    `json:"applied"`
	Leaving bool     `json:"leaving,omitempty"` // it has ended, with all its writes
	Shadow  []Counts `json:"shadow,omitempty"`  // since the last poll
}

// Around runs a server and polls for as long as it does: what is held when it is told
// to stop is let through or refused by the plan. Then it says that this replica has
// ended, once no write of it can be under way.
func (s *Switch) Around(server app.Part) app.Part {
	return func(ctx context.Context) error {
		polls, stop := context.WithCancel(context.WithoutCancel(ctx))
		done := make(chan struct{})
		go func() {
			defer close(done)
			s.poll(polls)
		}()
		err := server(ctx)
		s.drain(polls)
		stop()
		<-done
		s.farewell(context.WithoutCancel(ctx))
		return err
	}
}

// drain waits for writes whose outcome is not known, which no server waits for.
func (s *Switch) drain(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, settle+pollLimit)
	defer cancel()
	tick := time.NewTicker(pollSoon)
	defer tick.Stop()
	for s.underWay() > 0 {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (s *Switch) farewell(ctx context.Context) {
	if s.plan.Load() == nil || s.underWay() > 0 {
		return // it was never there, or may not have ended: a person decides
	}
	ctx, cancel := context.WithTimeout(ctx, pollLimit)
	defer cancel()
	if _, err := s.ask(ctx, Report{Replica: s.id, Applied: s.applied(), Leaving: true, Shadow: s.shadows.collect()}); err != nil {
		s.log.Warn("the migration was not told that this replica ends", "replica", s.id, "error", err)
	}
}

func (s *Switch) poll(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	away := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-s.kick:
		}
		err := s.turn(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && !away:
			s.log.Warn("the migration does not say where requests go: they go on as it said last", "error", err)
		case err == nil && away:
			s.log.Info("the migration says again where requests go")
		}
		away = err != nil
		timer.Reset(s.pause(away))
	}
}

// turn says what was applied, and takes the plan that comes back.
func (s *Switch) turn(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, pollLimit)
	defer cancel()
	s.polls.Add(1)
	r := Report{Replica: s.id, Applied: s.applied(), Shadow: s.shadows.collect()}
	p, err := s.ask(ctx, r)
	if err != nil {
		s.failed.Add(1)
		// What is not taken must not keep the next reports from being.
		if kind := fault.KindOf(err); kind != fault.Invalid && kind != fault.TooLarge {
			s.shadows.add(r.Shadow)
		}
		return err
	}
	s.take(p)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told = r.Applied
	return nil
}

// pause gives the time until the next poll.
func (s *Switch) pause(away bool) time.Duration {
	applied := s.applied()
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.plan.Load()
	switch {
	case away || p == nil:
		return pollEvery
	case p.Version != applied:
		return pollSoon
	case s.told != applied:
		return 0
	}
	for _, service := range p.Services {
		if service.Fenced {
			return pollSoon
		}
	}
	return pollEvery
}

func (s *Switch) underWay() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, under := range s.writes {
		n += under
	}
	return n
}
