// Package api is the HTTP side of orders: its routes, and the requests and
// answers that contracts/openapi/orders.yaml describes.
package api

import (
	"net/http"

	"tienda/internal/caller"
	"tienda/internal/httpapi"
	"tienda/services/orders/internal/cart"
	"tienda/services/orders/internal/checkout"
	"tienda/services/orders/internal/events"
	"tienda/services/orders/internal/history"
	"tienda/services/orders/internal/order"
	"tienda/services/orders/internal/promotion"
	"tienda/services/orders/internal/settings"
	"tienda/services/orders/internal/terms"
)

// API holds what the handlers need.
type API struct {
	Carts      *cart.Service
	Saves      *cart.Saves
	Checkouts  *checkout.Service
	Orders     *order.Service
	History    *history.Service
	Settings   *settings.Service
	Promotions *promotion.Service
	Terms      *terms.Model
	Support    events.Support
	Users      events.Users
	Callbacks  Callbacks
	Secrets    Secrets
}

// Routes are all the routes of the service, its probes excepted.
func (a *API) Routes() []httpapi.Route {
	fulfil := httpapi.Only(caller.SupportAgent).OrScopes(caller.OrdersFulfil)
	readers := httpapi.Anyone.OrScopes(caller.OrdersRead, caller.OrdersFulfil)
	counters := httpapi.Only(caller.SupportAgent, caller.CatalogManager).OrScopes(caller.OrdersRead)
	sales, admin := httpapi.Only(caller.CatalogManager), httpapi.Only(caller.Admin)
	support, catalog := httpapi.Apps("support"), httpapi.Apps("catalog")
	return []httpapi.Route{
		{Method: http.MethodGet, Path: "/v1/cart", Who: httpapi.Anyone, Handle: a.getCart},
		{Method: http.MethodDelete, Path: "/v1/cart", Who: httpapi.Anyone, Handle: a.emptyCart},
		{Method: http.MethodPut, Path: "/v1/cart/items/{sku}", Who: httpapi.Anyone, Handle: a.putItem},
		{Method: http.MethodDelete, Path: "/v1/cart/items/{sku}", Who: httpapi.Anyone, Handle: a.removeItem},
		{Method: http.MethodPut, Path: "/v1/cart/promotions/{code}", Who: httpapi.Anyone, Handle: a.applyCode},
		{Method: http.MethodDelete, Path: "/v1/cart/promotions/{code}", Who: httpapi.Anyone, Handle: a.dropCode},

		{Method: http.MethodGet, Path: "/v1/saved-carts", Who: httpapi.SignedIn, Handle: a.listSaved},
		{Method: http.MethodPut, Path: "/v1/saved-carts/{id}", Who: httpapi.SignedIn, Handle: a.keepCart},
		{Method: http.MethodDelete, Path: "/v1/saved-carts/{id}", Who: httpapi.SignedIn, Handle: a.dropSaved},
		{Method: http.MethodPost, Path: "/v1/saved-carts/{id}/restore", Who: httpapi.SignedIn, Handle: a.restoreCart},

		{Method: http.MethodGet, Path: "/v1/promotions", Who: sales, Handle: a.listPromotions},
		{Method: http.MethodPost, Path: "/v1/promotions", Who: sales, Handle: a.createPromotion},
		{Method: http.MethodGet, Path: "/v1/promotions/{id}", Who: sales, Handle: a.getPromotion},
		{Method: http.MethodPut, Path: "/v1/promotions/{id}", Who: sales, Handle: a.updatePromotion},
		{Method: http.MethodPost, Path: "/v1/promotions/{id}/end", Who: sales, Handle: a.endPromotion},
		{Method: http.MethodGet, Path: "/v1/settings/tax", Who: admin, Handle: a.getTax},
		{Method: http.MethodPut, Path: "/v1/settings/tax", Who: admin, Handle: a.putTax},
		{Method: http.MethodGet, Path: "/v1/settings/shipping", Who: admin, Handle: a.getShipping},
		{Method: http.MethodPut, Path: "/v1/settings/shipping", Who: admin, Handle: a.putShipping},
		{Method: http.MethodGet, Path: "/v1/settings/payments", Who: admin, Handle: a.getPayments},
		{Method: http.MethodPut, Path: "/v1/settings/payments", Who: admin, Handle: a.putPayments},

		{Method: http.MethodPost, Path: "/v1/orders", Who: httpapi.Anyone, Handle: a.checkout},
		{Method: http.MethodGet, Path: "/v1/orders", Who: httpapi.Anyone.OrScopes(caller.OrdersRead), Handle: a.listOrders},
		{Method: http.MethodGet, Path: "/v1/orders/totals", Who: counters, Handle: a.totals},
		{Method: http.MethodGet, Path: "/v1/orders/{id}", Who: readers, Handle: a.getOrder},
		{Method: http.MethodPost, Path: "/v1/orders/{id}/cancel", Who: httpapi.Anyone, Handle: a.cancel},
		{Method: http.MethodPost, Path: "/v1/orders/{id}/cancellations", Who: httpapi.Anyone, Handle: a.cancelLines},
		{Method: http.MethodPut, Path: "/v1/orders/{id}/address", Who: httpapi.Anyone, Handle: a.readdress},
		{Method: http.MethodPost, Path: "/v1/orders/{id}/ship", Who: fulfil, Handle: a.ship},
		{Method: http.MethodPost, Path: "/v1/orders/{id}/deliver", Who: fulfil, Handle: a.deliver},
		{Method: http.MethodPost, Path: "/v1/orders/{id}/payment/capture", Who: fulfil, Handle: a.recapture},
		{Method: http.MethodPost, Path: "/v1/orders/{id}/shipments", Who: fulfil, Handle: a.dispatch},
		{Method: http.MethodPost, Path: "/v1/orders/{id}/shipments/{shipment}/deliver", Who: fulfil, Handle: a.deliverShipment},

		// A payment provider has no account here: its signature is looked at.
		{Method: http.MethodPost, Path: "/v1/payments/callbacks/{provider}", Who: httpapi.Anyone, Handle: a.callback},

		{Method: http.MethodGet, Path: "/internal/v1/orders/{id}", Who: support, Handle: a.readOrder},
		{Method: http.MethodPost, Path: "/internal/v1/order-states", Who: catalog, Handle: a.orderStates},
		{Method: http.MethodGet, Path: "/internal/v1/users/{id}/orders", Who: support, Handle: a.listOrdersOfUser},
		{Method: http.MethodPost, Path: "/internal/v1/orders/{id}/refunds", Who: support, Handle: a.refund},

		{Method: http.MethodPost, Path: "/events/support", Who: httpapi.Sidecar, Handle: a.Support.Hear},
		{Method: http.MethodPost, Path: "/events/users", Who: httpapi.Sidecar, Handle: a.Users.Hear},
	}
}
