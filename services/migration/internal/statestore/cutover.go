package statestore

import (
	"context"

	"tienda/internal/state"
	"tienda/services/migration/internal/cutover"
)

var cutovers = state.Collection[cutover.State]{Prefix: "cutover:"}

// Cutovers implements cutover.Store.
type Cutovers struct{ db *state.DB }

// NewCutovers gives the store over a database.
func NewCutovers(db *state.DB) *Cutovers { return &Cutovers{db: db} }

// State implements cutover.Store: 1 get.
func (c *Cutovers) State(ctx context.Context, service string) (s cutover.State, err error) {
	err = c.db.View(ctx, func(tx *state.Tx) error {
		s, _, err = cutovers.Get(tx, service)
		return err
	})
	return s, err
}

// SaveState implements cutover.Store: 1 get, 1 save.
func (c *Cutovers) SaveState(ctx context.Context, s cutover.State) error {
	return c.db.Update(ctx, func(tx *state.Tx) error { return cutovers.Put(tx, s.Service, s) })
}
