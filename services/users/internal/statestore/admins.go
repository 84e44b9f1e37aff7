package statestore

import (
	"context"
	"crypto/rand"
	"slices"
	"time"

	"tienda/internal/state"
	"tienda/services/users/internal/account"
)

// admins is which admins are being taken away, in one document, so that there is
// always an admin left, on a store that keeps halves of transactions as well. An
// account ceases to be an admin's only while it is marked here, and only an admin
// who is not marked marks another one: that one is left.
type admins struct {
	Leaving map[string][]leave `json:"leaving"` // by account
}

// leave is a change under way that takes an admin away.
type leave struct {
	ID string    `json:"id"`
	At time.Time `json:"at"`
}

// opLimit is when a change is given up whose process has died; no request
// takes so long.
const opLimit = 10 * time.Minute

const theAdmins = "all"

var adminSet = state.Collection[admins]{Prefix: "admins:"}

// openAdmins reads the set, without changes that were given up.
func openAdmins(tx *state.Tx) (admins, error) {
	set, _, err := adminSet.Get(tx, theAdmins)
	for id, list := range set.Leaving {
		list = slices.DeleteFunc(list, func(o leave) bool { return time.Since(o.At) > opLimit })
		if set.Leaving[id] = list; len(list) == 0 {
			delete(set.Leaving, id)
		}
	}
	return set, err
}

// Leave implements account.Store: two reads, one write.
func (a *Accounts) Leave(ctx context.Context, by, id string) (op string, err error) {
	op = rand.Text()[:13]
	err = a.db.Update(ctx, func(tx *state.Tx) error {
		set, err := openAdmins(tx)
		if err != nil {
			return err
		}
		// Read after the set: were it marked in between, the set has a conflict.
		u, ok, err := users.Get(tx, by)
		if err != nil {
			return err
		}
		if _, leaving := set.Leaving[by]; leaving || !ok || !u.IsAdmin() {
			return account.ErrNotAdmin
		}
		if set.Leaving == nil {
			set.Leaving = map[string][]leave{}
		}
		set.Leaving[id] = append(set.Leaving[id], leave{ID: op, At: time.Now().UTC()})
		return adminSet.Put(tx, theAdmins, set)
	})
	return op, err
}

// Settle implements account.Store: one read, one write.
func (a *Accounts) Settle(ctx context.Context, id, op string) error {
	return a.db.Update(ctx, func(tx *state.Tx) error {
		set, err := openAdmins(tx)
		if err != nil {
			return err
		}
		list := slices.DeleteFunc(set.Leaving[id], func(o leave) bool { return o.ID == op })
		if len(list) == 0 {
			delete(set.Leaving, id)
		} else {
			set.Leaving[id] = list
		}
		return adminSet.Put(tx, theAdmins, set)
	})
}
