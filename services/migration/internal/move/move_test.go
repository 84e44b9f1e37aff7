package move_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/fault"
	"tienda/services/migration/internal/move"
	"tienda/services/migration/internal/move/movetest"
	"tienda/services/migration/internal/progress"
)

// world is a source and a target, and a mover between them that can be killed.
type world struct {
	t       *testing.T
	mapping move.Mapping
	source  *movetest.Source
	target  *movetest.Target
	gate    move.Target // before the target, if any
	journal *movetest.Journal
	mover   *move.Mover
	kill    context.CancelFunc
	dead    chan struct{}
	chunk   int
}

func newWorld(t *testing.T) *world {
	return &world{
		t: t, mapping: movetest.Mapping{}, source: movetest.NewSource(), target: movetest.NewTarget(), journal: movetest.NewJournal(), chunk: 5,
	}
}

// begin starts a process that moves.
func (w *world) begin() {
	to := w.gate
	if to == nil {
		to = w.target
	}
	w.mover = move.New(w.source, w.mapping, to, w.journal, move.Config{Chunk: w.chunk, Limit: 5}, slog.New(slog.DiscardHandler))
	ctx, kill := context.WithCancel(context.Background())
	w.kill, w.dead = kill, make(chan struct{})
	go func() {
		defer close(w.dead)
		_ = w.mover.Work(ctx)
	}()
	synctest.Wait()
}

// end kills the process.
func (w *world) end() {
	w.kill()
	<-w.dead
}

func (w *world) start() { require.NoError(w.t, w.mover.Start(w.t.Context())) }

func (w *world) status() progress.Status {
	s, err := w.mover.Status(w.t.Context())
	require.NoError(w.t, err)
	return s
}

// equal waits until both sides are the same.
func (w *world) equal(want map[string]string) {
	w.t.Helper()
	time.Sleep(30 * time.Second)
	require.Equal(w.t, want, w.target.Texts())
}

func TestCopyAndFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		want := map[string]string{}
		for id := range int64(23) {
			w.source.Put(id, fmt.Sprint("n", id), "a", "b")
			want[fmt.Sprintf("notes:%d", id)] = fmt.Sprintf("n%d|a|b", id)
		}
		w.begin()
		require.Equal(t, progress.Idle, w.status().Phase)
		w.start()
		w.equal(want)
		s := w.status()
		require.Equal(t, progress.Following, s.Phase)
		require.EqualValues(t, 23, s.Kinds[0].Rows)
		require.EqualValues(t, 23, s.Kinds[0].Copied)
		require.Equal(t, s.Kinds[0].Chunks, s.Kinds[0].ChunksDone)

		w.source.Put(3, "three", "c")
		w.source.Relabel(401, "second")
		w.source.Delete(5)
		w.source.Put(99, "new")
		delete(want, "notes:5")
		want["notes:3"], want["notes:4"], want["notes:99"] = "three|c|b", "n4|a|second", "new"
		w.equal(want)
		require.NoError(t, w.mover.Sample(t.Context()))
		s = w.status()
		require.Zero(t, s.LagBytes)
		require.EqualValues(t, 4, s.Changes)
		head, err := w.source.Head(t.Context())
		require.NoError(t, err)
		require.Equal(t, head, w.source.Confirmed())

		w.source.Truncate()
		w.equal(map[string]string{})
		w.end()
	})
}

// A process that is killed at any moment is followed by one that goes on: nothing is
// lost, and chunks that were done are not copied again. So it is with one owner and with two.
func TestKilledAtAnyMoment(t *testing.T) {
	for seed := range uint64(60) {
		for _, mapping := range []move.Mapping{movetest.Mapping{}, twoOwners{}} {
			synctest.Test(t, func(t *testing.T) { killedAtAnyMoment(t, mapping, seed) })
		}
	}
}

func killedAtAnyMoment(t *testing.T, mapping move.Mapping, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 2))
	w := newWorld(t)
	w.mapping = mapping
	want := map[string]string{}
	write := func() {
		id, gone, text := r.Int64N(60), r.IntN(5) == 0, fmt.Sprint(r.Uint32())
		if gone {
			w.source.Delete(id)
		} else {
			w.source.Put(id, text, "x")
		}
		for _, k := range mapping.Kinds() {
			key := k.Identity([]any{id}).Key
			if want[key] = text + "|x"; gone {
				delete(want, key)
			}
		}
	}
	for range 40 {
		write()
	}
	breaks := rand.New(rand.NewPCG(seed, 3)) // the target's own, for it is asked at the same time
	w.target.Broken = func(int) (before, after error) {
		switch breaks.IntN(6) {
		case 0:
			return errors.New("not asked"), nil
		case 1:
			return nil, errors.New("answer lost")
		}
		return nil, nil
	}
	w.begin()
	w.start()
	for range 6 {
		for range r.IntN(8) {
			write()
		}
		time.Sleep(time.Duration(r.IntN(400)) * time.Millisecond)
		switch r.IntN(3) {
		case 0:
			w.source.Cut()
		case 1:
			w.end()
			w.begin()
		}
	}
	w.target.Set(func(t *movetest.Target) { t.Broken = nil })
	w.equal(want)
	require.Equal(t, progress.Following, w.status().Phase, "seed %d", seed)
	w.end()
}

func TestDoneChunksAreNotCopiedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		for id := range int64(50) {
			w.source.Put(id, "n")
		}
		w.target.Broken = func(n int) (before, after error) {
			if n > 6 {
				return errors.New("away"), nil
			}
			return nil, nil
		}
		w.begin()
		w.start()
		time.Sleep(3 * time.Second)
		require.Equal(t, "papers", w.status().Waiting)
		done := w.status().Kinds[0].ChunksDone
		require.Positive(t, done)
		w.end()
		w.target.Set(func(t *movetest.Target) { t.Broken = nil })
		var before, after int
		w.target.Set(func(t *movetest.Target) { before = t.Writes })
		w.begin()
		time.Sleep(10 * time.Second)
		require.Equal(t, progress.Following, w.status().Phase)
		w.target.Set(func(t *movetest.Target) { after = t.Writes })
		require.LessOrEqual(t, after-before, 50-done*4)
		require.Len(t, w.target.Texts(), 50)
		w.end()
	})
}

func TestRejects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.source.Put(1, "one")
		w.source.Put(2, "rude")
		w.source.Put(3, "bad")
		w.begin()
		w.start()
		w.equal(map[string]string{"notes:1": "one"})
		s := w.status()
		require.Equal(t, progress.Following, s.Phase)
		require.EqualValues(t, 2, s.Rejects)
		list, _, err := w.mover.Rejects(t.Context(), "", 100, "")
		require.NoError(t, err)
		codes := []string{list[0].Code, list[1].Code}
		require.ElementsMatch(t, []string{"rude", "unmappable"}, codes)
		for _, r := range list {
			require.Equal(t, "/text", r.Fields[0].Name)
			require.NotEmpty(t, r.Row)
		}

		// What is repaired in the source comes by itself, the rest when it is tried again.
		w.source.Put(2, "polite")
		w.equal(map[string]string{"notes:1": "one", "notes:2": "polite"})
		require.EqualValues(t, 1, w.status().Rejects)
		taken, left, err := w.mover.Retry(t.Context())
		require.NoError(t, err)
		require.Equal(t, 0, taken)
		require.Equal(t, 1, left)

		// Too many stop the move, and it goes on from there.
		for id := range int64(5) {
			w.source.Put(10+id, "bad")
		}
		time.Sleep(5 * time.Second)
		s = w.status()
		require.Equal(t, progress.Stopped, s.Phase)
		require.Contains(t, s.Reason, "rejected")
		for id := range int64(5) {
			w.source.Delete(10 + id)
		}
		w.source.Delete(3)
		w.start()
		w.equal(map[string]string{"notes:1": "one", "notes:2": "polite"})
		require.Equal(t, progress.Following, w.status().Phase)
		require.Zero(t, w.status().Rejects)
		w.end()
	})
}

// What an owner rejects for its contract is told in the words of the mapping, which names the
// column and no value.
func TestARejectOfTheContractTellsNoValue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.source.Put(1, "long")
		w.begin()
		w.start()
		w.equal(map[string]string{})
		list, _, err := w.mover.Rejects(t.Context(), "", 100, "")
		require.NoError(t, err)
		require.Len(t, list, 1)
		require.Equal(t, "unmappable", list[0].Code)
		require.Equal(t, []fault.Field{{Name: "/text", Reason: "is too long (from note.text)"}}, list[0].Fields)
		w.end()
	})
}

func TestALostSlotClaimsNoSuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		for id := range int64(8) {
			w.source.Put(id, "n")
		}
		w.begin()
		w.start()
		time.Sleep(5 * time.Second)
		w.target.Set(func(t *movetest.Target) { t.Away = true })
		w.source.Delete(1)
		w.source.Lose()
		time.Sleep(5 * time.Second)
		w.target.Set(func(t *movetest.Target) { t.Away = false })
		time.Sleep(10 * time.Second)
		s := w.status()
		require.Equal(t, progress.Failed, s.Phase)
		require.Contains(t, s.Reason, "slot")
		w.end()
		w.begin()
		require.Equal(t, progress.Failed, w.status().Phase)

		// What was deleted meanwhile is in no stream: it is looked for.
		w.source.Delete(2)
		w.source.Put(3, "three")
		w.start()
		want := map[string]string{"notes:3": "three"}
		for _, id := range []int{0, 4, 5, 6, 7} {
			want[fmt.Sprintf("notes:%d", id)] = "n"
		}
		w.equal(want)
		require.Equal(t, progress.Following, w.status().Phase)
		w.end()
	})
}

// A slot that somebody has removed is as lost as one that the database gave up.
func TestARemovedSlotIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.source.Put(1, "n")
		w.begin()
		w.start()
		time.Sleep(5 * time.Second)
		w.end()
		require.NoError(t, w.source.Forget(t.Context()))
		w.begin()
		time.Sleep(5 * time.Second)
		require.Equal(t, progress.Failed, w.status().Phase)
		w.end()
	})
}

func TestStopAndStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.source.Put(1, "n")
		w.begin()
		w.start()
		time.Sleep(time.Second)
		require.NoError(t, w.mover.Stop(t.Context()))
		synctest.Wait()
		w.source.Put(2, "two")
		time.Sleep(5 * time.Second)
		require.Equal(t, progress.Stopped, w.status().Phase)
		require.Len(t, w.target.Texts(), 1)
		w.end()
		w.begin()
		require.Equal(t, progress.Stopped, w.status().Phase, "it stays so in the next process")
		w.start()
		w.equal(map[string]string{"notes:1": "n", "notes:2": "two"})
		w.end()
	})
}

// While the owner is away nothing is confirmed, so that the source keeps it.
func TestNothingIsConfirmedThatIsNotStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.source.Put(1, "n")
		w.begin()
		w.start()
		time.Sleep(2 * time.Second)
		confirmed := w.source.Confirmed()
		w.target.Set(func(t *movetest.Target) { t.Away = true })
		w.source.Put(1, strings.Repeat("x", 5))
		time.Sleep(time.Minute)
		require.Equal(t, confirmed, w.source.Confirmed())
		require.NoError(t, w.mover.Sample(t.Context()))
		s := w.status()
		require.Equal(t, "papers", s.Waiting)
		require.EqualValues(t, 10, s.LagBytes)
		require.InDelta(t, 60, s.LagSecs, 1)
		w.target.Set(func(t *movetest.Target) { t.Away = false })
		time.Sleep(10 * time.Second)
		require.Zero(t, w.status().LagBytes)
		require.Zero(t, w.status().LagSecs)
		w.end()
	})
}

// What is too much for the owner at once comes in halves, and one document that is too much
// by itself is rejected by name and holds nobody up.
func TestTooMuchAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.chunk, w.target.Most = 20, 200
		want := map[string]string{}
		for id := range int64(20) {
			w.source.Put(id, "12345678901234567890", "a")
			want[fmt.Sprintf("notes:%d", id)] = "12345678901234567890|a"
		}
		w.source.Put(7, strings.Repeat("x", 300), "a")
		delete(want, "notes:7")
		w.begin()
		defer w.end()
		w.start()
		w.equal(want)
		require.Equal(t, progress.Following, w.status().Phase)
		rejects, _, err := w.mover.Rejects(t.Context(), "", 10, "")
		require.NoError(t, err)
		require.Len(t, rejects, 1)
		require.Equal(t, "notes:7", rejects[0].Key)
		require.Equal(t, "document_too_large", rejects[0].Code)
		w.source.Put(7, "short", "a")
		want["notes:7"] = "short|a"
		w.equal(want)
		require.Zero(t, w.status().Rejects)
	})
}
