package events

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"tienda/internal/event"
	"tienda/services/orders/internal/letters"
	"tienda/services/orders/internal/order"
)

// Letters writes the letters that news of orders call for.
type Letters interface {
	Post(ctx context.Context, all []letters.News) error
}

// History keeps what can be listed and added up of orders.
type History interface {
	Keep(ctx context.Context, ids []string) error
}

// facts lists what is told of an order.
var facts = []order.FactKind{order.WasConfirmed, order.WasPartiallyShipped, order.WereCancelled, order.WasShipped, order.WasDelivered, order.WasCancelled, order.WasRefunded, order.WasExchanged}

// Write keeps the history of orders and has the buyers written of what is about to
// be announced (state.DB.OnPublish). It is no subscriber of the topic: a delivery costs
// a fifth of a checkout. Either may be told of an event more than once.
func Write(to Letters, h History) func(ctx context.Context, events [][]byte) error {
	return func(ctx context.Context, events [][]byte) error {
		all, err := newsIn(events)
		if err != nil || len(all) == 0 {
			return err
		}
		ids := make([]string, 0, len(all))
		for _, n := range all {
			if !slices.Contains(ids, n.OrderID) {
				ids = append(ids, n.OrderID)
			}
		}
		if err := h.Keep(ctx, ids); err != nil {
			return err
		}
		return to.Post(ctx, all)
	}
}

// newsIn gives what the events say of orders.
func newsIn(events [][]byte) (all []letters.News, err error) {
	for _, raw := range events {
		var e event.Received
		if err := json.Unmarshal(raw, &e); err != nil {
			return nil, fmt.Errorf("own event: %w", err)
		}
		kind := order.FactKind(strings.TrimPrefix(e.Type, "tienda."+Topic+"."))
		if !slices.Contains(facts, kind) {
			continue
		}
		var d struct {
			ReturnID       string `json:"return_id"`
			ShipmentID     string `json:"shipment_id"`
			CancellationID string `json:"cancellation_id"`
		}
		if err := e.Decode(&d); err != nil {
			return nil, fmt.Errorf("own event: %w", err)
		}
		all = append(all, letters.News{Kind: kind, OrderID: e.Subject, Part: cmp.Or(d.ReturnID, d.ShipmentID, d.CancellationID), At: e.Time, Trace: e.TraceParent})
	}
	return all, nil
}
