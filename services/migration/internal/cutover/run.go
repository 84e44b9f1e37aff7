package cutover

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// failure is why a try comes to nothing, in words for people.
type failure struct{ reason string }

func (f *failure) Error() string { return f.reason }

// Hindrance is an error of what is waited for, in words for people.
type Hindrance struct{ Reason string }

func (h *Hindrance) Error() string { return h.Reason }

func failed(format string, args ...any) error { return &failure{fmt.Sprintf(format, args...)} }

// run makes one try.
func (m *Machine) run(ctx context.Context, name string) {
	defer func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.trying = false
	}()
	s, known := find(name)
	m.mu.Lock()
	stage := m.states[name].Stage
	m.mu.Unlock()
	if !known || stage != Preparing && stage != Returning {
		return
	}
	toShop := stage == Preparing
	if err := m.try(ctx, s, toShop); err != nil && ctx.Err() == nil { // else the next process sees to it
		reason := "It failed; see the log."
		if f := (*failure)(nil); errors.As(err, &f) {
			reason = f.reason
		}
		m.log.Warn("the cut-over is given up", "service", name, "error", err)
		m.insist(ctx, func(ctx context.Context) error {
			m.mu.Lock()
			stage := m.states[name].Stage
			m.mu.Unlock()
			switch stage { // what was decided is carried out
			case Flipping:
				return m.flip(ctx, s, true, m.now())
			case Unflipping:
				return m.flip(ctx, s, false, m.now())
			default:
				return m.giveUp(ctx, s, at(!toShop), reason)
			}
		})
	}
}

func at(shop bool) Stage {
	if shop {
		return AtShop
	}
	return AtMonolith
}

// insist does something until it is done, or the process ends: the next one does it then.
func (m *Machine) insist(ctx context.Context, do func(context.Context) error) {
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, 2*time.Second) {
		err := do(ctx)
		if err == nil {
			return
		}
		m.log.Warn("the cut-over cannot go on yet", "error", err)
		if sleep(ctx, pause) != nil {
			return
		}
	}
}

// try hands a service over, up to the decision and what follows from it.
func (m *Machine) try(ctx context.Context, s Service, toShop bool) error {
	if err := m.prepare(ctx, s, toShop); err != nil {
		return err
	}
	watched, err := m.verifier.Watch(s.Kinds)
	if err != nil {
		return err
	}
	defer watched.Close()
	reason, err := m.verifier.Compare(ctx, s.Kinds)
	switch {
	case err != nil:
		return err
	case reason != "":
		return failed("The two sides are not the same: %s.", reason)
	}
	return m.handOver(ctx, s, toShop, watched)
}

// prepare waits until there is little left to wait for.
func (m *Machine) prepare(ctx context.Context, s Service, toShop bool) error {
	return m.await(ctx, s, readyLimit, "the changes are too far behind", func(ctx context.Context) (bool, error) {
		if !toShop {
			return m.sync.Written(ctx, appOf(s))
		}
		behind, err := m.sync.Behind(ctx)
		return behind < maxLag, err
	})
}

// appOf is the app whose commits are written back when a service is.
func appOf(s Service) string { return s.Name }

// handOver holds the writes, waits for what was written, compares what has changed since
// it was compared, and decides.
func (m *Machine) handOver(ctx context.Context, s Service, toShop bool, watched Watched) error {
	stage := Fenced
	if !toShop {
		stage = Returning
	}
	held := m.now()
	if err := m.enter(ctx, s.Name, stage, nil); err != nil {
		return err
	}
	limited, cancel := context.WithTimeoutCause(ctx, fenceLimit, failed("Writes were held for %s, which is as long as they may be.", fenceLimit))
	defer cancel()
	version, err := m.gateways.Route(limited, s.Name, Route{Shop: !toShop, Fenced: true})
	if err != nil {
		return err
	}
	if err := m.applied(limited, s, version); err != nil {
		return err
	}
	if err := m.drain(limited, s, toShop); err != nil {
		return err
	}
	if toShop {
		if err := m.enter(limited, s.Name, Checked, nil); err != nil {
			return err
		}
	}
	reason, err := watched.Compare(limited)
	switch {
	case err != nil:
		return cause(limited, err)
	case reason != "":
		return failed("What changed at last is not the same on both sides: %s.", reason)
	case m.aborted(s.Name):
		return failed("It was aborted.")
	case limited.Err() != nil:
		return context.Cause(limited)
	}
	decided := Flipping
	if !toShop {
		decided = Unflipping
	}
	if err := m.enter(limited, s.Name, decided, nil); err != nil {
		return err
	}
	return m.flip(ctx, s, toShop, held)
}

// drain waits until all that was written before the fence is on the other side.
func (m *Machine) drain(ctx context.Context, s Service, toShop bool) error {
	if !toShop {
		return m.await(ctx, s, fenceLimit, "what was written in the shop is not in the monolith yet", func(ctx context.Context) (bool, error) {
			return m.sync.Written(ctx, appOf(s))
		})
	}
	head, err := m.sync.Head(ctx)
	if err != nil {
		return cause(ctx, err)
	}
	return m.await(ctx, s, fenceLimit, "what was written in the monolith is not in the shop yet", func(context.Context) (bool, error) {
		return m.sync.Reached(head), nil
	})
}

func (m *Machine) applied(ctx context.Context, s Service, version int64) error {
	return m.await(ctx, s, fenceLimit, "not every gateway holds the writes", func(ctx context.Context) (bool, error) {
		return m.gateways.Applied(ctx, version)
	})
}

// await looks until something is so. An error is looked over until the limit: what is
// asked may be on its way back.
func (m *Machine) await(ctx context.Context, s Service, limit time.Duration, otherwise string, so func(context.Context) (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var last error
	for {
		if m.aborted(s.Name) {
			return failed("It was aborted.")
		}
		yes, err := so(ctx)
		if err == nil && yes {
			return nil
		}
		if err != nil {
			last = err
		}
		if sleep(ctx, look) != nil {
			if why := (*Hindrance)(nil); errors.As(last, &why) {
				return errors.Join(failed("After %s %s: %s.", limit, otherwise, why.Reason), last)
			}
			return errors.Join(failed("After %s %s.", limit, otherwise), last)
		}
	}
}

func (m *Machine) aborted(service string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.abort[service]
}

// flip carries out what was decided: the kinds change hands, and the requests follow.
func (m *Machine) flip(ctx context.Context, s Service, toShop bool, held time.Time) error {
	if err := m.sync.Hand(ctx, s.Kinds, toShop); err != nil {
		return err
	}
	version, err := m.gateways.Route(ctx, s.Name, Route{Shop: toShop})
	if err != nil {
		return err
	}
	if err := m.everywhere(ctx, version); err != nil {
		return err
	}
	return m.enter(ctx, s.Name, at(toShop), func(st *State) { st.Pause, st.Reason = m.now().Sub(held), "" })
}

// everywhere waits until all gateways have applied a version: until then some still hold
// writes, and none sends any to the old place.
func (m *Machine) everywhere(ctx context.Context, version int64) error {
	ctx, cancel := context.WithTimeout(ctx, fenceLimit)
	defer cancel()
	for {
		if yes, err := m.gateways.Applied(ctx, version); err == nil && yes {
			return nil
		}
		if sleep(ctx, look) != nil {
			return errNobody
		}
	}
}

// giveUp leaves a service to whoever was in charge of it. That is written down before
// writes are let through: a decision that was kept although its answer was lost must not
// be found again.
func (m *Machine) giveUp(ctx context.Context, s Service, stage Stage, reason string) error {
	if err := m.enter(ctx, s.Name, stage, func(st *State) { st.Reason = reason }); err != nil {
		return err
	}
	_, err := m.gateways.Route(ctx, s.Name, Route{Shop: stage == AtShop})
	return err
}

// cause prefers the reason why ctx ended.
func cause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
