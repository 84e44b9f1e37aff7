package api

import (
	"net/http"
	"time"

	"tienda/internal/caller"
	"tienda/internal/fault"
	"tienda/internal/httpapi"
	"tienda/services/users/internal/account"
	"tienda/services/users/internal/machine"
	"tienda/services/users/internal/session"
	"tienda/services/users/internal/token"
)

// issueToken: 4 state calls for a password (claim and guards, user and second
// factor, sessions and guards with the account, and one write of all that has changed),
// right or wrong; 3 for a refresh token, 1 for a service account.
func (a *API) issueToken(w http.ResponseWriter, r *http.Request) error {
	var in grantRequest
	if err := httpapi.Decode(r, &in); err != nil {
		return err
	}
	// Without a key nothing could be handed out: use no token up for that.
	if err := a.tokens.Ready(r.Context()); err != nil {
		return err
	}
	if in.GrantType == "client_credentials" {
		return a.issueMachineToken(w, r, in)
	}
	if in.ClientID != "" && in.ClientID != token.Shop {
		return machine.ErrClient.At("/client_id", "is not the shop's own")
	}
	grant := a.byPassword
	if in.GrantType == "refresh_token" {
		grant = a.byRefresh
	}
	u, refresh, err := grant(w, r, in)
	if err != nil {
		return err
	}
	access, err := a.tokens.Issue(u.ID, refresh.SessionID, u.Roles)
	if err != nil {
		return err
	}
	return a.writeToken(w, tokenAnswer{AccessToken: access, RefreshToken: refresh.String(), SessionID: refresh.SessionID})
}

// byRefresh reads the account before it uses the token up: a failure between
// the two must not cost the client its session.
func (a *API) byRefresh(_ http.ResponseWriter, r *http.Request, in grantRequest) (account.User, session.Token, error) {
	t, err := session.ParseToken(in.RefreshToken)
	if err != nil {
		return account.User{}, session.Token{}, err
	}
	u, err := a.accounts.User(r.Context(), t.UserID)
	if fault.KindOf(err) == fault.NotFound || err == nil && u.Barred() {
		err = session.ErrToken
	}
	if err != nil {
		return account.User{}, session.Token{}, err
	}
	t, err = a.sessions.Renew(r.Context(), t, clientOf(r))
	return u, t, err
}

// logout: 3 state calls.
func (a *API) logout(w http.ResponseWriter, r *http.Request) error {
	c := caller.From(r.Context())
	if err := a.sessions.End(r.Context(), c.UserID, c.Session); err != nil {
		return err
	}
	return httpapi.NoContent(w)
}

// listSessions: 1 state call.
func (a *API) listSessions(w http.ResponseWriter, r *http.Request) error {
	c := caller.From(r.Context())
	open, err := a.sessions.List(r.Context(), c.UserID)
	if err != nil {
		return err
	}
	return httpapi.Write(w, http.StatusOK, listAnswer[sessionAnswer]{Items: sessionsOf(open, c.Session)})
}

// sessionsOf is how sessions are shown; current is the one of the request.
func sessionsOf(open []session.Family, current string) []sessionAnswer {
	out := make([]sessionAnswer, len(open))
	for i, f := range open {
		out[i] = sessionAnswer{
			ID: f.ID, UserAgent: f.UserAgent, Device: deviceName(f.UserAgent), Address: f.Address, CreatedAt: f.CreatedAt, LastUsedAt: f.UsedAt,
			ExpiresAt: f.ExpiresAt(), Current: f.ID == current,
		}
	}
	return out
}

// revokeSessions ends all sessions, or all but the current one: 3 state calls.
func (a *API) revokeSessions(w http.ResponseWriter, r *http.Request) error {
	c := caller.From(r.Context())
	except := ""
	if r.URL.Query().Get("except") == "current" {
		except = c.Session
	}
	if err := a.sessions.EndAll(r.Context(), c.UserID, except, time.Time{}); err != nil {
		return err
	}
	return httpapi.NoContent(w)
}

// revokeSession: 3 state calls.
func (a *API) revokeSession(w http.ResponseWriter, r *http.Request) error {
	if err := a.sessions.Revoke(r.Context(), caller.From(r.Context()).UserID, httpapi.Var(r, "id")); err != nil {
		return err
	}
	return httpapi.NoContent(w)
}

// writeToken answers with an access token; nobody on the way may keep it.
func (a *API) writeToken(w http.ResponseWriter, t tokenAnswer) error {
	t.TokenType, t.ExpiresIn = "Bearer", int(a.tokens.Config().Lifetime.Seconds())
	w.Header().Set("Cache-Control", "no-store")
	return httpapi.Write(w, http.StatusOK, t)
}

func clientOf(r *http.Request) session.Client {
	return session.Client{UserAgent: r.UserAgent(), Address: caller.From(r.Context()).Address}
}
