// Package order is what a shopper has bought: the lines with the prices of
// the moment, where it goes, how it is paid, and what happened to it since.
package order

import (
	"encoding/base32"
	"time"

	"github.com/google/uuid"

	"tienda/internal/fault"
	"tienda/internal/money"
	"tienda/internal/origin"
	"tienda/services/orders/internal/payment"
	"tienda/services/orders/internal/pricing"
	"tienda/services/orders/internal/shopper"
)

// Line is pieces of one SKU, as they were when they were sold. A pending
// order knows only SKU and quantity.
type Line struct {
	SKU         string       `json:"sku"`
	Quantity    int          `json:"quantity"`
	ProductID   string       `json:"product_id,omitempty"`
	Slug        string       `json:"slug,omitempty"`
	Name        string       `json:"name,omitempty"`
	VariantName string       `json:"variant_name,omitempty"`
	Category    string       `json:"category,omitempty"`
	TaxClass    string       `json:"tax_class,omitempty"`
	Weight      int64        `json:"weight_grams,omitempty"` // of one
	UnitPrice   *money.Money `json:"unit_price,omitempty"`
	LineTotal   *money.Money `json:"line_total,omitempty"` // before discounts and tax that is added
	// Backordered is how many of Quantity were not in stock when it was ordered;
	// ExpectedAt when they were to come, zero: not known.
	Backordered int       `json:"backordered,omitempty"`
	ExpectedAt  time.Time `json:"expected_at,omitzero"`
	Cancelled   int       `json:"cancelled,omitempty"` // of Quantity
	// Charge is what the line costs; nil in orders from before there were discounts
	// and taxes, which cost their line totals.
	Charge *pricing.Charge `json:"charge,omitempty"`
	// MovedTax is the tax that a line which was moved in came with; nil: none was stated.
	MovedTax *int64 `json:"moved_tax,omitempty"`
}

// Left is how many pieces of the line were not cancelled.
func (l Line) Left() int { return l.Quantity - l.Cancelled }

// Cost is what was paid for the line, tax included, and the tax in it. Of what was
// cancelled of it Cancellations tell.
func (l Line) Cost() (total, tax int64) {
	if l.Charge != nil {
		return l.Charge.Total, l.Charge.Tax
	}
	return l.UnitPrice.Amount * int64(l.Quantity), 0
}

// Address is where an order goes: a copy, which later changes of the account
// do not touch.
type Address struct {
	Name       string `json:"name"`
	Line1      string `json:"line1"`
	Line2      string `json:"line2,omitempty"`
	City       string `json:"city"`
	Region     string `json:"region,omitempty"`
	PostalCode string `json:"postal_code"`
	Country    string `json:"country"` // ISO 3166 alpha-2
	Phone      string `json:"phone,omitempty"`
}

// Payment is how much of the total is due, paid and refunded, in minor units
// of the order's currency.
type Payment struct {
	Method   PaymentMethod `json:"method"`
	Status   PaymentStatus `json:"status"`
	Due      int64         `json:"due"`
	Paid     int64         `json:"paid"`
	Refunded int64         `json:"refunded"`
	AtOnce   bool          `json:"at_once,omitempty"` // a card is charged when the order is confirmed, not when it is shipped

	Card *payment.Payment `json:"card,omitempty"` // what the provider does; nil without one
	// Reference is that of a payment in the system that the order was moved in from.
	Reference string `json:"reference,omitempty"`
}

// Refusal is why a checkout came to nothing, kept for its repeats.
type Refusal struct {
	Code   string        `json:"code"`
	Detail string        `json:"detail"`
	Fields []fault.Field `json:"fields,omitempty"`
	Kind   fault.Kind    `json:"kind"`
}

// Asked is what the shopper asked for besides the goods: kept, so that whoever takes
// the checkout on prices the same.
type Asked struct {
	Codes    []string     `json:"codes,omitempty"`           // of promotions
	Method   string       `json:"shipping_method,omitempty"` // "": the cheapest
	Expected *money.Money `json:"expected_total,omitempty"`  // nil: any
}

// Order is one purchase.
type Order struct {
	ID        string           `json:"id"`
	Number    string           `json:"number"`
	Owner     shopper.Owner    `json:"owner"`
	Request   string           `json:"request"` // SHA-256 of the checkout request that made it
	Attempt   string           `json:"attempt"` // which try of that request wrote it
	Status    Status           `json:"status"`
	Email     string           `json:"email"`
	Language  string           `json:"language,omitempty"`
	Currency  string           `json:"currency"`
	Lines     []Line           `json:"lines"`
	Total     int64            `json:"total"`           // minor units
	Totals    pricing.Totals   `json:"totals,omitzero"` // zero in old orders, as Line.Charge
	Shipping  *pricing.Shipped `json:"shipping,omitempty"`
	Replaces  string           `json:"replaces,omitempty"` // the order whose exchange this is
	Redeemed  []string         `json:"redeemed,omitempty"` // IDs of the promotions that count its use
	Asked     Asked            `json:"asked,omitzero"`
	Address   Address          `json:"address"`
	Payment   Payment          `json:"payment"`
	Refunds   []Refund         `json:"refunds,omitempty"`
	Returns   []Return         `json:"returns,omitempty"`
	Shipments []Shipment       `json:"shipments,omitempty"` // none in old orders that were shipped whole
	// Cancellations are of lines; one that is cancelled as a whole by Cancel has none of it.
	Cancellations []Cancellation `json:"cancellations,omitempty"`
	Note          string         `json:"note,omitempty"`
	Tracking      string         `json:"tracking,omitempty"` // of the last shipment that has one
	CancelReason  string         `json:"cancel_reason,omitempty"`
	Refusal       *Refusal       `json:"refusal,omitempty"`
	Forgotten     bool           `json:"forgotten,omitempty"` // see Forget
	Page          string         `json:"page,omitempty"`      // of the history, which has its row; "": none yet
	CreatedAt     time.Time      `json:"created_at"`
	ConfirmedAt   time.Time      `json:"confirmed_at,omitzero"`
	ShippedAt     time.Time      `json:"shipped_at,omitzero"` // all of it
	DeliveredAt   time.Time      `json:"delivered_at,omitzero"`
	CancelledAt   time.Time      `json:"cancelled_at,omitzero"`
	Origin        *origin.Source `json:"origin,omitempty"` // nil: it was made here
	Moved         *Moved         `json:"moved,omitempty"`  // of one with an Origin
	Gone          bool           `json:"gone,omitempty"`   // see Bury
	Version       int64          `json:"-"`                // of the document

	changed bool
	facts   []Fact
}

// namespace is where order IDs come from; changing it would make repeats of
// old checkouts new orders.
var namespace = uuid.MustParse("6f1c2a52-90c4-5d0b-9d0e-3a7d5e0b8c41")

// IDFor gives the ID of the order that an owner's idempotency key makes.
// Because it is derived, a repeat finds the first attempt's order by itself.
func IDFor(owner shopper.Owner, key string) string {
	return uuid.NewSHA1(namespace, []byte(string(owner)+"\n"+key)).String()
}

// IDAfter gives the ID of the next order of the same owner and key, once the
// key has expired on the order of an ID.
func IDAfter(id string) string { return uuid.NewSHA1(namespace, []byte(id)).String() }

var crockford = base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)

// NumberFor gives the short form of an order ID that people can read out. It
// is for recognition, not for look-up.
func NumberFor(id string) string {
	u, err := uuid.Parse(id)
	if err != nil {
		return ""
	}
	s := crockford.EncodeToString(u[:5])
	return "T-" + s[:4] + "-" + s[4:]
}

// FactKind is something that happened to an order and that others are told.
type FactKind string

// The kinds of fact; each is an event of the topic orders.
const (
	WasConfirmed FactKind = "confirmed"
	// WasPartiallyShipped: a shipment after which more follows. The last one is WasShipped.
	WasPartiallyShipped FactKind = "partially_shipped"
	// WereCancelled: lines, after which something of the order is left.
	WereCancelled FactKind = "lines_cancelled"
	WasCancelled  FactKind = "cancelled"
	WasShipped    FactKind = "shipped"
	WasDelivered  FactKind = "delivered"
	WasRefunded   FactKind = "refunded"
	WasExchanged  FactKind = "exchanged" // or the exchange was refused
	// WasHandedOver: another system is in charge of it (HandOver).
	WasHandedOver FactKind = "handed_over"
)

// Fact is one thing that happened; Refund only for WasRefunded and WasExchanged,
// Shipment for WasPartiallyShipped and WasShipped, Cancellation for WereCancelled.
type Fact struct {
	Kind         FactKind
	Refund       Refund
	Shipment     Shipment
	Cancellation Cancellation
}

// Facts lists what has happened since the order was read.
func (o *Order) Facts() []Fact { return o.facts }

// Changed says whether the order differs from what was read.
func (o *Order) Changed() bool { return o.changed }

func (o *Order) happened(f Fact) { o.changed, o.facts = true, append(o.facts, f) }

// Quantity counts the pieces of all lines, without what was cancelled of them, unless
// that was all.
func (o *Order) Quantity() (n int) {
	for _, l := range o.Lines {
		if n += l.Quantity; o.Status != Cancelled {
			n -= l.Cancelled
		}
	}
	return n
}

// Money gives an amount in the order's currency.
func (o *Order) Money(amount int64) money.Money { return money.New(amount, o.Currency) }

// Refused says whether the order is only the record of a refused checkout.
func (o *Order) Refused() bool { return o.Refusal != nil }
