package state_test

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/event"
	"tienda/internal/state"
	"tienda/internal/state/statetest"
)

// slow is a store that does not answer one of its commits in time: the first
// that which picks. It comes in after lands, or never if that is zero.
type slow struct {
	*statetest.Memory
	which func(ops []state.Op) bool
	lands time.Duration
	hung  atomic.Bool
}

func (s *slow) Commit(ctx context.Context, ops ...state.Op) error {
	if !s.which(ops) || !s.hung.CompareAndSwap(false, true) {
		return s.Memory.Commit(ctx, ops...)
	}
	if s.lands > 0 {
		time.AfterFunc(s.lands, func() { _ = s.Memory.Commit(context.Background(), ops...) })
	}
	<-ctx.Done()
	return ctx.Err()
}

func writes(key string) func([]state.Op) bool {
	return func(ops []state.Op) bool {
		return slices.ContainsFunc(ops, func(op state.Op) bool { return op.Key == key })
	}
}

// flushes says whether entries of the journal are deleted, and nothing else.
func flushes(ops []state.Op) bool {
	return !slices.ContainsFunc(ops, func(op state.Op) bool { return !op.Delete || !op.Blind })
}

// A store that does not roll back has not answered in time. The update is told
// of a conflict, and fails; then half of its first run lands. What that half
// announces is announced, and the work that it begins is handed on, although
// the replica lives.
func TestHalfThatLandsAfterItsConflict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory, to := statetest.NewMemory(), &topic{}
		memory.KeepsHalves = true
		store := &slow{Memory: memory, which: writes(notes.Key("doc")), lands: 15 * time.Second}
		r := open(store, to)
		var told []string
		r.OnUnfinished(func(_ context.Context, key string) error { told = append(told, key); return nil })
		r.run(time.Second)
		interfere, runs := meddle(t, memory, "index"), 0
		require.ErrorIs(t, r.Update(t.Context(), func(tx *state.Tx) error {
			if runs++; runs > 1 {
				return errCut // what this run needs is away
			}
			if err := tx.Load(notes.Key("doc"), notes.Key("index")); err != nil {
				return err
			}
			interfere()
			tx.Emit(notes.Key("doc"), event.New("test", "noted", "doc", nil))
			tx.Unfinished(notes.Key("doc"))
			if err := notes.Put(tx, "doc", note{"begun"}); err != nil {
				return err
			}
			return notes.Put(tx, "index", note{"ours"})
		}), errCut)
		require.Empty(t, memory.Keys(notes.Key("doc")), "not yet")
		time.Sleep(time.Minute)
		require.Len(t, memory.Keys(notes.Key("doc")), 1)
		require.Equal(t, []string{"doc@1"}, to.seen())
		require.Equal(t, []string{notes.Key("doc")}, told)
		require.Empty(t, entries(memory))
		r.end()
	})
}

// Published entries are on their way to be deleted when the lease is renewed,
// and do not arrive: the journal still begins with them, so that the replica
// which adopts it finds them.
func TestEntriesOnTheirWayAreInTheJournal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := statetest.NewMemory()
		store := &slow{Memory: memory, which: flushes}
		mine := &gated{Store: store}
		r := start(mine, &topic{}, 0)
		r.note(t, "a")
		time.Sleep(5 * time.Second)
		require.True(t, store.hung.Load())
		r.note(t, "b") // with a lease that is renewed for it
		mine.cut()
		r.end()
		require.Len(t, entries(memory), 2)
		other := start(memory, &topic{}, 0)
		time.Sleep(10 * time.Second)
		require.Empty(t, entries(memory))
		other.end()
	})
}

// So they do when the replica stops: it leaves its journal to another one.
func TestEntriesOnTheirWayKeepTheJournal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := statetest.NewMemory()
		store := &slow{Memory: memory, which: writes(notes.Key("plain"))}
		r := start(store, &topic{}, 0)
		r.note(t, "a")
		synctest.Wait()
		gone, leave := context.WithCancel(t.Context())
		go func() {
			_ = r.Update(gone, func(tx *state.Tx) error { return notes.Put(tx, "plain", note{"x"}) })
		}()
		time.Sleep(time.Millisecond)
		require.True(t, store.hung.Load())
		r.end()
		leave()
		require.Len(t, entries(memory), 1)
		other := start(memory, &topic{}, 0)
		time.Sleep(10 * time.Second)
		require.Empty(t, entries(memory))
		other.end()
	})
}

// Published entries whose write is refused are deleted later, whether they went
// by themselves or along with an update.
func TestEntriesThatDidNotArriveAreTakenAgain(t *testing.T) {
	for how, which := range map[string]func([]state.Op) bool{"alone": flushes, "along": writes(notes.Key("plain"))} {
		t.Run(how, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				memory := statetest.NewMemory()
				var refused atomic.Bool
				memory.BeforeCommit = func(ops []state.Op) error {
					if which(ops) && refused.CompareAndSwap(false, true) {
						return errCut
					}
					return nil
				}
				r := start(memory, &topic{}, time.Second)
				r.note(t, "a")
				synctest.Wait()
				if how == "along" {
					err := r.Update(t.Context(), func(tx *state.Tx) error { return notes.Put(tx, "plain", note{"x"}) })
					require.ErrorIs(t, err, errCut)
				}
				time.Sleep(5 * time.Second)
				require.True(t, refused.Load())
				require.Empty(t, entries(memory))
				r.end()
			})
		})
	}
}
