package state_test

import (
	"errors"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/event"
	"tienda/internal/fault"
	"tienda/internal/state"
	"tienda/internal/state/statetest"
)

type note struct {
	Text string `json:"text"`
}

var notes = state.Collection[note]{Prefix: "note:"}

func TestMemoryConforms(t *testing.T) { statetest.Conformance(t, statetest.NewMemory()) }

// A commit whose answer is lost is found in the store, not made again.
func TestLostAnswer(t *testing.T) {
	store, events := statetest.NewMemory(), &event.Memory{}
	db := state.Open(store, events, slog.New(slog.DiscardHandler))
	store.AfterCommit = func([]state.Op) error { return errors.New("connection reset") }
	runs := 0
	require.NoError(t, db.Update(t.Context(), func(tx *state.Tx) error {
		runs++
		tx.Emit(notes.Key("a"), event.New("test", "noted", "a", nil))
		return notes.Put(tx, "a", note{"once"})
	}))
	require.Equal(t, 1, runs)
	require.Len(t, events.Events(), 1)
}

// A store that is away is an outage, not a conflict: nothing is tried blindly.
func TestStoreAway(t *testing.T) {
	store, events := statetest.NewMemory(), &event.Memory{}
	db := state.Open(store, events, slog.New(slog.DiscardHandler))
	store.BeforeCommit = func([]state.Op) error { return errors.New("connection refused") }
	err := db.Update(t.Context(), func(tx *state.Tx) error { return notes.Put(tx, "a", note{"never"}) })
	require.Equal(t, fault.Unavailable, fault.KindOf(err))
	require.Empty(t, events.Events())
	require.Empty(t, store.Keys(""))
}

// A document that never stands still ends the update after a bounded time.
func TestEndlessConflict(t *testing.T) {
	store := statetest.NewMemory()
	db := state.Open(store, nil, slog.New(slog.DiscardHandler))
	other := state.Open(store, nil, slog.New(slog.DiscardHandler))
	err := db.Update(t.Context(), func(tx *state.Tx) error {
		if _, _, err := notes.Get(tx, "a"); err != nil {
			return err
		}
		if err := other.Update(t.Context(), func(tx *state.Tx) error { return notes.Put(tx, "a", note{"other"}) }); err != nil {
			return err
		}
		return notes.Put(tx, "a", note{"mine"})
	})
	require.ErrorIs(t, err, state.ErrBusy)
	require.Positive(t, db.Conflicts())
}

func TestReadsItsOwnWrites(t *testing.T) {
	db := state.Open(statetest.NewMemory(), nil, slog.New(slog.DiscardHandler))
	require.NoError(t, db.Update(t.Context(), func(tx *state.Tx) error {
		require.NoError(t, notes.Put(tx, "a", note{"new"}))
		n, ok, err := notes.Get(tx, "a")
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, "new", n.Text)
		require.NoError(t, notes.Delete(tx, "a"))
		_, ok, err = notes.Get(tx, "a")
		require.False(t, ok)
		return err
	}))
}

// A commit whose answer is lost is found even if another writer has been there
// since: it is not made again.
func TestLostAnswerOverwritten(t *testing.T) {
	store := statetest.NewMemory()
	db, other := state.Open(store, nil, slog.New(slog.DiscardHandler)), state.Open(store, nil, slog.New(slog.DiscardHandler))
	add := func(tx *state.Tx) error {
		n, _, err := notes.Get(tx, "a")
		if err != nil {
			return err
		}
		return notes.Put(tx, "a", note{n.Text + "+"})
	}
	once := false
	store.AfterCommit = func([]state.Op) error {
		if once {
			return nil
		}
		once = true
		require.NoError(t, other.Update(t.Context(), add))
		return errors.New("connection reset")
	}
	require.NoError(t, db.Update(t.Context(), add))
	var n note
	require.NoError(t, db.View(t.Context(), func(tx *state.Tx) (err error) { n, _, err = notes.Get(tx, "a"); return err }))
	require.Equal(t, "++", n.Text)
}
