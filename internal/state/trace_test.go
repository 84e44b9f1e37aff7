package state_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"tienda/internal/event"
	"tienda/internal/state"
	"tienda/internal/state/statetest"
	"tienda/internal/trace"
)

// traced is a topic that keeps the events, and the trace in which each was published.
type traced struct {
	away   bool
	events []map[string]any
	under  []string
}

func (p *traced) Publish(ctx context.Context, raw []byte) error {
	if p.away {
		return context.DeadlineExceeded
	}
	var e map[string]any
	if err := json.Unmarshal(raw, &e); err != nil {
		return err
	}
	p.events, p.under = append(p.events, e), append(p.under, trace.From(ctx).ID())
	return nil
}

var things = state.Collection[map[string]string]{Prefix: "thing:"}

func change(ctx context.Context, db *state.DB, id string) error {
	return db.Update(ctx, func(tx *state.Tx) error {
		tx.Emit(things.Key(id), event.New("shop", "changed", id, map[string]string{}))
		return things.Put(tx, id, map[string]string{"id": id})
	})
}

func tracer(t testing.TB) (*trace.Tracer, *tracetest.SpanRecorder) {
	t.Helper()
	seen := tracetest.NewSpanRecorder()
	made, err := trace.New("shop", "shop-1", sdktrace.WithSpanProcessor(seen))
	require.NoError(t, err)
	return made, seen
}

// An event is published in the trace of its commit, also by the replica that adopts the
// journal of the one that made it, and says so to its consumers.
func TestEventsKeepTheirTrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, log := statetest.NewMemory(), slog.New(slog.DiscardHandler)
		cut, broker := &gated{Store: store}, &traced{}
		mine, _ := tracer(t)
		dead := state.OpenOutbox(cut, &traced{away: true}, log)
		dead.Trace(mine)
		gone, end := context.WithCancel(t.Context())
		ended := make(chan error, 2)
		go func() { ended <- dead.Start(gone, 0) }()
		ctx, span := mine.Begin(t.Context(), "POST /v1/things", trace.Server, trace.Trace{})
		require.NoError(t, change(ctx, dead, "a"))
		span.End()
		cut.cut()
		end()

		theirs, seen := tracer(t)
		other := state.OpenOutbox(store, broker, log)
		other.Trace(theirs)
		living, stop := context.WithCancel(t.Context())
		go func() { ended <- other.Start(living, time.Second) }()
		time.Sleep(15 * time.Second)
		stop()
		require.NoError(t, <-ended)
		require.NoError(t, <-ended)

		was := trace.From(ctx)
		require.Len(t, broker.events, 1)
		require.Equal(t, was.Parent, broker.events[0]["traceparent"])
		require.Equal(t, was.Parent, broker.events[0]["traceid"], "or the sidecar writes over both")
		require.Equal(t, []string{was.ID()}, broker.under)
		require.Len(t, seen.Ended(), 1)
		require.Equal(t, "publish tienda.shop.changed", seen.Ended()[0].Name())
		require.Equal(t, was.SpanID(), seen.Ended()[0].Parent().SpanID().String())
	})
}

// Without a tracer nothing is stored of the trace that came with the request, and what was
// stored so is published by who has one.
func TestEventsWithoutATracer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, broker, log := statetest.NewMemory(), &traced{}, slog.New(slog.DiscardHandler)
		off := state.OpenOutbox(store, broker, log)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- off.Start(ctx, time.Second) }()
		require.NoError(t, change(trace.With(ctx, trace.Trace{Parent: "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"}), off, "a"))
		item, err := store.Get(ctx, "thing:a")
		require.NoError(t, err)
		require.NotContains(t, string(item[0].Value), "0123456789abcdef")
		time.Sleep(time.Second)
		stop()
		require.NoError(t, <-ended)
		require.Len(t, broker.events, 1)
		require.NotContains(t, broker.events[0], "traceparent")
		require.NotContains(t, broker.events[0], "traceid")
	})
}

// Work that a document has begun goes on in the trace of the commit that began it.
func TestResume(t *testing.T) {
	store, log := statetest.NewMemory(), slog.New(slog.DiscardHandler)
	mine, seen := tracer(t)
	db := state.Open(store, &event.Memory{}, log)
	write := func(ctx context.Context, begins bool) {
		require.NoError(t, db.Update(ctx, func(tx *state.Tx) error {
			if begins {
				tx.Unfinished(things.Key("a"))
			}
			return things.Put(tx, "a", map[string]string{})
		}))
	}
	quiet, none := db.Resume(t.Context(), things.Key("a"), "go on")
	require.Equal(t, t.Context(), quiet)
	require.False(t, none.On())
	db.Trace(mine)

	first, span := mine.Begin(t.Context(), "POST", trace.Server, trace.Trace{})
	write(first, true)
	span.End()
	second, span := mine.Begin(t.Context(), "PUT", trace.Server, trace.Trace{})
	write(second, false) // it begins nothing
	resumed, again := db.Resume(second, things.Key("a"), "go on")
	require.True(t, trace.From(resumed).Same(trace.From(first)))
	again.End()
	span.End()
	last := seen.Ended()[len(seen.Ended())-2]
	require.Equal(t, "go on", last.Name())
	require.Equal(t, trace.From(second).ID(), last.Links()[0].SpanContext.TraceID().String())

	inside, child := db.Resume(resumed, things.Key("a"), "further")
	require.True(t, trace.From(inside).Same(trace.From(first)))
	child.End()
	own, alone := db.Resume(t.Context(), things.Key("none"), "go on")
	require.True(t, alone.On())
	require.False(t, trace.From(own).Same(trace.From(first)))
	alone.End()
}

// calling is a store whose commits are calls with spans, as the sidecar's are, and take a
// while: what comes meanwhile shares the next one.
type calling struct{ state.Store }

func (c calling) Commit(ctx context.Context, ops ...state.Op) error {
	ctx, span := trace.Start(ctx, trace.Client, "call")
	defer span.End()
	time.Sleep(time.Second)
	return c.Store.Commit(ctx, ops...)
}

// Of writers that share a transaction each has its commit in its own trace, and the store
// is called within the commit, or within what the commits of all who share the call are
// linked to.
func TestSharedCommits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mine, seen := tracer(t)
		db := state.Open(calling{statetest.NewMemory()}, nil, slog.New(slog.DiscardHandler))
		const writers, alone = 8, 2 // two transactions are under way at once, the third waits for one of them
		done := make(chan error)
		for i := range writers {
			go func() {
				ctx, span := mine.Begin(context.Background(), "POST", trace.Server, trace.Trace{})
				defer span.End()
				done <- db.Update(ctx, func(tx *state.Tx) error {
					return things.Put(tx, string(rune('a'+i)), map[string]string{})
				})
			}()
		}
		for range writers {
			require.NoError(t, <-done)
		}
		named := map[string][]sdktrace.ReadOnlySpan{}
		byID := map[string]sdktrace.ReadOnlySpan{}
		for _, s := range seen.Ended() {
			named[s.Name()] = append(named[s.Name()], s)
			byID[s.SpanContext().SpanID().String()] = s
		}
		of := map[string]bool{} // traces whose commit has called, alone or with others
		for _, call := range named["call"] {
			around := byID[call.Parent().SpanID().String()]
			require.NotNil(t, around, "the call is within no span")
			of[call.SpanContext().TraceID().String()] = true
			for _, l := range around.Links() {
				require.Equal(t, "commit", byID[l.SpanContext.SpanID().String()].Name())
				of[l.SpanContext.TraceID().String()] = true
			}
		}
		require.Len(t, named["call"], alone+1)
		require.Len(t, named["commit together"], 1)
		commits := map[string]bool{}
		for _, s := range named["commit"] {
			commits[s.SpanContext().TraceID().String()] = true
		}
		require.Len(t, commits, writers)
		require.Equal(t, commits, of)
	})
}
