// Package events is what orders announces on its topic, and what it hears on
// support's.
package events

import (
	"slices"

	"tienda/internal/event"
	"tienda/internal/money"
	"tienda/services/orders/internal/order"
)

// Topic is the topic of this service, which is also its app ID.
const Topic = "orders"

type soldLine struct {
	SKU       string      `json:"sku"`
	Quantity  int         `json:"quantity"`
	UnitPrice money.Money `json:"unit_price"`
}

type line struct {
	SKU      string `json:"sku"`
	Quantity int    `json:"quantity"`
}

type confirmed struct {
	OrderID  string      `json:"order_id"`
	UserID   string      `json:"user_id,omitempty"`
	Guest    bool        `json:"guest"`
	Email    string      `json:"email"`
	Currency string      `json:"currency"`
	Total    money.Money `json:"total"`
	Lines    []soldLine  `json:"lines"`
}

type cancelled struct {
	OrderID string `json:"order_id"`
	Reason  string `json:"reason"`
	Lines   []line `json:"lines"`
}

type shipped struct {
	OrderID  string `json:"order_id"`
	Lines    []line `json:"lines"`
	Tracking string `json:"tracking,omitempty"`
}

type partiallyShipped struct {
	OrderID     string       `json:"order_id"`
	ShipmentID  string       `json:"shipment_id"`
	Lines       []order.Item `json:"lines"` // of this shipment
	Carrier     string       `json:"carrier,omitempty"`
	Tracking    string       `json:"tracking,omitempty"`
	TrackingURL string       `json:"tracking_url,omitempty"`
}

type delivered struct {
	OrderID string `json:"order_id"`
}

type refunded struct {
	OrderID  string      `json:"order_id"`
	ReturnID string      `json:"return_id"`
	Amount   money.Money `json:"amount"`
	Lines    []backLine  `json:"lines"`
	Exchange *exchange   `json:"exchange,omitempty"`
}

// exchange is what of a refund is replaced, or was to be.
type exchange struct {
	ReplacementID string      `json:"replacement_order_id"`
	Value         money.Money `json:"value"`
	Lines         []swap      `json:"lines"`
}

type swap struct {
	SKU         string `json:"sku"`
	ExchangeSKU string `json:"exchange_sku"`
	Quantity    int    `json:"quantity"`
}

type exchanged struct {
	OrderID       string               `json:"order_id"`
	ReturnID      string               `json:"return_id"`
	Status        order.ExchangeStatus `json:"status"`
	ReplacementID string               `json:"replacement_order_id"`
	Amount        *money.Money         `json:"amount,omitempty"` // refunded, of a refused one
}

func exchangeOf(o *order.Order, x *order.Exchange) *exchange {
	if x == nil {
		return nil
	}
	out := &exchange{ReplacementID: x.OrderID, Value: o.Money(x.Value), Lines: make([]swap, len(x.Swaps))}
	for i, s := range x.Swaps {
		out.Lines[i] = swap{s.For, s.SKU, s.Quantity}
	}
	return out
}

type backLine struct {
	SKU      string `json:"sku"`
	Quantity int    `json:"quantity"`
	Restock  bool   `json:"restock"`
}

// back gives what came back of each SKU, what can be sold again apart from the
// rest; what was deducted is nobody's business.
func back(lines []order.RefundLine) (out []backLine) {
	for _, l := range lines {
		i := slices.IndexFunc(out, func(b backLine) bool { return b.SKU == l.SKU && b.Restock == l.Restock })
		if i < 0 {
			out = append(out, backLine{l.SKU, l.Quantity, l.Restock})
			continue
		}
		out[i].Quantity += l.Quantity
	}
	return out
}

// Of gives the event that announces a fact about an order.
func Of(o *order.Order, f order.Fact) event.Event {
	return event.New(Topic, string(f.Kind), o.ID, data(o, f))
}

func data(o *order.Order, f order.Fact) any {
	switch f.Kind {
	case order.WasConfirmed:
		sold := make([]soldLine, len(o.Lines))
		for i, l := range o.Lines {
			sold[i] = soldLine{SKU: l.SKU, Quantity: l.Quantity, UnitPrice: *l.UnitPrice}
		}
		user := o.Owner.UserID()
		return confirmed{
			OrderID: o.ID, UserID: user, Guest: user == "", Email: o.Email,
			Currency: o.Currency, Total: o.Money(o.Total), Lines: sold,
		}
	case order.WasCancelled:
		return cancelled{OrderID: o.ID, Reason: o.CancelReason, Lines: lines(o)}
	case order.WasPartiallyShipped:
		s := f.Shipment
		return partiallyShipped{OrderID: o.ID, ShipmentID: s.ID, Lines: s.Lines, Carrier: s.Carrier, Tracking: s.Tracking, TrackingURL: s.TrackingURL}
	case order.WasShipped:
		return shipped{OrderID: o.ID, Lines: lines(o), Tracking: o.Tracking}
	case order.WasRefunded:
		return refunded{OrderID: o.ID, ReturnID: f.Refund.ReturnID, Amount: o.Money(f.Refund.Amount), Lines: back(f.Refund.Lines), Exchange: exchangeOf(o, f.Refund.Exchange)}
	case order.WasExchanged:
		x := f.Refund.Exchange
		out := exchanged{OrderID: o.ID, ReturnID: f.Refund.ReturnID, Status: x.Status, ReplacementID: x.OrderID}
		if x.Status == order.ExchangeRefused {
			amount := o.Money(x.Refunded)
			out.Amount = &amount
		}
		return out
	default:
		return delivered{OrderID: o.ID}
	}
}

func lines(o *order.Order) []line {
	out := make([]line, len(o.Lines))
	for i, l := range o.Lines {
		out[i] = line{SKU: l.SKU, Quantity: l.Quantity}
	}
	return out
}
