package api

import (
	"net/http"

	"tienda/internal/caller"
	"tienda/internal/httpapi"
	"tienda/services/users/internal/account"
)

// register: 2 state calls, and 2 to count what the address registers.
func (a *API) register(w http.ResponseWriter, r *http.Request) error {
	var in registerRequest
	if err := httpapi.Decode(r, &in); err != nil {
		return err
	}
	if err := a.throttles.Admit(r.Context(), "register", caller.From(r.Context()).Address); err != nil {
		return retryAfter(w, err)
	}
	u, err := a.accounts.Register(r.Context(), in.Email, in.Password, in.Name)
	if err != nil {
		return err
	}
	w.Header().Set("Location", "/v1/users/"+u.ID)
	return writeUser(w, http.StatusCreated, u)
}

// getUser: 1 state call.
func (a *API) getUser(w http.ResponseWriter, r *http.Request) error {
	u, err := a.accounts.User(r.Context(), httpapi.Var(r, "id"))
	if err != nil {
		return err
	}
	return writeUser(w, http.StatusOK, u)
}

// setRoles: 2 state calls.
func (a *API) setRoles(w http.ResponseWriter, r *http.Request) error {
	var in rolesRequest
	if err := httpapi.Decode(r, &in); err != nil {
		return err
	}
	match, err := httpapi.IfMatch(r)
	if err != nil {
		return err
	}
	u, err := a.accounts.SetRoles(r.Context(), caller.From(r.Context()).UserID, httpapi.Var(r, "id"), match, in.Roles)
	if err != nil {
		return err
	}
	return writeUser(w, http.StatusOK, u)
}

// getCheckout: 1 state call.
func (a *API) getCheckout(w http.ResponseWriter, r *http.Request) error {
	u, err := a.accounts.User(r.Context(), httpapi.Var(r, "id"))
	if err != nil {
		return err
	}
	if u.Barred() { // nobody buys for it
		return account.ErrMissing
	}
	to, err := u.DeliveryAddress(r.URL.Query().Get("address_id"))
	if err != nil {
		return err
	}
	out := checkoutAnswer{UserID: u.ID, Email: u.Email, Name: u.Name, Preferences: preferences(u.Preferences)}
	if to != nil {
		saved := savedOf(*to)
		out.Address = &saved
	}
	return httpapi.Write(w, http.StatusOK, out)
}

// getContact: 1 state call.
func (a *API) getContact(w http.ResponseWriter, r *http.Request) error {
	u, err := a.accounts.User(r.Context(), httpapi.Var(r, "id"))
	if err != nil {
		return err
	}
	if u.Barred() { // nobody is written to
		return account.ErrMissing
	}
	return httpapi.Write(w, http.StatusOK, contactAnswer{Email: u.Email, Language: u.Preferences.Language})
}

func writeUser(w http.ResponseWriter, status int, u account.User) error {
	httpapi.SetETag(w, u.Version)
	return httpapi.Write(w, status, userOf(u))
}
