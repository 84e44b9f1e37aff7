// Package route is the gateway's route table: which method of which path goes
// to which app, who may call it, how large its body may be and how long it may
// take. What is not in the table cannot be reached.
package route

import (
	"slices"
	"strings"
	"time"

	"tienda/internal/caller"
	"tienda/internal/fault"
)

// Route is one line of the table.
type Route struct {
	Path    string // as in the contract: "/v1/orders/{id}"
	Methods []string
	App     string // app ID
	Access  Access
	MaxBody int64         // bytes
	Timeout time.Duration // of the whole exchange with the app, retries included
	Cache   time.Duration // how long answers to guests are shared; 0: not at all
	// Limits that are asked before the token is checked, and after.
	First, Then []*Limit
	// The header RateLimit-Policy for who is signed in and who is not; nil
	// without limits.
	PolicyUser, PolicyGuest []string
	Upstream                *Upstream  // nil: the app, through the sidecar
	Languages               *Languages // of the table

	// While a monolith is moved in (package strangler):
	Service  string   // with which its data are moved; the app, unless the line says another
	Stays    bool     // it is the shop's alone: the requests never go to the monolith
	Legacy   bool     // it is the monolith's alone, as long as the service is there
	With     []string // of a Legacy route, other services whose data it writes in the monolith
	Ignore   []string // JSON pointers, * for any one segment: where answers of shop and monolith may differ
	Monolith *Route   // the route at the monolith; nil: none is moved in
}

// Own is the app of the routes that the gateway answers itself.
const Own = "gateway"

// Access says who may call. Without SignedIn, everybody; with it every user,
// or, where Roles are named, users with one of them. A service account needs one
// of the Scopes; where there are none, none may call, not even a public route,
// so that a program is nowhere taken for a customer.
type Access struct {
	SignedIn bool
	Roles    []caller.Role
	Scopes   []string
}

var (
	errSignIn = fault.New(fault.Unauthenticated, "sign_in", "Sign in to do this.")
	errScope  = fault.New(fault.Forbidden, "scope_missing", "The service account may not do this. A public route is called without its token.")
	errRole   = fault.New(fault.Forbidden, "role_missing", "Your account may not do this.")
)

// Allow gives nil when the caller may use the route.
func (a Access) Allow(c caller.Caller) error {
	switch {
	case c.Machine() && c.Has(a.Scopes...):
		return nil
	case c.Machine():
		return errScope
	case a.SignedIn && !c.SignedIn():
		return errSignIn
	case len(a.Roles) > 0 && !c.Is(a.Roles...):
		return errRole
	}
	return nil
}

// Table holds the routes, ordered for a look-up by path without patterns that
// must be tried one after another.
type Table struct {
	routes []*Route
	root   node
	// Rest has the limits of what the table has no route for.
	Rest *Route
}

// node is one segment of the paths.
type node struct {
	literal map[string]*node
	any     *node // a {parameter}
	methods map[string]*Route
}

// Routes gives all lines, in the order of the file.
func (t *Table) Routes() []*Route { return t.routes }

// Match finds the route of a request. A known path with another method gives
// no route and the methods that it takes. A literal segment wins over a
// parameter. path is taken as it was sent: one with an encoded, empty or dot
// segment matches nothing, so that no app can read it differently.
func (t *Table) Match(method, path string) (r *Route, allowed []string) {
	if !plain(path) {
		return nil, nil
	}
	n := t.root.find(path[1:])
	if n == nil {
		return nil, nil
	}
	if r = n.methods[method]; r != nil {
		return r, nil
	}
	for m := range n.methods {
		allowed = append(allowed, m)
	}
	slices.Sort(allowed)
	return nil, allowed
}

func (n *node) find(rest string) *node {
	segment, rest, more := strings.Cut(rest, "/")
	for _, next := range [2]*node{n.literal[segment], n.any} {
		switch {
		case next == nil:
		case more:
			if found := next.find(rest); found != nil {
				return found
			}
		case len(next.methods) > 0:
			return next
		}
	}
	return nil
}

func (n *node) at(path string) *node {
	for segment := range strings.SplitSeq(path[1:], "/") {
		if isParameter(segment) {
			if n.any == nil {
				n.any = &node{}
			}
			n = n.any
			continue
		}
		if n.literal == nil {
			n.literal = map[string]*node{}
		}
		if n.literal[segment] == nil {
			n.literal[segment] = &node{}
		}
		n = n.literal[segment]
	}
	return n
}

// plain says that every segment is made of unreserved characters (RFC 3986)
// and none is empty, "." or "..".
func plain(path string) bool {
	if len(path) < 2 || len(path) > maxPath || path[0] != '/' {
		return false
	}
	for segment := range strings.SplitSeq(path[1:], "/") {
		if segment == "" || segment == "." || segment == ".." {
			return false
		}
		for i := range len(segment) {
			if !unreserved(segment[i]) {
				return false
			}
		}
	}
	return true
}

// maxPath is the longest path in bytes that is looked up.
const maxPath = 1024

func unreserved(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '_' || c == '~'
}

func isParameter(segment string) bool {
	return len(segment) > 2 && segment[0] == '{' && segment[len(segment)-1] == '}'
}
