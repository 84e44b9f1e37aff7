package statestore

import (
	"context"
	"slices"

	"tienda/internal/state"
	"tienda/services/users/internal/account"
	"tienda/services/users/internal/audit"
)

// Update implements account.Store: one read, one write; an erasure reads the
// claim as well.
func (a *Accounts) Update(ctx context.Context, id string, change func(*account.User) error) (account.User, error) {
	return a.UpdateBy(ctx, "", id, func(u *account.User, _ *account.Actor) error { return change(u) })
}

// UpdateBy implements account.Store: one read, one write.
func (a *Accounts) UpdateBy(ctx context.Context, by, id string, change func(*account.User, *account.Actor) error) (account.User, error) {
	c := changing{by: by, id: id, change: change, batch: audit.Begin(ctx)}
	err := a.db.Update(ctx, c.run)
	a.db.Finish(users.Key(id))
	if err == nil {
		err = c.refused
	}
	if err != nil {
		return account.User{}, err
	}
	return c.after, nil
}

// changing is one change of an account over all runs of its update.
type changing struct {
	by, id string
	change func(*account.User, *account.Actor) error
	batch  *audit.Batch

	before  account.User // e-mail, roles and whether it was disabled
	after   account.User
	vouches bool     // see account.Actor
	ended   []string // sessions, over all runs
	refused error    // what was kept in part is taken back
}

func (c *changing) run(tx *state.Tx) error {
	c.batch.Again()
	keys := append(noteKeys(c.batch, c.id), users.Key(c.id), sessions.Key(c.id), dirs.Key(dirID(c.id)))
	if c.by != "" {
		keys = append(keys, users.Key(c.by))
	}
	if err := tx.Load(keys...); err != nil {
		return err
	}
	held, ok, err := read(tx, c.id)
	if err != nil {
		return err
	}
	ours, err := tx.Ours(users.Key(c.id))
	if err != nil {
		return err
	}
	actor, err := c.actor(tx)
	if err != nil {
		return err
	}
	if ours && ok {
		return c.complete(tx, held, actor)
	}
	if !ok || held.Erased() {
		return account.ErrMissing
	}
	c.before, c.after = account.User{Email: held.Email, Roles: held.Roles, Disabled: held.Disabled}, held
	if err := c.change(&c.after, actor); err != nil {
		return err
	}
	if len(c.after.Changes()) == 0 {
		return nil
	}
	c.vouches = actor.Vouches()
	if err := c.vouch(tx, actor); err != nil {
		return err
	}
	c.after.Version++
	return c.put(tx)
}

// vouch writes the actor's document, unchanged, if the change depends on it.
func (c *changing) vouch(tx *state.Tx, actor *account.Actor) error {
	if !c.vouches {
		return nil
	}
	return users.Put(tx, c.by, *actor.User)
}

// complete goes on where a store that does not roll back has kept the account,
// and not all that goes with it. What was decided then stands, unless it took
// an admin away and the actor is none any more. It is written once more, with
// its events, unless others have written since.
func (c *changing) complete(tx *state.Tx, held account.User, actor *account.Actor) error {
	if c.vouches {
		if c.refused = actor.Allows(); c.refused != nil {
			return c.takeBack(tx, held)
		}
		if err := c.vouch(tx, actor); err != nil {
			return err
		}
	}
	if held.Version == c.after.Version {
		c.after.Version++
		return c.put(tx)
	}
	if err := mark(tx, c.id, false); err != nil {
		return err
	}
	return c.rest(tx)
}

// takeBack gives the account the roles back that it had, and lets it sign in
// again. The trail tells of it if it told of the change.
func (c *changing) takeBack(tx *state.Tx, held account.User) error {
	if !slices.Equal(held.Roles, c.after.Roles) || held.Disabled != c.after.Disabled {
		return nil // somebody has decided anew
	}
	held.Roles, held.Disabled = c.before.Roles, c.before.Disabled
	if err := mark(tx, c.id, false); err != nil {
		return err
	}
	if err := users.Put(tx, c.id, held); err != nil {
		return err
	}
	told, err := tx.Ours(trails.Key(trailOf(c.id)))
	if err != nil || !told {
		return err
	}
	var back []audit.Event
	for _, e := range c.after.Events() {
		_ = c.batch.Record(c.id, e) // its ID is taken
		back = append(back, audit.Event{Kind: e.Kind, Detail: map[string]string{"reason": "taken back: the actor is no admin any more"}})
	}
	return note(tx, c.batch, c.id, back...)
}

func (c *changing) put(tx *state.Tx) error {
	if c.after.Erased() {
		c.after.Freeing = claimID(c.before.Email)
	}
	tx.Unfinished(users.Key(c.id))
	if err := write(tx, c.after, false); err != nil {
		return err
	}
	return c.rest(tx)
}

// rest writes what goes with the change of the account.
func (c *changing) rest(tx *state.Tx) error {
	if err := note(tx, c.batch, c.id, c.after.Events()...); err != nil {
		return err
	}
	if !c.after.Barred() {
		return nil
	}
	var err error
	c.ended, err = bar(tx, c.after, c.ended)
	return err
}

// actor gives the admin who makes the change; nil: nobody does it for others.
func (c *changing) actor(tx *state.Tx) (*account.Actor, error) {
	if c.by == "" {
		return nil, nil
	}
	u, ok, err := read(tx, c.by)
	if err != nil || !ok {
		return nil, err
	}
	return &account.Actor{User: &u}, nil
}
