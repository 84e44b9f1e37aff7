// Package service wires catalog together. Its main runs what it builds beside a
// real sidecar, the simulation beside a simulated one.
package service

import (
	"context"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tienda/internal/app"
	"tienda/internal/contract"
	"tienda/internal/httpapi"
	"tienda/internal/origin/intake"
	"tienda/services/catalog/internal/api"
	"tienda/services/catalog/internal/clients"
	"tienda/services/catalog/internal/collection"
	"tienda/services/catalog/internal/events"
	"tienda/services/catalog/internal/inventory"
	"tienda/services/catalog/internal/pricing"
	"tienda/services/catalog/internal/product"
	"tienda/services/catalog/internal/search"
	"tienda/services/catalog/internal/statestore"
)

// AppID is the service's app ID, which its topic is named after.
const AppID = events.Topic

// freshness is how often a replica looks for changes of the others, so that
// none is older than 2 seconds.
const freshness = time.Second

// A replica that takes in batches of so many documents looks less often: each look would read
// most of what has come again.
const (
	copyBatch     = 50
	copyFreshness = 5 * time.Second
)

// expiryStep is how often a replica looks for reservations of dead orders in
// one of the 64 parts of the catalog: each comes round in 2 minutes.
const expiryStep = 2 * time.Second

// settingsStep is how often a replica looks for other inventory settings.
const settingsStep = 10 * time.Second

// Build wires the service over what the frame gives it.
func Build(_ context.Context, d app.Deps) (app.Built, error) {
	var lines [3]*contract.Schema
	for i, name := range []string{"ImportProduct", "StockUpdate", "PriceUpdate"} {
		var err error
		if lines[i], err = d.Contract.Schema(name); err != nil {
			return app.Built{}, err
		}
	}
	board := &pricing.Board{}
	prices := pricing.NewService(statestore.NewPrices(d.DB), board)
	shown := search.New(statestore.NewShelf(d.DB), api.DetailEncoder(board))
	board.OnChange(shown.PricesChanged)
	stocks := statestore.NewStocks(d.DB)
	stock := inventory.NewService(stocks, shown, prices)
	expiry := inventory.NewExpiry(stock, stocks, clients.NewOrders(d.Sidecar))
	a := &api.API{
		Products:  product.NewService(statestore.NewProducts(d.DB), shown),
		Inventory: stock,
		Shown:     shown,
		Orders:    events.Orders{Stock: stock},
		Prices:    prices,
		Exports:   statestore.NewExports(d.DB),

		Collections: collection.NewService(statestore.NewCollections(d.DB), time.Now),

		ImportLine: lines[0], StockLine: lines[1], PriceLine: lines[2],
	}
	refresh := func(ctx context.Context) error { // lists first: no detail is made without them
		if err := prices.Refresh(ctx); err != nil {
			return err
		}
		return shown.Tick(ctx, copyFreshness)
	}
	expire := func(ctx context.Context) error {
		if !shown.Filled() { // it reads as much as the model does, which is waited for
			return nil
		}
		return expiry.Step(ctx)
	}
	sync, err := statestore.NewSync(d.DB, d.Contract, func(ctx context.Context, documents int) {
		if documents >= copyBatch {
			shown.Copied()
			return
		}
		if err := shown.Freshen(ctx, freshness); err != nil {
			d.Log.WarnContext(ctx, "what was moved in is not shown yet", "error", err)
		}
	})
	if err != nil {
		return app.Built{}, err
	}
	if d.Config.Reverse {
		sync.Announce()
	}
	return app.Built{
		Routes: slices.Concat(
			a.Routes(), sync.Categories.Routes(), sync.Products.Routes(), sync.Stock.Routes(), []httpapi.Route{intake.OutboxRoute(d.DB)},
		),
		Parts: []app.Part{
			app.Every(freshness, d.Log, "looking for changed products and prices", refresh),
			app.Every(expiryStep, d.Log, "looking for reservations of dead orders", expire),
			app.Every(settingsStep, d.Log, "looking for changed inventory settings", stock.RefreshSettings),
		},
		Ready:   []func(context.Context) error{shown.Ready},
		Figures: []prometheus.Collector{figures{stock, shown}},
	}, nil
}
