package statetest

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tienda/internal/event"
	"tienda/internal/fault"
	"tienda/internal/state"
)

// counter is the document of the suite.
type counter struct {
	N    int      `json:"n"`
	Seen []string `json:"seen,omitempty"`
}

// Conformance is what every store has to do, the fake and the real ones. Keys
// are made unique, so that a real store may be used again and again.
func Conformance(t *testing.T, store state.Store) {
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			events := &event.Memory{}
			tt.run(t, suite{
				store: store, events: events, db: state.Open(store, events, slog.New(slog.NewTextHandler(t.Output(), nil))),
				docs: newDocs(),
			})
		})
	}
}

// Documents is the part of Conformance that needs no recorded events, over a DB
// of the caller's choice, such as one with an outbox.
func Documents(t *testing.T, store state.Store, db *state.DB) {
	for _, tt := range tests {
		if tt.events {
			continue
		}
		t.Run(tt.name, func(t *testing.T) {
			tt.run(t, suite{store: store, events: &event.Memory{}, db: db, docs: newDocs()})
		})
	}
}

func newDocs() state.Collection[counter] {
	return state.Collection[counter]{Prefix: "t" + uuid.NewString() + ":"}
}

var tests = []struct {
	name   string
	run    func(t *testing.T, s suite)
	events bool // looks at the events that were published
}{
	{"an absent key has no ETag", absent, false},
	{"a write is read back with its ETag", writeRead, false},
	{"a stale ETag is refused and changes nothing", staleETag, false},
	{"a key that exists is not created again", createTwice, false},
	{"delete needs the current ETag", deleteStale, false},
	{"a bulk read keeps the order and the gaps", bulkOrder, false},
	{"a transaction writes all its keys", transaction, false},
	{"a conflict in one key of an update runs it again", conflictInOne, true},
	{"concurrent creates of one document: one wins", concurrentCreate, false},
	{"concurrent creates in transactions: one wins", concurrentCreateTogether, false},
	{"concurrent updates lose nothing", concurrentUpdates, false},
	{"an event carries the version of its document", eventVersion, true},
	{"a failing function writes nothing", failingFunction, true},
	{"an index lists newest first, over closed pages", indexPages, false},
	{"odd bytes survive", oddBytes, false},
	{"a lost answer, and the retry after it, change nothing", lostAnswers, false},
	{"a document is gone after its TTL", expiry, false},
}

type suite struct {
	store  state.Store
	db     *state.DB
	events *event.Memory
	docs   state.Collection[counter]
}

func (s suite) put(t *testing.T, id string, n int) {
	t.Helper()
	require.NoError(t, s.db.Update(t.Context(), func(tx *state.Tx) error { return s.docs.Put(tx, id, counter{N: n}) }))
}

func (s suite) get(t *testing.T, id string) (c counter, ok bool) {
	t.Helper()
	require.NoError(t, s.db.View(t.Context(), func(tx *state.Tx) (err error) { c, ok, err = s.docs.Get(tx, id); return err }))
	return c, ok
}

func (s suite) item(t *testing.T, id string) state.Item {
	t.Helper()
	items, err := s.store.Get(t.Context(), s.docs.Key(id))
	require.NoError(t, err)
	return items[0]
}

func absent(t *testing.T, s suite) {
	require.Empty(t, s.item(t, "none").ETag)
	_, ok := s.get(t, "none")
	require.False(t, ok)
}

func writeRead(t *testing.T, s suite) {
	s.put(t, "a", 7)
	require.NotEmpty(t, s.item(t, "a").ETag)
	c, ok := s.get(t, "a")
	require.True(t, ok)
	require.Equal(t, 7, c.N)
}

func staleETag(t *testing.T, s suite) {
	s.put(t, "a", 1)
	old := s.item(t, "a")
	s.put(t, "a", 2)
	require.Error(t, s.store.Commit(t.Context(), state.Op{Key: old.Key, Value: []byte(`{}`), ETag: old.ETag}))
	c, _ := s.get(t, "a")
	require.Equal(t, 2, c.N)
}

func createTwice(t *testing.T, s suite) {
	s.put(t, "a", 1)
	require.Error(t, s.store.Commit(t.Context(), state.Op{Key: s.docs.Key("a"), Value: []byte(`{}`)}))
	c, _ := s.get(t, "a")
	require.Equal(t, 1, c.N)
}

func deleteStale(t *testing.T, s suite) {
	s.put(t, "a", 1)
	old := s.item(t, "a")
	s.put(t, "a", 2)
	require.Error(t, s.store.Commit(t.Context(), state.Op{Key: old.Key, ETag: old.ETag, Delete: true}))
	require.NoError(t, s.db.Update(t.Context(), func(tx *state.Tx) error { return s.docs.Delete(tx, "a") }))
	_, ok := s.get(t, "a")
	require.False(t, ok)
	require.NoError(t, s.db.Update(t.Context(), func(tx *state.Tx) error { return s.docs.Delete(tx, "a") }), "again")
}

func bulkOrder(t *testing.T, s suite) {
	s.put(t, "c", 3)
	s.put(t, "a", 1)
	items, err := s.store.Get(t.Context(), s.docs.Keys("a", "b", "c")...)
	require.NoError(t, err)
	require.Equal(t, s.docs.Keys("a", "b", "c"), []string{items[0].Key, items[1].Key, items[2].Key})
	require.NotEmpty(t, items[0].ETag)
	require.Empty(t, items[1].ETag)
	require.NotEmpty(t, items[2].ETag)
}

func transaction(t *testing.T, s suite) {
	s.put(t, "old", 1)
	require.NoError(t, s.db.Update(t.Context(), func(tx *state.Tx) error {
		if err := s.docs.Put(tx, "a", counter{N: 1}); err != nil {
			return err
		}
		if err := s.docs.Delete(tx, "old"); err != nil {
			return err
		}
		return s.docs.Put(tx, "b", counter{N: 2})
	}))
	a, _ := s.get(t, "a")
	b, _ := s.get(t, "b")
	_, old := s.get(t, "old")
	require.Equal(t, 3, a.N+b.N)
	require.False(t, old)
}

func conflictInOne(t *testing.T, s suite) {
	s.put(t, "a", 1)
	s.put(t, "b", 1)
	runs := 0
	require.NoError(t, s.db.Update(t.Context(), func(tx *state.Tx) error {
		runs++
		a, _, err := s.docs.Get(tx, "a")
		if err != nil {
			return err
		}
		b, _, err := s.docs.Get(tx, "b")
		if err != nil {
			return err
		}
		if runs == 1 {
			s.put(t, "b", 10) // another writer comes between
		}
		if err := s.docs.Put(tx, "a", counter{N: a.N + b.N}); err != nil {
			return err
		}
		return s.docs.Put(tx, "b", counter{N: b.N + 1})
	}))
	a, _ := s.get(t, "a")
	b, _ := s.get(t, "b")
	require.GreaterOrEqual(t, runs, 2)
	require.Equal(t, 11, b.N)
	require.Equal(t, int64(runs-1), s.db.Conflicts())
	require.GreaterOrEqual(t, a.N, 11)
}

func concurrentCreate(t *testing.T, s suite) {
	taken := fault.New(fault.Conflict, "taken", "Taken.")
	won := parallel(16, func(i int) bool {
		err := s.db.Update(context.Background(), func(tx *state.Tx) error {
			if _, ok, err := s.docs.Get(tx, "one"); err != nil || ok {
				if err != nil {
					return err
				}
				return taken
			}
			return s.docs.Put(tx, "one", counter{N: i})
		})
		return err == nil
	})
	require.Equal(t, 1, won)
}

// Each writer makes a document of its own and one that all want, in one
// transaction straight at the store, past the group that would order them.
func concurrentCreateTogether(t *testing.T, s suite) {
	for round := range 5 {
		one := s.docs.Key(fmt.Sprint("one-", round))
		won := parallel(8, func(i int) bool {
			return s.store.Commit(context.Background(),
				state.Op{Key: s.docs.Key(fmt.Sprint("own-", round, "-", i)), Value: []byte(`{}`)},
				state.Op{Key: one, Value: fmt.Appendf(nil, `{"d":{"n":%d}}`, i)}) == nil
		})
		require.LessOrEqual(t, won, 1, "all but one are told")
		before := s.item(t, fmt.Sprint("one-", round))
		require.NotEmpty(t, before.ETag)
		require.Error(t, s.store.Commit(t.Context(), state.Op{Key: one, Value: []byte(`{}`)}, state.Op{Key: one + "-2", Value: []byte(`{}`)}))
		require.Equal(t, before, s.item(t, fmt.Sprint("one-", round)), "a later create leaves it alone")
	}
}

func concurrentUpdates(t *testing.T, s suite) {
	const writers = 16
	done := parallel(writers, func(i int) bool {
		return s.db.Update(context.Background(), func(tx *state.Tx) error {
			c, _, err := s.docs.Get(tx, "n")
			if err != nil {
				return err
			}
			c.N++
			c.Seen = append(c.Seen, fmt.Sprint(i))
			return s.docs.Put(tx, "n", c)
		}) == nil
	})
	c, _ := s.get(t, "n")
	require.Equal(t, writers, done)
	require.Equal(t, writers, c.N)
	require.Len(t, c.Seen, writers)
}

func eventVersion(t *testing.T, s suite) {
	for range 2 {
		require.NoError(t, s.db.Update(t.Context(), func(tx *state.Tx) error {
			tx.Emit(s.docs.Key("a"), event.New("test", "changed", "a", nil))
			return s.docs.Put(tx, "a", counter{})
		}))
	}
	got := s.events.Events()
	require.Len(t, got, 2)
	require.Equal(t, int64(1), got[0].Version)
	require.Equal(t, int64(2), got[1].Version)
}

func failingFunction(t *testing.T, s suite) {
	no := fault.New(fault.Conflict, "no", "No.")
	err := s.db.Update(t.Context(), func(tx *state.Tx) error {
		tx.Emit(s.docs.Key("a"), event.New("test", "changed", "a", nil))
		if err := s.docs.Put(tx, "a", counter{}); err != nil {
			return err
		}
		return no
	})
	require.ErrorIs(t, err, no)
	_, ok := s.get(t, "a")
	require.False(t, ok)
	require.Empty(t, s.events.Events())
}

func indexPages(t *testing.T, s suite) {
	const n = 230
	x := state.Index{Name: s.docs.Prefix}
	for from := 0; from < n; from += 10 {
		require.NoError(t, s.db.Update(t.Context(), func(tx *state.Tx) error {
			for i := from; i < from+10; i++ {
				if err := x.Append(tx, fmt.Sprint(i)); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	require.NoError(t, s.db.Update(t.Context(), func(tx *state.Tx) error { return x.Remove(tx, "42") }))
	var got []string
	at := state.Position{}
	for {
		var ids []string
		var next *state.Position
		require.NoError(t, s.db.View(t.Context(), func(tx *state.Tx) (err error) { ids, next, err = x.List(tx, at, 7); return err }))
		require.LessOrEqual(t, len(ids), 7)
		got = append(got, ids...)
		if next == nil {
			break
		}
		at = *next
	}
	require.Len(t, got, n-1)
	require.Equal(t, "229", got[0])
	require.Equal(t, "0", got[n-2])
	require.NotContains(t, got, "42")
}

func oddBytes(t *testing.T, s suite) {
	const odd = "ñ € 日本 \" \\ \u2028 <>& %s"
	require.NoError(t, s.db.Update(t.Context(), func(tx *state.Tx) error {
		return s.docs.Put(tx, "odd", counter{Seen: []string{odd}})
	}))
	c, _ := s.get(t, "odd")
	require.Equal(t, []string{odd}, c.Seen)
}

// parallel runs fn n times at once and counts the true answers.
func parallel(n int, fn func(i int) bool) int {
	var wg sync.WaitGroup
	var mu sync.Mutex
	yes := 0
	for i := range n {
		wg.Go(func() {
			if fn(i) {
				mu.Lock()
				yes++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return yes
}
