package state_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/event"
	"tienda/internal/state"
	"tienda/internal/state/statetest"
)

// crash ends a replica that reaches the store no more.
func (r *replica) crash(from *gated) {
	from.cut()
	r.end()
}

// A replica adopts a journal and dies before it has published what is in it:
// the next one does not wait until the dead adopter's journal is buried.
func TestAdopterDies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, broker := statetest.NewMemory(), &topic{}
		cutA, cutB := &gated{Store: store}, &gated{Store: store}
		a := start(cutA, &topic{away: true}, 0)
		b := start(cutB, &topic{away: true}, 0)
		a.note(t, "a")
		a.crash(cutA)
		time.Sleep(10 * time.Second) // b has adopted the journal, and cannot publish
		b.crash(cutB)
		c := start(store, broker, time.Second)
		time.Sleep(15 * time.Second)
		require.Equal(t, []string{"a@1"}, broker.seen())
		require.Empty(t, entries(store))
		c.end()
	})
}

// A replica stood still until its journal was buried. What it writes then goes
// into a journal that others know, from its first write on.
func TestReplicaThatStoodStillForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, broker := statetest.NewMemory(), &topic{}
		mine := &gated{Store: store}
		still := start(mine, &topic{away: true}, 0)
		still.note(t, "early")
		other := start(store, broker, time.Second)
		time.Sleep(time.Second)
		mine.cut()
		time.Sleep(10 * time.Minute)
		require.Len(t, store.Keys("outbox:head:"), 1, "its journal is buried")
		mine.mu.Lock()
		mine.closed = false
		mine.mu.Unlock()
		still.note(t, "late")
		still.crash(mine)
		time.Sleep(15 * time.Second)
		require.Equal(t, []string{"early@1", "late@1"}, broker.seen())
		require.Empty(t, entries(store))
		other.end()
	})
}

// More commits come between two beats than a journal may run ahead: it is
// renewed for them, so that the one that adopts it reads them all.
func TestMoreCommitsThanTheJournalRunsAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const commits = 1100
		store, broker := statetest.NewMemory(), &topic{}
		mine := &gated{Store: store}
		dead := start(mine, &topic{away: true}, 0)
		for i := range commits {
			dead.note(t, fmt.Sprint(i))
		}
		dead.crash(mine)
		other := start(store, broker, time.Second)
		time.Sleep(15 * time.Second)
		require.Len(t, broker.seen(), commits)
		require.Empty(t, entries(store))
		other.end()
	})
}

// Who is told of unfinished work cannot note it at first: the entry stays until
// he can. So it is for a dead replica's work and for that of a half.
func TestWorkThatCannotBeNotedYet(t *testing.T) {
	for _, how := range []string{"of a dead replica", "of a half"} {
		t.Run(how, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := statetest.NewMemory()
				store.KeepsHalves = true
				mine := &gated{Store: store}
				r := open(mine, &topic{})
				var asked, noted atomic.Int64
				note1 := func(context.Context, string) error {
					if asked.Add(1) == 1 {
						return errCut
					}
					noted.Add(1)
					return nil
				}
				r.OnUnfinished(note1)
				r.run(0)
				interfere, runs := func() {}, 0
				if how == "of a half" {
					interfere = meddle(t, store, "index")
				}
				_ = r.Update(t.Context(), func(tx *state.Tx) error {
					if runs++; runs > 1 {
						return errCut
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
				})
				if how == "of a dead replica" {
					r.crash(mine)
					r = open(store, &topic{})
					r.OnUnfinished(note1)
					r.run(0)
				}
				time.Sleep(30 * time.Second)
				require.Positive(t, noted.Load())
				require.Zero(t, r.OutboxStats().Backlog)
				require.Empty(t, entries(store))
				r.end()
			})
		})
	}
}

// What a half said and a later run has said anew is not in the document any
// more: a replica that adopts the journal announces it once.
func TestHalfThatIsWrittenAgainAndAdopted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, broker := statetest.NewMemory(), &topic{}
		store.KeepsHalves = true
		mine := &gated{Store: store}
		dead := start(mine, &topic{away: true}, 0)
		interfere := meddle(t, store, "index")
		require.NoError(t, dead.Update(t.Context(), func(tx *state.Tx) error {
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
		dead.crash(mine)
		other := start(store, broker, time.Second)
		time.Sleep(15 * time.Second)
		require.Equal(t, []string{"doc@2"}, broker.seen())
		require.Empty(t, entries(store))
		other.end()
	})
}
