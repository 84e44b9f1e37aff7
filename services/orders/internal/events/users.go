package events

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"tienda/internal/event"
	"tienda/internal/fault"
	"tienda/internal/httpapi"
)

// Erasures notes that an account was deleted.
type Erasures interface {
	Deleted(ctx context.Context, userID string, at time.Time) error
}

// Users hears the topic users.
type Users struct{ Erasures Erasures }

// Hear notes a deleted account. State: 1 get, 1 save.
func (h Users) Hear(w http.ResponseWriter, r *http.Request) error {
	var e event.Received
	if err := json.NewDecoder(r.Body).Decode(&e); err != nil {
		return fault.BadField("", "is no event").Because(err)
	}
	if e.Type == "tienda.users.deleted" {
		var d struct {
			UserID string `json:"user_id"`
		}
		if err := e.Decode(&d); err != nil || d.UserID == "" {
			return fault.BadField("/data", "names no user").Because(err)
		}
		if err := h.Erasures.Deleted(r.Context(), d.UserID, e.Time); err != nil {
			return err
		}
	}
	return httpapi.Write(w, http.StatusOK, struct{}{})
}
