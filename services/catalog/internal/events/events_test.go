package events

import (
	"testing"

	"tienda/internal/event/eventtest"
	"tienda/internal/origin/intake"
	"tienda/services/catalog/internal/inventory"
	"tienda/services/catalog/internal/product"
)

// What the constructors give is what the contract's schema takes and its
// golden example shows.
func TestEventsFitTheirContract(t *testing.T) {
	p := product.Product{ID: "0198d2a0-3333-7000-8000-000000000003", Details: product.Details{
		Slug: "cafe-molido", Variants: []product.Variant{{SKU: "COFFEE-250"}, {SKU: "COFFEE-1000"}},
	}}
	held := inventory.Reservations{"an order": {Quantity: 2}}
	low := &inventory.Stock{SKU: "COFFEE-250", OnHand: 7, Reservations: held}
	low.SetThreshold(nil)
	low.Watch(5)
	eventtest.RequireContract(t, Topic,
		ProductCreated(p), ProductUpdated(p), ProductDeleted(p),
		StockAdjusted(&inventory.Stock{SKU: "COFFEE-250", OnHand: 40, Reservations: held},
			inventory.Adjustment{Delta: 12, Reason: "delivery 4711", Kind: inventory.Delivery, Location: inventory.Main}),
		StockLow(low),
		StockCrossed(&inventory.Stock{SKU: "COFFEE-250", OnHand: 2, Reservations: held}),
		StockCrossed(&inventory.Stock{SKU: "COFFEE-250", OnHand: 9, Reservations: held}),
		intake.Changed(Topic, "stock", "0198d2a4-7b1c-5f00-8a00-5d1f0c3b9a11", false))
}
