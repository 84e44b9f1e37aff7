// Package ops is what the gateway answers itself for those who run the shop: the
// dead letters of all apps in one list. The apps own them; this only asks each.
package ops

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"tienda/internal/caller"
	"tienda/internal/deadletter"
	"tienda/internal/httpapi"
	"tienda/internal/page"
	"tienda/internal/sidecar"
)

// overview is where the letters of all apps are listed; those of one app are
// below it.
const overview = "/v1/ops/dead-letters"

// askLimit bounds the question to one app, so that one that is away does not
// hold back what the others have to say.
const askLimit = 3 * time.Second

// Apps calls an app by its ID.
type Apps interface {
	Invoke(ctx context.Context, c sidecar.Call) error
}

// appLetters says how many letters an app has; Counts is nil while it is away.
type appLetters struct {
	App    string             `json:"app"`
	Counts *deadletter.Counts `json:"counts,omitempty"`
}

// letters is the newest letters of all apps.
type letters struct {
	Items []deadletter.View `json:"items"`
	Apps  []appLetters      `json:"apps"`
}

// DeadLetters gives the route that lists the dead letters of the apps, which are
// those of the moment.
func DeadLetters(apps Apps, ids func() []string) httpapi.Route {
	return httpapi.Route{Method: http.MethodGet, Path: overview, Who: httpapi.Only(caller.Admin),
		Handle: func(w http.ResponseWriter, r *http.Request) error {
			limit := page.Limit(httpapi.QueryInt(r, "limit"))
			return httpapi.Write(w, http.StatusOK, ask(r.Context(), apps, ids(), r.URL.RawQuery, limit))
		}}
}

// ask asks every app at once: one invocation each.
func ask(ctx context.Context, apps Apps, ids []string, query string, limit int) letters {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	answers := make([]*deadletter.List, len(ids))
	var wg sync.WaitGroup
	for i, id := range ids {
		wg.Go(func() {
			path := deadletter.Path(id)
			if query != "" {
				path += "?" + query
			}
			var list deadletter.List
			if apps.Invoke(ctx, sidecar.Call{App: id, Method: http.MethodGet, Path: path, Out: &list}) == nil {
				answers[i] = &list
			}
		})
	}
	wg.Wait()
	out := letters{Items: []deadletter.View{}, Apps: make([]appLetters, len(ids))}
	for i, a := range answers {
		out.Apps[i].App = ids[i]
		if a != nil {
			out.Apps[i].Counts = &a.Counts
			out.Items = append(out.Items, a.Items...)
		}
	}
	slices.SortStableFunc(out.Items, func(a, b deadletter.View) int {
		return cmp.Or(b.Last.Compare(a.Last), strings.Compare(a.ID, b.ID))
	})
	out.Items = out.Items[:min(limit, len(out.Items))]
	return out
}
