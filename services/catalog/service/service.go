// Package service wires catalog together. Its main runs what it builds beside a
// real sidecar, the simulation beside a simulated one.
package service

import (
	"context"
	"time"

	"tienda/internal/app"
	"tienda/services/catalog/internal/api"
	"tienda/services/catalog/internal/events"
	"tienda/services/catalog/internal/inventory"
	"tienda/services/catalog/internal/product"
	"tienda/services/catalog/internal/search"
	"tienda/services/catalog/internal/statestore"
)

// AppID is the service's app ID, which its topic is named after.
const AppID = events.Topic

// freshness is how often a replica looks for changes of the others, so that
// none is older than 2 seconds.
const freshness = time.Second

// Build wires the service over what the frame gives it.
func Build(_ context.Context, d app.Deps) (app.Built, error) {
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
