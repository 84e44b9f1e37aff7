package api

import (
	"net/http"
	"time"

	"tienda/internal/caller"
	"tienda/internal/httpapi"
	"tienda/services/orders/internal/cart"
)

type savedAnswer struct {
	ID      string      `json:"id"`
	Name    string      `json:"name"`
	Lines   []savedLine `json:"lines"`
	SavedAt time.Time   `json:"saved_at"`
	Version int64       `json:"version"`
}

type savedLine struct {
	SKU      string `json:"sku"`
	Quantity int    `json:"quantity"`
}

func viewSaved(s cart.Saved) savedAnswer {
	out := savedAnswer{ID: s.ID, Name: s.Name, Lines: make([]savedLine, len(s.Lines)), SavedAt: s.SavedAt, Version: s.Version}
	for i, l := range s.Lines {
		out.Lines[i] = savedLine{l.SKU, l.Quantity}
	}
	return out
}

// listSaved: state 1 get. There are 20 at most, so they are one page.
func (a *API) listSaved(w http.ResponseWriter, r *http.Request) error {
	all, err := a.Saves.List(r.Context(), caller.From(r.Context()).UserID)
	if err != nil {
		return err
	}
	out := struct {
		Items []savedAnswer `json:"items"`
	}{make([]savedAnswer, len(all))}
	for i, s := range all {
		out.Items[i] = viewSaved(s)
	}
	return httpapi.Write(w, http.StatusOK, out)
}

// keepCart: state 1 bulk get, 1 save. A repeat is 1 bulk get.
func (a *API) keepCart(w http.ResponseWriter, r *http.Request) error {
	version, err := httpapi.IfMatch(r)
	if err != nil {
		return err
	}
	var in struct {
		Name string `json:"name"`
	}
	if err := httpapi.Decode(r, &in); err != nil {
		return err
	}
	kept, err := a.Saves.Keep(r.Context(), caller.From(r.Context()).UserID, httpapi.Var(r, "id"), in.Name, version)
	if err != nil {
		return err
	}
	httpapi.SetETag(w, kept.Version)
	return httpapi.Write(w, http.StatusOK, viewSaved(kept))
}

// dropSaved: state 1 bulk get, 1 save.
func (a *API) dropSaved(w http.ResponseWriter, r *http.Request) error {
	version, err := httpapi.IfMatch(r)
	if err != nil {
		return err
	}
	if err := a.Saves.Drop(r.Context(), caller.From(r.Context()).UserID, httpapi.Var(r, "id"), version); err != nil {
		return err
	}
	return httpapi.NoContent(w)
}

// restoreCart: state 2 gets, 1 save; invocations as getCart.
func (a *API) restoreCart(w http.ResponseWriter, r *http.Request) error {
	s, _, err := who(w, r)
	if err != nil {
		return err
	}
	f, err := pricedFor(r)
	if err != nil {
		return err
	}
	p, err := a.Saves.Restore(r.Context(), s, httpapi.Var(r, "id"), f)
	if err != nil {
		return err
	}
	return writeCart(w, r, p)
}
