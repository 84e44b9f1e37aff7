// Package events is what catalog announces on its topic, and what it hears on
// that of orders.
package events

import (
	"tienda/internal/event"
	"tienda/services/catalog/internal/inventory"
	"tienda/services/catalog/internal/product"
)

// Topic is the topic of this service, which is also its app ID.
const Topic = "catalog"

type productChanged struct {
	ProductID string   `json:"product_id"`
	Slug      string   `json:"slug"`
	SKUs      []string `json:"skus"`
}

type productDeleted struct {
	ProductID string   `json:"product_id"`
	SKUs      []string `json:"skus"`
}

type stockAdjusted struct {
	SKU       string `json:"sku"`
	Delta     int    `json:"delta"`
	OnHand    int    `json:"on_hand"`
	Available int    `json:"available"`
	Reason    string `json:"reason"`
	Kind      string `json:"kind"`
	Location  string `json:"location"`
}

type stockDepleted struct {
	SKU string `json:"sku"`
}

type stockLow struct {
	SKU       string `json:"sku"`
	Available int    `json:"available"`
	Threshold int    `json:"threshold"`
}

type stockReplenished struct {
	SKU       string `json:"sku"`
	Available int    `json:"available"`
}

// ProductCreated announces a new product.
func ProductCreated(p product.Product) event.Event {
	return event.New(Topic, "product_created", p.ID, productChanged{p.ID, p.Slug, p.SKUs()})
}

// ProductUpdated announces that a product is stated anew.
func ProductUpdated(p product.Product) event.Event {
	return event.New(Topic, "product_updated", p.ID, productChanged{p.ID, p.Slug, p.SKUs()})
}

// ProductDeleted announces that a product is gone.
func ProductDeleted(p product.Product) event.Event {
	return event.New(Topic, "product_deleted", p.ID, productDeleted{p.ID, p.SKUs()})
}

// StockAdjusted announces that staff or a return changed what is on hand.
func StockAdjusted(s *inventory.Stock, a inventory.Adjustment) event.Event {
	return event.New(Topic, "stock_adjusted", s.SKU, stockAdjusted{
		s.SKU, a.Delta, s.OnHand, s.Available(), a.Reason, string(a.Kind), a.Location,
	})
}

// StockLow announces that no more of a SKU are available than its threshold.
func StockLow(s *inventory.Stock) event.Event {
	return event.New(Topic, "stock_low", s.SKU, stockLow{s.SKU, s.Available(), s.WentBy()})
}

// StockCrossed announces that a SKU has run out, or can be bought again.
func StockCrossed(s *inventory.Stock) event.Event {
	if n := s.Available(); n > 0 {
		return event.New(Topic, "stock_replenished", s.SKU, stockReplenished{s.SKU, n})
	}
	return event.New(Topic, "stock_depleted", s.SKU, stockDepleted{s.SKU})
}
