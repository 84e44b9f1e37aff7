// Package strangler sends the requests of services whose data are not moved in yet to
// the monolith that they are moved out of (Strangler Fig). The app migration says which
// services those are, whose writes are held, and for which share of the reads the shop
// is asked as well, to compare the answers. It is told what was applied: a version is,
// once no write is on its way to a place that the version takes it from.
package strangler

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"tienda/internal/caller"
	"tienda/internal/fault"
	"tienda/internal/trace"
	"tienda/services/gateway/internal/forward"
	"tienda/services/gateway/internal/route"
)

// The bounds of what is held back.
const (
	LongestHold = 5 * time.Second // of a write to a fenced service
	mostHeld    = 2000            // writes at once
	mostBytes   = 64 << 20        // of their bodies together
	// A write without an answer counts as under way for as long after it was given up:
	// whoever has it may still carry it out.
	settle = 5 * time.Second
)

var (
	errMoving   = fault.New(fault.Unavailable, "moving", "This part of the shop is being moved and takes no changes for a moment. Nothing was done; try again.")
	errStarting = fault.New(fault.Unavailable, "starting", "The gateway does not know yet where this goes. Try again.")
	errMoved    = fault.New(fault.Gone, "moved", "This address was the old shop's. The new one has others.")
)

// Forwarder sends a request to where its route says.
type Forwarder interface {
	Forward(w http.ResponseWriter, r *http.Request, to *route.Route, who caller.Caller, t trace.Trace) error
}

// Reader asks an app on the side.
type Reader interface {
	Read(ctx context.Context, r *http.Request, to *route.Route, who caller.Caller, t trace.Trace, limit int64) (*forward.Answer, error)
}

// Ask says what a replica has to say, and gives the plan of the app migration.
type Ask func(ctx context.Context, r Report) (Plan, error)

// Switch stands before a Forwarder. Its plan is that of the app migration.
type Switch struct {
	ask     Ask
	log     *slog.Logger
	next    Forwarder
	shop    Reader // for shadow reads
	forget  func() // drops the answers that are shared
	id      string // of this replica
	plan    atomic.Pointer[plan]
	shadows *shadows
	kick    chan struct{} // asks for a poll at once

	mu      sync.Mutex // held while a write is let through or has ended, and a plan is taken
	writes  map[at]int // under way
	drained int64      // the newest version that is applied
	told    int64      // that the migration has heard of
	held    int
	bytes   int

	polls, failed, refused, waited atomic.Int64
}

// at is where writes go.
type at struct {
	service string
	place   Place
}

// New gives a switch that lets nothing through before the first plan. Before says what
// it stands before.
func New(ask Ask, log *slog.Logger) *Switch {
	return &Switch{ask: ask, log: log, id: uuid.NewString(), shadows: newShadows(), kick: make(chan struct{}, 1), writes: map[at]int{}}
}

// Before puts the switch before a Forwarder, once and before the first request. forget
// drops the answers that are shared: it is called when a service has moved.
func (s *Switch) Before(next Forwarder, shop Reader, forget func()) {
	s.next, s.shop, s.forget = next, shop, forget
}

// Ready gives nil once there is a plan, or for a nil Switch.
func (s *Switch) Ready(context.Context) error {
	if s != nil && s.plan.Load() == nil {
		return errStarting
	}
	return nil
}

// Forward sends r to the shop or to the monolith. An error means that nothing was
// written: a *fault.Error for the client, or forward.ErrGone.
func (s *Switch) Forward(w http.ResponseWriter, r *http.Request, to *route.Route, who caller.Caller, t trace.Trace) error {
	if to.Monolith == nil { // the shop's alone, or of an upstream of its own
		return s.next.Forward(w, r, to, who, t)
	}
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return s.read(w, r, to, who, t)
	}
	return s.write(w, r, to, who, t)
}

func (s *Switch) read(w http.ResponseWriter, r *http.Request, to *route.Route, who caller.Caller, t trace.Trace) error {
	p := s.plan.Load()
	if p == nil {
		return errStarting
	}
	service := p.Services[to.Service]
	goes, err := p.target(to)
	switch {
	case err != nil:
		return err
	case goes == to || service.Shadow <= 0 || to.Legacy || r.Method != http.MethodGet || who.Machine() || !s.shadows.sampled(to.Service, service.Shadow):
		return s.next.Forward(w, r, goes, who, t)
	}
	return s.shadowed(w, r, to, who, t)
}

// write reads the body first, so that what is under way is what has been sent on, and
// not what a slow client has still to say. A write that was let through goes on when its
// client leaves: else nobody knew when it has ended.
func (s *Switch) write(w http.ResponseWriter, r *http.Request, to *route.Route, who caller.Caller, t trace.Trace) error {
	size, err := forward.ReadBody(w, r, to.MaxBody)
	if err != nil {
		return err
	}
	goes, counted, err := s.enter(r.Context(), to, size)
	if err != nil {
		return err
	}
	unknown := false
	defer func() { s.leave(counted, unknown) }()
	err = s.next.Forward(w, r.WithContext(context.WithoutCancel(r.Context())), goes, who, t)
	unknown = err != nil && doubtful(err)
	return err
}

// doubtful says that a write may have been carried out, or still may be.
func doubtful(err error) bool {
	switch fault.KindOf(err) {
	case fault.Internal, fault.Unavailable, fault.TimedOut:
		return true
	default:
		return false
	}
}
