package events

import (
	"context"
	"encoding/json"
	"net/http"

	"golang.org/x/sync/errgroup"

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

// newsAtOnce is how many events are heard at a time: those of one SKU share a commit.
const newsAtOnce = 16

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
	if err := h.hear(r.Context(), e); err != nil {
		return err
	}
	return httpapi.Write(w, http.StatusOK, struct{}{})
}

// News hears events that the migration brings, as Hear does those of the topic: it has to
// know that they were taken. State: as many calls as for each event.
func (h Orders) News(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Events []event.Received `json:"events"`
	}
	if err := httpapi.Decode(r, &in); err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(r.Context())
	g.SetLimit(newsAtOnce)
	for _, e := range in.Events {
		g.Go(func() error { return h.hear(ctx, e) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (h Orders) hear(ctx context.Context, e event.Received) (err error) {
	switch e.Type {
	case "tienda.orders.cancelled":
		err = h.cancelled(ctx, e)
	case "tienda.orders.shipped", "tienda.orders.handed_over":
		err = h.each(ctx, e, h.Stock.Commit, func(l newsLine) int { return l.Quantity })
	case "tienda.orders.lines_cancelled":
		err = h.each(ctx, e, h.Stock.Lower, func(l newsLine) int { return l.Left })
	case "tienda.orders.refunded":
		err = h.refunded(ctx, e)
	}
	return err
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
