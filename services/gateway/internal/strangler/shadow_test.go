package strangler

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
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

// aside plays the shop as it is asked on the side.
type aside struct {
	answer func(ctx context.Context, r *http.Request) (*forward.Answer, error)
	asked  atomic.Int32
}

func (a *aside) Read(ctx context.Context, r *http.Request, _ *route.Route, _ caller.Caller, _ trace.Trace, _ int64) (*forward.Answer, error) {
	a.asked.Add(1)
	return a.answer(ctx, r)
}

func says(status int, body string) func(context.Context, *http.Request) (*forward.Answer, error) {
	return func(context.Context, *http.Request) (*forward.Answer, error) {
		return &forward.Answer{Status: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(body)}, nil
	}
}

func shadowing(share float64, p *places, a *aside) *Switch {
	s := New(nil, slog.New(slog.DiscardHandler))
	s.Before(p, a, func() {})
	s.take(Plan{1, map[string]Service{"catalog": {To: Monolith, Shadow: share}, "orders": {To: Shop, Shadow: share}}})
	return s
}

func get(s *Switch, to *route.Route, who caller.Caller, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "/x", nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	if err := s.Forward(w, r, to, who, trace.Trace{}); err != nil {
		w.Code = 0
	}
	return w
}

func TestShadowReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, a := newPlaces(), &aside{answer: says(200, `{"a":1}`)}
		s := shadowing(1, p, a)
		one := func() Counts {
			began := time.Now()
			w := get(s, catalog, caller.Caller{}, "If-None-Match", `"1"`)
			require.Zero(t, time.Since(began), "nobody waits for it")
			require.JSONEq(t, p.answer[Monolith], w.Body.String(), "the user has the monolith's answer")
			time.Sleep(shadowLimit)
			synctest.Wait()
			counts := s.shadows.collect()
			require.Len(t, counts, 1)
			require.Equal(t, "GET /v1/products/{id}", counts[0].Route)
			return counts[0]
		}
		require.EqualValues(t, 1, one().Same)
		a.answer = says(200, `{"a":2}`)
		c := one()
		require.EqualValues(t, 1, c.Differ)
		require.Equal(t, []string{"/a"}, c.Differences[0].Pointers)
		a.answer = says(404, `{}`)
		c = one()
		require.Equal(t, 404, c.Differences[0].Shop)
		require.Equal(t, 200, c.Differences[0].Monolith)
		a.answer = func(ctx context.Context, r *http.Request) (*forward.Answer, error) {
			if r.Header.Get("If-None-Match") != "" {
				return nil, nil
			}
			<-ctx.Done()
			return nil, ctx.Err()
		}
		require.EqualValues(t, 1, one().Failed, "slow: given up")
		require.Equal(t, Figures{Version: 1, Applied: 1, Same: 1, Differ: 2, NoAnswer: 1}, s.Figures())

		// Too many at once are left.
		for range 2 * mostShadows {
			get(s, catalog, caller.Caller{})
		}
		synctest.Wait()
		counts := s.shadows.collect()
		require.EqualValues(t, mostShadows, counts[0].Dropped)
		time.Sleep(shadowLimit)
		synctest.Wait()
	})
}

// What is not compared costs no question.
func TestWhatIsNotShadowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, a := newPlaces(), &aside{answer: says(200, `{"a":1}`)}
		s := shadowing(1, p, a)
		for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
			require.NoError(t, send(s, t.Context(), method, catalog, "x"), "never a write")
		}
		require.Equal(t, http.StatusOK, get(s, orders, caller.Caller{}).Code, "with the shop already")
		require.Equal(t, http.StatusOK, get(s, catalog, caller.Caller{UserID: "m", Scopes: []string{"x"}}).Code)
		require.Equal(t, http.StatusOK, get(s, stays, caller.Caller{}).Code)
		p.during = func(Place) error { return errors.New("away") }
		require.Zero(t, get(s, catalog, caller.Caller{}).Code, "nothing to compare with")
		p.during = nil
		p.answer[Monolith] = strings.Repeat("x", largestCompared+1)
		require.Equal(t, http.StatusOK, get(s, catalog, caller.Caller{}).Code)
		synctest.Wait()
		require.Zero(t, a.asked.Load())
		require.Empty(t, s.shadows.slots)

		s = shadowing(0, newPlaces(), a)
		require.Equal(t, http.StatusOK, get(s, catalog, caller.Caller{}).Code)
		s = shadowing(0.05, newPlaces(), a)
		for range 200 {
			get(s, catalog, caller.Caller{})
			synctest.Wait()
		}
		require.InDelta(t, 10, a.asked.Load(), 1, "a share of 0.05 of 200")
	})
}

func TestLastDifferencesAreKept(t *testing.T) {
	s := newShadows()
	for i := range 30 {
		s.count(catalog, func(c *Counts) { c.Differ++; c.note(Difference{Shop: i}) })
	}
	counts := s.collect()
	require.EqualValues(t, 30, counts[0].Differ)
	require.Len(t, counts[0].Differences, mostDifferences)
	require.Equal(t, 29, counts[0].Differences[mostDifferences-1].Shop)
	require.Empty(t, s.collect())
	s.add(counts) // the report was lost
	require.EqualValues(t, 30, s.collect()[0].Differ)
	for i := range mostReported + 5 {
		s.count(&route.Route{Path: strconv.Itoa(i)}, func(c *Counts) { c.Same++ })
	}
	require.Len(t, s.collect(), mostReported)
	require.Len(t, s.collect(), 5, "the others with the next report")
}

// Counts go into the next report where one did not arrive; one that is refused is dropped.
func TestAReportThatIsNotTaken(t *testing.T) {
	for _, tt := range []struct {
		err  error
		kept int
	}{{errors.New("away"), 1}, {fault.BadField("/shadow", "no"), 0}} {
		s := New(func(context.Context, Report) (Plan, error) { return Plan{}, tt.err }, slog.New(slog.DiscardHandler))
		s.shadows.count(catalog, func(c *Counts) { c.Same++ })
		require.Error(t, s.turn(t.Context()))
		require.Len(t, s.shadows.collect(), tt.kept)
	}
}

func TestDifferences(t *testing.T) {
	const v5a, v5b, v7 = "c2348442-43c1-5ade-a869-dc97a56cd570", "c2348442-43c1-5ade-a869-dc97a56cd571", "0198b4a2-7d7b-7c6e-9f57-0d6f1f3b8a11"
	for name, tt := range map[string]struct {
		old, now string
		ignore   []string
		want     []string
	}{
		"order of fields":     {`{"a":1,"b":2}`, `{"b":2,"a":1}`, nil, nil},
		"order of a list":     {`[1,2]`, `[2,1]`, nil, []string{"/0", "/1"}},
		"numbers":             {`{"a":1.0,"b":1e2}`, `{"a":1,"b":100}`, nil, nil},
		"times":               {`{"at":"2026-01-02T03:04:05Z"}`, `{"at":"2026-01-02T04:04:06.7+01:00"}`, nil, nil},
		"a time and none":     {`{"at":"2026-01-02T03:04:05Z"}`, `{"at":"soon"}`, nil, []string{"/at"}},
		"IDs of the rule":     {`{"id":"` + v5a + `"}`, `{"id":"` + v5b + `"}`, nil, []string{"/id"}},
		"an ID of no rule":    {`{"id":"` + v5a + `"}`, `{"id":"` + v7 + `"}`, nil, nil},
		"null is nothing":     {`{"a":null}`, `{}`, nil, nil},
		"a field":             {`{"a":1}`, `{}`, nil, []string{"/a"}},
		"an object and text":  {`{"a":{"b":1}}`, `{"a":"b"}`, nil, []string{"/a"}},
		"text and an object":  {`{"a":"b"}`, `{"a":{"b":1}}`, nil, []string{"/a"}},
		"true and a list":     {`{"a":true}`, `{"a":[true]}`, nil, []string{"/a"}},
		"lists by length":     {`{"a":[1]}`, `{"a":[1,2]}`, nil, []string{"/a"}},
		"cursors":             {`{"next_cursor":"a"}`, `{"next_cursor":"b"}`, nil, nil},
		"a cursor and none":   {`{"next_cursor":"a"}`, `{}`, nil, []string{"/next_cursor"}},
		"ignored":             {`{"i":[{"a":1,"b":1},{"a":2,"b":2}]}`, `{"i":[{"a":3,"b":1},{"a":4,"b":5}]}`, []string{"/i/*/a"}, []string{"/i/1/b"}},
		"escaped":             {`{"a/b":1,"c~d":1}`, `{"a/b":2,"c~d":2}`, []string{"/a~1b"}, []string{"/c~0d"}},
		"what is no JSON":     {`{`, `{`, nil, []string{""}},
		"the whole":           {`1`, `2`, nil, []string{""}},
		"without their value": {`{"mail":"secret@example.com"}`, `{"mail":"other"}`, nil, []string{"/mail"}},
	} {
		t.Run(name, func(t *testing.T) {
			const media = "application/json"
			pointers, same := differences(answer{200, media, []byte(tt.old)}, answer{200, media, []byte(tt.now)}, tt.ignore)
			require.Equal(t, tt.want, pointers)
			require.Equal(t, tt.want == nil, same)
		})
	}
	for _, tt := range []struct {
		old, now answer
		same     bool
	}{
		{answer{404, "application/problem+json", []byte(`{"code":"a"}`)}, answer{404, "application/problem+json", []byte(`{"code":"b"}`)}, true},
		{answer{200, "text/plain", []byte("a")}, answer{404, "text/plain", []byte("a")}, false},
		{answer{200, "text/plain", []byte("a")}, answer{200, "text/plain", []byte("b")}, false},
		{answer{200, "text/plain", []byte("a")}, answer{200, "text/plain", []byte("a")}, true},
		{answer{200, "text/html", []byte("{}")}, answer{200, "application/json", []byte("{}")}, false},
		{answer{204, "", nil}, answer{204, "application/json", nil}, true},
	} {
		_, same := differences(tt.old, tt.now, nil)
		require.Equal(t, tt.same, same, "%+v", tt)
	}
	many := "{" + strings.TrimSuffix(strings.Repeat(`"`+strings.Repeat("é", 200)+`":1,"`+strings.Repeat("x", 10)+`":1,`, 1), ",") + "}"
	pointers, _ := differences(answer{200, "application/json", []byte(many)}, answer{200, "application/json", []byte("{}")}, nil)
	require.Len(t, pointers, 2)
	for _, p := range pointers {
		require.LessOrEqual(t, len(p), longestPointer)
	}
}
