package api

import (
	"net/http"
	"time"

	"tienda/internal/caller"
	"tienda/internal/fault"
	"tienda/internal/httpapi"
	"tienda/internal/page"
	"tienda/services/users/internal/audit"
)

var exported = audit.Event{Kind: audit.Exported}

type eventAnswer struct {
	ID        string            `json:"id"`
	At        time.Time         `json:"at"`
	Kind      audit.Kind        `json:"kind"`
	ActorID   string            `json:"actor_id,omitempty"`
	SessionID string            `json:"session_id,omitempty"`
	Address   string            `json:"address,omitempty"`
	UserAgent string            `json:"user_agent,omitempty"`
	Detail    map[string]string `json:"detail,omitempty"`
}

func eventOf(r audit.Record) eventAnswer {
	return eventAnswer{
		ID: r.ID, At: r.At, Kind: r.Kind, ActorID: r.ActorID, SessionID: r.Session, Address: r.Address, UserAgent: r.Agent, Detail: r.Detail,
	}
}

type auditAnswer struct {
	eventAnswer
	UserID    string `json:"user_id,omitempty"`
	RequestID string `json:"request_id,omitempty"`
	Note      string `json:"note,omitempty"`
	Intact    bool   `json:"intact"`
}

// listAudit: for an account 1 state call, one more for each 200 records that
// are looked through; for all 1 for each day, and 2.
func (a *API) listAudit(w http.ResponseWriter, r *http.Request) error {
	in := r.URL.Query()
	q := audit.Query{
		UserID: in.Get("user_id"), Kind: audit.Kind(in.Get("kind")), Limit: httpapi.QueryInt(r, "limit"), Cursor: in.Get("cursor"),
	}
	var err error
	if q.From, err = queryTime(r, "from"); err != nil {
		return err
	}
	if q.To, err = queryTime(r, "to"); err != nil {
		return err
	}
	records, next, err := a.trail.List(r.Context(), q)
	if err != nil {
		return err
	}
	out := page.Of[auditAnswer]{Items: make([]auditAnswer, len(records)), NextCursor: next}
	for i, e := range records {
		out.Items[i] = auditAnswer{eventAnswer: eventOf(e), UserID: e.UserID, RequestID: e.RequestID, Note: e.Note, Intact: e.Intact}
	}
	return httpapi.Write(w, http.StatusOK, out)
}

func queryTime(r *http.Request, name string) (time.Time, error) {
	v := r.URL.Query().Get(name)
	if v == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, v)
	if err != nil {
		return time.Time{}, fault.BadField(name, "is not a time of RFC 3339")
	}
	return t, nil
}

// listSecurityEvents: 1 state call, one more for each 200 records.
func (a *API) listSecurityEvents(w http.ResponseWriter, r *http.Request) error {
	records, next, err := a.trail.Own(r.Context(), caller.From(r.Context()).UserID, httpapi.QueryInt(r, "limit"), r.URL.Query().Get("cursor"))
	if err != nil {
		return err
	}
	out := page.Of[eventAnswer]{Items: make([]eventAnswer, len(records)), NextCursor: next}
	for i, e := range records {
		out.Items[i] = eventOf(e)
	}
	return httpapi.Write(w, http.StatusOK, out)
}
