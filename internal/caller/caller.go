// Package caller says on whose behalf a request is made.
//
// The gateway verifies the access token and passes identity on as headers; a
// service believes them because its requests come only through its own
// sidecar, which proves itself with the app token (package httpapi). The
// gateway removes the same headers from what comes from outside.
package caller

import (
	"context"
	"net/http"
	"slices"
	"strings"
)

// The headers that carry identity between apps.
const (
	HeaderUser    = "Tienda-User"
	HeaderRoles   = "Tienda-Roles" // space separated
	HeaderSession = "Tienda-Session"
	HeaderScopes  = "Tienda-Scopes" // space separated, of a service account
	// HeaderAddress is the client's IP address. The gateway sends it to users only.
	HeaderAddress = "Tienda-Address"
	// HeaderApp is set by the calling sidecar. Two different ones are believed neither.
	HeaderApp = "Dapr-Caller-App-Id"
)

// Role is what a user may act as.
type Role string

// The roles. Every account is a customer; the others are staff.
const (
	Customer       Role = "customer"
	SupportAgent   Role = "support_agent"
	CatalogManager Role = "catalog_manager"
	Admin          Role = "admin"
)

// Roles lists every role, customer first.
var Roles = []Role{Customer, SupportAgent, CatalogManager, Admin}

// What a service account may be allowed to do.
const (
	CatalogWrite   = "catalog:write"   // products and categories, drafts included
	InventoryWrite = "inventory:write" // stock
	OrdersRead     = "orders:read"     // any order
	OrdersFulfil   = "orders:fulfil"   // any order: read, ship, deliver
	UsersRead      = "users:read"      // look accounts up
)

// Scopes lists every scope.
var Scopes = []string{CatalogWrite, InventoryWrite, OrdersRead, OrdersFulfil, UsersRead}

// Caller is who asks: a user (with roles and the session of the token), a
// service account (with scopes and no roles), or nobody, and the app ID whose
// sidecar made the call.
type Caller struct {
	UserID  string // of the user or the service account
	Roles   []Role
	Session string
	Scopes  []string // what a service account may do; nil for users
	Address string   // the client's IP address, where the gateway passes it on
	App     string
}

// SignedIn says whether a user stands behind the call.
func (c Caller) SignedIn() bool { return c.UserID != "" }

// Machine says whether a service account stands behind the call. It has no
// roles and is nobody's customer: what it may do, its scopes say.
func (c Caller) Machine() bool { return len(c.Scopes) > 0 }

// Has says whether the caller is a service account with one of the scopes.
func (c Caller) Has(scopes ...string) bool {
	return c.SignedIn() && slices.ContainsFunc(scopes, func(s string) bool { return slices.Contains(c.Scopes, s) })
}

// Is says whether the caller has one of the roles. An admin has them all.
func (c Caller) Is(roles ...Role) bool {
	if !c.SignedIn() {
		return false
	}
	if slices.Contains(c.Roles, Admin) {
		return true
	}
	return slices.ContainsFunc(roles, func(r Role) bool { return slices.Contains(c.Roles, r) })
}

// FromHeader reads the identity that the gateway or a calling app passed on.
func FromHeader(h http.Header) Caller {
	c := Caller{UserID: h.Get(HeaderUser), Session: h.Get(HeaderSession), Address: h.Get(HeaderAddress), App: onlyOne(h.Values(HeaderApp))}
	if scopes := h.Get(HeaderScopes); scopes != "" {
		c.Scopes = strings.Fields(scopes)
	}
	for r := range strings.FieldsSeq(h.Get(HeaderRoles)) {
		c.Roles = append(c.Roles, Role(r))
	}
	return c
}

// unclear is the App of a call that came with different names: one of them may be what the
// sender's own client has slipped in, and nobody can tell which. It is no app's ID, and not
// the name of nobody either.
const unclear = "?"

// onlyOne gives the value of a header that is said once, or always alike.
func onlyOne(values []string) string {
	switch {
	case len(values) == 0:
		return ""
	case slices.ContainsFunc(values, func(v string) bool { return v != values[0] }):
		return unclear
	}
	return values[0]
}

// SetHeader writes the identity for the next app; the address stays behind.
func (c Caller) SetHeader(h http.Header) {
	Strip(h)
	if !c.SignedIn() {
		return
	}
	h.Set(HeaderUser, c.UserID)
	roles := make([]string, len(c.Roles))
	for i, r := range c.Roles {
		roles[i] = string(r)
	}
	h.Set(HeaderRoles, strings.Join(roles, " "))
	if c.Session != "" {
		h.Set(HeaderSession, c.Session)
	}
	if len(c.Scopes) > 0 {
		h.Set(HeaderScopes, strings.Join(c.Scopes, " "))
	}
}

// Strip removes identity that the sender has no right to claim.
func Strip(h http.Header) {
	h.Del(HeaderUser)
	h.Del(HeaderRoles)
	h.Del(HeaderSession)
	h.Del(HeaderScopes)
	h.Del(HeaderAddress)
}

type key struct{}

// With puts the caller into the context.
func With(ctx context.Context, c Caller) context.Context { return context.WithValue(ctx, key{}, c) }

// From gives the context's caller; the zero Caller is nobody.
func From(ctx context.Context) Caller {
	c, _ := ctx.Value(key{}).(Caller)
	return c
}
