package deadletter

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"

	"tienda/internal/caller"
	"tienda/internal/httpapi"
	"tienda/internal/page"
	"tienda/internal/trace"
)

const (
	events = "/events/"
	heard  = events + "deadletter" // where dapr/subscriptions.yaml delivers dead letters
)

// Handler gives the handler of a service as httpapi.New does. A service that
// hears events, on /events/<topic>, gets the routes of its dead letters, and its
// deliveries are watched for the reasons of their refusal.
func (l *Letters) Handler(o httpapi.Options) (http.Handler, error) {
	for _, r := range o.Routes {
		if topic, ok := strings.CutPrefix(r.Path, events); ok && r.Method == http.MethodPost {
			l.topics[topic] = r.Path
		}
	}
	if len(l.topics) == 0 {
		return httpapi.New(o)
	}
	o.Routes = append(o.Routes, l.routes()...)
	app, err := httpapi.New(o)
	if err != nil {
		return nil, err
	}
	l.deliver = deliverer{app: app, token: o.AppToken}
	return l.watch(app), nil
}

// Path is where the dead letters of an app are, for admins.
func Path(app string) string { return "/v1/ops/dead-letters/" + app }

func (l *Letters) routes() []httpapi.Route {
	admin, path := httpapi.Only(caller.Admin), Path(l.app)
	return []httpapi.Route{
		{Method: http.MethodPost, Path: heard, Who: httpapi.Sidecar, Handle: l.hear},
		{Method: http.MethodGet, Path: path, Who: admin, Handle: l.handleList},
		{Method: http.MethodGet, Path: path + "/{id}", Who: admin, Handle: l.handleGet},
		{Method: http.MethodPost, Path: path + "/{id}/replay", Who: admin, Handle: l.handleReplay},
		{Method: http.MethodPost, Path: path + "/{id}/discard", Who: admin, Handle: l.handleDiscard},
	}
}

// View is a letter as it is shown.
type View struct {
	ID        string          `json:"id"`
	App       string          `json:"app"`
	State     State           `json:"state"`
	EventID   string          `json:"event_id"`
	Type      string          `json:"type"`
	Source    string          `json:"source"`
	Subject   string          `json:"subject,omitempty"`
	Topic     string          `json:"topic"`
	PubSub    string          `json:"pubsub"`
	Arrivals  int             `json:"arrivals"`
	First     time.Time       `json:"first_at"`
	Last      time.Time       `json:"last_at"`
	Reason    *Reason         `json:"reason,omitempty"`
	Replays   int             `json:"replays"`
	SettledBy string          `json:"settled_by,omitempty"`
	SettledAt time.Time       `json:"settled_at,omitzero"`
	Event     json.RawMessage `json:"event,omitempty"` // only of one letter
	Raw       []byte          `json:"event_base64,omitempty"`
}

// List is a page of letters.
type List struct {
	page.Of[View]
	Counts Counts `json:"counts"`
}

func (l *Letters) view(e entry, v letter) View {
	return View{
		ID: e.ID, App: l.app, State: e.State, EventID: v.EventID, Type: v.Type, Source: v.Source, Subject: v.Subject,
		Topic: v.Topic, PubSub: v.PubSub, Arrivals: v.Arrivals, First: v.First, Last: v.Last, Reason: v.Reason,
		Replays: e.Replays, SettledBy: e.By, SettledAt: e.At,
	}
}

// hear takes a dead letter in. Whatever a sidecar can deliver is stored: a
// refusal would only bring it back.
func (l *Letters) hear(w http.ResponseWriter, r *http.Request) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	event := unwrap(body)
	if span := trace.Current(r.Context()); span.On() {
		span.Link(trace.FromEvent(event))
	}
	if err := l.keep(r.Context(), event); err != nil {
		return err
	}
	return httpapi.Write(w, http.StatusOK, struct{}{})
}

func (l *Letters) handleList(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	out, err := l.list(r.Context(), State(q.Get("state")), q.Get("cursor"), page.Limit(httpapi.QueryInt(r, "limit")))
	if err != nil {
		return err
	}
	return httpapi.Write(w, http.StatusOK, out)
}

func (l *Letters) handleGet(w http.ResponseWriter, r *http.Request) error {
	return l.show(w, r)
}

func (l *Letters) handleReplay(w http.ResponseWriter, r *http.Request) error {
	if err := l.replay(r.Context(), httpapi.Var(r, "id"), caller.From(r.Context()).UserID); err != nil {
		return err
	}
	return l.show(w, r)
}

func (l *Letters) handleDiscard(w http.ResponseWriter, r *http.Request) error {
	if err := l.discard(r.Context(), httpapi.Var(r, "id"), caller.From(r.Context()).UserID); err != nil {
		return err
	}
	return l.show(w, r)
}

// show answers with one letter, its event included: as JSON if it is an object.
func (l *Letters) show(w http.ResponseWriter, r *http.Request) error {
	e, v, err := l.get(r.Context(), httpapi.Var(r, "id"))
	if err != nil {
		return err
	}
	out := l.view(e, v)
	var object map[string]json.RawMessage
	if json.Unmarshal(v.Event, &object) == nil && object != nil {
		out.Event = v.Event
	} else {
		out.Raw = v.Event
	}
	return httpapi.Write(w, http.StatusOK, out)
}
