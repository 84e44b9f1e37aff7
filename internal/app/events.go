//go:build !tienda_without_events

package app

import (
	"log/slog"

	"tienda/contracts"
	"tienda/internal/event"
	"tienda/internal/sidecar"
	"tienda/internal/state"
)

// open gives a service's DB: over the component "<app ID>-state", its events to
// the topic named like the app.
func open(side *sidecar.Sidecar, appID string, log *slog.Logger) (*state.DB, error) {
	topic, err := event.NewTopic(side, appID, contracts.FS)
	if err != nil {
		return nil, err
	}
	return state.OpenOutbox(state.Dapr(side, appID+"-state"), topic, log), nil
}
