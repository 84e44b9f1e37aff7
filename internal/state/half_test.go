package state_test

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/event"
	"tienda/internal/state"
	"tienda/internal/state/statetest"
)

// meddle changes a document between the reads and the writes of an update, once.
func meddle(t *testing.T, store state.Store, id string) func() {
	t.Helper()
	other := state.Open(store, nil, nil)
	done := false
	return func() {
		if !done {
			done = true
			require.NoError(t, other.Update(context.Background(), func(tx *state.Tx) error { return notes.Put(tx, id, note{"theirs"}) }))
		}
	}
}

// On a store that does not roll back, an update that had a conflict may find
// its own half when it runs again, and nothing left to do. What that half says
// has happened is announced all the same, once.
func TestHalfLandedEventIsAnnounced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, to := statetest.NewMemory(), &topic{}
		store.KeepsHalves = true
		r := start(store, to, time.Second)
		interfere, runs := meddle(t, store, "index"), 0
		require.NoError(t, r.Update(t.Context(), func(tx *state.Tx) error {
			runs++
			was, _, err := notes.Get(tx, "doc")
			if err != nil || was.Text == "done" {
				return err
			}
			if _, _, err := notes.Get(tx, "index"); err != nil {
				return err
			}
			interfere()
			tx.Emit(notes.Key("doc"), event.New("test", "noted", "doc", nil))
			if err := notes.Put(tx, "doc", note{"done"}); err != nil {
				return err
			}
			return notes.Put(tx, "index", note{"ours"})
		}))
		require.Equal(t, 2, runs, "the index was in conflict")
		time.Sleep(time.Second)
		require.Equal(t, []string{"doc@1"}, to.seen())
		require.Zero(t, r.OutboxStats().Backlog)
		r.end()
		require.Empty(t, entries(store))
	})
}

// A run that writes the document again has the last word on what happened.
func TestHalfThatIsWrittenAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, to := statetest.NewMemory(), &topic{}
		store.KeepsHalves = true
		r := start(store, to, time.Second)
		interfere, runs := meddle(t, store, "index"), 0
		require.NoError(t, r.Update(t.Context(), func(tx *state.Tx) error {
			runs++
			if err := tx.Load(notes.Key("doc"), notes.Key("index")); err != nil {
				return err
			}
			interfere()
			tx.Emit(notes.Key("doc"), event.New("test", "noted", "doc", nil))
			if err := notes.Put(tx, "doc", note{"done"}); err != nil {
				return err
			}
			return notes.Put(tx, "index", note{"ours"})
		}))
		require.Equal(t, 2, runs)
		time.Sleep(time.Second)
		require.Equal(t, []string{"doc@2"}, to.seen(), "once, as it was at last")
		r.end()
		require.Empty(t, entries(store))
	})
}

// A half that holds no event is no reason to announce anything, and the next
// run announces what it commits.
func TestHalfWithoutTheEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, to := statetest.NewMemory(), &topic{}
		store.KeepsHalves = true
		r := start(store, to, time.Second)
		interfere := meddle(t, store, "doc")
		require.NoError(t, r.Update(t.Context(), func(tx *state.Tx) error {
			if err := tx.Load(notes.Key("doc"), notes.Key("index")); err != nil {
				return err
			}
			interfere()
			tx.Emit(notes.Key("doc"), event.New("test", "noted", "doc", nil))
			if err := notes.Put(tx, "doc", note{"done"}); err != nil {
				return err
			}
			return notes.Put(tx, "index", note{"ours"})
		}))
		time.Sleep(time.Second)
		require.Equal(t, []string{"doc@2"}, to.seen())
		r.end()
		require.Empty(t, entries(store))
	})
}

// Work that a half has begun is handed on when its replica dies.
func TestHalfLandedWorkIsHandedOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := statetest.NewMemory()
		store.KeepsHalves = true
		gate := &gated{Store: store}
		a := start(gate, &topic{}, 0)
		interfere, runs := meddle(t, store, "index"), 0
		require.Error(t, a.Update(t.Context(), func(tx *state.Tx) error {
			if runs++; runs > 1 {
				return errCut // what this run needs is away
			}
			if err := tx.Load(notes.Key("doc"), notes.Key("index")); err != nil {
				return err
			}
			interfere()
			tx.Unfinished(notes.Key("doc"))
			if err := notes.Put(tx, "doc", note{"begun"}); err != nil {
				return err
			}
			return notes.Put(tx, "index", note{"ours"})
		}))
		a.note(t, "other") // takes along what may be dropped
		gate.cut()
		a.end()
		var told []string
		b := &replica{DB: state.OpenOutbox(store, &topic{}, slog.New(slog.DiscardHandler)), done: make(chan struct{})}
		b.OnUnfinished(func(_ context.Context, key string) error { told = append(told, key); return nil })
		ctx, cancel := context.WithCancel(context.Background())
		b.stop = cancel
		go func() { _ = b.Start(ctx, 0); close(b.done) }()
		time.Sleep(10 * time.Second)
		b.end()
		require.Equal(t, []string{notes.Key("doc")}, told)
	})
}

// A document that was to be deleted has changed meanwhile, and the rest of the
// transaction stands: the update runs again.
func TestDeletionThatHadAConflict(t *testing.T) {
	store := statetest.NewMemory()
	store.KeepsHalves = true
	db := state.Open(store, nil, slog.New(slog.DiscardHandler))
	interfere, runs := meddle(t, store, "old"), 0
	require.NoError(t, db.Update(t.Context(), func(tx *state.Tx) error { return notes.Put(tx, "old", note{"x"}) }))
	require.NoError(t, db.Update(t.Context(), func(tx *state.Tx) error {
		runs++
		if err := tx.Load(notes.Key("doc"), notes.Key("old")); err != nil {
			return err
		}
		interfere()
		if err := notes.Put(tx, "doc", note{"x"}); err != nil {
			return err
		}
		return notes.Delete(tx, "old")
	}))
	require.Equal(t, 2, runs)
	require.Empty(t, store.Keys(notes.Key("old")))
}

// Work that is begun twice is one piece of work, and stands until
// a write of the document has really landed.
func TestWorkStandsUntilItsDocumentIsWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := statetest.NewMemory()
		store.KeepsHalves = true
		r := start(store, &topic{}, time.Second)
		for range 2 {
			require.NoError(t, r.Update(t.Context(), func(tx *state.Tx) error {
				tx.Unfinished(notes.Key("doc"))
				return notes.Put(tx, "doc", note{"begun"})
			}))
		}
		require.Equal(t, 1, r.OutboxStats().Backlog)
		interfere, runs := meddle(t, store, "doc"), 0
		_ = r.Update(t.Context(), func(tx *state.Tx) error {
			if runs++; runs > 1 {
				return errCut
			}
			if err := tx.Load(notes.Key("doc"), notes.Key("index")); err != nil {
				return err
			}
			interfere()
			if err := notes.Put(tx, "index", note{"ours"}); err != nil {
				return err
			}
			return notes.Put(tx, "doc", note{"done"})
		})
		require.Equal(t, 2, runs)
		require.Equal(t, 1, r.OutboxStats().Backlog, "the work is not done")
		r.Finish(notes.Key("doc"))
		require.Zero(t, r.OutboxStats().Backlog)
		r.end()
	})
}
