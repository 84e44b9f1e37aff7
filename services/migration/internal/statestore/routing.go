package statestore

import (
	"context"
	"maps"

	"tienda/internal/state"
	"tienda/services/migration/internal/routing"
)

var (
	routes   = state.Collection[routing.Plan]{Prefix: "routing"}
	gateways = state.Collection[members]{Prefix: "gateways"}
)

type members struct {
	Replicas map[string]routing.Member `json:"replicas"`
}

// Routing implements routing.Store.
type Routing struct{ db *state.DB }

// NewRouting gives the store over a database.
func NewRouting(db *state.DB) *Routing { return &Routing{db: db} }

// Plan implements routing.Store: 1 get.
func (s *Routing) Plan(ctx context.Context) (p routing.Plan, err error) {
	err = s.db.View(ctx, func(tx *state.Tx) error {
		p, err = stored(tx)
		return err
	})
	return p, err
}

func stored(tx *state.Tx) (routing.Plan, error) {
	p, ok, err := routes.Get(tx, "")
	if err == nil && !ok {
		p = routing.Initial()
	}
	return p, err
}

// Change implements routing.Store: 1 get, 1 save where it changes.
func (s *Routing) Change(ctx context.Context, change func(*routing.Plan) error) (p routing.Plan, err error) {
	err = s.db.Update(ctx, func(tx *state.Tx) error {
		before, err := stored(tx)
		if err != nil {
			return err
		}
		p = before
		if err := change(&p); err != nil || p.Version == before.Version {
			return err
		}
		return routes.Put(tx, "", p)
	})
	return p, err
}

// Members implements routing.Store: 1 get.
func (s *Routing) Members(ctx context.Context) (out map[string]routing.Member, err error) {
	err = s.db.View(ctx, func(tx *state.Tx) error {
		m, _, err := gateways.Get(tx, "")
		out = m.Replicas
		return err
	})
	return out, err
}

// ChangeMembers implements routing.Store: 1 get, 1 save where it changes.
func (s *Routing) ChangeMembers(ctx context.Context, change func(map[string]routing.Member) bool) (out map[string]routing.Member, err error) {
	err = s.db.Update(ctx, func(tx *state.Tx) error {
		m, _, err := gateways.Get(tx, "")
		if err != nil {
			return err
		}
		out = maps.Clone(m.Replicas)
		if out == nil {
			out = map[string]routing.Member{}
		}
		if !change(out) {
			return nil
		}
		return gateways.Put(tx, "", members{out})
	})
	return out, err
}
