package strangler

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
	"tienda/internal/fault"
	"tienda/internal/trace"
	"tienda/services/gateway/internal/forward"
	"tienda/services/gateway/internal/route"
)

var (
	old     = &route.Upstream{Name: "legacy"}
	catalog = twin(&route.Route{Path: "/v1/products/{id}", App: "catalog", MaxBody: 1 << 10})
	orders  = twin(&route.Route{Path: "/v1/orders", App: "orders", MaxBody: 1 << 10})
	legacy  = twin(&route.Route{Path: "/legacy/orders", App: "orders", MaxBody: 1 << 10, Legacy: true, With: []string{"catalog"}})
	stays   = &route.Route{Path: "/v1/ops/x", App: "catalog", MaxBody: 1 << 10, Stays: true}
)

func twin(r *route.Route) *route.Route {
	r.Service = r.App
	t := *r
	t.Upstream = old
	r.Monolith = &t
	return r
}

// places plays the shop and the monolith, and remembers the writes of each.
type places struct {
	mu     sync.Mutex
	writes map[Place][]string
	reads  map[Place]int
	during func(Place) error // while a request is answered; may be nil
	answer map[Place]string
}

func newPlaces() *places {
	return &places{writes: map[Place][]string{}, reads: map[Place]int{}, answer: map[Place]string{Monolith: `{"a":1}`, Shop: `{"a":1}`}}
}

func (p *places) Forward(w http.ResponseWriter, r *http.Request, to *route.Route, _ caller.Caller, _ trace.Trace) error {
	place := Shop
	if to.Upstream == old {
		place = Monolith
	}
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return err
		}
	}
	p.mu.Lock()
	if r.Method == http.MethodGet {
		p.reads[place]++
	} else {
		p.writes[place] = append(p.writes[place], string(body))
	}
	during, answer := p.during, p.answer[place]
	p.mu.Unlock()
	if during != nil {
		if err := during(place); err != nil {
			return err
		}
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, answer)
	return nil
}

func (p *places) at(place Place) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string{}, p.writes[place]...)
}

// desk plays the migration.
type desk struct {
	mu      sync.Mutex
	plan    Plan
	away    bool
	reports []Report
}

func (d *desk) ask(_ context.Context, r Report) (Plan, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.away {
		return Plan{}, errors.New("away")
	}
	d.reports = append(d.reports, r)
	return d.plan, nil
}

func (d *desk) set(id string, s Service) (version int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	services := map[string]Service{id: s}
	for other, is := range d.plan.Services {
		if other != id {
			services[other] = is
		}
	}
	d.plan = Plan{d.plan.Version + 1, services}
	return d.plan.Version
}

func (d *desk) gone(away bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.away = away
}

func (d *desk) last() Report {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.reports) == 0 {
		return Report{}
	}
	return d.reports[len(d.reports)-1]
}

// begin gives a switch that polls until the test ends, in a bubble of synctest or not.
func begin(t *testing.T, d *desk, p *places) *Switch {
	t.Helper()
	s := New(d.ask, slog.New(slog.DiscardHandler))
	s.Before(p, nil, func() {})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Around(func(ctx context.Context) error { <-ctx.Done(); return nil })(ctx) }()
	t.Cleanup(func() { stop(); require.NoError(t, <-done) })
	require.Eventually(t, func() bool { return s.Ready(t.Context()) == nil }, 5*time.Second, time.Millisecond)
	return s
}

func all(to Place) Plan {
	return Plan{1, map[string]Service{"catalog": {To: to}, "orders": {To: to}}}
}

func send(s *Switch, ctx context.Context, method string, to *route.Route, body string) error {
	r := httptest.NewRequest(method, "/x", strings.NewReader(body)).WithContext(ctx)
	return s.Forward(httptest.NewRecorder(), r, to, caller.Caller{}, trace.Trace{})
}

func TestAFenceHoldsAndReleasesToTheRightSide(t *testing.T) {
	for _, side := range []Place{Monolith, Shop} {
		synctest.Test(t, func(t *testing.T) {
			d, p := &desk{plan: all(Monolith)}, newPlaces()
			s := begin(t, d, p)
			d.set("catalog", Service{To: Monolith, Fenced: true})
			time.Sleep(time.Second)
			done := make(chan error, 3)
			for _, id := range []string{"a", "b"} {
				go func() { done <- send(s, t.Context(), http.MethodPost, catalog, id) }()
			}
			go func() { done <- send(s, t.Context(), http.MethodPost, legacy, "c") }() // writes the catalog's data, too
			synctest.Wait()
			require.Equal(t, 3, s.Figures().Held)
			require.NoError(t, send(s, t.Context(), http.MethodGet, catalog, ""), "reads go on")
			require.NoError(t, send(s, t.Context(), http.MethodPut, orders, "d"), "and writes of another service")
			require.NoError(t, send(s, t.Context(), http.MethodPost, stays, "e"), "and of what never moves")
			time.Sleep(2 * time.Second)
			require.Equal(t, []string{"d"}, p.at(Monolith))
			d.set("catalog", Service{To: side})
			for range 3 {
				require.NoError(t, <-done)
			}
			want := map[Place][]string{Monolith: {"d", "c"}, Shop: {"e", "a", "b"}}
			if side == Monolith {
				want = map[Place][]string{Monolith: {"d", "a", "b", "c"}, Shop: {"e"}}
			}
			for place, ids := range want {
				require.ElementsMatch(t, ids, p.at(place), place)
			}
			require.Zero(t, s.Figures().Held)
		})
	}
}

func TestAHoldEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, p := &desk{plan: all(Monolith)}, newPlaces()
		s := begin(t, d, p)
		d.set("catalog", Service{To: Monolith, Fenced: true})
		time.Sleep(time.Second)
		began := time.Now()
		err := send(s, t.Context(), http.MethodDelete, catalog, "")
		require.Equal(t, "moving", fault.CodeOf(err))
		require.Equal(t, fault.Unavailable, fault.KindOf(err), "which has a Retry-After")
		require.Equal(t, LongestHold, time.Since(began))
		ctx, leave := context.WithTimeout(t.Context(), time.Second)
		defer leave()
		require.ErrorIs(t, send(s, ctx, http.MethodPost, catalog, "x"), forward.ErrGone)

		// What is held is bounded.
		for range mostHeld {
			go func() { _ = send(s, t.Context(), http.MethodPost, catalog, "x") }()
		}
		synctest.Wait()
		began = time.Now()
		require.Equal(t, "moving", fault.CodeOf(send(s, t.Context(), http.MethodPost, catalog, "x")))
		require.Zero(t, time.Since(began))
		require.Empty(t, p.at(Monolith))
	})
}

// While the migration is away, a fence stays; whatever is not fenced goes on.
func TestTheMigrationGoesAwayWhileFenced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, p := &desk{plan: all(Monolith)}, newPlaces()
		s := begin(t, d, p)
		d.set("catalog", Service{To: Monolith, Fenced: true})
		time.Sleep(time.Second)
		d.gone(true)
		for range 3 {
			require.Equal(t, "moving", fault.CodeOf(send(s, t.Context(), http.MethodPost, catalog, "a")))
			time.Sleep(time.Minute)
		}
		require.NoError(t, send(s, t.Context(), http.MethodGet, catalog, ""))
		require.NoError(t, send(s, t.Context(), http.MethodPost, orders, "b"))
		synctest.Wait() // a poll of this very moment is counted, here and below
		polls := s.Figures().Polls
		time.Sleep(10 * time.Second)
		synctest.Wait()
		require.Equal(t, polls+40, s.Figures().Polls, "four a second")
		done := make(chan error)
		go func() { done <- send(s, t.Context(), http.MethodPost, catalog, "c") }()
		time.Sleep(2 * time.Second)
		d.gone(false)
		d.set("catalog", Service{To: Shop})
		require.NoError(t, <-done)
		require.Equal(t, []string{"b"}, p.at(Monolith))
		require.Equal(t, []string{"c"}, p.at(Shop))
	})
}

// A version is applied when no write is under way to where it lets none go, and the
// migration hears of it at once.
func TestAppliedWaitsForWhatIsUnderWay(t *testing.T) {
	for name, next := range map[string]Service{"fenced": {To: Monolith, Fenced: true}, "moved": {To: Shop}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d, p := &desk{plan: all(Monolith)}, newPlaces()
				s := begin(t, d, p)
				time.Sleep(time.Second)
				require.EqualValues(t, 1, d.last().Applied)
				end := make(chan error)
				p.during = func(Place) error { return <-end }
				ctx, leave := context.WithCancel(t.Context())
				done := make(chan error)
				go func() { done <- send(s, ctx, http.MethodPost, catalog, "a") }()
				synctest.Wait()
				leave() // its client does; it goes on
				d.set("catalog", next)
				d.set("orders", Service{To: Monolith, Fenced: true}) // a version after it waits, too
				time.Sleep(10 * time.Second)
				require.EqualValues(t, 3, s.Figures().Version)
				require.EqualValues(t, 1, d.last().Applied)
				p.during = nil
				end <- nil
				require.NoError(t, <-done)
				synctest.Wait()
				require.EqualValues(t, 3, d.last().Applied, "told at once")
			})
		})
	}
}

// A write that got no answer may still be carried out: it counts a while longer.
func TestAWriteOfUnknownOutcome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, p := &desk{plan: all(Monolith)}, newPlaces()
		s := begin(t, d, p)
		p.during = func(Place) error { return fault.New(fault.TimedOut, "timed_out", "Late.") }
		require.Error(t, send(s, t.Context(), http.MethodPost, catalog, "a"))
		d.set("catalog", Service{To: Monolith, Fenced: true})
		time.Sleep(settle - time.Second)
		require.EqualValues(t, 1, d.last().Applied)
		time.Sleep(2 * time.Second)
		require.EqualValues(t, 2, d.last().Applied)
		// One that was refused before it was sent does not.
		d.set("catalog", Service{To: Monolith})
		time.Sleep(time.Second)
		p.during = func(Place) error { return fault.BadField("", "no") }
		require.Error(t, send(s, t.Context(), http.MethodPost, catalog, "a"))
		require.Zero(t, s.Figures().Writes)
	})
}

func TestWhereRequestsGo(t *testing.T) {
	d, p := &desk{plan: all(Monolith)}, newPlaces()
	s := New(d.ask, slog.New(slog.DiscardHandler))
	forgotten := 0
	s.Before(p, nil, func() { forgotten++ })
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		require.Equal(t, "starting", fault.CodeOf(send(s, t.Context(), method, catalog, "")), "where they belong is not known yet")
	}
	require.Error(t, s.Ready(t.Context()))
	require.NoError(t, send(s, t.Context(), http.MethodGet, stays, ""))
	require.NoError(t, (*Switch)(nil).Ready(t.Context()))

	s.take(Plan{5, map[string]Service{"catalog": {To: Shop}, "orders": {To: Monolith}}})
	require.NoError(t, s.Ready(t.Context()))
	require.NoError(t, send(s, t.Context(), http.MethodPost, catalog, "a"))
	require.NoError(t, send(s, t.Context(), http.MethodPost, orders, "b"))
	require.NoError(t, send(s, t.Context(), http.MethodPost, legacy, "c"))
	require.NoError(t, send(s, t.Context(), http.MethodPost, twin(&route.Route{App: "mail", MaxBody: 9}), "d"), "the plan does not know it")
	require.Equal(t, []string{"b", "c"}, p.at(Monolith))
	require.Equal(t, []string{"a", "d"}, p.at(Shop))
	require.Zero(t, s.Figures().Writes)
	require.Zero(t, forgotten)

	s.take(Plan{6, map[string]Service{"catalog": {To: Shop}, "orders": {To: Shop, Fenced: true}}})
	require.Positive(t, forgotten, "what guests share is of before")
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		err := send(s, t.Context(), method, legacy, "")
		require.Equal(t, "moved", fault.CodeOf(err))
		require.Equal(t, fault.Gone, fault.KindOf(err))
	}
	s.take(Plan{4, map[string]Service{"catalog": {To: Monolith}}})
	require.EqualValues(t, 6, s.Figures().Version, "an older one is not taken")
	require.Equal(t, fault.TooLarge, fault.KindOf(send(s, t.Context(), http.MethodPost, catalog, strings.Repeat("x", 2<<10))))
}

// A replica that ends says so, after its last write; one that is not sure does not.
func TestAReplicaEnds(t *testing.T) {
	for name, unknown := range map[string]bool{"whole": false, "in doubt": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d, p := &desk{plan: all(Monolith)}, newPlaces()
				s := New(d.ask, slog.New(slog.DiscardHandler))
				s.Before(p, nil, func() {})
				ctx, stop := context.WithCancel(t.Context())
				done := make(chan error)
				go func() {
					done <- s.Around(func(ctx context.Context) error {
						<-ctx.Done()
						time.Sleep(3 * time.Second) // of draining
						if unknown {
							p.during = func(Place) error { return errors.New("broken") }
							_ = send(s, t.Context(), http.MethodPost, catalog, "a")
						}
						return nil
					})(ctx)
				}()
				time.Sleep(time.Second)
				stop()
				time.Sleep(time.Second)
				require.False(t, d.last().Leaving, "the server has not ended")
				began := time.Now()
				require.NoError(t, <-done)
				require.True(t, d.last().Leaving)
				if unknown {
					require.Equal(t, 2*time.Second+settle, time.Since(began).Round(time.Second))
				}
				require.Equal(t, s.id, d.last().Replica)
			})
		})
	}
}
