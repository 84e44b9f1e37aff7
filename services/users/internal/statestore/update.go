package statestore

import (
	"context"
	"time"

	"tienda/internal/mail/mailroom"
	"tienda/internal/state"
	"tienda/services/users/internal/account"
	"tienda/services/users/internal/audit"
)

// Update implements account.Store: one read, one write; one read more if the
// change writes letters, or is an erasure.
func (a *Accounts) Update(ctx context.Context, id string, change func(*account.User) error) (account.User, error) {
	ctx, cancel := context.WithTimeout(ctx, endLimit)
	defer cancel()
	c := changing{id: id, change: change, batch: audit.Begin(ctx), log: newRevocation(a.turns, time.Now())}
	defer c.log.done()
	err := a.db.Update(ctx, c.run)
	a.db.Finish(users.Key(id))
	a.mail.Posted(ctx, c.after.Letters(), err)
	if err != nil {
		return account.User{}, err
	}
	return c.after, nil
}

// changing is one change of an account over all runs of its update.
type changing struct {
	id     string
	change func(*account.User) error
	batch  *audit.Batch
	log    *revocation

	email string // before the change
	wrote int64  // version of the document, the unseen writes included, that the last run would leave
	after account.User
	ended []string // sessions, over all runs
}

func (c *changing) run(tx *state.Tx) error {
	c.batch.Again()
	keys := append(noteKeys(c.batch, c.id), users.Key(c.id), sessions.Key(c.id), dirs.Key(dirID(c.id)))
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
	if ours && ok {
		return c.complete(tx, held.Version+held.Unseen)
	}
	if !ok || held.Erased() {
		return account.ErrMissing
	}
	c.email, c.after, c.wrote = held.Email, held, held.Version+held.Unseen+1
	if err := c.change(&c.after); err != nil {
		return err
	}
	if len(c.after.Changes()) == 0 {
		return nil
	}
	c.advance()
	return c.put(tx)
}

// advance counts a write of the document. (write counts one that nobody sees.)
func (c *changing) advance() {
	if c.after.Seen() {
		c.after.Version++
	}
}

// complete goes on where a store that does not roll back has kept the account,
// and not all that goes with it. What was decided then stands; it is written
// once more, with its events, unless others have written since.
func (c *changing) complete(tx *state.Tx, version int64) error {
	if version == c.wrote { // unseen writes count as well: a password is one
		c.wrote++
		if c.advance(); !c.after.Seen() {
			c.after.Unseen++
		}
		return c.put(tx)
	}
	if err := mark(tx, c.after, false); err != nil {
		return err
	}
	if err := mailroom.Put(tx, c.after.Letters()...); err != nil {
		return err
	}
	return c.rest(tx)
}

func (c *changing) put(tx *state.Tx) error {
	if c.after.Erased() {
		c.after.Freeing = claimID(c.email)
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
	if c.after.DropsFactor() {
		if err := c.dropFactor(tx); err != nil {
			return err
		}
	}
	if !c.after.EndsSessions() {
		return nil
	}
	var err error
	c.ended, err = bar(tx, c.after, c.ended, c.log)
	return err
}

// dropFactor turns the second factor off, if there is one.
func (c *changing) dropFactor(tx *state.Tx) error {
	f, ok, err := factors.Get(tx, c.id)
	if err != nil || !ok {
		return err
	}
	if err := factors.Delete(tx, c.id); err != nil {
		return err
	}
	return note(tx, c.batch, c.id, switched(f.On, false)...)
}
