// Command orders is the service of carts, checkout and orders.
package main

import (
	"context"
	"io"
	"time"

	"tienda/internal/app"
	"tienda/services/orders/internal/api"
	"tienda/services/orders/internal/cart"
	"tienda/services/orders/internal/checkout"
	"tienda/services/orders/internal/clients"
	"tienda/services/orders/internal/events"
	"tienda/services/orders/internal/order"
	"tienda/services/orders/internal/statestore"
)

const (
	defaultPort   = 8083
	recoveryPause = 5 * time.Second
)

func main() { app.Main(run) }

func run(ctx context.Context, getenv func(string) string, stdout io.Writer) error {
	return app.Service(ctx, events.Topic, defaultPort, getenv, stdout, build)
}

func build(_ context.Context, d app.Deps) (app.Built, error) {
	catalog := clients.NewCatalog(d.Sidecar)
	orders := order.NewService(statestore.NewOrders(d.DB))
	saga := statestore.NewCheckouts(d.DB)
	checkouts := checkout.NewService(saga, clients.NewUsers(d.Sidecar), catalog)
	saga.OnLeft(checkouts.Abandoned)
	a := &api.API{
		Carts:     cart.NewService(statestore.NewCarts(d.DB), clients.NewQuoteCache(catalog)),
		Checkouts: checkouts,
		Orders:    orders,
		Support:   events.Support{Returns: orders, Log: d.Log},
	}
	return app.Built{
		Routes: a.Routes(),
		Parts:  []app.Part{app.Every(recoveryPause, d.Log, "recovery of unsettled checkouts", checkouts.Recover)},
	}, nil
}
