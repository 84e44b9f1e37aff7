// Support is the app of help tickets and returns.
package main

import (
	"context"
	"io"
	"time"

	"tienda/internal/app"
	"tienda/services/support/internal/api"
	"tienda/services/support/internal/clients"
	"tienda/services/support/internal/events"
	"tienda/services/support/internal/rma"
	"tienda/services/support/internal/statestore"
	"tienda/services/support/internal/ticket"
)

const (
	port = 8084
	// refundEvery is the pause between two looks for returns that were
	// received and not refunded; a look costs 1 state call.
	refundEvery = 10 * time.Second
)

func main() { app.Main(run) }

func run(ctx context.Context, getenv func(string) string, stdout io.Writer) error {
	return app.Service(ctx, events.App, port, getenv, stdout, build)
}

func build(_ context.Context, d app.Deps) (app.Built, error) {
	orders, users := clients.NewOrders(d.Sidecar), clients.NewUsers(d.Sidecar)
	tickets := ticket.NewService(statestore.NewTickets(d.DB), orders, users, d.Log)
	returns := rma.NewService(statestore.NewReturns(d.DB), orders, tickets, d.Log)
	return app.Built{
		Routes: api.Routes(tickets, returns),
		Parts:  []app.Part{app.Every(refundEvery, d.Log, "refunds of received returns", returns.RefundReceived)},
	}, nil
}
