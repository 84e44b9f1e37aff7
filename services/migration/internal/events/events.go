// Package events is what the migration hears of the services' documents while they are
// written back to the monolith.
package events

import (
	"context"
	"encoding/json"
	"net/http"

	"tienda/internal/event"
	"tienda/internal/fault"
	"tienda/internal/httpapi"
	"tienda/services/migration/internal/reverse"
)

// Topics are the topics that have documents of the move, each named like its app.
var Topics = []string{"catalog", "users", "orders", "support"}

// Hearer has changes written back.
type Hearer interface {
	Hear(ctx context.Context, c reverse.Change) error
}

// Routes are where dapr/subscriptions-migration.yaml delivers. They do not begin with
// /events/: there are no dead letters. What cannot be written waits in a list of the
// migration's own, and what cannot even be put there is delivered again.
func Routes(h Hearer) []httpapi.Route {
	routes := make([]httpapi.Route, len(Topics))
	for i, topic := range Topics {
		routes[i] = httpapi.Route{
			Method: http.MethodPost, Path: "/changes/" + topic, Who: httpapi.Own("migration"), Handle: changes{topic, h}.hear,
		}
	}
	return routes
}

type changes struct {
	topic  string
	hearer Hearer
}

// hear has a change of one document written back, once; other events are of no interest.
func (c changes) hear(w http.ResponseWriter, r *http.Request) error {
	var e event.Received
	if err := json.NewDecoder(r.Body).Decode(&e); err != nil {
		return fault.BadField("", "is no event").Because(err)
	}
	if e.Type == "tienda."+c.topic+".document_changed" {
		var d struct {
			Kind string `json:"kind"`
			ID   string `json:"id"`
		}
		if err := e.Decode(&d); err != nil || d.Kind == "" || d.ID == "" {
			return fault.BadField("/data", "names no document").Because(err)
		}
		if err := c.hearer.Hear(r.Context(), reverse.Change{Kind: d.Kind, ID: d.ID, Version: e.Version}); err != nil {
			return err
		}
	}
	return httpapi.Write(w, http.StatusOK, struct{}{})
}

// Nobody is the Hearer of a migration that has no mapping: nothing is written back.
type Nobody struct{}

// Hear implements Hearer.
func (Nobody) Hear(context.Context, reverse.Change) error { return nil }
