package events

import (
	"testing"

	"tienda/internal/caller"
	"tienda/internal/event/eventtest"
	"tienda/internal/origin/intake"
)

const (
	userID    = "0198d2a4-7b1c-7f00-8a00-5d1f0c3b9a21"
	sessionID = "0198d2a4-7b1c-7f00-8a00-5d1f0c3b9a22"
)

// What the constructors give is what the contract's schema takes and its
// golden example shows.
func TestEventsFitTheirContract(t *testing.T) {
	eventtest.RequireContract(t, App,
		Registered(userID), ProfileChanged(userID),
		RolesChanged(userID, []caller.Role{caller.Customer, caller.SupportAgent}), SessionRevoked(userID, sessionID),
		Disabled(userID), Enabled(userID), Deleted(userID),
		intake.Changed(App, "users", "0198d2a4-7b1c-5f00-8a00-5d1f0c3b9a11", false))
}
