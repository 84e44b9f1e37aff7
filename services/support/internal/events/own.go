package events

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"tienda/internal/event"
	"tienda/internal/mail"
	"tienda/services/support/internal/letters"
	"tienda/services/support/internal/ticket"
)

// Letters writes the letters that news of tickets and returns call for.
type Letters interface {
	Post(ctx context.Context, all []letters.News) error
}

// told is what customers are written of, by the type of the event.
var told = map[string]mail.Kind{
	"tienda.support.ticket_answered":           letters.TicketAnswered,
	"tienda.support.return_approved":           letters.ReturnApproved,
	"tienda.support.label_set":                 letters.ReturnLabelled,
	"tienda.support.return_rejected":           letters.ReturnRejected,
	"tienda.support.return_partially_received": letters.ReturnPart,
	"tienda.support.return_received":           letters.ReturnReceived,
}

// Write has the customers written of what is about to be announced
// (state.DB.OnPublish).
func Write(to Letters) func(ctx context.Context, events [][]byte) error {
	return func(ctx context.Context, events [][]byte) error {
		var all []letters.News
		for _, raw := range events {
			n, ok, err := newsOf(raw)
			if err != nil {
				return err
			}
			if ok {
				all = append(all, n)
			}
		}
		if len(all) == 0 {
			return nil
		}
		return to.Post(ctx, all)
	}
}

// newsOf gives what a customer is written about an event; false: nothing.
func newsOf(raw []byte) (letters.News, bool, error) {
	var e event.Received
	if err := json.Unmarshal(raw, &e); err != nil {
		return letters.News{}, false, fmt.Errorf("own event: %w", err)
	}
	kind, ok := told[e.Type]
	if !ok {
		return letters.News{}, false, nil
	}
	var d struct {
		By        ticket.Author `json:"by"`
		ReturnID  string        `json:"return_id"`
		OrderID   string        `json:"order_id"`
		MessageID string        `json:"message_id"`
		ReceiptID string        `json:"receipt_id"`
	}
	if err := e.Decode(&d); err != nil {
		return letters.News{}, false, fmt.Errorf("own event: %w", err)
	}
	n := letters.News{Kind: kind, About: e.Subject, At: e.Time}
	if d.ReturnID != "" {
		n.OrderID = d.OrderID
	}
	switch kind {
	case letters.TicketAnswered:
		n.Ref = d.MessageID
		return n, d.By == ticket.ByAgent, nil
	case letters.ReturnPart:
		n.Ref = d.ReceiptID
	case letters.ReturnLabelled:
		n.Ref = strconv.FormatInt(e.Version, 10)
	}
	return n, true, nil
}
