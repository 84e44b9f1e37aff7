// Package routing says where the gateway sends the requests of each service while a
// monolith is moved: to the monolith or to the shop, with its writes held or not, and
// which share of its reads is compared. It knows which gateways there are, and which
// version of this each of them has applied.
package routing

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"tienda/internal/fault"
)

// Place is where the requests of a service go.
type Place string

// The places.
const (
	Monolith Place = "monolith"
	Shop     Place = "shop"
)

// Service is how the requests of one service are sent.
type Service struct {
	To     Place   `json:"to"`
	Fenced bool    `json:"fenced"` // its writes are held, at no place
	Shadow float64 `json:"shadow"` // share of its reads at the monolith that the shop is asked as well, 0 to 1
}

// Plan is how the requests of all services are sent. Each change makes a new version.
type Plan struct {
	Version  int64              `json:"version"` // from 1 on
	Services map[string]Service `json:"services"`
}

// Services are those that a monolith can have.
func Services() []string { return []string{"catalog", "orders", "support", "users"} }

// Initial is the plan of a move that has not begun: all is with the monolith.
func Initial() Plan {
	p := Plan{Version: 1, Services: map[string]Service{}}
	for _, id := range Services() {
		p.Services[id] = Service{To: Monolith}
	}
	return p
}

// Member is what is kept of a gateway's replica.
type Member struct {
	Applied int64     `json:"applied"` // the newest version for which no write is under way elsewhere; 0: none
	Joined  time.Time `json:"joined_at"`
}

// Replica is a gateway's replica as it is seen.
type Replica struct {
	ID string `json:"id"`
	Member
	Seen   time.Time `json:"seen_at,omitzero"` // since this process began
	Silent bool      `json:"silent"`           // not heard of lately: it may have died, or still sends requests as it knew last
}

// silentAfter is how long a replica that asks every 250 ms may say nothing.
const silentAfter = 3 * time.Second

// State is the plan, with who has applied it.
type State struct {
	Plan
	Replicas []Replica `json:"replicas"` // by ID
}

// AppliedByAll says whether each replica has applied a version, and there is one. One
// that is silent and has not counts: it may let writes through to the old place.
func (s State) AppliedByAll(version int64) bool {
	return len(s.Replicas) > 0 && !slices.ContainsFunc(s.Replicas, func(r Replica) bool { return r.Applied < version })
}

// Store keeps the plan and the members, each as one document.
type Store interface {
	// Plan gives the plan; Initial where there is none.
	Plan(ctx context.Context) (Plan, error)
	// Change writes what change makes of the plan, and gives it; an error of change
	// is given back and nothing is written.
	Change(ctx context.Context, change func(*Plan) error) (Plan, error)
	// Members gives the replicas by ID.
	Members(ctx context.Context) (map[string]Member, error)
	// ChangeMembers writes what change makes of them, if it says that it did.
	ChangeMembers(ctx context.Context, change func(map[string]Member) (changed bool)) (map[string]Member, error)
}

// Report is what a replica says of itself with each poll.
type Report struct {
	Replica string
	Applied int64
	Leaving bool // it has ended, with all its writes
	Shadow  []Shadow
}

// Desk keeps the plan, and hears the gateways.
type Desk struct {
	store Store
	now   func() time.Time

	mu     sync.Mutex
	seen   map[string]time.Time
	since  time.Time // when differences began to be counted
	shadow map[string]*Shadow
}

// New gives a desk over a store.
func New(store Store, now func() time.Time) *Desk {
	return &Desk{store: store, now: now, seen: map[string]time.Time{}, since: now(), shadow: map[string]*Shadow{}}
}

// mostReplicas bounds the document of the members.
const mostReplicas = 256

var errCrowded = fault.New(fault.Conflict, "too_many_replicas", "There are 256 replicas of the gateway already. Have those forgotten that have ended.")

// Poll takes in what a replica says and gives it the plan: 2 gets, and a write where
// the replica is new or has applied another version. The member is written before the
// plan is read, so whoever changes the plan and then reads the members finds each that
// can have been given an older one.
func (d *Desk) Poll(ctx context.Context, r Report) (Plan, error) {
	crowded := false
	_, err := d.store.ChangeMembers(ctx, func(members map[string]Member) bool {
		m, known := members[r.Replica]
		switch {
		case r.Leaving:
			delete(members, r.Replica)
			return known
		case known && m.Applied == r.Applied:
			return false
		case !known && len(members) >= mostReplicas:
			crowded = true
			return false
		case !known:
			m.Joined = d.now().UTC()
		}
		m.Applied = r.Applied
		members[r.Replica] = m
		return true
	})
	switch {
	case err != nil:
		return Plan{}, err
	case crowded:
		return Plan{}, errCrowded
	}
	d.note(r)
	return d.store.Plan(ctx)
}

func (d *Desk) note(r Report) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if r.Leaving {
		delete(d.seen, r.Replica)
	} else {
		d.seen[r.Replica] = d.now()
	}
	for _, s := range r.Shadow {
		d.count(s)
	}
}

// State gives the plan and the replicas. The plan is read first: a replica that joins
// after that has been given it, or a newer one.
func (d *Desk) State(ctx context.Context) (State, error) {
	p, err := d.store.Plan(ctx)
	if err != nil {
		return State{}, err
	}
	return d.with(ctx, p)
}

func (d *Desk) with(ctx context.Context, p Plan) (State, error) {
	members, err := d.store.Members(ctx)
	if err != nil {
		return State{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	s := State{Plan: p, Replicas: make([]Replica, 0, len(members))}
	for _, id := range slices.Sorted(maps.Keys(members)) {
		seen := d.seen[id]
		s.Replicas = append(s.Replicas, Replica{ID: id, Member: members[id], Seen: seen, Silent: d.now().Sub(seen) > silentAfter})
	}
	return s, nil
}

var (
	errService = fault.Missing("service")
	errVersion = fault.New(fault.PreconditionFailed, "version_mismatch", "The routing has changed since you read it. Read it again.").At("If-Match", "is not the current version")
)

// Send says where the requests of a service go from now on, and whether its writes are
// held; the share that is compared stays. It gives the version from which that is so.
func (d *Desk) Send(ctx context.Context, service string, to Place, fenced bool) (version int64, err error) {
	if !slices.Contains(Services(), service) {
		return 0, errService
	}
	p, err := d.store.Change(ctx, func(p *Plan) error {
		p.set(service, Service{to, fenced, p.Services[service].Shadow})
		return nil
	})
	return p.Version, err
}

// Applied says whether every replica has applied a version.
func (d *Desk) Applied(ctx context.Context, version int64) (bool, error) {
	s, err := d.State(ctx)
	return s.AppliedByAll(version), err
}

// set makes a new version, unless it is so already.
func (p *Plan) set(service string, to Service) {
	if p.Services[service] == to {
		return
	}
	p.Services = maps.Clone(p.Services)
	p.Services[service] = to
	p.Version++
}

// Set says how the requests of a service are sent from now on. version is the one
// that the caller has read; 0: whatever there is. What is so already makes no new
// version.
func (d *Desk) Set(ctx context.Context, id string, to Service, version int64) (State, error) {
	if !slices.Contains(Services(), id) {
		return State{}, errService
	}
	p, err := d.store.Change(ctx, func(p *Plan) error {
		if version != 0 && version != p.Version {
			return errVersion
		}
		p.set(id, to)
		return nil
	})
	if err != nil {
		return State{}, err
	}
	return d.with(ctx, p)
}

// Forget drops a silent replica that is known to have ended. One that still runs joins
// again with its next poll.
func (d *Desk) Forget(ctx context.Context, replica string) error {
	gone := false
	_, err := d.store.ChangeMembers(ctx, func(members map[string]Member) bool {
		_, gone = members[replica]
		delete(members, replica)
		return gone
	})
	if err == nil && !gone {
		err = fault.Missing("replica")
	}
	return err
}
