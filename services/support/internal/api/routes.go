// Package api is support's HTTP edge: its routes, and the requests and
// answers of its contract.
package api

import (
	"net/http"

	"tienda/internal/caller"
	"tienda/internal/httpapi"
	"tienda/services/support/internal/canned"
	"tienda/services/support/internal/rma"
	"tienda/services/support/internal/ticket"
)

// Routes gives every route of the service and who may call it. Whose ticket
// or return it is, the domain checks.
func Routes(tickets *ticket.Service, returns *rma.Service, replies *canned.Service) []httpapi.Route {
	t, r, c := ticketHandlers{tickets}, returnHandlers{returns}, cannedHandlers{replies}
	agent := httpapi.Only(caller.SupportAgent)
	return []httpapi.Route{
		{Method: http.MethodPost, Path: "/v1/tickets", Who: httpapi.SignedIn, Handle: t.open},
		{Method: http.MethodGet, Path: "/v1/tickets", Who: httpapi.SignedIn, Handle: t.list},
		{Method: http.MethodGet, Path: "/v1/tickets/{id}", Who: httpapi.SignedIn, Handle: t.get},
		{Method: http.MethodGet, Path: "/v1/tickets/{id}/messages", Who: httpapi.SignedIn, Handle: t.messages},
		{Method: http.MethodPost, Path: "/v1/tickets/{id}/messages", Who: httpapi.SignedIn, Handle: t.post},
		{Method: http.MethodPut, Path: "/v1/tickets/{id}/messages/{message}/attachments/{attachment}", Who: httpapi.SignedIn, Handle: t.attach},
		{Method: http.MethodGet, Path: "/v1/tickets/{id}/messages/{message}/attachments/{attachment}", Who: httpapi.SignedIn, Handle: t.file},
		{Method: http.MethodPost, Path: "/v1/tickets/{id}/assign", Who: agent, Handle: t.assign},
		{Method: http.MethodPatch, Path: "/v1/tickets/{id}", Who: agent, Handle: t.sort},
		{Method: http.MethodPost, Path: "/v1/tickets/{id}/unassign", Who: agent, Handle: t.act((*ticket.Service).Unassign)},
		{Method: http.MethodPost, Path: "/v1/tickets/{id}/hold", Who: agent, Handle: t.act((*ticket.Service).Hold)},
		{Method: http.MethodPost, Path: "/v1/tickets/{id}/resolve", Who: agent, Handle: t.act((*ticket.Service).Resolve)},
		{Method: http.MethodPost, Path: "/v1/tickets/{id}/close", Who: httpapi.SignedIn, Handle: t.act((*ticket.Service).Close)},
		{Method: http.MethodPost, Path: "/v1/tickets/{id}/rating", Who: httpapi.SignedIn, Handle: t.rate},
		{Method: http.MethodGet, Path: "/v1/tickets/{id}/customer", Who: agent, Handle: t.customer},
		{Method: http.MethodPost, Path: "/v1/canned-replies", Who: agent, Handle: c.create},
		{Method: http.MethodGet, Path: "/v1/canned-replies", Who: agent, Handle: c.list},
		{Method: http.MethodGet, Path: "/v1/canned-replies/{id}", Who: agent, Handle: c.get},
		{Method: http.MethodPut, Path: "/v1/canned-replies/{id}", Who: agent, Handle: c.replace},
		{Method: http.MethodDelete, Path: "/v1/canned-replies/{id}", Who: agent, Handle: c.remove},
		{Method: http.MethodGet, Path: "/v1/worklist", Who: agent, Handle: t.worklist},
		{Method: http.MethodGet, Path: "/v1/queues", Who: agent, Handle: t.queues},
		{Method: http.MethodGet, Path: "/v1/ops/ticket-settings", Who: agent, Handle: t.settings},
		{Method: http.MethodPut, Path: "/v1/ops/ticket-settings", Who: httpapi.Only(caller.Admin), Handle: t.setSettings},

		{Method: http.MethodPost, Path: "/v1/returns", Who: httpapi.SignedIn, Handle: r.request},
		{Method: http.MethodGet, Path: "/v1/returns", Who: httpapi.SignedIn, Handle: r.list},
		{Method: http.MethodGet, Path: "/v1/returns/{id}", Who: httpapi.SignedIn, Handle: r.get},
		{Method: http.MethodPost, Path: "/v1/returns/{id}/approve", Who: agent, Handle: r.approve},
		{Method: http.MethodPut, Path: "/v1/returns/{id}/label", Who: agent, Handle: r.label},
		{Method: http.MethodPost, Path: "/v1/returns/{id}/reject", Who: agent, Handle: r.reject},
		{Method: http.MethodPost, Path: "/v1/returns/{id}/receive", Who: agent, Handle: r.receive},
		{Method: http.MethodPut, Path: "/v1/returns/{id}/receipts/{receipt}", Who: agent, Handle: r.take},
		{Method: http.MethodPost, Path: "/v1/returns/{id}/close", Who: agent, Handle: r.closeShort},
		{Method: http.MethodGet, Path: "/v1/ops/return-policies", Who: agent, Handle: r.policies},
		{Method: http.MethodPut, Path: "/v1/ops/return-policies", Who: httpapi.Only(caller.Admin), Handle: r.setPolicies},

		{Method: http.MethodPost, Path: "/events/orders", Who: httpapi.Sidecar, Handle: r.hearOrders},
	}
}
