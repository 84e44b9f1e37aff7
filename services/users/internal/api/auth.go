package api

import (
	"net/http"

	"tienda/internal/caller"
	"tienda/internal/fault"
	"tienda/internal/httpapi"
	"tienda/services/users/internal/account"
	"tienda/services/users/internal/session"
	"tienda/services/users/internal/token"
)

// issueToken: 4 state calls for a password (claim and guards, user and second
// factor, sessions and guards, and one write of all that has changed), right or
// wrong; 3 for a refresh token.
func (a *API) issueToken(w http.ResponseWriter, r *http.Request) error {
	var in grantRequest
	if err := httpapi.Decode(r, &in); err != nil {
		return err
	}
	// Without a key nothing could be handed out: use no token up for that.
	if err := a.tokens.Ready(r.Context()); err != nil {
		return err
	}
	if err := a.keys.Ready(r.Context()); err != nil {
		return err
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
	w.Header().Set("Cache-Control", "no-store")
	return httpapi.Write(w, http.StatusOK, tokenAnswer{
		AccessToken: access, TokenType: "Bearer", ExpiresIn: int(token.Lifetime.Seconds()),
		RefreshToken: refresh.String(), SessionID: refresh.SessionID,
	})
}

// byRefresh reads the account before it uses the token up: a failure between
// the two must not cost the client its session.
func (a *API) byRefresh(_ http.ResponseWriter, r *http.Request, in grantRequest) (account.User, session.Token, error) {
	t, err := session.ParseToken(in.RefreshToken)
	if err != nil {
		return account.User{}, session.Token{}, err
	}
	u, err := a.accounts.User(r.Context(), t.UserID)
	if fault.KindOf(err) == fault.NotFound {
		err = session.ErrToken
	}
	if err != nil {
		return account.User{}, session.Token{}, err
	}
	t, err = a.sessions.Renew(r.Context(), t, r.UserAgent())
	return u, t, err
}

// logout: 2 state calls.
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
	out := listAnswer[sessionAnswer]{Items: make([]sessionAnswer, len(open))}
	for i, f := range open {
		out.Items[i] = sessionAnswer{
			ID: f.ID, UserAgent: f.UserAgent, CreatedAt: f.CreatedAt, LastUsedAt: f.UsedAt,
			ExpiresAt: f.ExpiresAt(), Current: f.ID == c.Session,
		}
	}
	return httpapi.Write(w, http.StatusOK, out)
}

// revokeSession: 2 state calls.
func (a *API) revokeSession(w http.ResponseWriter, r *http.Request) error {
	if err := a.sessions.Revoke(r.Context(), caller.From(r.Context()).UserID, httpapi.Var(r, "id")); err != nil {
		return err
	}
	return httpapi.NoContent(w)
}

// jwks: no state call.
func (a *API) jwks(w http.ResponseWriter, _ *http.Request) error {
	set, err := a.tokens.Public()
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "public, max-age=300")
	return httpapi.Write(w, http.StatusOK, set)
}
