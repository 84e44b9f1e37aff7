// Package cutover hands services over from the monolith to the shop, one at a time, and
// back if need be.
//
// A cut-over holds the writes of one service at the gateways, waits until all that was
// written before is stored and the same on both sides, and only then sends requests to the
// new place. Until that decision is written down, whatever goes wrong leaves the monolith
// in charge; from then on the shop is, whatever goes wrong. While both are kept, what is
// written at one side is written to the other by whoever follows it: forward before, backward
// after.
package cutover

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"tienda/internal/fault"
	"tienda/services/migration/internal/source"
)

// Stage is how far a cut-over is.
type Stage string

// The stages, in their order.
const (
	AtMonolith Stage = "monolith"  // the monolith is in charge
	Preparing  Stage = "preparing" // everything is verified while both go on
	Fenced     Stage = "fenced"    // writes are held, and what was written before is awaited
	Checked    Stage = "checked"   // what changed since the verification is compared
	Flipping   Stage = "flipping"  // decided: requests go to the shop
	AtShop     Stage = "shop"      // the shop is in charge, and writes back to the monolith
	Returning  Stage = "returning" // the way back: as Preparing to Checked
	Unflipping Stage = "unflipping"
	Finished   Stage = "finished" // nothing is written back any more
)

// Limits of a cut-over.
const (
	maxLag     = time.Second      // that it begins with
	fenceLimit = 8 * time.Second  // writes are held so long at most
	readyLimit = 60 * time.Second // for the lag to become small, and for a verification beside the traffic
	look       = 20 * time.Millisecond
)

// Services are what is cut over, in the order in which it can be, and the kinds of
// document that change hands with each. Stock goes with the orders: whoever sells counts.
var Services = []Service{
	{"catalog", []string{"categories", "products"}, nil},
	{"users", []string{"users"}, []string{"catalog"}},
	{"orders", []string{"orders", "stock"}, []string{"catalog"}},
	{"support", []string{"tickets", "returns"}, []string{"orders"}},
}

// Service is a part of the shop that changes hands at once.
type Service struct {
	Name  string
	Kinds []string
	After []string // services that have to be at the shop before it
}

// State is how far the cut-over of a service is, as it is kept.
type State struct {
	Service string        `json:"service"`
	Stage   Stage         `json:"stage"`
	Since   time.Time     `json:"since"`
	Reason  string        `json:"reason,omitempty"` // why the last try came to nothing
	Pause   time.Duration `json:"pause_ns"`         // how long writes were held by the last change of hands
	Tries   int           `json:"tries"`
}

// Route is where the requests of a service go.
type Route struct {
	Shop   bool // else to the monolith
	Fenced bool // writes are held
}

// Gateways are all replicas of the public door.
type Gateways interface {
	// Route sends requests of a service somewhere, and gives the version of that.
	Route(ctx context.Context, service string, r Route) (version int64, err error)
	// Applied says whether every gateway has applied a version: no write of before is on its way.
	Applied(ctx context.Context, version int64) (bool, error)
}

// Sync is what keeps both sides the same.
type Sync interface {
	// Behind is how old the oldest change is that is not stored in the shop.
	Behind(ctx context.Context) (time.Duration, error)
	// Head is the end of the monolith's log, Reached whether all before a position is stored.
	Head(ctx context.Context) (source.Position, error)
	Reached(p source.Position) bool
	// Hand gives kinds of document to the shop or back to the monolith: from then on changes
	// of the other side are not taken over. It is kept.
	Hand(ctx context.Context, kinds []string, toShop bool) error
	// Written says whether all that an app has committed is written back to the monolith.
	Written(ctx context.Context, app string) (bool, error)
}

// Verifier compares kinds of document.
type Verifier interface {
	// Compare compares all of them while both sides go on; the reason says what is not the same.
	Compare(ctx context.Context, kinds []string) (reason string, err error)
	// Watch notes the IDs of what changes on either side from now on.
	Watch(kinds []string) (Watched, error)
}

// Watched are the documents that have changed since Watch.
type Watched interface {
	// Compare compares those alone, while nothing changes.
	Compare(ctx context.Context) (reason string, err error)
	Close()
}

// Store keeps the states.
type Store interface {
	// State gives the zero State where there is none.
	State(ctx context.Context, service string) (State, error)
	SaveState(ctx context.Context, s State) error
}

// Errors of what is asked for.
var (
	ErrNone   = fault.Missing("service")
	errBusy   = fault.New(fault.Conflict, "cutover_under_way", "A change of hands is under way. Wait for its end.")
	errStage  = fault.New(fault.Conflict, "cutover_stage", "That cannot be done at this stage.")
	errFirst  = fault.New(fault.Conflict, "cutover_order", "Another service has to be cut over first, or rolled back first.")
	errNobody = errors.New("the gateways have not all taken it")
)

// Machine does what is asked of it, one change of hands at a time. Use New.
type Machine struct {
	gateways Gateways
	sync     Sync
	verifier Verifier
	store    Store
	log      *slog.Logger
	now      func() time.Time

	asked chan string // services with something to do

	mu     sync.Mutex
	states map[string]State
	abort  map[string]bool // asked for
	trying bool            // a try is not at its end, whatever its stage
}

// New gives a machine; Work has to run.
func New(g Gateways, s Sync, v Verifier, st Store, log *slog.Logger) *Machine {
	return &Machine{
		gateways: g, sync: s, verifier: v, store: st, log: log, now: func() time.Time { return time.Now().UTC() },
		asked: make(chan string, len(Services)), states: map[string]State{}, abort: map[string]bool{},
	}
}

func find(name string) (Service, bool) {
	i := slices.IndexFunc(Services, func(s Service) bool { return s.Name == name })
	if i < 0 {
		return Service{}, false
	}
	return Services[i], true
}

// States gives the states of all services, in their order; none while they are not read yet.
func (m *Machine) States() []State {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.states) < len(Services) {
		return nil
	}
	out := make([]State, len(Services))
	for i, s := range Services {
		out[i] = m.states[s.Name]
	}
	return out
}

// Work brings to an end what was under way when the process before this one died, and
// then does what is asked for, until ctx ends.
func (m *Machine) Work(ctx context.Context) error {
	for {
		err := m.restore(ctx)
		if err == nil {
			break
		}
		m.log.Warn("the cut-over waits for its own state", "error", err)
		if sleep(ctx, time.Second) != nil {
			return nil //nolint:nilerr // told to stop
		}
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case name := <-m.asked:
			m.run(ctx, name)
		}
	}
}

// restore reads the states. A try that was not decided yet is given up; one that was is
// carried out.
func (m *Machine) restore(ctx context.Context) error {
	for _, s := range Services {
		st, err := m.store.State(ctx, s.Name)
		if err != nil {
			return err
		}
		tried := st.Service != ""
		if !tried {
			st = State{Service: s.Name, Stage: AtMonolith, Since: m.now()}
		}
		m.mu.Lock()
		m.states[s.Name] = st
		m.mu.Unlock()
		switch st.Stage {
		case Preparing, Fenced, Checked:
			err = m.giveUp(ctx, s, AtMonolith, "The migration was interrupted.")
		case Returning:
			err = m.giveUp(ctx, s, AtShop, "The migration was interrupted.")
		case Flipping:
			err = m.flip(ctx, s, true, st.Since)
		case Unflipping:
			err = m.flip(ctx, s, false, st.Since)
		case AtMonolith, AtShop, Finished: // the last word may not have come to the gateways
			if tried { // else it may be routed by hand
				_, err = m.gateways.Route(ctx, s.Name, Route{Shop: st.Stage != AtMonolith})
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Do asks for something: "begin", "abort", "rollback" or "finish".
func (m *Machine) Do(ctx context.Context, service, what string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	st, err := m.may(service, what)
	if err != nil {
		return err
	}
	switch what {
	case "abort":
		m.abort[service] = true
	case "begin":
		return m.ask(ctx, st, Preparing)
	case "rollback":
		return m.ask(ctx, st, Returning)
	case "finish":
		st.Stage, st.Since, st.Reason = Finished, m.now(), ""
		if err := m.store.SaveState(ctx, st); err != nil {
			return err
		}
		m.states[service] = st
	}
	return nil
}

// May says why Do would refuse something at this stage; nil: it would not.
func (m *Machine) May(service, what string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, err := m.may(service, what)
	return err
}

// may is May, and gives the service's state. m.mu is held.
func (m *Machine) may(service, what string) (State, error) {
	s, known := find(service)
	if !known {
		return State{}, ErrNone
	}
	st, ok := m.states[service]
	switch {
	case !ok:
		return st, fault.New(fault.Unavailable, "not_ready", "The migration has not read its own state yet. Try again.")
	case what == "abort" && slices.Contains([]Stage{Preparing, Fenced, Checked, Returning}, st.Stage):
		return st, nil
	case what == "abort":
		return st, errStage
	case m.busy():
		return st, errBusy
	case what == "begin" && st.Stage == AtMonolith:
		if !m.allAt(s.After, AtShop, Finished) {
			return st, errFirst
		}
		return st, nil
	case what == "rollback" && st.Stage == AtShop:
		for _, other := range Services {
			if slices.Contains(other.After, service) && !m.allAt([]string{other.Name}, AtMonolith) {
				return st, errFirst
			}
		}
		return st, nil
	case what == "finish" && st.Stage == AtShop:
		return st, nil
	}
	return st, errStage
}

// busy says whether a change of hands is under way. m.mu is held.
func (m *Machine) busy() bool {
	if m.trying {
		return true
	}
	for _, st := range m.states {
		if st.Stage != AtMonolith && st.Stage != AtShop && st.Stage != Finished {
			return true
		}
	}
	return false
}

// allAt says whether services are at one of some stages. m.mu is held.
func (m *Machine) allAt(services []string, stages ...Stage) bool {
	return !slices.ContainsFunc(services, func(name string) bool { return !slices.Contains(stages, m.states[name].Stage) })
}

// ask begins a try. m.mu is held.
func (m *Machine) ask(ctx context.Context, st State, stage Stage) error {
	st.Stage, st.Since, st.Reason, st.Pause = stage, m.now(), "", 0
	st.Tries++
	if err := m.store.SaveState(ctx, st); err != nil {
		return err
	}
	m.states[st.Service] = st
	m.abort[st.Service], m.trying = false, true
	m.asked <- st.Service // there is room: one try at a time
	return nil
}

// enter notes a stage, first in the store: what is decided survives.
func (m *Machine) enter(ctx context.Context, service string, stage Stage, change func(*State)) error {
	m.mu.Lock()
	st := m.states[service]
	m.mu.Unlock()
	st.Stage, st.Since = stage, m.now()
	if change != nil {
		change(&st)
	}
	if err := m.store.SaveState(ctx, st); err != nil {
		return fmt.Errorf("the stage %s cannot be kept: %w", stage, err)
	}
	m.mu.Lock()
	m.states[service] = st
	m.mu.Unlock()
	m.log.Info("cut-over", "service", service, "stage", stage, "reason", st.Reason)
	return nil
}
