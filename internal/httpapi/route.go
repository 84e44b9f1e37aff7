// Package httpapi is the HTTP edge of every service: routes bound to their
// contract, who may call each, and handlers that return errors.
//
// A request passes, in this order: recovery and access log, request ID and
// trace context, the app token of the sidecar, who may call, the body limit,
// the contract; only then the handler runs.
package httpapi

import (
	"net/http"
	"slices"

	"tienda/internal/caller"
	"tienda/internal/fault"
)

// Handler answers a request or returns an error for package problem to write.
type Handler func(w http.ResponseWriter, r *http.Request) error

// Route is one operation of a service: what, who may call, and the handler.
type Route struct {
	Method string
	Path   string // as in the contract: "/v1/products/{id}"
	Who    Access
	Handle Handler
}

// Access says who may call a route.
type Access struct {
	name   string
	allow  func(caller.Caller) error
	probe  bool     // needs no app token
	own    bool     // needs the app token, also where the app has none to ask for
	people bool     // not for service accounts, unless scopes say so
	apps   []string // who may call is these app IDs
	scopes []string // of which a service account needs one
}

// String names the access for tables and tests.
func (a Access) String() string { return a.name }

var (
	errSignIn = fault.New(fault.Unauthenticated, "sign_in", "Sign in to do this.")
	errRole   = fault.New(fault.Forbidden, "role_missing", "Your account may not do this.")
	errScope  = fault.New(fault.Forbidden, "scope_missing", "The service account may not do this.")
	errApp    = fault.New(fault.Forbidden, "app_not_allowed", "This route is not for you.")
)

// OrScopes is the same access, and for service accounts with one of the scopes.
func (a Access) OrScopes(scopes ...string) Access {
	a.scopes = scopes
	for _, s := range scopes {
		a.name += " or scope " + s
	}
	return a
}

// check gives nil when the caller may use the route.
func (a Access) check(c caller.Caller) error {
	switch {
	case !a.people || !c.Machine():
		return a.allow(c)
	case !c.Has(a.scopes...):
		return errScope
	}
	return nil
}

// Anyone may call: signed in or not, but no service account.
var Anyone = Access{name: "anyone", people: true, allow: func(caller.Caller) error { return nil }}

// SignedIn is for every user; the handler checks whose resource it is.
var SignedIn = Access{name: "signed in", people: true, allow: func(c caller.Caller) error {
	if !c.SignedIn() {
		return errSignIn
	}
	return nil
}}

// Probe is for health checks, which come without the app token.
var Probe = Access{name: "probe", allow: func(caller.Caller) error { return nil }, probe: true}

// Sidecar is for the service's own sidecar: events and bindings.
var Sidecar = Access{name: "sidecar", allow: func(caller.Caller) error { return nil }}

// Only is for users with one of the roles (an admin has them all).
func Only(roles ...caller.Role) Access {
	a := Access{name: "role", people: true}
	for _, r := range roles {
		a.name += " " + string(r)
	}
	a.allow = func(c caller.Caller) error {
		switch {
		case !c.SignedIn():
			return errSignIn
		case !c.Is(roles...):
			return errRole
		}
		return nil
	}
	return a
}

// Apps is for calls by other apps, through their sidecars. The contract names the same
// ones in x-callers, which the access-control lists of the sidecars are made from.
func Apps(ids ...string) Access {
	a := Access{name: "app", apps: ids}
	for _, id := range ids {
		a.name += " " + id
	}
	a.allow = func(c caller.Caller) error {
		if !slices.Contains(ids, c.App) {
			return errApp
		}
		return nil
	}
	return a
}

// Own is for who holds the app token and speaks for no other app: the app's own
// sidecar when the app calls itself, or a direct call by whoever runs the app. While the
// app has no token to ask for, nobody may call.
func Own(id string) Access {
	return Access{name: "own app " + id, own: true, allow: func(c caller.Caller) error {
		if c.App != "" && c.App != id {
			return errApp
		}
		return nil
	}}
}
