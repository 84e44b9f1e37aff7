// Package service wires support together. Its main runs what it builds beside a
// real sidecar, the simulation beside a simulated one.
package service

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tienda/internal/app"
	"tienda/services/support/internal/api"
	"tienda/services/support/internal/canned"
	"tienda/services/support/internal/clients"
	"tienda/services/support/internal/events"
	"tienda/services/support/internal/rma"
	"tienda/services/support/internal/statestore"
	"tienda/services/support/internal/ticket"
)

// AppID is the service's app ID, which its topic is named after.
const AppID = events.App

// refundEvery is the pause between two looks for returns that were received
// and not refunded; a look costs 1 state call.
const refundEvery = 10 * time.Second

// lookEvery is the pause between two looks for tickets that are late; a look
// costs 1 state call, and 2 for each ticket that is escalated.
const lookEvery = 10 * time.Second

// Build wires the service over what the frame gives it.
func Build(_ context.Context, d app.Deps) (app.Built, error) {
	orders, users := clients.NewOrders(d.Sidecar), clients.NewUsers(d.Sidecar)
	replies := canned.NewService(statestore.NewReplies(d.DB))
	tickets := ticket.NewService(statestore.NewTickets(d.DB), orders, users, api.Templates{Replies: replies}, d.Log)
	returns := rma.NewService(statestore.NewReturns(d.DB), orders, tickets, d.Log)
	return app.Built{
		Routes: api.Routes(tickets, returns, replies),
		Parts: []app.Part{
			app.Every(refundEvery, d.Log, "refunds of received returns", returns.RefundReceived),
			app.Every(lookEvery, d.Log, "tickets that are late", tickets.Look),
		},
		Figures: []prometheus.Collector{figures{tickets}},
	}, nil
}
