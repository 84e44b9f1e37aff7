// Package service wires support together. Its main runs what it builds beside a
// real sidecar, the simulation beside a simulated one.
package service

import (
	"context"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tienda/internal/app"
	"tienda/internal/httpapi"
	"tienda/internal/mail"
	"tienda/internal/mail/mailroom"
	"tienda/internal/origin/intake"
	"tienda/services/support/internal/api"
	"tienda/services/support/internal/canned"
	"tienda/services/support/internal/clients"
	"tienda/services/support/internal/events"
	"tienda/services/support/internal/letters"
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
	ticketStore, returnStore, written := statestore.NewTickets(d.DB), statestore.NewReturns(d.DB), statestore.NewLetters(d.DB)
	composer := letters.NewComposer(ticketStore, returnStore, orders, users)
	sender := mail.NewSender(written.Queue(), composer, mailroom.NewMailer(d.Sidecar), time.Now, d.Log)
	written.Queue().Start(sender)
	d.DB.OnPublish(events.Write(written))
	written.OnLeft()
	replies := canned.NewService(statestore.NewReplies(d.DB))
	tickets := ticket.NewService(ticketStore, orders, users, api.Templates{Replies: replies}, clients.NewFiles(d.Sidecar), d.Log)
	returns := rma.NewService(returnStore, orders, clients.NewCatalog(d.Sidecar), tickets, d.Log)
	moved, err := movedRoutes(d)
	if err != nil {
		return app.Built{}, err
	}
	return app.Built{
		Routes: append(api.Routes(tickets, returns, replies), moved...),
		Parts: []app.Part{
			app.Every(refundEvery, d.Log, "refunds of received returns", returns.RefundReceived),
			app.Every(lookEvery, d.Log, "tickets that are late", tickets.Look),
			sender.Part,
		},
		Figures: []prometheus.Collector{figures{tickets}, mailroom.Figures{Sender: sender}},
	}, nil
}

// movedRoutes gives the routes by which the app migration moves documents in, and hears of changes here.
func movedRoutes(d app.Deps) ([]httpapi.Route, error) {
	tickets, err := d.Contract.Schema("SyncTicket")
	if err != nil {
		return nil, err
	}
	returns, err := d.Contract.Schema("SyncReturn")
	if err != nil {
		return nil, err
	}
	ticketKind, returnKind := statestore.MovedTickets(d.DB, tickets.Check), statestore.MovedReturns(d.DB, returns.Check)
	if d.Config.Reverse {
		ticketKind.Announce(AppID)
		returnKind.Announce(AppID)
	}
	return slices.Concat(ticketKind.Routes(), returnKind.Routes(), []httpapi.Route{intake.OutboxRoute(d.DB)}), nil
}
