package state_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/event"
	"tienda/internal/fault"
	"tienda/internal/state"
	"tienda/internal/state/statetest"
)

// topic is a broker: it keeps what it gets, unless it is away.
type topic struct {
	mu   sync.Mutex
	away bool
	got  []string // "<subject>@<version>"
}

func (p *topic) Publish(_ context.Context, raw []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.away {
		return errors.New("no broker")
	}
	var e event.Received
	if err := json.Unmarshal(raw, &e); err != nil {
		return err
	}
	p.got = append(p.got, e.Subject+"@"+string(rune('0'+e.Version)))
	return nil
}

func (p *topic) set(away bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.away = away
}

func (p *topic) seen() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.got)
}

// replica is a DB that runs until it is stopped or crashes.
type replica struct {
	*state.DB
	stop context.CancelFunc
	done chan struct{}
}

func start(store state.Store, to state.Topic, drain time.Duration) *replica {
	r := open(store, to)
	r.run(drain)
	return r
}

func open(store state.Store, to state.Topic) *replica {
	return &replica{DB: state.OpenOutbox(store, to, slog.New(slog.DiscardHandler)), done: make(chan struct{})}
}

func (r *replica) run(drain time.Duration) {
	ctx, cancel := context.WithCancel(context.Background())
	r.stop = cancel
	go func() {
		_ = r.Start(ctx, drain)
		close(r.done)
	}()
}

func (r *replica) end() {
	r.stop()
	<-r.done
}

// note writes a document and says so.
func (r *replica) note(t *testing.T, id string) {
	t.Helper()
	require.NoError(t, r.Update(context.Background(), func(tx *state.Tx) error {
		tx.Emit(notes.Key(id), event.New("test", "noted", id, nil))
		return notes.Put(tx, id, note{"x"})
	}))
}

// gated is a store that one replica reaches only while it is open: a process
// that died or stands still, whose broker and store others still have.
type gated struct {
	state.Store
	mu     sync.Mutex
	closed bool
	wait   chan struct{} // commits are under way until it is closed
}

var errCut = errors.New("cut off")

func (g *gated) Get(ctx context.Context, keys ...string) ([]state.Item, error) {
	if g.isClosed() {
		return nil, errCut
	}
	return g.Store.Get(ctx, keys...)
}

func (g *gated) Commit(ctx context.Context, ops ...state.Op) error {
	g.mu.Lock()
	wait := g.wait
	g.mu.Unlock()
	if wait != nil {
		select {
		case <-wait:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if g.isClosed() {
		return errCut
	}
	return g.Store.Commit(ctx, ops...)
}

func (g *gated) isClosed() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.closed
}

func (g *gated) cut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
}

// entries lists the journal entries in a store.
func entries(m *statetest.Memory) []string { return m.Keys("outbox:entry:") }

func TestOutboxConforms(t *testing.T) {
	// The suite checks events with a recording publisher, so only the
	// documents of an outbox are tried here.
	store := statetest.NewMemory()
	r := start(store, &topic{}, time.Second)
	defer r.end()
	statetest.Documents(t, store, r.DB)
}

func TestEventsAreAnnouncedAndForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, broker := statetest.NewMemory(), &topic{}
		r := start(store, broker, time.Second)
		r.note(t, "a")
		r.note(t, "a")
		r.note(t, "b")
		time.Sleep(5 * time.Second)
		require.ElementsMatch(t, []string{"a@1", "a@2", "b@1"}, broker.seen())
		require.Less(t, slices.Index(broker.seen(), "a@1"), slices.Index(broker.seen(), "a@2"))
		require.Empty(t, entries(store), "published entries are dropped")
		require.Zero(t, r.OutboxStats().Backlog)

		// The next write takes the published events out of the document.
		r.note(t, "a")
		items, err := store.Get(context.Background(), notes.Key("a"))
		require.NoError(t, err)
		require.Equal(t, 1, countPending(t, items[0].Value))
		r.end()
		require.Empty(t, store.Keys("outbox:head:"), "a clean stop leaves no journal")
	})
}

// A request that outlives its server finds the journal given up. It is refused:
// another replica would not look for what it writes.
func TestALateWriteAfterACleanStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, broker := statetest.NewMemory(), &topic{}
		r := start(store, broker, time.Second)
		r.note(t, "a")
		time.Sleep(time.Second)
		r.end()
		require.Empty(t, store.Keys("outbox:head:"))
		err := r.Update(t.Context(), func(tx *state.Tx) error {
			tx.Emit(notes.Key("b"), event.New("test", "noted", "b", nil))
			return notes.Put(tx, "b", note{"late"})
		})
		require.Equal(t, fault.Unavailable, fault.KindOf(err))
		require.Equal(t, "stopping", fault.CodeOf(err))
		require.Empty(t, store.Keys(notes.Key("b")))
		require.Empty(t, entries(store))
	})
}

func countPending(t *testing.T, value []byte) int {
	t.Helper()
	var e struct {
		Pending []any `json:"o"`
	}
	require.NoError(t, json.Unmarshal(value, &e))
	return len(e.Pending)
}

// The broker is away while orders come in; all is announced when it is back.
func TestBrokerAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, broker := statetest.NewMemory(), &topic{away: true}
		r := start(store, broker, time.Second)
		for _, id := range []string{"a", "b", "c"} {
			r.note(t, id)
		}
		time.Sleep(30 * time.Second)
		require.Empty(t, broker.seen())
		require.Equal(t, 3, r.OutboxStats().Backlog)
		require.GreaterOrEqual(t, r.OutboxStats().Oldest, 29*time.Second)
		broker.set(false)
		time.Sleep(5 * time.Second)
		require.ElementsMatch(t, []string{"a@1", "b@1", "c@1"}, broker.seen())
		r.end()
	})
}

// A replica dies between commit and publish: another one announces it within
// ten seconds, and nothing twice that was announced before.
func TestDeadReplicaIsAdopted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, broker := statetest.NewMemory(), &topic{}
		mine := &gated{Store: store}
		dead := start(mine, broker, time.Second)
		dead.note(t, "before")
		time.Sleep(2 * time.Second)
		broker.set(true)
		dead.note(t, "a")
		dead.note(t, "b")
		mine.cut() // it neither renews nor publishes again
		dead.stop()
		<-dead.done
		require.Len(t, entries(store), 2)
		broker.set(false)

		other := start(store, broker, time.Second)
		time.Sleep(10 * time.Second)
		require.ElementsMatch(t, []string{"before@1", "a@1", "b@1"}, broker.seen())
		require.Empty(t, entries(store))
		require.Equal(t, int64(2), other.OutboxStats().Adopted)
		time.Sleep(10 * time.Minute)
		require.Len(t, store.Keys("outbox:head:"), 1, "the dead replica's journal is buried in the end")
		require.Len(t, broker.seen(), 3)
		other.end()
	})
}

// A replica is paused in the middle of a commit for longer than its lease. The
// commit lands after another replica has adopted its journal; it is announced
// all the same, and the paused replica goes on under a new identity.
func TestPausedReplica(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, broker := statetest.NewMemory(), &topic{}
		mine := &gated{Store: store}
		paused := start(mine, &topic{away: true}, time.Second) // it cannot publish itself
		paused.note(t, "early")
		other := start(store, broker, time.Second)
		time.Sleep(time.Second)

		gate := make(chan struct{})
		mine.mu.Lock()
		mine.wait = gate
		mine.mu.Unlock()
		late := make(chan error, 1)
		go func() {
			late <- paused.Update(context.Background(), func(tx *state.Tx) error {
				tx.Emit(notes.Key("late"), event.New("test", "noted", "late", nil))
				return notes.Put(tx, "late", note{"x"})
			})
		}()
		time.Sleep(8 * time.Second)
		require.Equal(t, []string{"early@1"}, broker.seen(), "adopted")
		mine.mu.Lock()
		mine.wait = nil
		mine.mu.Unlock()
		close(gate)
		require.NoError(t, <-late)
		time.Sleep(time.Minute)
		require.Contains(t, broker.seen(), "late@1")
		paused.note(t, "again") // under a new identity
		paused.end()
		time.Sleep(time.Minute)
		require.Contains(t, broker.seen(), "again@1")
		other.end()
	})
}

// What was refused is not announced; what was deleted is, and then really goes.
func TestRefusedAndDeleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, broker := statetest.NewMemory(), &topic{}
		r := start(store, broker, time.Second)
		refused := errors.New("no")
		require.ErrorIs(t, r.Update(t.Context(), func(tx *state.Tx) error {
			tx.Emit(notes.Key("a"), event.New("test", "noted", "a", nil))
			require.NoError(t, notes.Put(tx, "a", note{"x"}))
			return refused
		}), refused)
		r.note(t, "b")
		require.NoError(t, r.Update(t.Context(), func(tx *state.Tx) error {
			tx.Emit(notes.Key("b"), event.New("test", "deleted", "b", nil))
			return notes.Delete(tx, "b")
		}))
		require.NoError(t, r.View(t.Context(), func(tx *state.Tx) error {
			_, ok, err := notes.Get(tx, "b")
			require.False(t, ok)
			return err
		}))
		time.Sleep(5 * time.Second)
		require.Equal(t, []string{"b@1", "b@2"}, broker.seen())
		require.Empty(t, store.Keys("note:"), "the tombstone is gone")
		r.end()
	})
}

// A commit whose answer is lost, and of which the store cannot be asked, is
// announced if it landed.
func TestDoubtfulCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, broker := statetest.NewMemory(), &topic{}
		mine := &gated{Store: store}
		r := start(mine, broker, time.Second)
		r.note(t, "first")
		store.AfterCommit = func([]state.Op) error { // lands; then the store is away for a while
			mine.cut()
			return errCut
		}
		err := r.Update(context.Background(), func(tx *state.Tx) error {
			tx.Emit(notes.Key("a"), event.New("test", "noted", "a", nil))
			return notes.Put(tx, "a", note{"x"})
		})
		require.Error(t, err)
		store.AfterCommit = nil
		time.Sleep(2 * time.Second)
		mine.mu.Lock()
		mine.closed = false
		mine.mu.Unlock()
		time.Sleep(time.Minute)
		require.Contains(t, broker.seen(), "a@1")
		require.Empty(t, entries(store))
		r.end()
	})
}

// A replica dies in the middle of work that a document began: the replica that
// adopts its journal is told. Work that was finished is not heard of again.
func TestUnfinishedWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := statetest.NewMemory()
		mine := &gated{Store: store}
		dead := start(mine, &topic{}, time.Second)
		begin := func(id string) {
			require.NoError(t, dead.Update(context.Background(), func(tx *state.Tx) error {
				tx.Unfinished(notes.Key(id))
				return notes.Put(tx, id, note{"begun"})
			}))
		}
		begin("done")
		begin("noted")
		begin("left")
		begin("twice")
		before := dead.NotedAt(notes.Key("twice"))
		require.EqualValues(t, 1, before)
		begin("twice")
		dead.note(t, "done")
		dead.Finish(notes.Key("noted"))
		dead.FinishAt(notes.Key("twice"), before) // what the second time has begun stays
		require.Zero(t, dead.NotedAt(notes.Key("noted")))
		time.Sleep(3 * time.Second)
		require.Len(t, entries(store), 2)
		mine.cut()
		dead.stop()
		<-dead.done

		var told []string
		other := state.OpenOutbox(store, &topic{}, slog.New(slog.DiscardHandler))
		other.OnUnfinished(func(_ context.Context, key string) error {
			told = append(told, key)
			return nil
		})
		ctx, stop := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() {
			_ = other.Start(ctx, time.Second)
			close(done)
		}()
		time.Sleep(10 * time.Second)
		stop()
		<-done
		require.Equal(t, []string{notes.Key("left"), notes.Key("twice")}, told)
		require.Empty(t, entries(store))
	})
}

// bulk is a broker that takes several events at once, and now and then not all.
type bulk struct {
	topic
	calling sync.Mutex
	calls   [][]string
}

func (b *bulk) PublishAll(ctx context.Context, events [][]byte) (failed []int, err error) {
	b.calling.Lock()
	defer b.calling.Unlock()
	var subjects []string
	for i, raw := range events {
		if len(b.calls)%3 == 1 && i%2 == 1 {
			failed = append(failed, i)
			continue
		}
		if err := b.Publish(ctx, raw); err != nil {
			failed = append(failed, i)
			continue
		}
		var e event.Received
		_ = json.Unmarshal(raw, &e)
		subjects = append(subjects, e.Subject)
	}
	b.calls = append(b.calls, subjects)
	if len(failed) > 0 {
		err = errors.New("not all")
	}
	return failed, err
}

// A backlog goes out many at once, though never two of one document, whose
// order is kept; what a call leaves behind is repeated.
func TestABacklogGoesOutTogether(t *testing.T) {
	for _, how := range []string{"by its own replica", "by the one that adopts it"} {
		t.Run(how, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const documents, versions = 60, 4
				store, broker := statetest.NewMemory(), &bulk{}
				broker.set(true)
				mine := &gated{Store: store}
				r := start(mine, broker, time.Second)
				for range versions {
					for i := range documents {
						r.note(t, fmt.Sprint("doc", i))
					}
				}
				if how != "by its own replica" {
					mine.cut()
					r.end()
				}
				broker.set(false)
				other := start(store, broker, time.Second)
				time.Sleep(20 * time.Second)
				other.end()
				if how == "by its own replica" {
					r.end()
				}
				seen := broker.seen()
				for i := range documents {
					last := -1
					for v := 1; v <= versions; v++ {
						at := slices.Index(seen, fmt.Sprintf("doc%d@%d", i, v))
						require.Greater(t, at, last, "doc%d@%d comes after the one before", i, v)
						last = at
					}
				}
				require.Len(t, seen, documents*versions, "once each")
				most := 0
				for _, subjects := range broker.calls {
					most = max(most, len(subjects))
					require.Len(t, slices.Compact(slices.Sorted(slices.Values(subjects))), len(subjects), "no two of one document in a call")
				}
				require.Greater(t, most, 5, "many at once")
				require.Empty(t, entries(store))
			})
		})
	}
}

// Who wants to know of events is told before they are published, by whoever
// publishes them, and again while that fails; and the work that is begun then is
// done by updates of the same replica.
func TestOnPublish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, out := statetest.NewMemory(), &topic{}
		db := open(store, out)
		var told []string
		fails := 2
		db.OnPublish(func(ctx context.Context, events [][]byte) error {
			if fails--; fails >= 0 {
				return errors.New("not yet")
			}
			require.Empty(t, out.seen(), "nothing is published before")
			for _, raw := range events {
				var e event.Received
				require.NoError(t, json.Unmarshal(raw, &e))
				told = append(told, e.Subject)
			}
			return db.Update(ctx, func(tx *state.Tx) error { return notes.Put(tx, "seen", note{Text: "told"}) })
		})
		db.run(time.Second)
		require.NoError(t, db.Update(t.Context(), func(tx *state.Tx) error {
			tx.Emit(notes.Key("a"), event.New("notes", "written", "a", nil))
			return notes.Put(tx, "a", note{Text: "1"})
		}))
		time.Sleep(10 * time.Second)
		synctest.Wait()
		require.Equal(t, []string{"a"}, told)
		require.Equal(t, []string{"a@1"}, out.seen())
		require.NotEmpty(t, store.Keys(notes.Key("seen")))
		db.stop()
		<-db.done
		require.Empty(t, entries(store))
	})
}

// Another replica deletes a document first: the deletion is done, but what was to
// be deleted along with it is not, and is taken up again.
func TestADeletionThatAnotherWasFasterWith(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := statetest.NewMemory()
		r := start(store, &topic{}, time.Second)
		defer r.end()
		other := state.Open(store, nil, slog.New(slog.DiscardHandler))
		require.NoError(t, other.Update(t.Context(), func(tx *state.Tx) error { return notes.Put(tx, "old", note{"x"}) }))
		r.note(t, "a")
		synctest.Wait() // it is published, and its entry rides along with the next write
		require.Len(t, entries(store), 1)
		faster := false
		require.NoError(t, r.Update(t.Context(), func(tx *state.Tx) error {
			if err := tx.Load(notes.Key("old")); err != nil {
				return err
			}
			if !faster {
				faster = true
				require.NoError(t, other.Update(t.Context(), func(tx *state.Tx) error { return notes.Delete(tx, "old") }))
			}
			return notes.Delete(tx, "old")
		}))
		time.Sleep(5 * time.Second)
		synctest.Wait()
		require.Empty(t, store.Keys(notes.Key("old")))
		require.Empty(t, entries(store))
	})
}
