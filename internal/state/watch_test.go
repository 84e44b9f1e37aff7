package state_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/event"
	"tienda/internal/state"
	"tienda/internal/state/statetest"
)

// words holds its words by themselves: "a=1 b=2" holds 1 under a and 2 under b.
func words(doc []byte) (map[string][]byte, error) {
	var n note
	if err := json.Unmarshal(doc, &n); err != nil {
		return nil, err
	}
	out := map[string][]byte{}
	for _, w := range strings.Fields(n.Text) {
		name, value, _ := strings.Cut(w, "=")
		out[name] = []byte(value)
	}
	return out, nil
}

func watchWords(db *state.DB) {
	db.Watch(state.Watch{Prefix: notes.Prefix, Holds: words, Announce: func(id string, gone bool) event.Event {
		if gone {
			id = "-" + id
		}
		return event.New("test", "changed", id, nil)
	}})
}

func put(id, text string) func(*state.Tx) error {
	return func(tx *state.Tx) error { return notes.Put(tx, id, note{text}) }
}

func TestAWatchTellsWhatHasChanged(t *testing.T) {
	var seen event.Memory
	db := state.Open(statetest.NewMemory(), &seen, slog.New(slog.DiscardHandler))
	others := state.Collection[note]{Prefix: "other:"}
	do := func(fn func(*state.Tx) error) {
		t.Helper()
		require.NoError(t, db.Update(t.Context(), fn))
	}
	do(put("1", "z=0"))
	require.Empty(t, seen.Events(), "without a watch nothing is told")
	watchWords(db)
	told := 0
	for _, step := range []struct {
		what string
		fn   func(*state.Tx) error
		want []string
	}{
		{"what was there", put("1", "z=0"), nil},
		{"new ones", put("1", "z=0 a=1 b=1"), []string{"a@3", "b@3"}},
		{"in another order", put("1", "b=1 z=0 a=1"), nil},
		{"one", put("1", "a=1 b=2 z=0"), []string{"b@5"}},
		{"one that goes", put("1", "a=1 z=1"), []string{"-b@6", "z@6"}},
		{"another document", func(tx *state.Tx) error { return others.Put(tx, "1", note{"a=9"}) }, nil},
		{"twice in an update", func(tx *state.Tx) error {
			if err := notes.Put(tx, "1", note{"a=7"}); err != nil {
				return err
			}
			return notes.Put(tx, "1", note{"a=1 z=1"})
		}, nil},
		{"moved in", func(tx *state.Tx) error {
			tx.Unwatched()
			return notes.Put(tx, "1", note{"a=5 z=5"})
		}, nil},
		{"deleted", func(tx *state.Tx) error { return notes.Delete(tx, "1") }, []string{"-a@9", "-z@9"}},
		{"deleted again", func(tx *state.Tx) error { return notes.Delete(tx, "1") }, nil},
		{"one that never was", func(tx *state.Tx) error { return notes.Delete(tx, "2") }, nil},
	} {
		do(step.fn)
		var got []string
		for _, e := range seen.Events()[told:] {
			got = append(got, fmt.Sprintf("%s@%d", e.Subject, e.Version))
		}
		told = len(seen.Events())
		require.Equal(t, step.want, got, step.what)
	}
	broken := db.Update(t.Context(), func(tx *state.Tx) error { return state.Collection[int]{Prefix: notes.Prefix}.Put(tx, "3", 5) })
	require.ErrorContains(t, broken, "note:3", "what cannot be read is not written without a word")
}

// A run that finds what an earlier one of the same update has left there, and writes it again as
// it is, has the last word: what the earlier one said is said again.
func TestAWatchAndHalves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, to := statetest.NewMemory(), &topic{}
		store.KeepsHalves = true
		r := open(store, to)
		watchWords(r.DB)
		r.run(time.Second)
		require.NoError(t, r.Update(t.Context(), put("doc", "a=1 b=1")))
		interfere, runs := meddle(t, store, "index"), 0
		require.NoError(t, r.Update(t.Context(), func(tx *state.Tx) error {
			runs++
			if err := tx.Load(notes.Key("doc"), notes.Key("index")); err != nil {
				return err
			}
			interfere()
			if err := notes.Put(tx, "doc", note{"a=2"}); err != nil {
				return err
			}
			return notes.Put(tx, "index", note{"i=1"})
		}))
		require.Equal(t, 2, runs)
		time.Sleep(time.Second)
		seen := to.seen()
		require.Contains(t, seen, "a@3", "not a@2, which is written over")
		require.Contains(t, seen, "-b@3")
		require.NotContains(t, seen, "a@2")
		require.Zero(t, r.OutboxStats().Backlog)
		r.end()
		require.Empty(t, entries(store))
	})
}

// shelf is one who keeps copies: told of a change, it reads what is there. The word "d1x" is
// in the document d1.
type shelf struct {
	db     *state.DB
	mu     sync.Mutex
	copies map[string]string
}

func (s *shelf) Publish(_ context.Context, raw []byte) error {
	var e event.Received
	if err := json.Unmarshal(raw, &e); err != nil {
		return err
	}
	id := strings.TrimPrefix(e.Subject, "-")
	s.mu.Lock()
	defer s.mu.Unlock()
	held, err := s.words(id[:2])
	if err != nil {
		return err
	}
	delete(s.copies, id)
	if value, there := held[id]; there {
		s.copies[id] = string(value)
	}
	return nil
}

func (s *shelf) words(doc string) (held map[string][]byte, err error) {
	err = s.db.View(context.Background(), func(tx *state.Tx) error {
		raw, _, err := tx.Raw(notes.Key(doc))
		if err == nil && raw != nil {
			held, err = words(raw)
		}
		return err
	})
	return held, err
}

// Whatever dies and whatever is kept in part: who reads anew what the watch tells of, ends
// with what there is.
func TestAWatchMissesNothing(t *testing.T) {
	for seed := range uint64(40) {
		synctest.Test(t, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 7))
			store := statetest.NewMemory()
			to := &shelf{db: state.Open(store, nil, nil), copies: map[string]string{}}
			store.KeepsHalves = seed%2 == 0
			var all []*replica
			var gates []*gated
			begin := func() {
				g := &gated{Store: store}
				r := open(g, to)
				watchWords(r.DB)
				r.run(time.Second)
				all, gates = append(all, r), append(gates, g)
			}
			begin()
			begin()
			for range 8 {
				var g sync.WaitGroup
				for range 6 {
					r, a, b := all[len(all)-1-rnd.IntN(2)], fmt.Sprint("d", rnd.IntN(3)), fmt.Sprint("d", 3+rnd.IntN(3))
					text, gone := fmt.Sprintf("%s%d=%d", a, rnd.IntN(3), rnd.IntN(2)), rnd.IntN(4) == 0
					g.Go(func() {
						_ = r.Update(context.Background(), func(tx *state.Tx) error { // a crash may cut it off
							if _, _, err := notes.Get(tx, a); err != nil {
								return err
							}
							time.Sleep(time.Millisecond)
							if err := notes.Put(tx, a, note{text}); err != nil {
								return err
							}
							if gone {
								return notes.Delete(tx, b)
							}
							return notes.Put(tx, b, note{strings.ReplaceAll(text, a, b)})
						})
					})
				}
				if rnd.IntN(3) == 0 { // one dies in the middle
					at := len(gates) - 1 - rnd.IntN(2)
					gates[at].cut()
					begin()
					if at == len(gates)-2 {
						begin()
					}
				}
				g.Wait()
			}
			time.Sleep(10 * time.Minute)
			for i, r := range all {
				if !gates[i].isClosed() {
					r.end()
				} else {
					r.stop()
				}
			}
			held := map[string]string{}
			for i := range 6 {
				of, err := to.words(fmt.Sprint("d", i))
				require.NoError(t, err)
				for id, v := range of {
					held[id] = string(v)
				}
			}
			require.Equal(t, held, to.copies, "seed %d", seed)
			for i := range gates {
				<-all[i].done
			}
		})
	}
}
