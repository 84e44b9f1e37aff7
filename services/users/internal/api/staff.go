package api

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"tienda/internal/caller"
	"tienda/internal/fault"
	"tienda/internal/httpapi"
	"tienda/internal/page"
	"tienda/services/users/internal/account"
	"tienda/services/users/internal/directory"
)

// agentText is how many characters a support agent has to search for: who
// helps a customer looks one up, and does not browse them all.
const agentText = 3

var (
	errBrowse = fault.New(fault.Forbidden, "search_needed", "Support agents search for a customer: at least 3 characters.").
			At("q", "has to have 3 characters")
	errFilter = fault.New(fault.Forbidden, "role_missing", "Only admins list accounts by role or state.")
)

// listUsers: no state call; up to 2 for an exact e-mail or ID, so that an
// account is found as soon as it is there.
func (a *API) listUsers(w http.ResponseWriter, r *http.Request) error {
	in := r.URL.Query()
	q := directory.Query{
		Text: in.Get("q"), Role: caller.Role(in.Get("role")), Limit: httpapi.QueryInt(r, "limit"), Cursor: in.Get("cursor"),
	}
	if v := in.Get("disabled"); v != "" {
		is := v == "true"
		q.Disabled = &is
	}
	if !caller.From(r.Context()).Is(caller.Admin) {
		switch {
		case q.Role != "" || q.Disabled != nil:
			return errFilter
		case utf8.RuneCountInString(strings.TrimSpace(q.Text)) < agentText:
			return errBrowse
		}
	}
	if u, ok, err := a.exact(r.Context(), q); err != nil {
		return err
	} else if ok {
		return httpapi.Write(w, http.StatusOK, page.Of[userAnswer]{Items: []userAnswer{userOf(u)}})
	}
	found, next, err := a.directory.List(r.Context(), q)
	if err != nil {
		return err
	}
	out := page.Of[userAnswer]{Items: make([]userAnswer, len(found)), NextCursor: next}
	for i, e := range found {
		out.Items[i] = userAnswer{ID: e.ID, Email: e.Email, Name: e.Name, Roles: e.Roles, Disabled: e.Disabled, CreatedAt: e.CreatedAt}
	}
	return httpapi.Write(w, http.StatusOK, out)
}

// exact gives the account that the whole text names, if the filters let it.
func (a *API) exact(ctx context.Context, q directory.Query) (account.User, bool, error) {
	text := strings.TrimSpace(q.Text)
	var u account.User
	var ok bool
	var err error
	if id, wrong := uuid.Parse(text); wrong == nil {
		u, err = a.accounts.User(ctx, id.String())
		ok = err == nil
		if fault.KindOf(err) == fault.NotFound {
			err = nil
		}
	} else if strings.Contains(text, "@") {
		u, ok, err = a.accounts.Lookup(ctx, text)
	}
	ok = ok && !u.Erased() && (q.Role == "" || slices.Contains(u.Roles, q.Role)) && (q.Disabled == nil || u.Disabled == *q.Disabled)
	return u, ok && q.Cursor == "", err
}

// disableUser: 2 state calls.
func (a *API) disableUser(w http.ResponseWriter, r *http.Request) error {
	var in disableRequest
	if err := httpapi.Decode(r, &in); err != nil {
		return err
	}
	return a.byAdmin(w, r, func(ctx context.Context, by, id string, match int64) (account.User, error) {
		return a.accounts.Disable(ctx, by, id, match, in.Reason)
	})
}

// enableUser: 2 state calls.
func (a *API) enableUser(w http.ResponseWriter, r *http.Request) error {
	return a.byAdmin(w, r, a.accounts.Enable)
}

func (a *API) byAdmin(w http.ResponseWriter, r *http.Request, change func(ctx context.Context, by, id string, match int64) (account.User, error)) error {
	match, err := httpapi.IfMatch(r)
	if err != nil {
		return err
	}
	u, err := change(r.Context(), caller.From(r.Context()).UserID, httpapi.Var(r, "id"), match)
	if err != nil {
		return err
	}
	return writeUser(w, http.StatusOK, u)
}

// deleteUser: 7 state calls.
func (a *API) deleteUser(w http.ResponseWriter, r *http.Request) error {
	match, err := httpapi.IfMatch(r)
	if err != nil {
		return err
	}
	if err := a.accounts.Delete(r.Context(), caller.From(r.Context()).UserID, httpapi.Var(r, "id"), match); err != nil {
		return err
	}
	return httpapi.NoContent(w)
}

// deleteMe: 12 state calls, 4 of them to count the try and to forget it. It is a POST because a DELETE with a body may be
// refused on its way (RFC 9110, 9.3.5).
func (a *API) deleteMe(w http.ResponseWriter, r *http.Request) error {
	var in deleteRequest
	if err := httpapi.Decode(r, &in); err != nil {
		return err
	}
	if err := a.accounts.DeleteOwn(r.Context(), caller.From(r.Context()).UserID, in.Password, a.alsoFactor(in.factorRequest)); err != nil {
		return retryAfter(w, err)
	}
	return httpapi.NoContent(w)
}

// exportMe: 5 state calls, one more for each 200 of the 500 security events.
func (a *API) exportMe(w http.ResponseWriter, r *http.Request) error {
	ctx, id := r.Context(), caller.From(r.Context()).UserID
	u, err := a.accounts.Me(ctx, id)
	if err != nil {
		return err
	}
	if err := a.trail.Write(ctx, id, exported); err != nil {
		return err
	}
	open, err := a.sessions.List(ctx, id)
	if err != nil {
		return err
	}
	records, err := a.trail.Export(ctx, id)
	if err != nil {
		return err
	}
	out := exportAnswer{
		Account: userOf(u), ExternalID: u.ExternalID, Preferences: preferences(u.Preferences),
		Addresses: make([]savedAddress, len(u.Addresses)), Sessions: sessionsOf(open, caller.From(ctx).Session),
		SecurityEvents: make([]eventAnswer, len(records)),
		Elsewhere:      []elsewhere{{"orders and invoices", "/v1/orders"}, {"the cart", "/v1/cart"}, {"help tickets", "/v1/tickets"}, {"returns", "/v1/returns"}},
	}
	for i, ad := range u.Addresses {
		out.Addresses[i] = savedOf(ad)
	}
	for i, e := range records {
		out.SecurityEvents[i] = eventOf(e)
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Disposition", `attachment; filename="tienda.json"`)
	return httpapi.Write(w, http.StatusOK, out)
}
