// Package api is the HTTP side of the users service: its routes, who may call
// each, and what is said on the wire.
package api

import (
	"context"
	"net/http"
	"slices"
	"time"

	"tienda/internal/caller"
	"tienda/internal/contract"
	"tienda/internal/httpapi"
	"tienda/services/users/internal/account"
	"tienda/services/users/internal/audit"
	"tienda/services/users/internal/directory"
	"tienda/services/users/internal/keyring"
	"tienda/services/users/internal/machine"
	"tienda/services/users/internal/session"
	"tienda/services/users/internal/signin"
	"tienda/services/users/internal/throttle"
	"tienda/services/users/internal/token"
	"tienda/services/users/internal/totp"
)

// API answers the routes.
type API struct {
	accounts   *account.Service
	sessions   *session.Service
	tokens     *token.Issuer
	machines   *machine.Service
	revoked    Revocations
	signIns    *signin.Service
	factors    *totp.Service
	throttles  *throttle.Service
	deviceKeys *keyring.Ring
	importLine *contract.Schema
	moveIn     []httpapi.Route
	directory  *directory.Model
	trail      *audit.Service
}

// Revocations is the log of revoked sessions.
type Revocations interface {
	// Since gives what was revoked since an earlier reading, and the moment to
	// give next time.
	Since(ctx context.Context, since time.Time) (sessions []string, now time.Time, err error)
}

// Parts are what the API is made of.
type Parts struct {
	Accounts   *account.Service
	Sessions   *session.Service
	Tokens     *token.Issuer
	Machines   *machine.Service
	Revoked    Revocations
	SignIns    *signin.Service
	Factors    *totp.Service
	Throttles  *throttle.Service
	DeviceKeys *keyring.Ring
	Directory  *directory.Model
	Trail      *audit.Service
	ImportLine *contract.Schema // the contract's ImportUser
	MoveIn     []httpapi.Route  // by which accounts are moved in (package intake)
}

// New gives the API over its parts.
func New(p Parts) *API {
	return &API{
		accounts: p.Accounts, sessions: p.Sessions, tokens: p.Tokens, machines: p.Machines, revoked: p.Revoked,
		signIns: p.SignIns, factors: p.Factors, throttles: p.Throttles, deviceKeys: p.DeviceKeys,
		directory: p.Directory, trail: p.Trail, importLine: p.ImportLine, moveIn: p.MoveIn,
	}
}

// Routes lists every route of the service but the probes.
func (a *API) Routes() []httpapi.Route {
	orders, ordersSupport := httpapi.Apps("orders"), httpapi.Apps("orders", "support")
	loaders := httpapi.Apps("gateway", "migration")
	agent, admin := httpapi.Only(caller.SupportAgent), httpapi.Only(caller.Admin)
	return audited(slices.Concat([]httpapi.Route{
		{Method: http.MethodPost, Path: "/v1/users", Who: httpapi.Anyone, Handle: a.register},
		{Method: http.MethodGet, Path: "/v1/users/{id}", Who: agent.OrScopes(caller.UsersRead), Handle: a.getUser},
		{Method: http.MethodPut, Path: "/v1/users/{id}/roles", Who: admin, Handle: a.setRoles},

		{Method: http.MethodPost, Path: "/v1/auth/token", Who: httpapi.Anyone, Handle: a.issueToken},
		{Method: http.MethodPost, Path: "/v1/auth/logout", Who: httpapi.SignedIn, Handle: a.logout},
		{Method: http.MethodGet, Path: "/v1/auth/sessions", Who: httpapi.SignedIn, Handle: a.listSessions},
		{Method: http.MethodDelete, Path: "/v1/auth/sessions", Who: httpapi.SignedIn, Handle: a.revokeSessions},
		{Method: http.MethodDelete, Path: "/v1/auth/sessions/{id}", Who: httpapi.SignedIn, Handle: a.revokeSession},
		{Method: http.MethodGet, Path: "/.well-known/jwks.json", Who: httpapi.Anyone, Handle: a.jwks},
		{Method: http.MethodGet, Path: "/.well-known/openid-configuration", Who: httpapi.Anyone, Handle: a.discovery},

		{Method: http.MethodGet, Path: "/v1/ops/signing-keys", Who: admin, Handle: a.listKeys},
		{Method: http.MethodPost, Path: "/v1/ops/signing-keys/rotate", Who: admin, Handle: a.rotateKeys},
		{Method: http.MethodGet, Path: "/v1/ops/service-accounts", Who: admin, Handle: a.listMachines},
		{Method: http.MethodPost, Path: "/v1/ops/service-accounts", Who: admin, Handle: a.createMachine},
		{Method: http.MethodDelete, Path: "/v1/ops/service-accounts/{id}", Who: admin, Handle: a.revokeMachine},
		{Method: http.MethodPost, Path: "/v1/ops/service-accounts/{id}/secret", Who: admin, Handle: a.rotateMachineSecret},
		{Method: http.MethodGet, Path: "/internal/v1/revocations", Who: httpapi.Apps("gateway"), Handle: a.listRevocations},

		{Method: http.MethodGet, Path: "/v1/me", Who: httpapi.SignedIn, Handle: a.getMe},
		{Method: http.MethodPatch, Path: "/v1/me", Who: httpapi.SignedIn, Handle: a.changeMe},
		{Method: http.MethodGet, Path: "/v1/me/preferences", Who: httpapi.SignedIn, Handle: a.getPreferences},
		{Method: http.MethodPut, Path: "/v1/me/preferences", Who: httpapi.SignedIn, Handle: a.setPreferences},
		{Method: http.MethodGet, Path: "/v1/me/addresses", Who: httpapi.SignedIn, Handle: a.listAddresses},
		{Method: http.MethodPost, Path: "/v1/me/addresses", Who: httpapi.SignedIn, Handle: a.addAddress},
		{Method: http.MethodGet, Path: "/v1/me/addresses/{id}", Who: httpapi.SignedIn, Handle: a.getAddress},
		{Method: http.MethodPut, Path: "/v1/me/addresses/{id}", Who: httpapi.SignedIn, Handle: a.changeAddress},
		{Method: http.MethodDelete, Path: "/v1/me/addresses/{id}", Who: httpapi.SignedIn, Handle: a.removeAddress},

		{Method: http.MethodGet, Path: "/v1/me/totp", Who: httpapi.SignedIn, Handle: a.getTOTP},
		{Method: http.MethodPost, Path: "/v1/me/totp", Who: httpapi.SignedIn, Handle: a.startTOTP},
		{Method: http.MethodDelete, Path: "/v1/me/totp", Who: httpapi.SignedIn, Handle: a.stopTOTP},
		{Method: http.MethodPost, Path: "/v1/me/totp/confirm", Who: httpapi.SignedIn, Handle: a.confirmTOTP},
		{Method: http.MethodPost, Path: "/v1/me/totp/recovery-codes", Who: httpapi.SignedIn, Handle: a.renewRecoveryCodes},

		{Method: http.MethodGet, Path: "/internal/v1/users/{id}", Who: ordersSupport, Handle: a.getUser},
		{Method: http.MethodGet, Path: "/internal/v1/users/{id}/contact", Who: httpapi.Apps("support"), Handle: a.getContact},
		{Method: http.MethodGet, Path: "/internal/v1/users/{id}/checkout", Who: orders, Handle: a.getCheckout},
		{Method: http.MethodPost, Path: "/internal/v1/import/users", Who: loaders, Handle: a.importUsers},

		// The life of an account, and what is told of it.
		{Method: http.MethodGet, Path: "/v1/users", Who: agent, Handle: a.listUsers},
		{Method: http.MethodDelete, Path: "/v1/users/{id}", Who: admin, Handle: a.deleteUser},
		{Method: http.MethodPost, Path: "/v1/users/{id}/disable", Who: admin, Handle: a.disableUser},
		{Method: http.MethodPost, Path: "/v1/users/{id}/enable", Who: admin, Handle: a.enableUser},
		{Method: http.MethodPost, Path: "/v1/me/delete", Who: httpapi.SignedIn, Handle: a.deleteMe},
		{Method: http.MethodGet, Path: "/v1/me/export", Who: httpapi.SignedIn, Handle: a.exportMe},
		{Method: http.MethodGet, Path: "/v1/me/security-events", Who: httpapi.SignedIn, Handle: a.listSecurityEvents},
		{Method: http.MethodGet, Path: "/v1/ops/audit", Who: admin, Handle: a.listAudit},
	}, a.recoveryRoutes(), a.moveIn))
}
