// Package api is the HTTP side of the migration: its routes, who may call each, and
// the page for people.
package api

import (
	"net/http"

	"tienda/internal/httpapi"
	"tienda/services/migration/internal/events"
	"tienda/services/migration/internal/progress"
)

// App is the app's ID.
const App = "migration"

// Routes are the routes over what the migration can be asked. The page is open: it is
// made of files without data, and its script brings the app token of whoever reads it.
// News of the services' documents goes to h.
func Routes(c progress.Control, h events.Hearer) []httpapi.Route {
	a, own, open := api{c}, httpapi.Own(App), httpapi.Probe
	return append(events.Routes(h), []httpapi.Route{
		{Method: http.MethodGet, Path: "/", Who: open, Handle: file("index.html")},
		{Method: http.MethodGet, Path: "/page.css", Who: open, Handle: file("page.css")},
		{Method: http.MethodGet, Path: "/page/{script}", Who: open, Handle: script},

		{Method: http.MethodGet, Path: "/v1/migration", Who: own, Handle: a.status},
		{Method: http.MethodGet, Path: "/v1/migration/preflight", Who: own, Handle: a.preflight},
		{Method: http.MethodPost, Path: "/v1/migration/start", Who: own, Handle: a.accepted(c.Start)},
		{Method: http.MethodPost, Path: "/v1/migration/stop", Who: own, Handle: a.accepted(c.Stop)},
		{Method: http.MethodGet, Path: "/v1/migration/rejects", Who: own, Handle: a.rejects},
		{Method: http.MethodPost, Path: "/v1/migration/rejects/retry", Who: own, Handle: a.retry},
		{Method: http.MethodGet, Path: "/v1/migration/verify", Who: own, Handle: a.report},
		{Method: http.MethodPost, Path: "/v1/migration/verify", Who: own, Handle: a.accepted(c.Verify)},
		{Method: http.MethodPost, Path: "/v1/migration/repair", Who: own, Handle: a.repair},
	}...)
}
