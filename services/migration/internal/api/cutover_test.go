package api_test

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/contract/contracttest"
	"tienda/internal/fault"
	"tienda/services/migration/internal/api"
	"tienda/services/migration/internal/cutover"
	"tienda/services/migration/internal/events"
	"tienda/services/migration/internal/progress/progresstest"
)

// palms are services in the hands of which they are said to be.
type palms struct {
	mu      sync.Mutex // over asked
	states  []cutover.State
	asked   []string
	refused error
}

func hands() *palms {
	p := &palms{}
	for _, s := range cutover.Services {
		p.states = append(p.states, cutover.State{Service: s.Name, Stage: cutover.AtMonolith, Since: now})
	}
	return p
}

func (p *palms) States() []cutover.State { return p.states }

func (p *palms) Do(_ context.Context, service, what string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = append(p.asked, service+" "+what)
	return p.refused
}

func tryCutover(t *testing.T, s *contracttest.Server) {
	t.Helper()
	require.Equal(t, http.StatusOK, call(t, s, "GET", "/v1/migration/cutover").Status)
	require.Equal(t, http.StatusAccepted, s.Do(t, contracttest.Request{Method: "POST", Path: "/v1/migration/cutover/catalog", Body: map[string]string{"do": "begin"}}).Status)
}

func TestCutoversAreShownAndAskedFor(t *testing.T) {
	p := hands()
	p.states[0] = cutover.State{Service: "catalog", Stage: cutover.AtShop, Since: now, Reason: "r", Pause: 1500 * time.Millisecond, Tries: 2}
	s := contracttest.New(t, api.App, api.Routes(progresstest.Midway(now), desk(), p, events.Nobody{}))
	require.Contains(t, string(call(t, s, "GET", "/v1/migration/cutover").Body),
		`{"service":"catalog","stage":"shop","since":"2026-05-04T12:00:00Z","reason":"r","pause_seconds":1.5,"tries":2}`)
	ask := func(service, what string) contracttest.Answer {
		return s.Do(t, contracttest.Request{Method: "POST", Path: "/v1/migration/cutover/" + service, Body: map[string]string{"do": what}})
	}
	for _, what := range []string{"begin", "abort", "rollback", "finish"} {
		require.Equal(t, http.StatusAccepted, ask("catalog", what).Status)
	}
	require.Equal(t, []string{"catalog begin", "catalog abort", "catalog rollback", "catalog finish"}, p.asked)
	require.Equal(t, http.StatusBadRequest, ask("catalog", "undo").Status)
	require.Equal(t, http.StatusBadRequest, ask("Catalog;", "begin").Status)
	known := p.states
	p.states = nil
	require.Equal(t, http.StatusServiceUnavailable, call(t, s, "GET", "/v1/migration/cutover").Status, "not read yet")
	p.states = known
	p.refused = fault.New(fault.Conflict, "cutover_stage", "Not now.")
	a := ask("catalog", "begin")
	require.Equal(t, http.StatusConflict, a.Status)
	require.Contains(t, string(a.Body), "cutover_stage")
}
