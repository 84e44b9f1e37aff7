package api

import (
	"context"
	"net/http"
	"time"

	"tienda/internal/httpapi"
	"tienda/services/migration/internal/cutover"
)

// Cutover is how services change hands.
type Cutover interface {
	// States gives none while they are not known yet.
	States() []cutover.State
	// Do asks for "begin", "abort", "rollback" or "finish".
	Do(ctx context.Context, service, what string) error
}

type cutovers struct {
	Services []cutoverState `json:"services"`
}

type cutoverState struct {
	Service string        `json:"service"`
	Stage   cutover.Stage `json:"stage"`
	Since   time.Time     `json:"since,omitzero"`
	Reason  string        `json:"reason,omitempty"`
	Pause   float64       `json:"pause_seconds"`
	Tries   int           `json:"tries"`
}

func (a api) cutovers(w http.ResponseWriter, _ *http.Request) error {
	return a.tellCutovers(w, http.StatusOK)
}

func (a api) tellCutovers(w http.ResponseWriter, status int) error {
	if len(a.cutover.States()) == 0 {
		return errNotKnownYet
	}
	out := cutovers{}
	for _, s := range a.cutover.States() {
		out.Services = append(out.Services, cutoverState{s.Service, s.Stage, s.Since, s.Reason, s.Pause.Seconds(), s.Tries})
	}
	return httpapi.Write(w, status, out)
}

func (a api) cut(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Do string `json:"do"`
	}
	if err := httpapi.Decode(r, &in); err != nil {
		return err
	}
	err := within(r, func(ctx context.Context) error { return a.cutover.Do(ctx, httpapi.Var(r, "service"), in.Do) })
	if err != nil {
		return err
	}
	return a.tellCutovers(w, http.StatusAccepted)
}
