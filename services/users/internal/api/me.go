package api

import (
	"net/http"

	"tienda/internal/caller"
	"tienda/internal/httpapi"
	"tienda/services/users/internal/account"
)

// me reads the caller's account: 1 state call in each of the reads below.
func (a *API) me(r *http.Request) (account.User, error) {
	return a.accounts.Me(r.Context(), caller.From(r.Context()).UserID)
}

// change changes the caller's account under the request's If-Match: 2 state
// calls in each of the writes below.
func (a *API) change(r *http.Request, change func(*account.User) error) (account.User, error) {
	match, err := httpapi.IfMatch(r)
	if err != nil {
		return account.User{}, err
	}
	return a.accounts.Change(r.Context(), caller.From(r.Context()).UserID, match, change)
}

func (a *API) getMe(w http.ResponseWriter, r *http.Request) error {
	u, err := a.me(r)
	if err != nil {
		return err
	}
	return writeUser(w, http.StatusOK, u)
}

func (a *API) changeMe(w http.ResponseWriter, r *http.Request) error {
	var in changeMeRequest
	if err := httpapi.Decode(r, &in); err != nil {
		return err
	}
	u, err := a.change(r, func(u *account.User) error { return u.Rename(in.Name) })
	if err != nil {
		return err
	}
	return writeUser(w, http.StatusOK, u)
}

func (a *API) getPreferences(w http.ResponseWriter, r *http.Request) error {
	u, err := a.me(r)
	if err != nil {
		return err
	}
	return writePart(w, http.StatusOK, u, preferences(u.Preferences))
}

func (a *API) setPreferences(w http.ResponseWriter, r *http.Request) error {
	var in preferences
	if err := httpapi.Decode(r, &in); err != nil {
		return err
	}
	match, err := httpapi.IfMatch(r)
	if err != nil {
		return err
	}
	u, err := a.accounts.SetPreferences(r.Context(), caller.From(r.Context()).UserID, match, account.Preferences(in))
	if err != nil {
		return err
	}
	return writePart(w, http.StatusOK, u, preferences(u.Preferences))
}

func (a *API) listAddresses(w http.ResponseWriter, r *http.Request) error {
	u, err := a.me(r)
	if err != nil {
		return err
	}
	out := listAnswer[savedAddress]{Items: make([]savedAddress, len(u.Addresses))}
	for i, ad := range u.Addresses {
		out.Items[i] = savedOf(ad)
	}
	return writePart(w, http.StatusOK, u, out)
}

func (a *API) addAddress(w http.ResponseWriter, r *http.Request) error {
	var in address
	if err := httpapi.Decode(r, &in); err != nil {
		return err
	}
	var added account.Address
	u, err := a.change(r, func(u *account.User) (err error) {
		added, err = u.AddAddress(in.domain(""))
		return err
	})
	if err != nil {
		return err
	}
	w.Header().Set("Location", "/v1/me/addresses/"+added.ID)
	return writePart(w, http.StatusCreated, u, savedOf(added))
}

func (a *API) getAddress(w http.ResponseWriter, r *http.Request) error {
	u, err := a.me(r)
	if err != nil {
		return err
	}
	ad, err := u.Address(httpapi.Var(r, "id"))
	if err != nil {
		return err
	}
	return writePart(w, http.StatusOK, u, savedOf(ad))
}

func (a *API) changeAddress(w http.ResponseWriter, r *http.Request) error {
	var in address
	if err := httpapi.Decode(r, &in); err != nil {
		return err
	}
	next := in.domain(httpapi.Var(r, "id"))
	u, err := a.change(r, func(u *account.User) error { return u.ChangeAddress(next) })
	if err != nil {
		return err
	}
	return writePart(w, http.StatusOK, u, savedOf(next))
}

func (a *API) removeAddress(w http.ResponseWriter, r *http.Request) error {
	if _, err := a.change(r, func(u *account.User) error { return u.RemoveAddress(httpapi.Var(r, "id")) }); err != nil {
		return err
	}
	return httpapi.NoContent(w)
}

// writePart sends a part of an account under the account's ETag.
func writePart(w http.ResponseWriter, status int, u account.User, v any) error {
	httpapi.SetETag(w, u.Version)
	return httpapi.Write(w, status, v)
}
