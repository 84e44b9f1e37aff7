package events

import (
	"context"
	"encoding/json"
	"net/http"

	"tienda/internal/event"
	"tienda/internal/fault"
	"tienda/internal/httpapi"
	"tienda/services/catalog/internal/inventory"
)

// Stock is what orders' events change.
type Stock interface {
	Release(ctx context.Context, orderID string, skus []string) error
	// Commit takes no more than the quantities of the lines, and frees the rest.
	Commit(ctx context.Context, orderID string, lines []inventory.Line) error
	// Lower leaves the order no more than the quantities of the lines.
	Lower(ctx context.Context, orderID string, lines []inventory.Line) error
	Restock(ctx context.Context, returnID string, lines []inventory.Line) error
}

// Orders hears the topic orders.
type Orders struct{ Stock Stock }

type orderNews struct {
	OrderID  string     `json:"order_id"`
	ReturnID string     `json:"return_id"`
	Lines    []newsLine `json:"lines"`
}

type newsLine struct {
	SKU      string `json:"sku"`
	Quantity int    `json:"quantity"`
	Left     int    `json:"left"` // of lines_cancelled
	Restock  bool   `json:"restock"`
}

// Hear applies one event, once. State: 1 bulk get, 1 transaction, shared with
// reservations of the same SKUs; a refund that restocks 3 gets and 2
// transactions.
func (h Orders) Hear(w http.ResponseWriter, r *http.Request) error {
	var e event.Received
	if err := json.NewDecoder(r.Body).Decode(&e); err != nil {
		return fault.BadField("", "is no event").Because(err)
	}
	var err error
	switch e.Type {
	case "tienda.orders.cancelled":
		err = h.cancelled(r.Context(), e)
	case "tienda.orders.shipped", "tienda.orders.handed_over":
		err = h.each(r.Context(), e, h.Stock.Commit, func(l newsLine) int { return l.Quantity })
	case "tienda.orders.lines_cancelled":
		err = h.each(r.Context(), e, h.Stock.Lower, func(l newsLine) int { return l.Left })
	case "tienda.orders.refunded":
		err = h.refunded(r.Context(), e)
	}
	if err != nil {
		return err
	}
	return httpapi.Write(w, http.StatusOK, struct{}{})
}

// each applies the lines of an event with a quantity of each.
func (h Orders) each(ctx context.Context, e event.Received, apply func(context.Context, string, []inventory.Line) error, quantity func(newsLine) int) error {
	n, err := read(e)
	if err != nil {
		return err
	}
	lines := make([]inventory.Line, len(n.Lines))
	for i, l := range n.Lines {
		lines[i] = inventory.Line{SKU: l.SKU, Quantity: quantity(l)}
	}
	return apply(ctx, n.OrderID, lines)
}

func (h Orders) cancelled(ctx context.Context, e event.Received) error {
	n, err := read(e)
	if err != nil {
		return err
	}
	skus := make([]string, len(n.Lines))
	for i, l := range n.Lines {
		skus[i] = l.SKU
	}
	return h.Stock.Release(ctx, n.OrderID, skus)
}

func (h Orders) refunded(ctx context.Context, e event.Received) error {
	n, err := read(e)
	if err != nil {
		return err
	}
	var back []inventory.Line
	for _, l := range n.Lines {
		if l.Restock {
			back = append(back, inventory.Line{SKU: l.SKU, Quantity: l.Quantity})
		}
	}
	switch {
	case len(back) == 0:
		return nil
	case n.ReturnID == "":
		return fault.BadField("/data/return_id", "is required")
	}
	return h.Stock.Restock(ctx, n.ReturnID, back)
}

func read(e event.Received) (orderNews, error) {
	var n orderNews
	if err := e.Decode(&n); err != nil {
		return n, fault.BadField("/data", "is not what orders announces").Because(err)
	}
	if n.OrderID == "" {
		return n, fault.BadField("/data/order_id", "is required")
	}
	for _, l := range n.Lines {
		if l.SKU == "" || l.Quantity < 1 || l.Left < 0 {
			return n, fault.BadField("/data/lines", "names no SKU or no quantity")
		}
	}
	return n, nil
}
