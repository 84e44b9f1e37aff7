package app

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"

	"tienda/internal/fault"
	"tienda/internal/httpapi"
	"tienda/internal/metrics"
)

// Health answers those who watch over the machine: probes, and figures for
// Prometheus. An app is alive while it serves, and ready once its parts say so,
// its sidecar is up and its store has answered, until it is told to stop. The gateway lets nobody else
// reach these routes.
type Health struct {
	stopping atomic.Bool
	checks   []func(context.Context) error
	figures  *metrics.Metrics
}

// NewHealth gives probes with the checks of readiness, each nil when ready.
func NewHealth(checks ...func(context.Context) error) *Health {
	return &Health{checks: checks, figures: metrics.New("tienda_http")}
}

// Part takes readiness off when the app is told to stop.
func (h *Health) Part(ctx context.Context) error {
	<-ctx.Done()
	h.stopping.Store(true)
	return nil
}

// Probes are the routes that a public door may have as well.
func (h *Health) Probes() []httpapi.Route {
	return []httpapi.Route{
		{Method: http.MethodGet, Path: "/healthz", Who: httpapi.Probe, Handle: h.alive},
		{Method: http.MethodGet, Path: "/readyz", Who: httpapi.Probe, Handle: h.ready},
	}
}

// Routes are the probes and the figures, as every service's contract has them.
func (h *Health) Routes() []httpapi.Route {
	return append(h.Probes(), httpapi.Route{Method: http.MethodGet, Path: "/metrics", Who: httpapi.Probe, Handle: h.metrics})
}

type status struct {
	Status string `json:"status"`
}

func (h *Health) alive(w http.ResponseWriter, _ *http.Request) error {
	return httpapi.Write(w, http.StatusOK, status{"alive"})
}

func (h *Health) ready(w http.ResponseWriter, r *http.Request) error {
	notReady := fault.New(fault.Unavailable, "not_ready", "The service is not ready.")
	if h.stopping.Load() {
		return notReady
	}
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	for _, check := range h.checks {
		if err := check(ctx); err != nil {
			return notReady.Because(err)
		}
	}
	return httpapi.Write(w, http.StatusOK, status{"ready"})
}
