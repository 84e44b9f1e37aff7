package api

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"tienda/internal/caller"
	"tienda/internal/httpapi"
	"tienda/internal/page"
	"tienda/services/users/internal/audit"
	"tienda/services/users/internal/machine"
)

type machineRequest struct {
	Name   string   `json:"name"`
	Scopes []string `json:"scopes"`
}

type machineAnswer struct {
	ClientID     string     `json:"client_id"`
	ClientSecret string     `json:"client_secret,omitempty"` // in the answer that makes it only
	Name         string     `json:"name"`
	Scopes       []string   `json:"scopes"`
	CreatedAt    time.Time  `json:"created_at"`
	CreatedBy    string     `json:"created_by"`
	SecretAt     time.Time  `json:"secret_created_at"`
	RevokedAt    *time.Time `json:"revoked_at,omitempty"`
}

func machineOf(a machine.Account, secret string) machineAnswer {
	return machineAnswer{
		ClientID: a.ID, ClientSecret: secret, Name: a.Name, Scopes: a.Scopes,
		CreatedAt: a.CreatedAt, CreatedBy: a.CreatedBy, SecretAt: a.SecretAt, RevokedAt: a.RevokedAt,
	}
}

// writeSecret answers with a secret, which nobody on the way may keep.
func writeSecret(w http.ResponseWriter, status int, a machine.Account, secret string) error {
	w.Header().Set("Cache-Control", "no-store")
	return httpapi.Write(w, status, machineOf(a, secret))
}

// createMachine: 2 state calls.
func (a *API) createMachine(w http.ResponseWriter, r *http.Request) error {
	var in machineRequest
	if err := httpapi.Decode(r, &in); err != nil {
		return err
	}
	m, secret, err := a.machines.Create(r.Context(), caller.From(r.Context()).UserID, in.Name, in.Scopes)
	if err != nil {
		return err
	}
	return writeSecret(w, http.StatusCreated, m, secret)
}

// listMachines: 2 state calls.
func (a *API) listMachines(w http.ResponseWriter, r *http.Request) error {
	found, next, err := a.machines.List(r.Context(), r.URL.Query().Get("cursor"), page.Limit(httpapi.QueryInt(r, "limit")))
	if err != nil {
		return err
	}
	out := page.Of[machineAnswer]{Items: make([]machineAnswer, len(found)), NextCursor: next}
	for i, m := range found {
		out.Items[i] = machineOf(m, "")
	}
	return httpapi.Write(w, http.StatusOK, out)
}

// rotateMachineSecret: 3 state calls.
func (a *API) rotateMachineSecret(w http.ResponseWriter, r *http.Request) error {
	m, secret, err := a.machines.Rotate(r.Context(), httpapi.Var(r, "id"))
	if err != nil {
		return err
	}
	return writeSecret(w, http.StatusOK, m, secret)
}

// revokeMachine: 3 state calls.
func (a *API) revokeMachine(w http.ResponseWriter, r *http.Request) error {
	if err := a.machines.Revoke(r.Context(), httpapi.Var(r, "id")); err != nil {
		return err
	}
	return httpapi.NoContent(w)
}

// issueMachineToken: 3 state calls, two of them for the trail.
func (a *API) issueMachineToken(w http.ResponseWriter, r *http.Request, in grantRequest) error {
	m, scopes, err := a.machines.Authenticate(r.Context(), in.ClientID, in.ClientSecret, strings.Fields(in.Scope))
	if errors.Is(err, machine.ErrClient) {
		a.trail.Failed(r.Context(), "", "client_secret")
	}
	if err != nil {
		return err
	}
	signedIn := audit.Event{Kind: audit.SignedIn, Session: m.Session, Detail: map[string]string{"scopes": strings.Join(scopes, " ")}}
	if err := a.trail.Write(r.Context(), m.ID, signedIn); err != nil {
		return err
	}
	access, err := a.tokens.IssueMachine(m.ID, m.Session, scopes)
	if err != nil {
		return err
	}
	return a.writeToken(w, tokenAnswer{AccessToken: access, Scope: strings.Join(scopes, " ")})
}
