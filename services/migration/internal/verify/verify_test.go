package verify_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/services/migration/internal/move"
	"tienda/services/migration/internal/move/movetest"
	"tienda/services/migration/internal/progress"
	"tienda/services/migration/internal/verify"
)

type world struct {
	t        *testing.T
	source   *movetest.Source
	target   *movetest.Target
	mover    *move.Mover
	verifier *verify.Verifier
}

// moved runs test over a mover that has copied some notes and follows.
func moved(t *testing.T, test func(w *world)) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, source: movetest.NewSource(), target: movetest.NewTarget()}
		for id := range int64(40) {
			w.source.Put(id, fmt.Sprint("n", id), "a", "b")
		}
		log, journal := slog.New(slog.DiscardHandler), movetest.NewJournal()
		w.mover = move.New(w.source, movetest.Mapping{}, w.target, journal, move.Config{Chunk: 7}, log)
		w.verifier = verify.New(w.source, movetest.Mapping{}, w.target, w.mover, journal, log)
		ctx, stop := context.WithCancel(context.Background())
		go func() { _ = w.mover.Work(ctx) }()
		go func() { _ = w.verifier.Work(ctx) }()
		synctest.Wait()
		require.NoError(t, w.mover.Start(t.Context()))
		time.Sleep(10 * time.Second)
		test(w)
		stop()
		synctest.Wait()
	})
}

func (w *world) report() progress.Report {
	w.t.Helper()
	require.NoError(w.t, w.verifier.Verify(w.t.Context()))
	for {
		time.Sleep(time.Second)
		r, err := w.verifier.Report(w.t.Context())
		require.NoError(w.t, err)
		if !r.Running {
			return r
		}
	}
}

func TestEqual(t *testing.T) {
	moved(t, func(w *world) {
		r := w.report()
		require.True(t, r.Equal)
		require.EqualValues(t, 40, r.Compared)
		require.Equal(t, 40, r.Sampled)
		require.Equal(t, progress.KindReport{Kind: "notes", App: "papers", Source: 40, Target: 40, Buckets: 256}, r.Kinds[0])
	})
}

// Each sort of sabotage is found, named, and repaired.
func TestSabotage(t *testing.T) {
	other := func(d move.Sent, text string, lines ...string) move.Sent {
		d.JSON, _ = json.Marshal(map[string]any{"text": text, "lines": lines})
		return d
	}
	for _, c := range []struct {
		name   string
		do     func(docs map[string]move.Sent)
		what   progress.What
		key    string
		fields []string
	}{
		{"a changed field", func(docs map[string]move.Sent) { docs["notes:7"] = other(docs["notes:7"], "x", "a", "b") }, progress.Different, "notes:7", []string{"/text"}},
		{"a lost row", func(docs map[string]move.Sent) { delete(docs, "notes:8") }, progress.Missing, "notes:8", nil},
		{"a row that never was", func(docs map[string]move.Sent) {
			d := other(docs["notes:9"], "n99")
			d.Key, d.ID = "notes:99", movetest.Notes{}.Identity([]any{int64(99)}).ID
			docs[d.Key] = d
		}, progress.Extra, "notes:99", nil},
		{"a lost child", func(docs map[string]move.Sent) { docs["notes:1"] = other(docs["notes:1"], "n1", "a") }, progress.Different, "notes:1", []string{"/lines"}},
		{"swapped children", func(docs map[string]move.Sent) { docs["notes:2"] = other(docs["notes:2"], "n2", "b", "a") }, progress.Different, "notes:2", []string{"/lines/0", "/lines/1"}},
	} {
		moved(t, func(w *world) {
			w.target.Change(c.do)
			r := w.report()
			require.False(t, r.Equal, c.name)
			require.Len(t, r.Different, 1, c.name)
			d := r.Different[0]
			require.Equal(t, c.what, d.What, c.name)
			require.Equal(t, c.key, d.Key, c.name)
			require.Equal(t, c.fields, d.Fields, c.name)
			require.Less(t, r.Took, 5*time.Second, "what stands still is not looked at for long")
			n, err := w.verifier.Repair(t.Context())
			require.NoError(t, err)
			require.Equal(t, 1, n)
			require.True(t, w.report().Equal, c.name)
		})
	}
}

// Two documents whose texts were swapped add up to the same counts, and not to the same sums.
func TestSwappedDocuments(t *testing.T) {
	moved(t, func(w *world) {
		w.target.Change(func(docs map[string]move.Sent) {
			a, b := docs["notes:3"], docs["notes:4"]
			a.JSON, b.JSON = b.JSON, a.JSON
			docs["notes:3"], docs["notes:4"] = a, b
		})
		r := w.report()
		require.EqualValues(t, 2, r.Differs)
	})
}

// A shop that goes on selling while it is verified is equal all the same.
func TestEqualWhileItChanges(t *testing.T) {
	moved(t, func(w *world) {
		r, stop := rand.New(rand.NewPCG(1, 1)), make(chan struct{})
		go func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				case <-time.After(time.Duration(1+r.IntN(50)) * time.Millisecond):
				}
				if id := r.Int64N(60); r.IntN(4) == 0 {
					w.source.Delete(id)
				} else {
					w.source.Put(id, fmt.Sprint("v", n), "a")
				}
			}
		}()
		for range 5 {
			require.True(t, w.report().Equal)
		}
		close(stop)
	})
}

// What was rejected is counted and is no difference, on either side.
func TestRejectsAreCounted(t *testing.T) {
	moved(t, func(w *world) {
		w.source.Put(5, "rude")
		w.source.Put(6, "bad")
		w.source.Put(77, "rude")
		time.Sleep(5 * time.Second)
		r := w.report()
		require.True(t, r.Equal)
		require.EqualValues(t, 3, r.Kinds[0].Rejected)
		require.EqualValues(t, 41, r.Kinds[0].Source)
	})
}

// A verification that cannot be ended does not say that all is equal.
func TestNotEnded(t *testing.T) {
	moved(t, func(w *world) {
		w.target.Set(func(t *movetest.Target) { t.Away = true })
		r := w.report()
		require.False(t, r.Equal)
		require.NotEmpty(t, r.Error)
	})
}

// What the users of the target are in charge of is no difference, and what is beside it is.
func TestOnlyHere(t *testing.T) {
	moved(t, func(w *world) {
		sign := func(key, text string, lines ...string) {
			w.target.Change(func(docs map[string]move.Sent) {
				d := docs[key]
				d.JSON, _ = json.Marshal(map[string]any{"text": text, "lines": lines})
				docs[key] = d
			})
		}
		sign("notes:4", "signed", "a", "b")
		require.True(t, w.report().Equal)
		sign("notes:4", "signed", "a")
		r := w.report()
		require.False(t, r.Equal)
		require.Equal(t, []string{"/lines"}, r.Different[0].Fields)
	})
}

// Before documents change hands, those that have changed since they were compared are
// compared again, and no others.
func TestWatched(t *testing.T) {
	moved(t, func(w *world) {
		watched := w.verifier.Watch([]string{"notes"}, w.mover.Watch([]string{"notes"}))
		defer watched.Close()
		reason, err := w.verifier.Compare(w.t.Context(), []string{"notes"})
		require.NoError(t, err)
		require.Empty(t, reason)
		w.source.Put(4, "four")
		time.Sleep(time.Second)
		reason, err = watched.Compare(w.t.Context())
		require.NoError(t, err)
		require.Empty(t, reason)
		w.target.Change(func(docs map[string]move.Sent) {
			delete(docs, "notes:4")
			delete(docs, "notes:5")
		})
		reason, err = watched.Compare(w.t.Context())
		require.NoError(t, err)
		require.Equal(t, "1 notes", reason)
		reason, err = w.verifier.Compare(w.t.Context(), []string{"notes"})
		require.NoError(t, err)
		require.Equal(t, "2 notes missing", reason)
		r, err := w.verifier.Report(w.t.Context())
		require.NoError(t, err)
		require.False(t, r.Equal)
	})
}
