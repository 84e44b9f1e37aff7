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

// Routes are the routes over what the migration can be asked, and what the gateways are
// told. The page is open: it is
// made of files without data, and its script brings the app token of whoever reads it.
// News of the services' documents goes to h.
func Routes(c progress.Control, r Routing, h events.Hearer) []httpapi.Route {
	a, own, open, gateway := api{c, r}, httpapi.Own(App), httpapi.Probe, httpapi.Apps("gateway")
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

		{Method: http.MethodGet, Path: "/v1/migration/routing", Who: own, Handle: a.getRouting},
		{Method: http.MethodGet, Path: "/v1/migration/routing/differences", Who: own, Handle: a.differences},
		{Method: http.MethodDelete, Path: "/v1/migration/routing/differences", Who: own, Handle: a.resetDifferences},
		{Method: http.MethodDelete, Path: "/v1/migration/routing/replicas/{replica}", Who: own, Handle: a.forgetReplica},
		{Method: http.MethodPut, Path: "/v1/migration/routing/{service}", Who: own, Handle: a.setRouting},
		{Method: http.MethodPost, Path: "/internal/v1/routing", Who: gateway, Handle: a.poll},
	}...)
}
