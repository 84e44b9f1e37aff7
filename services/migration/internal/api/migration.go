package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"tienda/internal/fault"
	"tienda/internal/httpapi"
	"tienda/internal/page"
	"tienda/services/migration/internal/progress"
)

// longest is how long an answer may take. The server cuts one off after 60 s, and who
// asked would not know what was done.
const longest = 50 * time.Second

var errNotDoneYet = fault.New(fault.Unavailable, "not_done_yet", "It is not done after 50 s. What was done is kept; ask again to go on.")

// errNotKnownYet answers between the start of the app and the moment when it has read its
// own state.
var errNotKnownYet = fault.New(fault.Unavailable, "not_ready", "The migration has not read its own state yet. Try again.")

type api struct {
	control progress.Control
	routing Routing
}

// within bounds what a request has done, and says so when it was not done in time.
func within(r *http.Request, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(r.Context(), longest)
	defer cancel()
	err := do(ctx)
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return errNotDoneYet.Because(err)
	}
	return err
}

func (a api) status(w http.ResponseWriter, r *http.Request) error {
	return a.tell(w, r, http.StatusOK)
}

func (a api) tell(w http.ResponseWriter, r *http.Request, status int) error {
	s, err := a.control.Status(r.Context())
	if err != nil {
		return err
	}
	if s.Phase == "" {
		return errNotKnownYet
	}
	s.Kinds, s.Lags = list(s.Kinds), list(s.Lags)
	return httpapi.Write(w, status, s)
}

// accepted does what begins or ends something, and answers with the state after it.
func (a api) accepted(do func(context.Context) error) httpapi.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := within(r, do); err != nil {
			return err
		}
		return a.tell(w, r, http.StatusAccepted)
	}
}

func (a api) preflight(w http.ResponseWriter, r *http.Request) error {
	var out struct {
		Status   progress.Level     `json:"status"`
		Findings []progress.Finding `json:"findings"`
	}
	err := within(r, func(ctx context.Context) (err error) {
		out.Findings, err = a.control.Preflight(ctx)
		return err
	})
	if err != nil {
		return err
	}
	out.Status, out.Findings = progress.Worst(out.Findings), list(out.Findings)
	return httpapi.Write(w, http.StatusOK, out)
}

func (a api) rejects(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	rejects, next, err := a.control.Rejects(r.Context(), q.Get("kind"), page.Limit(httpapi.QueryInt(r, "limit")), q.Get("cursor"))
	if err != nil {
		return err
	}
	for i := range rejects {
		rejects[i].Values = list(rejects[i].Values)
	}
	return httpapi.Write(w, http.StatusOK, page.Of[progress.Reject]{Items: list(rejects), NextCursor: next})
}

func (a api) retry(w http.ResponseWriter, r *http.Request) error {
	var out struct {
		Taken int `json:"taken"`
		Left  int `json:"left"`
	}
	err := within(r, func(ctx context.Context) (err error) {
		out.Taken, out.Left, err = a.control.Retry(ctx)
		return err
	})
	if err != nil {
		return err
	}
	return httpapi.Write(w, http.StatusOK, out)
}

func (a api) report(w http.ResponseWriter, r *http.Request) error {
	report, err := a.control.Report(r.Context())
	if err != nil {
		return err
	}
	report.Kinds, report.Different = list(report.Kinds), list(report.Different)
	return httpapi.Write(w, http.StatusOK, report)
}

func (a api) repair(w http.ResponseWriter, r *http.Request) error {
	var out struct {
		Written int `json:"written"`
	}
	err := within(r, func(ctx context.Context) (err error) {
		out.Written, err = a.control.Repair(ctx)
		return err
	})
	if err != nil {
		return err
	}
	return httpapi.Write(w, http.StatusOK, out)
}

// list is never null in JSON.
func list[T any](l []T) []T {
	if l == nil {
		return []T{}
	}
	return l
}
