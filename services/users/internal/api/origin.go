package api

import (
	"net/http"
	"strings"

	"tienda/internal/caller"
	"tienda/internal/httpapi"
	"tienda/internal/trace"
	"tienda/services/users/internal/audit"
)

// audited gives the routes with the request's origin in the context of each,
// for the security events that a change records.
func audited(routes []httpapi.Route) []httpapi.Route {
	for i := range routes {
		handle, anyone := routes[i].Handle, routes[i].Who.String() == httpapi.Anyone.String()
		routes[i].Handle = func(w http.ResponseWriter, r *http.Request) error {
			o := origin(r)
			if anyone { // a token that comes along has nothing to do with the account that it is about
				o.ActorID, o.Session = "", ""
			}
			return handle(w, r.WithContext(audit.With(r.Context(), o)))
		}
	}
	return routes
}

func origin(r *http.Request) audit.Origin {
	c := caller.From(r.Context())
	o := audit.Origin{
		ActorID: c.UserID, Session: c.Session, RequestID: trace.From(r.Context()).RequestID,
		Address: c.Address, Agent: strings.ToValidUTF8(r.UserAgent(), "?"),
	}
	if o.ActorID == "" && c.App != "" && c.App != gateway {
		o.ActorID = c.App
	}
	return o
}

// gateway is the app that passes on what clients ask.
const gateway = "gateway"
