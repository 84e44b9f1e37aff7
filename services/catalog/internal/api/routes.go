// Package api is the HTTP side of the catalog service: its routes, who may
// call each, and what is said on the wire.
package api

import (
	"net/http"

	"tienda/internal/caller"
	"tienda/internal/contract"
	"tienda/internal/httpapi"
	"tienda/services/catalog/internal/collection"
	"tienda/services/catalog/internal/events"
	"tienda/services/catalog/internal/export"
	"tienda/services/catalog/internal/inventory"
	"tienda/services/catalog/internal/pricing"
	"tienda/services/catalog/internal/product"
	"tienda/services/catalog/internal/search"
)

// API answers the routes.
type API struct {
	Products  *product.Service
	Inventory *inventory.Service
	Shown     *search.Model
	Languages product.Negotiator
	Prices    *pricing.Service
	Exports   export.Source

	Collections *collection.Service

	Orders     events.Orders
	ImportLine *contract.Schema // the contract's ImportProduct
	StockLine  *contract.Schema // StockUpdate
	PriceLine  *contract.Schema // PriceUpdate
}

// Routes lists every route of the service but the probes.
func (a *API) Routes() []httpapi.Route {
	staff, orders := httpapi.Only(caller.CatalogManager).OrScopes(caller.CatalogWrite), httpapi.Apps("orders")
	stock := httpapi.Only(caller.CatalogManager).OrScopes(caller.InventoryWrite)
	either := httpapi.Only(caller.CatalogManager).OrScopes(caller.CatalogWrite, caller.InventoryWrite)
	anyone := httpapi.Anyone.OrScopes(caller.CatalogWrite, caller.InventoryWrite)
	loaders := httpapi.Apps("gateway", "migration")
	return []httpapi.Route{
		{Method: http.MethodGet, Path: "/v1/products", Who: anyone, Handle: a.filled(a.listProducts)},
		{Method: http.MethodPost, Path: "/v1/products", Who: staff, Handle: a.createProduct},
		{Method: http.MethodGet, Path: "/v1/products/suggestions", Who: anyone, Handle: a.filled(a.suggest)},
		{Method: http.MethodGet, Path: "/v1/products/{id}", Who: anyone, Handle: a.filled(a.getProduct)},
		{Method: http.MethodPut, Path: "/v1/products/{id}", Who: staff, Handle: a.replaceProduct},
		{Method: http.MethodDelete, Path: "/v1/products/{id}", Who: staff, Handle: a.deleteProduct},

		{Method: http.MethodGet, Path: "/v1/categories", Who: anyone, Handle: a.filled(a.listCategories)},
		{Method: http.MethodPost, Path: "/v1/categories", Who: staff, Handle: a.createCategory},
		{Method: http.MethodPut, Path: "/v1/categories/{slug}", Who: staff, Handle: a.changeCategory},
		{Method: http.MethodDelete, Path: "/v1/categories/{slug}", Who: staff, Handle: a.filled(a.deleteCategory)},

		{Method: http.MethodGet, Path: "/v1/collections", Who: anyone, Handle: a.listCollections},
		{Method: http.MethodPost, Path: "/v1/collections", Who: staff, Handle: a.createCollection},
		{Method: http.MethodGet, Path: "/v1/collections/{slug}", Who: anyone, Handle: a.getCollection},
		{Method: http.MethodPut, Path: "/v1/collections/{slug}", Who: staff, Handle: a.changeCollection},
		{Method: http.MethodDelete, Path: "/v1/collections/{slug}", Who: staff, Handle: a.deleteCollection},
		{Method: http.MethodGet, Path: "/v1/collections/{slug}/products", Who: anyone, Handle: a.filled(a.listCollectionProducts)},

		{Method: http.MethodGet, Path: "/v1/price-lists", Who: staff, Handle: a.listPriceLists},
		{Method: http.MethodPost, Path: "/v1/price-lists", Who: staff, Handle: a.createPriceList},
		{Method: http.MethodPut, Path: "/v1/price-lists/{id}", Who: staff, Handle: a.changePriceList},
		{Method: http.MethodDelete, Path: "/v1/price-lists/{id}", Who: staff, Handle: a.deletePriceList},
		{Method: http.MethodGet, Path: "/v1/prices/{sku}", Who: staff, Handle: a.getPrices},
		{Method: http.MethodPut, Path: "/v1/prices/{sku}", Who: staff, Handle: a.replacePrices},
		{Method: http.MethodGet, Path: "/v1/prices/{sku}/history", Who: staff, Handle: a.listPriceChanges},

		{Method: http.MethodGet, Path: "/v1/exports/{kind}", Who: either, Handle: a.filled(a.export)},
		{Method: http.MethodPost, Path: "/v1/imports/products", Who: staff, Handle: a.importProducts},
		{Method: http.MethodPost, Path: "/v1/price-updates", Who: staff, Handle: a.updatePrices},
		{Method: http.MethodPost, Path: "/v1/stock-updates", Who: stock, Handle: a.updateStock},

		{Method: http.MethodGet, Path: "/v1/inventory", Who: stock, Handle: a.filled(a.listInventory)},
		{Method: http.MethodPut, Path: "/v1/inventory/{sku}/settings", Who: stock, Handle: a.putStockSettings},
		{Method: http.MethodGet, Path: "/v1/inventory/{sku}", Who: stock, Handle: a.getInventory},
		{Method: http.MethodPatch, Path: "/v1/inventory/{sku}", Who: stock, Handle: a.adjustInventory},
		{Method: http.MethodPost, Path: "/v1/inventory/{sku}/transfers", Who: stock, Handle: a.transferInventory},
		{Method: http.MethodGet, Path: "/v1/inventory/{sku}/ledger", Who: stock, Handle: a.listLedger},
		{Method: http.MethodGet, Path: "/v1/settings/inventory", Who: stock, Handle: a.getInventorySettings},
		{Method: http.MethodPut, Path: "/v1/settings/inventory", Who: stock, Handle: a.putInventorySettings},

		{Method: http.MethodPost, Path: "/internal/v1/quotes", Who: httpapi.Apps("orders", "support"), Handle: a.quote},
		{Method: http.MethodPut, Path: "/internal/v1/reservations/{order_id}", Who: orders, Handle: a.reserve},
		{Method: http.MethodPost, Path: "/internal/v1/reservations/{order_id}/commit", Who: orders, Handle: a.commit},
		{Method: http.MethodPost, Path: "/internal/v1/reservations/{order_id}/release", Who: orders, Handle: a.release},
		{Method: http.MethodPost, Path: "/internal/v1/reservations/{order_id}/waiting", Who: orders, Handle: a.waiting},
		{Method: http.MethodPost, Path: "/internal/v1/import/products", Who: loaders, Handle: a.importProducts},
		{Method: http.MethodPost, Path: "/events/orders", Who: httpapi.Sidecar, Handle: a.Orders.Hear},
		{Method: http.MethodPost, Path: "/internal/v1/sync/news", Who: httpapi.Apps("migration"), Handle: a.Orders.News},
	}
}

// filled answers over the read model, once it has been filled.
func (a *API) filled(h httpapi.Handler) httpapi.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := a.Shown.Wait(r.Context()); err != nil {
			return err
		}
		return h(w, r)
	}
}
