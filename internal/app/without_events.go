//go:build tienda_without_events

package app

import (
	"log/slog"

	"tienda/internal/sidecar"
	"tienda/internal/state"
)

// open gives a DB that announces nothing and keeps no journal: a shop that works
// only until something dies. The benchmark builds it to see what the outbox costs.
func open(side *sidecar.Sidecar, appID string, log *slog.Logger) (*state.DB, error) {
	return state.Open(state.Dapr(side, appID+"-state"), nil, log), nil
}
