package statestore

import (
	"context"
	"slices"
	"time"

	"tienda/internal/state"
	"tienda/services/users/internal/throttle"
)

// guards are "guard:<kind>:<hash>". The store drops each when its failures are
// forgotten, which is when Put says.
func guards(keep time.Duration) state.Collection[throttle.Guard] {
	return state.Collection[throttle.Guard]{Prefix: "guard:", TTL: keep}
}

// Guards implements throttle.Store.
type Guards struct{ db *state.DB }

// NewGuards gives the guards in db.
func NewGuards(db *state.DB) *Guards { return &Guards{db: db} }

func guardKeys(keys ...throttle.Key) []string {
	out := make([]string, len(keys))
	for i, k := range keys {
		out[i] = guards(0).Key(k.ID)
	}
	return out
}

// gate says by a *throttle.Wait that a guard is closed.
func gate(tx *state.Tx, keys []throttle.Key, now time.Time) error {
	for _, k := range keys {
		g, _, err := guards(0).Get(tx, k.ID)
		if err != nil {
			return err
		}
		if w := g.Wait(now); w > 0 {
			return &throttle.Wait{For: w}
		}
	}
	return nil
}

// forget removes guards; one that is not there costs nothing.
func forget(tx *state.Tx, keys []throttle.Key) error {
	for _, k := range keys {
		if err := guards(0).Delete(tx, k.ID); err != nil {
			return err
		}
	}
	return nil
}

// Count implements throttle.Store. What an earlier run has counted already, on
// a store that does not roll back, is not counted again, and does not close
// the gate to itself.
func (s *Guards) Count(ctx context.Context, gates, count []throttle.Key, now time.Time) error {
	return s.db.Update(ctx, func(tx *state.Tx) error {
		if err := tx.Load(guardKeys(slices.Concat(gates, count)...)...); err != nil {
			return err
		}
		counted := map[string]bool{}
		for _, k := range count {
			ours, err := tx.Ours(guards(0).Key(k.ID))
			if err != nil {
				return err
			}
			counted[k.ID] = ours
		}
		others := slices.DeleteFunc(slices.Clone(gates), func(k throttle.Key) bool { return counted[k.ID] })
		if err := gate(tx, others, now); err != nil {
			return err
		}
		for _, k := range count {
			if counted[k.ID] {
				continue
			}
			g, _, err := guards(0).Get(tx, k.ID)
			if err != nil {
				return err
			}
			g.Fail(k.Policy, now)
			if err := guards(g.Clear.Sub(now)+time.Second).Put(tx, k.ID, g); err != nil {
				return err
			}
		}
		return nil
	})
}

// Forget implements throttle.Store: one read, and one write if there is
// something to forget.
func (s *Guards) Forget(ctx context.Context, keys []throttle.Key) error {
	return s.db.Update(ctx, func(tx *state.Tx) error {
		if err := tx.Load(guardKeys(keys...)...); err != nil {
			return err
		}
		return forget(tx, keys)
	})
}
