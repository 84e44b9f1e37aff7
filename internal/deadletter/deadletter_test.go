package deadletter

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/fault"
	"tienda/internal/problem"
	"tienda/internal/state"
	"tienda/internal/state/statetest"
)

const admin = "0198d2a0-0000-7000-8000-0000000000ad"

// app is a consumer: it refuses events while broken is set.
type app struct {
	broken  atomic.Pointer[error]
	effects atomic.Int64
	reached func() // nil: answers at once
}

func (a *app) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	if a.reached != nil {
		a.reached()
	}
	if err := a.broken.Load(); err != nil {
		problem.Write(w, *err, "")
		return
	}
	if r.Context().Err() == nil {
		a.effects.Add(1)
	}
	w.WriteHeader(http.StatusOK)
}

func (a *app) fail(err error) { a.broken.Store(&err) }

type fixture struct {
	*Letters
	t     *testing.T
	app   *app
	store *statetest.Memory
	front http.Handler
}

func newFixture(t *testing.T) *fixture {
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	f := &fixture{t: t, app: &app{}, store: statetest.NewMemory()}
	f.Letters = New("orders", state.Open(f.store, nil, log), log)
	f.topics["support"] = "/events/support"
	f.deliver = deliverer{app: f.app, token: "token"}
	f.front = f.watch(f.app)
	return f
}

func made(id string) []byte {
	return fmt.Appendf(nil, `{"specversion":"1.0","id":"%s","source":"support","type":"t","subject":"s","topic":"support","pubsubname":"events-support","data":{"n":1}}`, id)
}

func (f *fixture) delivered(e []byte) {
	r := httptest.NewRequestWithContext(f.t.Context(), "POST", "/events/support", strings.NewReader(string(e)))
	f.front.ServeHTTP(httptest.NewRecorder(), r)
}

// kept stores an event and gives its letter's ID.
func (f *fixture) kept(e []byte) string {
	require.NoError(f.t, f.keep(f.t.Context(), e))
	id, _ := open(e)
	return id
}

func (f *fixture) listed(s State) List {
	l, err := f.list(f.t.Context(), s, "", 100)
	require.NoError(f.t, err)
	return l
}

func (f *fixture) one(id string) (entry, letter) {
	e, v, err := f.get(f.t.Context(), id)
	require.NoError(f.t, err)
	return e, v
}

func TestDeliveredTwiceStoredOnce(t *testing.T) {
	f := newFixture(t)
	id := f.kept(made("1"))
	require.Equal(t, id, f.kept([]byte(`{"id":"1","source":"support"}`)), "ID and source name the event")
	require.NotEqual(t, id, f.kept([]byte(`{"id":"1","source":"orders"}`)))
	l := f.listed("")
	require.Len(t, l.Items, 2)
	require.Equal(t, Counts{Waiting: 2}, l.Counts)
	v := l.Items[1]
	require.Equal(t, 2, v.Arrivals)
	require.Equal(t, []string{"1", "t", "support", "s", "support", "events-support", "orders"}, []string{v.EventID, v.Type, v.Source, v.Subject, v.Topic, v.PubSub, v.App})
	_, stored := f.one(id)
	require.Equal(t, made("1"), stored.Event, "as it came first")
}

// A letter says why the app refused it, and nothing of its inside.
func TestReasons(t *testing.T) {
	f := newFixture(t)
	for i, tt := range []struct {
		err  error
		want Reason
	}{
		{fault.BadField("/data/lines", "names no SKU"), Reason{Code: "invalid_request", Detail: "The request does not fit its contract.", Fields: []fault.Field{{Name: "/data/lines", Reason: "names no SKU"}}}},
		{errors.New("dial 10.0.0.7: secret"), Reason{Code: "internal", Detail: "The app failed; its log says why."}},
		{fault.New(fault.Unavailable, "busy", "Try again.").Because(errors.New("secret")), Reason{Code: "busy", Detail: "Try again."}},
	} {
		f.app.fail(tt.err)
		e := made(fmt.Sprint("e", i))
		f.delivered(e)
		_, v := f.one(f.kept(e))
		require.NotNil(t, v.Reason)
		require.WithinDuration(t, time.Now(), v.Reason.At, time.Minute)
		v.Reason.At = time.Time{}
		require.Equal(t, tt.want, *v.Reason)
	}
	_, v := f.one(f.kept(made("of another replica")))
	require.Nil(t, v.Reason)
	for i := range 3 * keptReasons {
		f.delivered(made(fmt.Sprint("flood", i)))
	}
	require.Len(t, f.reasons.by, keptReasons, "memory is bounded")
	id, _ := open(made(fmt.Sprint("flood", 3*keptReasons-1)))
	require.NotNil(t, f.reasons.of(id))
}

func TestDeliveryThatTookTooLong(t *testing.T) {
	f := newFixture(t)
	f.app.fail(errors.New("cut off"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	f.front.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, "POST", "/events/support", strings.NewReader(string(made("1")))))
	_, v := f.one(f.kept(made("1")))
	require.Equal(t, "timed_out", v.Reason.Code)
}

func TestReplay(t *testing.T) {
	f := newFixture(t)
	id := f.kept(made("1"))
	f.app.fail(fault.New(fault.Conflict, "not_yet", "Not yet."))
	for i := range 2 {
		err := f.replay(t.Context(), id, admin)
		require.Equal(t, "replay_failed", fault.CodeOf(err))
		require.ErrorContains(t, err, "not_yet")
		e, v := f.one(id)
		require.Equal(t, []any{Waiting, i + 1, "", ""}, []any{e.State, e.Replays, e.Claim, e.By})
		require.Equal(t, "Not yet.", v.Reason.Detail)
	}
	f.app.broken.Store(nil)
	ctx, cancel := context.WithCancel(t.Context())
	f.app.reached = cancel // who asked hangs up
	require.NoError(t, f.replay(ctx, id, admin))
	require.EqualValues(t, 1, f.app.effects.Load())
	e, _ := f.one(id)
	require.Equal(t, []any{Replayed, 3, admin}, []any{e.State, e.Replays, e.By})
	require.Equal(t, "dead_letter_settled", fault.CodeOf(f.replay(t.Context(), id, admin)))
	require.Equal(t, "dead_letter_settled", fault.CodeOf(f.discard(t.Context(), id, admin)))
	f.kept(made("1"))
	require.Equal(t, Counts{Replayed: 1}, f.listed("").Counts, "what comes once more has been applied")
	require.Equal(t, Stats{Kept: map[string]int64{"support": 1}, Replayed: 1}, f.Stats())
	require.EqualValues(t, 1, f.app.effects.Load())
}

// Many admins at once: one replay reaches the app.
func TestReplayIsOneAtATime(t *testing.T) {
	f := newFixture(t)
	id := f.kept(made("1"))
	held := make(chan struct{})
	f.app.reached = func() { <-held }
	const admins = 8
	codes := make(chan string, 2*admins)
	var wg sync.WaitGroup
	for range admins {
		wg.Go(func() {
			if err := f.replay(t.Context(), id, admin); err != nil {
				codes <- fault.CodeOf(err)
			}
		})
	}
	for range admins - 1 {
		require.Equal(t, "replay_under_way", <-codes)
	}
	require.Equal(t, "replay_under_way", fault.CodeOf(f.discard(t.Context(), id, admin)))
	close(held)
	wg.Wait()
	require.Empty(t, codes)
	require.EqualValues(t, 1, f.app.effects.Load())
}

// A replay whose process died has the letter to itself no longer than its claim.
func TestReplayOfADeadProcess(t *testing.T) {
	f := newFixture(t)
	id := f.kept(made("1"))
	_, err := f.claim(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, "replay_under_way", fault.CodeOf(f.replay(t.Context(), id, admin)))
	f.now = func() time.Time { return time.Now().UTC().Add(claimTime + time.Second) }
	require.NoError(t, f.replay(t.Context(), id, admin))
	e, _ := f.one(id)
	require.Equal(t, Replayed, e.State)
}

// The answer of the store is lost while a replay is noted: its effect is there,
// the letter says waiting, and a later replay, harmless, puts that right.
func TestReplayThatCannotBeNoted(t *testing.T) {
	f := newFixture(t)
	id := f.kept(made("1"))
	away := errors.New("away")
	f.store.BeforeCommit = func([]state.Op) error {
		if f.app.effects.Load() > 0 {
			return away
		}
		return nil
	}
	require.Equal(t, fault.Unavailable, fault.KindOf(f.replay(t.Context(), id, admin)))
	f.store.BeforeCommit = nil
	e, _ := f.one(id)
	require.Equal(t, Waiting, e.State)
	f.now = func() time.Time { return time.Now().UTC().Add(claimTime + time.Second) }
	require.NoError(t, f.replay(t.Context(), id, admin))
}

func TestDiscard(t *testing.T) {
	f := newFixture(t)
	id := f.kept(made("1"))
	require.NoError(t, f.discard(t.Context(), id, admin))
	f.kept(made("1"))
	e, v := f.one(id)
	require.Equal(t, []any{Discarded, admin, 2}, []any{e.State, e.By, v.Arrivals})
	require.Equal(t, "dead_letter_settled", fault.CodeOf(f.replay(t.Context(), id, admin)))
	require.Zero(t, f.app.effects.Load())
	require.Equal(t, fault.NotFound, fault.KindOf(f.discard(t.Context(), "nowhere", admin)))
}

func TestListPages(t *testing.T) {
	f := newFixture(t)
	var ids []string
	for i := range 7 {
		ids = append(ids, f.kept(made(fmt.Sprint(i))))
	}
	require.NoError(t, f.discard(t.Context(), ids[3], admin))
	require.Equal(t, Stats{Kept: map[string]int64{"support": 7}, Discarded: 1}, f.Stats())
	read := func(s State, limit int) (got []string, pages int) {
		for cursor := ""; ; pages++ {
			l, err := f.list(t.Context(), s, cursor, limit)
			require.NoError(t, err)
			require.Equal(t, Counts{Waiting: 6, Discarded: 1}, l.Counts)
			for _, v := range l.Items {
				got = append(got, v.EventID)
				require.Empty(t, v.Event)
			}
			if cursor = l.NextCursor; cursor == "" {
				return got, pages + 1
			}
		}
	}
	got, pages := read("", 3)
	require.Equal(t, []string{"6", "5", "4", "3", "2", "1", "0"}, got, "the newest first")
	require.Equal(t, 3, pages)
	got, pages = read(Waiting, 3)
	require.Equal(t, []string{"6", "5", "4", "2", "1", "0"}, got)
	require.Equal(t, 2, pages, "no empty page at the end")
	got, _ = read(Discarded, 3)
	require.Equal(t, []string{"3"}, got)
	got, _ = read(Replayed, 3)
	require.Empty(t, got)
	_, err := f.list(t.Context(), "", "!", 3)
	require.Equal(t, fault.Invalid, fault.KindOf(err))
}

// The book has an end. What finds no room is refused, so that the broker keeps
// it; what is settled makes room.
func TestBound(t *testing.T) {
	f := newFixture(t)
	var b book
	for i := range Most - 1 {
		_, _, err := b.add(fmt.Sprint("old", i))
		require.NoError(t, err)
	}
	require.NoError(t, f.change(t.Context(), func(stored *book) error { *stored = b; return nil }))
	first := f.kept(made("first"))
	require.Equal(t, "dead_letters_full", fault.CodeOf(f.keep(t.Context(), made("second"))))
	id, _ := open(made("second"))
	require.Empty(t, f.store.Keys(letters.Key(id)), "nothing of it is there")
	require.NoError(t, f.keep(t.Context(), made("first")), "what is there is counted")
	require.NoError(t, f.discard(t.Context(), first, admin))
	f.kept(made("second"))
	require.Equal(t, Counts{Waiting: Most}, f.listed("").Counts)
	require.Empty(t, f.store.Keys(letters.Key(first)), "the settled one made room")
	full, err := f.store.Get(t.Context(), books.Key(theBook))
	require.NoError(t, err)
	require.Less(t, len(full[0].Value), 300<<10)
}

// A letter that cannot be stored is refused, with nothing half done that a
// repeat would not finish.
func TestStoreAway(t *testing.T) {
	f := newFixture(t)
	commits := 0
	f.store.BeforeCommit = func([]state.Op) error {
		if commits++; commits != 2 {
			return nil
		}
		return errors.New("away")
	}
	require.Equal(t, fault.Unavailable, fault.KindOf(f.keep(t.Context(), made("1"))))
	require.Empty(t, f.listed("").Items, "an entry whose letter is not stored is not shown")
	id, _ := open(made("1"))
	_, _, err := f.get(t.Context(), id)
	require.Equal(t, fault.NotFound, fault.KindOf(err))
	require.Equal(t, fault.NotFound, fault.KindOf(f.discard(t.Context(), id, admin)))
	require.Equal(t, Stats{Kept: map[string]int64{"support": 0}}, f.Stats())
	f.kept(made("1"))
	require.Len(t, f.listed(Waiting).Items, 1)
	require.Equal(t, Stats{Kept: map[string]int64{"support": 1}}, f.Stats(), "counted when it is whole")
}

// What is no CloudEvent is kept as it is: it can be looked at and discarded.
func TestWhatIsNoEvent(t *testing.T) {
	f := newFixture(t)
	for _, odd := range []string{"\x00\xff", "17", `{"id":7}`, "null", "[]", ""} {
		wrapped, err := json.Marshal(map[string]string{"id": "random", "source": "Dapr", "data_base64": base64.StdEncoding.EncodeToString([]byte(odd))})
		require.NoError(t, err)
		raw := unwrap(wrapped)
		if odd != "" {
			require.Equal(t, odd, string(raw))
		}
		id := f.kept(raw)
		_, v := f.one(id)
		require.Equal(t, raw, v.Event)
		err = f.replay(t.Context(), id, admin)
		require.ErrorContains(t, err, "no_subscription")
		require.NoError(t, f.discard(t.Context(), id, admin))
	}
	require.Zero(t, f.app.effects.Load())
	require.Equal(t, made("1"), unwrap(made("1")), "an event that comes as it is, is taken as it is")
	require.Equal(t, `{"data_base64":"?"}`, string(unwrap([]byte(`{"data_base64":"?"}`))))
}
