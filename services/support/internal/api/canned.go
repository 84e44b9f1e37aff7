package api

import (
	"context"
	"net/http"
	"time"

	"tienda/internal/httpapi"
	"tienda/internal/page"
	"tienda/services/support/internal/canned"
	"tienda/services/support/internal/ticket"
)

// Templates gives canned replies the form that tickets ask for.
type Templates struct{ Replies *canned.Service }

// Fill implements ticket.Templates.
func (t Templates) Fill(ctx context.Context, id string, in ticket.Filled) (string, error) {
	return t.Replies.Fill(ctx, id, in.Language, map[canned.Place]string{
		canned.CustomerName: in.CustomerName, canned.TicketNumber: in.TicketNumber, canned.OrderNumber: in.OrderNumber,
	})
}

type cannedHandlers struct{ replies *canned.Service }

type cannedBody struct {
	ID        string            `json:"id"`
	Name      string            `json:"name"`
	Language  string            `json:"language"`
	Texts     map[string]string `json:"texts"`
	CreatedAt time.Time         `json:"created_at"`
	UpdatedAt time.Time         `json:"updated_at"`
	Version   int64             `json:"version"`
}

func writeCanned(w http.ResponseWriter, status int, r canned.Reply) error {
	httpapi.SetETag(w, r.Version)
	return httpapi.Write(w, status, cannedBody(r))
}

func cannedIn(r *http.Request) (canned.Reply, int64, error) {
	var in struct {
		Name     string            `json:"name"`
		Language string            `json:"language"`
		Texts    map[string]string `json:"texts"`
	}
	version, err := decodeWrite(r, &in)
	return canned.Reply{Name: in.Name, Language: in.Language, Texts: in.Texts}, version, err
}

// create: 2 state calls.
func (h cannedHandlers) create(w http.ResponseWriter, r *http.Request) error {
	in, _, err := cannedIn(r)
	if err != nil {
		return err
	}
	made, err := h.replies.Create(r.Context(), in)
	if err != nil {
		return err
	}
	w.Header().Set("Location", "/v1/canned-replies/"+made.ID)
	return writeCanned(w, http.StatusCreated, made)
}

// list: 2 state calls, 1 more for each older index page.
func (h cannedHandlers) list(w http.ResponseWriter, r *http.Request) error {
	found, err := h.replies.List(r.Context(), r.URL.Query().Get("cursor"), page.Limit(httpapi.QueryInt(r, "limit")))
	if err != nil {
		return err
	}
	out := page.Of[cannedBody]{Items: make([]cannedBody, len(found.Items)), NextCursor: found.NextCursor}
	for i, one := range found.Items {
		out.Items[i] = cannedBody(one)
	}
	return httpapi.Write(w, http.StatusOK, out)
}

// get: 1 state call.
func (h cannedHandlers) get(w http.ResponseWriter, r *http.Request) error {
	one, err := h.replies.Get(r.Context(), httpapi.Var(r, "id"))
	if err != nil {
		return err
	}
	return writeCanned(w, http.StatusOK, one)
}

// replace: 2 state calls.
func (h cannedHandlers) replace(w http.ResponseWriter, r *http.Request) error {
	in, version, err := cannedIn(r)
	if err != nil {
		return err
	}
	one, err := h.replies.Replace(r.Context(), httpapi.Var(r, "id"), version, in)
	if err != nil {
		return err
	}
	return writeCanned(w, http.StatusOK, one)
}

// remove: 2 state calls, 1 more for each older index page until the one that
// has it.
func (h cannedHandlers) remove(w http.ResponseWriter, r *http.Request) error {
	version, err := httpapi.IfMatch(r)
	if err != nil {
		return err
	}
	if err := h.replies.Delete(r.Context(), httpapi.Var(r, "id"), version); err != nil {
		return err
	}
	return httpapi.NoContent(w)
}
