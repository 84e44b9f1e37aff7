package events

import (
	"context"

	"tienda/internal/event"
	"tienda/internal/fault"
	"tienda/internal/money"
)

// OrdersRefunded is the one event of topic orders that support acts on.
const OrdersRefunded = "tienda.orders.refunded"

// Refunds notes refunds that orders has made.
type Refunds interface {
	HearRefund(ctx context.Context, orderID, returnID string, amount money.Money) error
}

type ordersRefunded struct {
	OrderID  string      `json:"order_id"`
	ReturnID string      `json:"return_id"`
	Amount   money.Money `json:"amount"`
}

// HearOrders applies an event of topic orders. A repeat changes nothing, and
// what is of no interest is taken and dropped. After an error the sidecar
// delivers the event again.
func HearOrders(ctx context.Context, refunds Refunds, e event.Received) error {
	if e.Type != OrdersRefunded {
		return nil
	}
	var data ordersRefunded
	if err := e.Decode(&data); err != nil || data.OrderID == "" || data.ReturnID == "" {
		return fault.BadField("/data", "names no order and return").Because(err)
	}
	return refunds.HearRefund(ctx, data.OrderID, data.ReturnID, data.Amount)
}
