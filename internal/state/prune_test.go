package state_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/event"
	"tienda/internal/state"
	"tienda/internal/state/statetest"
)

// del deletes a document and says so.
func (r *replica) del(t *testing.T, id string) {
	t.Helper()
	require.NoError(t, r.Update(context.Background(), func(tx *state.Tx) error {
		tx.Emit(notes.Key(id), event.New("test", "deleted", id, nil))
		return notes.Delete(tx, id)
	}))
}

// A replica that writes a document takes the events of others out of it only
// once they are published: those of a replica that dies are not lost.
func TestEventsOfOthersStayInTheDocument(t *testing.T) {
	for how, write := range map[string]func(*replica, *testing.T, string){"written": (*replica).note, "deleted": (*replica).del} {
		t.Run(how, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store, broker := statetest.NewMemory(), &topic{}
				mine := &gated{Store: store}
				dead := start(mine, &topic{away: true}, 0)
				for range 5 {
					dead.note(t, "a")
				}
				other := start(store, broker, time.Second)
				write(other, t, "a")
				synctest.Wait()
				require.Equal(t, []string{"a@6"}, broker.seen())
				dead.crash(mine)
				time.Sleep(15 * time.Second)
				require.ElementsMatch(t, []string{"a@6", "a@1", "a@2", "a@3", "a@4", "a@5"}, broker.seen())
				other.end()
			})
		})
	}
}

// Once they are, a document does not gather them.
func TestPublishedEventsOfOthersGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := statetest.NewMemory()
		other := start(store, &topic{}, time.Second)
		broker := &topic{away: true}
		slowly := start(store, broker, time.Second)
		for range 5 {
			slowly.note(t, "a")
		}
		broker.set(false)
		time.Sleep(10 * time.Second)
		other.note(t, "a")
		items, err := store.Get(t.Context(), notes.Key("a"))
		require.NoError(t, err)
		require.Equal(t, 1, countPending(t, items[0].Value))
		slowly.end()
		other.end()
	})
}

// A deleted document that somebody makes anew, just as its remains are removed,
// stays.
func TestDeletedAndMadeAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := statetest.NewMemory()
		var made atomic.Bool
		others := state.Open(store, nil, nil)
		store.BeforeCommit = func(ops []state.Op) error {
			if len(ops) == 1 && ops[0].Key == notes.Key("a") && ops[0].Delete && made.CompareAndSwap(false, true) {
				return others.Update(context.Background(), func(tx *state.Tx) error { return notes.Put(tx, "a", note{"anew"}) })
			}
			return nil
		}
		r := start(store, &topic{}, time.Second)
		r.note(t, "a")
		synctest.Wait()
		r.del(t, "a")
		time.Sleep(5 * time.Second)
		require.True(t, made.Load())
		require.NoError(t, others.View(t.Context(), func(tx *state.Tx) error {
			n, _, err := notes.Get(tx, "a")
			require.Equal(t, "anew", n.Text)
			return err
		}))
		r.end()
	})
}

// An entry that cannot be read does not hold up the journals beside its own.
func TestJournalThatCannotBeRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, broker := statetest.NewMemory(), &topic{}
		cutA, cutB := &gated{Store: store}, &gated{Store: store}
		a := start(cutA, &topic{away: true}, 0)
		a.note(t, "a")
		require.NoError(t, store.Commit(t.Context(), state.Op{Key: entries(store)[0], Value: []byte("?"), Blind: true}))
		b := start(cutB, &topic{away: true}, 0)
		b.note(t, "b")
		a.crash(cutA)
		b.crash(cutB)
		other := start(store, broker, time.Second)
		time.Sleep(8 * time.Second) // a lease and two beats: not a beat later than without it
		require.Equal(t, []string{"b@1"}, broker.seen())
		other.end()
	})
}
