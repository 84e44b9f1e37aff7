package api

import (
	"context"
	"net/http"
	"time"

	"tienda/internal/httpapi"
	"tienda/services/migration/internal/routing"
)

// Routing is what the gateways are told, and say.
type Routing interface {
	Poll(ctx context.Context, r routing.Report) (routing.Plan, error)
	State(ctx context.Context) (routing.State, error)
	Set(ctx context.Context, service string, to routing.Service, version int64) (routing.State, error)
	Forget(ctx context.Context, replica string) error
	Differences() ([]routing.Shadow, time.Time)
	Reset()
}

type pollRequest struct {
	Replica string           `json:"replica"`
	Applied int64            `json:"applied"`
	Leaving bool             `json:"leaving"`
	Shadow  []routing.Shadow `json:"shadow"`
}

type differences struct {
	Since  time.Time        `json:"since"`
	Routes []routing.Shadow `json:"routes"`
}

func (a api) poll(w http.ResponseWriter, r *http.Request) error {
	var in pollRequest
	if err := httpapi.Decode(r, &in); err != nil {
		return err
	}
	p, err := a.routing.Poll(r.Context(), routing.Report(in))
	if err != nil {
		return err
	}
	return httpapi.Write(w, http.StatusOK, p)
}

func (a api) getRouting(w http.ResponseWriter, r *http.Request) error {
	s, err := a.routing.State(r.Context())
	if err != nil {
		return err
	}
	return sendRouting(w, s)
}

func (a api) setRouting(w http.ResponseWriter, r *http.Request) error {
	version, err := httpapi.IfMatch(r)
	if err != nil {
		return err
	}
	var to routing.Service
	if err := httpapi.Decode(r, &to); err != nil {
		return err
	}
	s, err := a.routing.Set(r.Context(), httpapi.Var(r, "service"), to, version)
	if err != nil {
		return err
	}
	return sendRouting(w, s)
}

func sendRouting(w http.ResponseWriter, s routing.State) error {
	httpapi.SetETag(w, s.Version)
	s.Replicas = list(s.Replicas)
	return httpapi.Write(w, http.StatusOK, s)
}

func (a api) forgetReplica(w http.ResponseWriter, r *http.Request) error {
	if err := a.routing.Forget(r.Context(), httpapi.Var(r, "replica")); err != nil {
		return err
	}
	return httpapi.NoContent(w)
}

func (a api) differences(w http.ResponseWriter, _ *http.Request) error {
	routes, since := a.routing.Differences()
	for i := range routes {
		routes[i].Differences = list(routes[i].Differences)
		for j := range routes[i].Differences {
			routes[i].Differences[j].Pointers = list(routes[i].Differences[j].Pointers)
		}
	}
	return httpapi.Write(w, http.StatusOK, differences{since, list(routes)})
}

func (a api) resetDifferences(w http.ResponseWriter, _ *http.Request) error {
	a.routing.Reset()
	return httpapi.NoContent(w)
}
