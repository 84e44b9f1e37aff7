package events

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"

	"tienda/internal/event"
	"tienda/internal/fault"
	"tienda/internal/httpapi"
	"tienda/services/orders/internal/order"
)

// news is what each of support's events says about a return.
var news = map[string]order.ReturnStatus{
	"tienda.support.return_requested": order.ReturnRequested,
	"tienda.support.return_approved":  order.ReturnApproved,
	"tienda.support.return_rejected":  order.ReturnRejected,
	"tienda.support.return_received":  order.ReturnReceived,
	"tienda.support.return_refunded":  order.ReturnRefunded,

	"tienda.support.return_partially_received": order.ReturnPartiallyReceived,

	"tienda.support.return_refund_failed": order.ReturnRefundFailed,
}

// Returns takes in news about the returns of orders.
type Returns interface {
	NoteReturn(ctx context.Context, orderID string, n order.Return) error
}

// Support hears the topic support.
type Support struct {
	Returns Returns
	Log     *slog.Logger
}

// Hear applies one event. State: 1 get, 1 save when it is news. An event of
// an order that is not there can never be applied: it is logged and taken.
func (h Support) Hear(w http.ResponseWriter, r *http.Request) error {
	var e event.Received
	if err := json.NewDecoder(r.Body).Decode(&e); err != nil {
		return fault.BadField("", "is no event").Because(err)
	}
	status, known := news[e.Type]
	if !known {
		return httpapi.Write(w, http.StatusOK, struct{}{})
	}
	var d struct {
		ReturnID string `json:"return_id"`
		OrderID  string `json:"order_id"`
	}
	if err := e.Decode(&d); err != nil || d.ReturnID == "" || d.OrderID == "" {
		return fault.BadField("/data", "names no return and order").Because(err)
	}
	err := h.Returns.NoteReturn(r.Context(), d.OrderID, order.Return{
		ID: d.ReturnID, Status: status, UpdatedAt: e.Time.UTC(), Version: e.Version,
	})
	if err != nil && fault.KindOf(err) == fault.NotFound {
		h.Log.WarnContext(r.Context(), "event of an unknown order", "type", e.Type, "order", d.OrderID)
		err = nil
	}
	if err != nil {
		return err
	}
	return httpapi.Write(w, http.StatusOK, struct{}{})
}
