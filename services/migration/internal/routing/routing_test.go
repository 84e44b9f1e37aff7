package routing_test

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/fault"
	"tienda/internal/state"
	"tienda/internal/state/statetest"
	"tienda/services/migration/internal/routing"
	"tienda/services/migration/internal/statestore"
)

// desks gives desks of one store: the app before and after a restart.
func desks() (next func() *routing.Desk, advance func(time.Duration)) {
	db := state.Open(statetest.NewMemory(), nil, slog.New(slog.DiscardHandler))
	clock := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	return func() *routing.Desk {
		return routing.New(statestore.NewRouting(db), func() time.Time { return clock })
	}, func(d time.Duration) { clock = clock.Add(d) }
}

func TestThePlanOutlivesTheApp(t *testing.T) {
	next, _ := desks()
	d := next()
	p, err := d.Poll(t.Context(), routing.Report{Replica: "a"})
	require.NoError(t, err)
	require.Equal(t, routing.Initial(), p)
	for _, id := range routing.Services() {
		require.Equal(t, routing.Service{To: routing.Monolith}, p.Services[id])
	}
	moved := routing.Service{To: routing.Shop, Shadow: 0.5}
	s, err := d.Set(t.Context(), "orders", moved, 1)
	require.NoError(t, err)
	require.EqualValues(t, 2, s.Version)
	s, err = d.Set(t.Context(), "orders", moved, 0)
	require.NoError(t, err)
	require.EqualValues(t, 2, s.Version, "it is so already")
	_, err = d.Set(t.Context(), "users", moved, 1)
	require.Equal(t, fault.PreconditionFailed, fault.KindOf(err))
	_, err = d.Set(t.Context(), "mail", moved, 0)
	require.Equal(t, fault.NotFound, fault.KindOf(err))

	p, err = next().Poll(t.Context(), routing.Report{Replica: "a"})
	require.NoError(t, err)
	require.EqualValues(t, 2, p.Version)
	require.Equal(t, moved, p.Services["orders"])
	require.Equal(t, routing.Service{To: routing.Monolith}, p.Services["users"])
}

// Each replica that was given a plan is waited for until it has ended, also by an app
// that was started after.
func TestReplicas(t *testing.T) {
	next, advance := desks()
	d := next()
	poll := func(r routing.Report) {
		t.Helper()
		_, err := d.Poll(t.Context(), r)
		require.NoError(t, err)
	}
	is := func() routing.State {
		t.Helper()
		s, err := d.State(t.Context())
		require.NoError(t, err)
		return s
	}
	require.Empty(t, is().Replicas)
	require.False(t, is().AppliedByAll(1), "there is nobody who has")
	poll(routing.Report{Replica: "b"})
	require.False(t, is().AppliedByAll(1), "it has begun with nothing")
	poll(routing.Report{Replica: "b", Applied: 1})
	poll(routing.Report{Replica: "a", Applied: 1})
	require.True(t, is().AppliedByAll(1))
	require.False(t, is().Replicas[0].Silent)
	advance(2 * time.Second)
	poll(routing.Report{Replica: "b", Applied: 2})
	advance(2 * time.Second)
	s := is()
	require.Equal(t, []string{"a", "b"}, []string{s.Replicas[0].ID, s.Replicas[1].ID})
	require.True(t, s.Replicas[0].Silent)
	require.False(t, s.Replicas[1].Silent)
	require.False(t, s.AppliedByAll(2), "the silent one may still write")

	d = next()
	require.False(t, is().AppliedByAll(2), "a restart forgets nobody")
	require.True(t, is().Replicas[1].Silent)
	require.NoError(t, d.Forget(t.Context(), "a"))
	require.Equal(t, fault.NotFound, fault.KindOf(d.Forget(t.Context(), "a")))
	require.True(t, is().AppliedByAll(2))
	poll(routing.Report{Replica: "b", Applied: 2, Leaving: true})
	require.Empty(t, is().Replicas)

	for i := range 256 {
		poll(routing.Report{Replica: fmt.Sprint(i)})
	}
	_, err := d.Poll(t.Context(), routing.Report{Replica: "one more"})
	require.Equal(t, fault.Conflict, fault.KindOf(err))
}

// Whoever hands services over leaves the shadow reads as they are.
func TestSend(t *testing.T) {
	next, _ := desks()
	d := next()
	_, err := d.Set(t.Context(), "catalog", routing.Service{To: routing.Monolith, Shadow: 0.1}, 0)
	require.NoError(t, err)
	version, err := d.Send(t.Context(), "catalog", routing.Monolith, true)
	require.NoError(t, err)
	require.EqualValues(t, 3, version)
	again, err := d.Send(t.Context(), "catalog", routing.Monolith, true)
	require.NoError(t, err)
	require.Equal(t, version, again)
	p, err := d.Poll(t.Context(), routing.Report{Replica: "a", Applied: 2})
	require.NoError(t, err)
	require.Equal(t, routing.Service{To: routing.Monolith, Fenced: true, Shadow: 0.1}, p.Services["catalog"])
	applied, err := d.Applied(t.Context(), version)
	require.NoError(t, err)
	require.False(t, applied)
	_, err = d.Poll(t.Context(), routing.Report{Replica: "a", Applied: version})
	require.NoError(t, err)
	applied, err = d.Applied(t.Context(), version)
	require.NoError(t, err)
	require.True(t, applied)
	_, err = d.Send(t.Context(), "mail", routing.Shop, false)
	require.Equal(t, fault.NotFound, fault.KindOf(err))
}

// A poll that says what was said before writes nothing.
func TestWhatAPollCosts(t *testing.T) {
	store := &counting{}
	store.plan, store.members = routing.Initial(), map[string]routing.Member{}
	d := routing.New(store, time.Now)
	for range 10 {
		_, err := d.Poll(t.Context(), routing.Report{Replica: "a", Applied: 1})
		require.NoError(t, err)
	}
	require.Equal(t, 1, store.written)
	require.Equal(t, []string{"members", "plan"}, store.order[:2], "who joins is known before it has a plan")
}

func TestDifferencesAdd(t *testing.T) {
	next, _ := desks()
	d := next()
	report := func(same int64, pointer ...string) {
		s := routing.Shadow{Route: "GET /v1/products", Service: "catalog", Same: same}
		for _, p := range pointer {
			s.Differ++
			s.Differences = append(s.Differences, routing.Difference{Pointers: []string{p}})
		}
		_, err := d.Poll(t.Context(), routing.Report{Replica: "a", Shadow: []routing.Shadow{s}})
		require.NoError(t, err)
	}
	report(2, "/a")
	for i := range 30 {
		report(0, fmt.Sprintf("/%d", i))
	}
	routes, _ := d.Differences()
	require.Len(t, routes, 1)
	require.EqualValues(t, 2, routes[0].Same)
	require.EqualValues(t, 31, routes[0].Differ)
	require.Len(t, routes[0].Differences, 20)
	require.Equal(t, []string{"/29"}, routes[0].Differences[19].Pointers)
	d.Reset()
	routes, _ = d.Differences()
	require.Empty(t, routes)
}
