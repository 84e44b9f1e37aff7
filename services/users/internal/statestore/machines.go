package statestore

import (
	"context"
	"errors"
	"strings"
	"time"

	"tienda/internal/fault"
	"tienda/internal/page"
	"tienda/internal/state"
	"tienda/services/users/internal/audit"
	"tienda/services/users/internal/machine"
)

var (
	machines     = state.Collection[machine.Account]{Prefix: "service-account:"}
	machineIndex = state.Index{Name: "service-accounts"}
	errMachine   = fault.Missing("service account")
)

// Machines implements machine.Store.
type Machines struct {
	db    *state.DB
	now   func() time.Time
	turns *turns
}

// NewMachines gives the service accounts in db.
func NewMachines(db *state.DB, now func() time.Time) *Machines {
	return &Machines{db: db, now: now, turns: newTurns()}
}

// Create implements machine.Store: one read, one write.
func (m *Machines) Create(ctx context.Context, a machine.Account) error {
	batch := audit.Begin(ctx)
	told := audit.Event{Kind: audit.ServiceAccountCreated, Session: a.Session, Detail: map[string]string{"scopes": strings.Join(a.Scopes, " ")}}
	return m.db.Update(ctx, func(tx *state.Tx) error {
		batch.Again()
		if err := tx.Load(append(noteKeys(batch, a.ID), machines.Key(a.ID), machineIndex.Key())...); err != nil {
			return err
		}
		if err := machineIndex.Append(tx, a.ID); err != nil {
			return err
		}
		if err := machines.Put(tx, a.ID, a); err != nil {
			return err
		}
		return note(tx, batch, a.ID, told)
	})
}

// Account implements machine.Store: one read.
func (m *Machines) Account(ctx context.Context, id string) (a machine.Account, err error) {
	err = m.db.View(ctx, func(tx *state.Tx) error {
		var ok bool
		var err error
		if a, ok, err = machines.Get(tx, id); err == nil && !ok {
			err = errMachine
		}
		return err
	})
	return a, err
}

// Update implements machine.Store: two reads (the account, and the log of what
// ends), one write. See Sessions.Update for halves of transactions.
func (m *Machines) Update(ctx context.Context, id string, change func(*machine.Account) error) (machine.Account, error) {
	ctx, cancel := context.WithTimeout(ctx, endLimit)
	defer cancel()
	log := newRevocation(m.turns, m.now())
	defer log.done()
	batch := audit.Begin(ctx)
	var a machine.Account
	var ended []string
	var told audit.Event
	err := m.db.Update(ctx, func(tx *state.Tx) error {
		batch.Again()
		if err := tx.Load(append(noteKeys(batch, id), machines.Key(id))...); err != nil {
			return err
		}
		read, ok, err := machines.Get(tx, id)
		switch {
		case err != nil:
			return err
		case !ok:
			return errMachine
		}
		if landed, err := tx.Ours(machines.Key(id)); err != nil {
			return err
		} else if landed {
			return errors.Join(log.revoke(tx, ended...), note(tx, batch, id, told))
		}
		a = read
		if err := change(&a); err != nil {
			return err
		}
		ended = a.Ended()
		if len(ended) == 0 {
			return nil
		}
		told = audit.Event{Kind: audit.ServiceAccountSecret, Session: a.Session}
		if a.RevokedAt != nil {
			told.Kind = audit.ServiceAccountRevoked
		}
		if err := machines.Put(tx, id, a); err != nil {
			return err
		}
		return errors.Join(log.revoke(tx, ended...), note(tx, batch, id, told))
	})
	return a, err
}

// List implements machine.Store: two reads.
func (m *Machines) List(ctx context.Context, cursor string, limit int) (all []machine.Account, next string, err error) {
	var from state.Position
	if err := page.Decode(cursor, &from); err != nil {
		return nil, "", err
	}
	err = m.db.View(ctx, func(tx *state.Tx) error {
		ids, after, err := machineIndex.List(tx, from, limit)
		if err != nil {
			return err
		}
		if after != nil {
			next = page.Encode(after)
		}
		all, err = machines.GetAll(tx, ids...)
		return err
	})
	return all, next, err
}
