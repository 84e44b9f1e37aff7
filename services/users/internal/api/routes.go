// Package api is the HTTP side of the users service: its routes, who may call
// each, and what is said on the wire.
package api

import (
	"net/http"

	"tienda/internal/caller"
	"tienda/internal/contract"
	"tienda/internal/httpapi"
	"tienda/services/users/internal/account"
	"tienda/services/users/internal/keyring"
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
	signIns    *signin.Service
	factors    *totp.Service
	throttles  *throttle.Service
	keys       *keyring.Ring // of devices
	importLine *contract.Schema
}

// Parts are what the API is made of.
type Parts struct {
	Accounts   *account.Service
	Sessions   *session.Service
	Tokens     *token.Issuer
	SignIns    *signin.Service
	Factors    *totp.Service
	Throttles  *throttle.Service
	DeviceKeys *keyring.Ring
	ImportLine *contract.Schema // the contract's ImportUser
}

// New gives the API over its parts.
func New(p Parts) *API {
	return &API{
		accounts: p.Accounts, sessions: p.Sessions, tokens: p.Tokens, signIns: p.SignIns, factors: p.Factors,
		throttles: p.Throttles, keys: p.DeviceKeys, importLine: p.ImportLine,
	}
}

// Routes lists every route of the service but the probes.
func (a *API) Routes() []httpapi.Route {
	orders, ordersSupport := httpapi.Apps("orders"), httpapi.Apps("orders", "support")
	loaders := httpapi.Apps("gateway", "migration")
	agent, admin := httpapi.Only(caller.SupportAgent), httpapi.Only(caller.Admin)
	return []httpapi.Route{
		{Method: http.MethodPost, Path: "/v1/users", Who: httpapi.Anyone, Handle: a.register},
		{Method: http.MethodGet, Path: "/v1/users/{id}", Who: agent, Handle: a.getUser},
		{Method: http.MethodPut, Path: "/v1/users/{id}/roles", Who: admin, Handle: a.setRoles},

		{Method: http.MethodPost, Path: "/v1/auth/token", Who: httpapi.Anyone, Handle: a.issueToken},
		{Method: http.MethodPost, Path: "/v1/auth/logout", Who: httpapi.SignedIn, Handle: a.logout},
		{Method: http.MethodGet, Path: "/v1/auth/sessions", Who: httpapi.SignedIn, Handle: a.listSessions},
		{Method: http.MethodDelete, Path: "/v1/auth/sessions/{id}", Who: httpapi.SignedIn, Handle: a.revokeSession},
		{Method: http.MethodGet, Path: "/.well-known/jwks.json", Who: httpapi.Anyone, Handle: a.jwks},

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
		{Method: http.MethodGet, Path: "/internal/v1/users/{id}/checkout", Who: orders, Handle: a.getCheckout},
		{Method: http.MethodPost, Path: "/internal/v1/import/users", Who: loaders, Handle: a.importUsers},
	}
}
