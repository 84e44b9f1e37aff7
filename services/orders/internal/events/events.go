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

// OfStock are the types of the events that change what is on hand or reserved.
var OfStock = typesOf(order.WasCancelled, order.WereCancelled, order.WasShipped, order.WasRefunded, order.WasHandedOver)

func typesOf(kinds ...order.FactKind) []string {
	out := make([]string, len(kinds))
	for i, k := range kinds {
		out[i] = "tienda." + Topic + "." + string(k)
	}
	return out
}

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

type linesCancelled struct {
	OrderID        string     `json:"order_id"`
	CancellationID string     `json:"cancellation_id"`
	Reason         string     `json:"reason,omitempty"`
	Lines          []lessLine `json:"lines"`
}

// lessLine is what was cancelled of a line, and what is left of it. What is left only
// ever falls, so that news which comes twice or late does no harm.
type lessLine struct {
	SKU      string `json:"sku"`
	Quantity int    `json:"quantity"`
	Left     int    `json:"left"`
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

type handedOver struct {
	OrderID string `json:"order_id"`
	Lines   []line `json:"lines"`
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
		return cancelled{OrderID: o.ID, Reason: o.CancelReason, Lines: lines(o, func(l order.Line) int { return l.Quantity })}
	case order.WereCancelled:
		c := f.Cancellation
		return linesCancelled{OrderID: o.ID, CancellationID: c.ID, Reason: c.Reason, Lines: less(o, c.Lines)}
	case order.WasPartiallyShipped:
		s := f.Shipment
		return partiallyShipped{OrderID: o.ID, ShipmentID: s.ID, Lines: s.Lines, Carrier: s.Carrier, Tracking: s.Tracking, TrackingURL: s.TrackingURL}
	case order.WasShipped:
		return shipped{OrderID: o.ID, Lines: lines(o, order.Line.Left), Tracking: o.Tracking}
	case order.WasHandedOver:
		return handedOver{OrderID: o.ID, Lines: lines(o, order.Line.Left)}
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

// lines gives the lines of an order with so many pieces of each; those of none are left out.
func lines(o *order.Order, pieces func(order.Line) int) []line {
	out := make([]line, 0, len(o.Lines))
	for _, l := range o.Lines {
		if n := pieces(l); n > 0 {
			out = append(out, line{SKU: l.SKU, Quantity: n})
		}
	}
	return out
}

func less(o *order.Order, cancelled []order.Item) []lessLine {
	out := make([]lessLine, len(cancelled))
	for i, c := range cancelled {
		out[i] = lessLine{SKU: c.SKU, Quantity: c.Quantity}
		for _, l := range o.Lines {
			if l.SKU == c.SKU {
				out[i].Left = l.Left()
			}
		}
	}
	return out
}
