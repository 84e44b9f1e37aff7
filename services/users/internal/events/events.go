// Package events is what the users service announces on its topic. Events
// carry IDs, never personal data: they are kept by brokers and read by all.
package events

import (
	"tienda/internal/caller"
	"tienda/internal/event"
)

// App is the app ID and the topic.
const App = "users"

type user struct {
	UserID string `json:"user_id"`
}

type roles struct {
	UserID string        `json:"user_id"`
	Roles  []caller.Role `json:"roles"`
}

type session struct {
	UserID    string `json:"user_id"`
	SessionID string `json:"session_id"`
}

// Registered says that an account was made.
func Registered(userID string) event.Event {
	return event.New(App, "registered", userID, user{userID})
}

// ProfileChanged says that name, preferences or addresses have changed.
func ProfileChanged(userID string) event.Event {
	return event.New(App, "profile_changed", userID, user{userID})
}

// RolesChanged tells the roles that an account now has.
func RolesChanged(userID string, now []caller.Role) event.Event {
	return event.New(App, "roles_changed", userID, roles{userID, now})
}

// SessionRevoked says that a session was ended. Its subject is the session:
// the version is that of the user's sessions, not of the account.
func SessionRevoked(userID, sessionID string) event.Event {
	return event.New(App, "session_revoked", sessionID, session{userID, sessionID})
}

// Disabled says that an account may not sign in any more.
func Disabled(userID string) event.Event {
	return event.New(App, "disabled", userID, user{userID})
}

// Enabled says that an account may sign in again.
func Enabled(userID string) event.Event {
	return event.New(App, "enabled", userID, user{userID})
}

// Deleted says that an account was erased. What others keep of the person has
// to go as well, as far as no law wants it kept.
func Deleted(userID string) event.Event {
	return event.New(App, "deleted", userID, user{userID})
}
