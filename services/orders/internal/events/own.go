package events

import (
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

// Facts lists what is told of an order.
var facts = []order.FactKind{order.WasConfirmed, order.WasShipped, order.WasDelivered, order.WasCancelled, order.WasRefunded, order.WasExchanged}

// Write has the buyers written of what is about to be announced (state.DB.OnPublish).
// It is no subscriber of the topic: a delivery costs a fifth of a checkout.
func Write(to Letters) func(ctx context.Context, events [][]byte) error {
	return func(ctx context.Context, events [][]byte) error {
		var all []letters.News
		for _, raw := range events {
			var e event.Received
			if err := json.Unmarshal(raw, &e); err != nil {
				return fmt.Errorf("own event: %w", err)
			}
			kind := order.FactKind(strings.TrimPrefix(e.Type, "tienda."+Topic+"."))
			if !slices.Contains(facts, kind) {
				continue
			}
			var d struct {
				ReturnID string `json:"return_id"`
			}
			if err := e.Decode(&d); err != nil {
				return fmt.Errorf("own event: %w", err)
			}
			all = append(all, letters.News{Kind: kind, OrderID: e.Subject, ReturnID: d.ReturnID, At: e.Time})
		}
		if len(all) == 0 {
			return nil
		}
		return to.Post(ctx, all)
	}
}
