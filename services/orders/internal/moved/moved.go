// Package moved is orders as they come from the system that the shop was moved off: the
// document of one, the order that is made of it, and the document that an order would be
// now. Of a document that was taken, the order gives the same document again, until it is
// changed here: SyncOrder of contracts/openapi/orders.yaml says how.
package moved

import (
	"time"

	"tienda/internal/money"
	"tienda/services/orders/internal/order"
)

// Order is the document of an order. What is left out is zero or nil.
type Order struct {
	Number       string       `json:"number"`
	CustomerID   string       `json:"customer_id,omitempty"` // "": a guest
	Email        string       `json:"email,omitempty"`
	Language     string       `json:"language,omitempty"`
	Currency     string       `json:"currency"` // of all amounts
	Status       order.Status `json:"status"`
	Lines        []Line       `json:"lines"`
	Totals       Totals       `json:"totals"`
	TaxIncluded  *bool        `json:"tax_included,omitempty"`
	Payment      Payment      `json:"payment"`
	Address      *Address     `json:"shipping_address,omitempty"`
	Note         string       `json:"note,omitempty"`
	Tracking     string       `json:"tracking,omitempty"`
	CancelReason string       `json:"cancel_reason,omitempty"`
	CreatedAt    time.Time    `json:"created_at"`
	ShippedAt    time.Time    `json:"shipped_at,omitzero"`
	DeliveredAt  time.Time    `json:"delivered_at,omitzero"`
	CancelledAt  time.Time    `json:"cancelled_at,omitzero"`
}

// Line is pieces of one SKU; a SKU may be in more than one line.
type Line struct {
	SKU         string       `json:"sku"`
	ProductID   string       `json:"product_id,omitempty"`
	Name        string       `json:"name"`
	VariantName string       `json:"variant_name,omitempty"`
	Quantity    int          `json:"quantity"`
	UnitPrice   money.Money  `json:"unit_price"`
	Total       money.Money  `json:"total"`
	Tax         *money.Money `json:"tax,omitempty"`
}

// Totals are the sums as the source has them.
type Totals struct {
	Goods    money.Money  `json:"goods"`
	Discount *money.Money `json:"discount,omitempty"`
	Shipping *money.Money `json:"shipping,omitempty"`
	Tax      *money.Money `json:"tax,omitempty"`
	Total    money.Money  `json:"total"`
}

// Payment is what was paid, and given back, before.
type Payment struct {
	Method    order.PaymentMethod `json:"method"`
	Status    order.PaymentStatus `json:"status"`
	Paid      money.Money         `json:"paid"`
	Refunded  money.Money         `json:"refunded"`
	Reference string              `json:"reference,omitempty"`
}

// Address is where the order went, as far as that is known.
type Address struct {
	Name       string `json:"name,omitempty"`
	Line1      string `json:"line1,omitempty"`
	Line2      string `json:"line2,omitempty"`
	City       string `json:"city,omitempty"`
	Region     string `json:"region,omitempty"`
	PostalCode string `json:"postal_code,omitempty"`
	Country    string `json:"country,omitempty"`
	Phone      string `json:"phone,omitempty"`
}
