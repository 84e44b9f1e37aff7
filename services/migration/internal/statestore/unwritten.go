package statestore

import (
	"context"
	"maps"
	"slices"

	"tienda/internal/state"
	"tienda/services/migration/internal/reverse"
)

// waiting are the documents that the monolith did not take, by kind and ID.
type waiting struct {
	All map[string]reverse.Unwritten `json:"all"`
}

var waits = state.Collection[waiting]{Prefix: "unwritten"}

// Unwritten implements reverse.List.
type Unwritten struct{ db *state.DB }

// NewUnwritten gives the list over a database.
func NewUnwritten(db *state.DB) *Unwritten { return &Unwritten{db: db} }

func (u *Unwritten) change(ctx context.Context, fn func(map[string]reverse.Unwritten)) error {
	return u.db.Update(ctx, func(tx *state.Tx) error {
		l, _, err := waits.Get(tx, "")
		if err != nil {
			return err
		}
		if l.All == nil {
			l.All = map[string]reverse.Unwritten{}
		}
		fn(l.All)
		return waits.Put(tx, "", l)
	})
}

// Add implements reverse.List: 1 get, 1 save.
func (u *Unwritten) Add(ctx context.Context, one reverse.Unwritten) error {
	return u.change(ctx, func(all map[string]reverse.Unwritten) {
		key := one.Kind + ":" + one.ID
		if before, ok := all[key]; ok {
			one.Tries += before.Tries
			one.Since, one.Version = before.Since, max(one.Version, before.Version)
		}
		all[key] = one
	})
}

// Drop implements reverse.List: 1 get, 1 save.
func (u *Unwritten) Drop(ctx context.Context, kind, id string) error {
	return u.change(ctx, func(all map[string]reverse.Unwritten) { delete(all, kind+":"+id) })
}

// All implements reverse.List, in the order of kinds and IDs: 1 get.
func (u *Unwritten) All(ctx context.Context) (out []reverse.Unwritten, err error) {
	err = u.db.View(ctx, func(tx *state.Tx) error {
		l, _, err := waits.Get(tx, "")
		out = make([]reverse.Unwritten, 0, len(l.All))
		for _, key := range slices.Sorted(maps.Keys(l.All)) {
			out = append(out, l.All[key])
		}
		return err
	})
	return out, err
}
