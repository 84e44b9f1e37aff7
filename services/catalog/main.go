// Command catalog is the service of products, categories and stock.
package main

import (
	"context"
	"io"
	"time"

	"tienda/internal/app"
	"tienda/services/catalog/internal/api"
	"tienda/services/catalog/internal/events"
	"tienda/services/catalog/internal/inventory"
	"tienda/services/catalog/internal/product"
	"tienda/services/catalog/internal/search"
	"tienda/services/catalog/internal/statestore"
)

const (
	defaultPort = 8082
	// freshness is how often a replica looks for changes of the others, so
	// that none is older than 2 seconds.
	freshness = time.Second
)

func main() { app.Main(run) }

func run(ctx context.Context, getenv func(string) string, stdout io.Writer) error {
	return app.Service(ctx, events.Topic, defaultPort, getenv, stdout, build)
}

func build(_ context.Context, d app.Deps) (app.Built, error) {
	line, err := d.Contract.Schema("ImportProduct")
	if err != nil {
		return app.Built{}, err
	}
	shown := search.New(statestore.NewShelf(d.DB), api.EncodeDetail)
	stock := inventory.NewService(statestore.NewStocks(d.DB), shown)
	a := &api.API{
		Products:   product.NewService(statestore.NewProducts(d.DB), shown),
		Inventory:  stock,
		Shown:      shown,
		Orders:     events.Orders{Stock: stock},
		ImportLine: line,
	}
	return app.Built{
		Routes: a.Routes(),
		Parts:  []app.Part{app.Every(freshness, d.Log, "looking for changed products", shown.Refresh)},
		Ready:  []func(context.Context) error{shown.Ready},
	}, nil
}
