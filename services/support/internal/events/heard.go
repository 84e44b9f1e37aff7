package events

import (
	"context"

	"tienda/internal/event"
	"tienda/internal/fault"
	"tienda/internal/money"
	"tienda/services/support/internal/rma"
)

// The events of topic orders that support acts on.
const (
	OrdersRefunded  = "tienda.orders.refunded"
	OrdersExchanged = "tienda.orders.exchanged"
)

// Refunds notes refunds that orders has made, and how exchanges have ended.
type Refunds interface {
	HearRefund(ctx context.Context, orderID, returnID string, m rma.Made) error
	HearExchange(ctx context.Context, orderID, returnID string, x rma.Exchange) error
}

type ordersRefunded struct {
	OrderID  string       `json:"order_id"`
	ReturnID string       `json:"return_id"`
	Amount   *money.Money `json:"amount"` // of an exchange only where it was refused
	Exchange *struct {
		OrderID string `json:"replacement_order_id"`
	} `json:"exchange"`

	// of an exchange
	Replacement string             `json:"replacement_order_id"`
	Status      rma.ExchangeStatus `json:"status"`
}

func (d ordersRefunded) made() rma.Made {
	m := rma.Made{Amount: *d.Amount}
	if d.Exchange != nil {
		m.Exchange = &rma.Exchange{OrderID: d.Exchange.OrderID, Status: rma.ExchangeOwed}
	}
	return m
}

// HearOrders applies an event of topic orders. A repeat changes nothing, and
// what is of no interest is taken and dropped. After an error the sidecar
// delivers the event again.
func HearOrders(ctx context.Context, refunds Refunds, e event.Received) error {
	if e.Type != OrdersRefunded && e.Type != OrdersExchanged {
		return nil
	}
	var data ordersRefunded
	if err := e.Decode(&data); err != nil || data.OrderID == "" || data.ReturnID == "" {
		return fault.BadField("/data", "names no order and return").Because(err)
	}
	switch {
	case e.Type == OrdersExchanged && data.Status != rma.ExchangePlaced && data.Status != rma.ExchangeRefused:
		return fault.BadField("/data/status", "is no end of an exchange")
	case e.Type == OrdersExchanged:
		return refunds.HearExchange(ctx, data.OrderID, data.ReturnID, rma.Exchange{OrderID: data.Replacement, Status: data.Status, Refund: data.Amount})
	case data.Amount == nil:
		return fault.BadField("/data/amount", "is required")
	}
	return refunds.HearRefund(ctx, data.OrderID, data.ReturnID, data.made())
}
