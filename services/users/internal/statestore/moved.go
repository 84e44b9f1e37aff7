package statestore

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"tienda/internal/fault"
	"tienda/internal/origin"
	"tienda/internal/origin/intake"
	"tienda/internal/state"
	"tienda/services/users/internal/account"
	"tienda/services/users/internal/audit"
	"tienda/services/users/internal/password"
)

// moving is how accounts are moved in.
type moving struct {
	db   *state.DB
	wrap func(ctx context.Context, legacy password.Legacy) (string, error)
	now  func() time.Time

	hashes hashes

	mu      sync.Mutex
	decided map[string]decision // by account, until it is stored
}

// decision is what an update has done to an account, over all its runs: on a store that
// keeps halves of transactions a later run finds the account as an earlier one has left
// it, and nothing more to decide.
type decision struct {
	position uint64
	before   *account.User // nil: there was none
	batch    *audit.Batch
	events   []audit.Event
	ends     bool     // the sessions
	ended    []string // of them
}

// Moved gives how accounts are moved in. fits names what of a document does not fit the
// contract, wrap gives the form in which a hash of another system is kept. State: as
// package intake says; 1 bulk get more for a batch in which passwords come, 1 get for
// each hundred accounts that are new, and 1 for each account of which the trail tells
// something. One batch is stored at a time: two would meet at the list of accounts.
func (a *Accounts) Moved(
	fits func(doc []byte) []fault.Field, wrap func(ctx context.Context, legacy password.Legacy) (string, error), now func() time.Time,
) intake.Kind[account.Moved] {
	m := &moving{db: a.db, wrap: wrap, now: now, decided: map[string]decision{}}
	return intake.Kind[account.Moved]{
		Name: "users", DB: a.db, Check: fits, Keys: m.keys, New: func(id string, _ *account.Moved) []string { return users.Keys(id) }, Held: m.held, Begin: m.begin,
		Get: m.get, GetKeys: func(id string) []string { return users.Keys(id) }, Prepare: m.prepare, Stored: m.stored,
		More: intake.ByID[account.Moved](m.more), Room: make(chan struct{}, 1), Own: ownAccounts(),
	}
}

func (m *moving) keys(id string, v *account.Moved) []string {
	if v == nil {
		return []string{users.Key(id), sessions.Key(id), factors.Key(id), trails.Key(trailOf(id))}
	}
	keys := []string{users.Key(id), dirs.Key(movedDir(id, v.From().Key))}
	if email, err := account.NormalEmail(v.Email); err == nil {
		keys = append(keys, claims.Key(claimID(email)))
	}
	return keys
}

// more are what is kept beside the accounts as they are.
func (m *moving) more(tx *state.Tx, id string) ([]string, error) {
	u, ok, err := users.Get(tx, id)
	if err != nil || !ok || u.Erased() {
		return nil, err
	}
	return []string{claims.Key(claimID(u.Email)), dirs.Key(dirOf(u))}, nil
}

func (m *moving) held(tx *state.Tx, id string) (*origin.Source, error) {
	u, _, err := users.Get(tx, id)
	return u.Origin, err
}

func (m *moving) get(tx *state.Tx, id string) (intake.Document[account.Moved], bool, error) {
	u, ok, err := users.Get(tx, id)
	if err != nil || !ok || u.Origin == nil || u.Erased() {
		return intake.Document[account.Moved]{}, false, err
	}
	return intake.Document[account.Moved]{ID: id, Source: *u.Origin, Value: u.AsMoved()}, true, nil
}

// begin stores accounts; those that are new are listed after the last of them, each part once.
func (m *moving) begin(tx *state.Tx) intake.Run[account.Moved] {
	var added []account.User
	return intake.Run[account.Moved]{
		Put:    func(d intake.Document[account.Moved]) error { return m.put(tx, d, &added) },
		Remove: func(id string) error { return m.remove(tx, id) },
		Finish: func() error { return list(tx, added) },
	}
}

func (m *moving) put(tx *state.Tx, d intake.Document[account.Moved], added *[]account.User) error {
	u, known, err := read(tx, d.ID)
	if err != nil {
		return err
	}
	var held *account.User
	if known {
		held = &u
	}
	ours, err := tx.Ours(users.Key(d.ID))
	if err != nil {
		return err
	}
	doc := d.Value
	if d.Adopt {
		doc = doc.Adopting()
	}
	next, err := account.MoveIn(held, d.ID, doc, m.now())
	if err != nil {
		return err
	}
	if err := m.claim(tx, u.Email, next); err != nil {
		if ours && fault.KindOf(err) == fault.Conflict { // an earlier run was first to see the e-mail, and not to claim it
			return errors.Join(m.takeBack(tx, next), err)
		}
		return err
	}
	repeat := known && u.Origin != nil && u.Origin.Position == d.Source.Position
	if err := users.Put(tx, d.ID, next); err != nil {
		return err
	}
	// Of one that comes again as it was it is not known whether the list has it.
	if !known {
		*added = append(*added, next)
	} else if err := mark(tx, next, repeat); err != nil {
		return err
	}
	does := decision{
		position: d.Source.Position, before: held, events: next.Events(), ends: known && next.LosesAccess() || repeat && next.Barred(),
	}
	return m.rest(tx, next, does, ours)
}

// takeBack makes the account again what it was before a run that was kept in part.
func (m *moving) takeBack(tx *state.Tx, u account.User) error {
	does, ok := m.recall(u.ID)
	if !ok {
		return nil
	}
	if does.before == nil {
		return errors.Join(users.Delete(tx, u.ID), mark(tx, u, false))
	}
	return errors.Join(
		users.Put(tx, u.ID, *does.before), mark(tx, *does.before, false),
		claims.Put(tx, claimID(does.before.Email), claim{UserID: u.ID}),
	)
}

// claim makes the e-mail the account's, and gives up the one that it had.
func (m *moving) claim(tx *state.Tx, was string, u account.User) error {
	id := claimID(u.Email)
	free, err := freeFor(tx, u.Email, u.ID)
	if err != nil {
		return err
	}
	if !free {
		other, ok, err := holder(tx, u.Email)
		if err != nil {
			return err
		}
		return account.EmailRefused(other, ok)
	}
	if was != "" && was != u.Email {
		old, ok, err := claims.Get(tx, claimID(was))
		if err != nil {
			return err
		}
		if ok && old.UserID == u.ID {
			if err := claims.Delete(tx, claimID(was)); err != nil {
				return err
			}
		}
	}
	c, _, err := claims.Get(tx, id)
	if err != nil || c == (claim{UserID: u.ID}) {
		return err
	}
	return claims.Put(tx, id, claim{UserID: u.ID})
}

// rest does what goes with the change: the trail, and the end of the sessions.
func (m *moving) rest(tx *state.Tx, u account.User, does decision, ours bool) error {
	if before, ok := m.recall(u.ID); ok && before.position == does.position {
		does.batch, does.ended = before.batch, before.ended
		if ours {
			does.before, does.events, does.ends = before.before, before.events, before.ends
		}
	}
	m.remember(u.ID, does)
	if len(does.events) == 0 && !does.ends {
		return nil
	}
	if does.batch == nil {
		does.batch = audit.Begin(tx.Context())
	}
	does.batch.Again()
	if err := tx.Load(append(noteKeys(does.batch, u.ID), sessions.Key(u.ID))...); err != nil {
		return err
	}
	if err := note(tx, does.batch, u.ID, does.events...); err != nil {
		return err
	}
	if does.ends {
		var err error
		if does.ended, err = bar(tx, u, does.ended, m.revocation(u.ID)); err != nil {
			return err
		}
	}
	m.remember(u.ID, does)
	return nil
}

// remove takes an account away with all that it has. An erased one stays as it is, so that
// it is not moved in again, and so does one that was made here.
func (m *moving) remove(tx *state.Tx, id string) error {
	u, there, err := read(tx, id)
	if err != nil || there && (u.Origin == nil || u.Erased()) {
		return err
	}
	if _, signedIn, err := sessions.Get(tx, id); err != nil || !there && !signedIn {
		return errors.Join(err, mark(tx, account.User{ID: id}, false))
	}
	does, _ := m.recall(id)
	gone := account.User{ID: id, DeletedAt: m.now()}
	if there {
		gone.Freeing = claimID(u.Email)
		if err := users.Delete(tx, id); err != nil {
			return err
		}
	} else {
		u.ID = id // any part of the list will do to have it read again
	}
	if err := mark(tx, u, false); err != nil {
		return err
	}
	if does.batch == nil {
		does.batch = audit.Begin(tx.Context())
	}
	does.batch.Again()
	if _, told, err := trails.Get(tx, trailOf(id)); err != nil {
		return err
	} else if told {
		if err := note(tx, does.batch, id, audit.Event{Kind: audit.Deleted}); err != nil {
			return err
		}
	}
	if does.ended, err = bar(tx, gone, does.ended, m.revocation(id)); err != nil {
		return err
	}
	m.remember(id, does)
	return nil
}

// revocation gives the log for one account: a turn of its own, which nobody waits for.
func (m *moving) revocation(id string) *revocation {
	return &revocation{at: m.now(), turn: &turn{shardOf(id)}}
}

func (m *moving) recall(id string) (decision, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	d, ok := m.decided[id]
	d.ended = slices.Clone(d.ended)
	return d, ok
}

func (m *moving) remember(id string, d decision) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.decided[id] = d
}

// stored forgets what was decided about accounts that are stored.
func (m *moving) stored(_ context.Context, ids []string) {
	m.hashes.drop(ids)
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, id := range ids {
		delete(m.decided, id)
	}
}
