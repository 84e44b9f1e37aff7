package state_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/state"
	"tienda/internal/state/statetest"
)

// reading is a store that counts the documents that are read.
type reading struct {
	*statetest.Memory
	read int
}

func (r *reading) Get(ctx context.Context, keys ...string) ([]state.Item, error) {
	r.read += len(keys)
	return r.Memory.Get(ctx, keys...)
}

func presuming(t *testing.T) (*reading, *state.DB) {
	t.Helper()
	store := &reading{Memory: statetest.NewMemory()}
	return store, state.Open(store, nil, nil)
}

func textOf(t *testing.T, db *state.DB, id string) (text string) {
	t.Helper()
	require.NoError(t, db.View(t.Context(), func(tx *state.Tx) error {
		n, _, err := notes.Get(tx, id)
		text = n.Text
		return err
	}))
	return text
}

// What is presumed absent, and is, is written without having been read.
func TestPresumedIsNotRead(t *testing.T) {
	store, db := presuming(t)
	require.NoError(t, db.Update(t.Context(), func(tx *state.Tx) error {
		if err := tx.Presume(notes.Keys("a", "b")...); err != nil {
			return err
		}
		_, there, err := notes.Get(tx, "a")
		require.False(t, there)
		return errors.Join(err, notes.Put(tx, "a", note{"1"}), notes.Put(tx, "b", note{"2"}))
	}))
	require.Zero(t, store.read)
	require.Zero(t, db.Conflicts())
	require.Equal(t, "2", textOf(t, db, "b"))
}

// What is there after all is not written over: the update runs again and finds it, on a store that
// keeps halves as well.
func TestPresumedWrongly(t *testing.T) {
	for _, halves := range []bool{false, true} {
		store, db := presuming(t)
		store.KeepsHalves = halves
		require.NoError(t, db.Update(t.Context(), func(tx *state.Tx) error { return notes.Put(tx, "b", note{"there"}) }))
		runs := 0
		require.NoError(t, db.Update(t.Context(), func(tx *state.Tx) error {
			runs++
			if err := tx.Presume(notes.Keys("a", "b", "c")...); err != nil {
				return err
			}
			for _, id := range []string{"a", "b", "c"} {
				n, _, err := notes.Get(tx, id)
				if err != nil {
					return err
				}
				ours, err := tx.Ours(notes.Key(id))
				if err != nil || ours {
					continue
				}
				if err := notes.Put(tx, id, note{n.Text + "+"}); err != nil {
					return err
				}
			}
			return nil
		}))
		require.Equal(t, 2, runs)
		require.Equal(t, []string{"+", "there+", "+"}, []string{textOf(t, db, "a"), textOf(t, db, "b"), textOf(t, db, "c")})
	}
}

// A store says nothing about what is not written: it is read before anybody relies on it. So is what
// an error was told of.
func TestPresumedAndNotWritten(t *testing.T) {
	errTaken := errors.New("taken")
	for name, last := range map[string]func(tx *state.Tx) error{
		"nothing":   func(*state.Tx) error { return nil },
		"an error":  func(*state.Tx) error { return errTaken },
		"a removal": func(tx *state.Tx) error { return notes.Delete(tx, "b") },
	} {
		t.Run(name, func(t *testing.T) {
			store, db := presuming(t)
			require.NoError(t, db.Update(t.Context(), func(tx *state.Tx) error { return notes.Put(tx, "b", note{"there"}) }))
			store.read = 0
			var found []bool
			err := db.Update(t.Context(), func(tx *state.Tx) error {
				if err := tx.Presume(notes.Key("b")); err != nil {
					return err
				}
				_, there, err := notes.Get(tx, "b")
				found = append(found, there)
				return errors.Join(err, notes.Put(tx, "a", note{"new"}), last(tx))
			})
			require.Equal(t, []bool{false, true}, found)
			if name == "an error" {
				require.ErrorIs(t, err, errTaken)
				require.Empty(t, textOf(t, db, "a"))
				return
			}
			require.NoError(t, err)
			require.Equal(t, "new", textOf(t, db, "a"))
		})
	}
}
