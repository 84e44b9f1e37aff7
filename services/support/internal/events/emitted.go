// Package events is what support announces on its topic, and what it hears of
// the topics of others.
package events

import (
	"tienda/internal/event"
	"tienda/internal/money"
	"tienda/services/support/internal/rma"
	"tienda/services/support/internal/ticket"
)

// App is the app ID, which is also the topic.
const App = "support"

type ticketOpened struct {
	TicketID   string          `json:"ticket_id"`
	CustomerID string          `json:"customer_id"`
	Category   ticket.Category `json:"category"`
	OrderID    string          `json:"order_id,omitempty"`
}

type ticketAnswered struct {
	TicketID   string        `json:"ticket_id"`
	CustomerID string        `json:"customer_id"`
	MessageID  string        `json:"message_id"`
	By         ticket.Author `json:"by"`
	Status     ticket.Status `json:"status"`
}

type ticketAssigned struct {
	TicketID   string `json:"ticket_id"`
	CustomerID string `json:"customer_id"`
	AgentID    string `json:"agent_id"`
}

type ticketUnassigned struct {
	TicketID   string `json:"ticket_id"`
	CustomerID string `json:"customer_id"`
}

type ticketClosed struct {
	TicketID   string `json:"ticket_id"`
	CustomerID string `json:"customer_id"`
	ClosedBy   string `json:"closed_by"`
}

type ticketResolved struct {
	TicketID   string `json:"ticket_id"`
	CustomerID string `json:"customer_id"`
	ResolvedBy string `json:"resolved_by"`
}

type ticketEscalated struct {
	TicketID   string          `json:"ticket_id"`
	CustomerID string          `json:"customer_id"`
	AgentID    string          `json:"agent_id,omitempty"`
	Deadline   ticket.Promise  `json:"deadline"`
	Priority   ticket.Priority `json:"priority"`
	Queue      string          `json:"queue"`
}

type ticketRated struct {
	TicketID   string `json:"ticket_id"`
	CustomerID string `json:"customer_id"`
	AgentID    string `json:"agent_id,omitempty"`
	Score      int    `json:"score"`
}

// OfTicket gives the event that announces a change of a ticket; false: it is
// announced to nobody. No text of a customer leaves the service this way.
func OfTicket(t ticket.Ticket, c ticket.Change) (event.Event, bool) {
	switch c.Kind {
	case ticket.Opened:
		return event.New(App, "ticket_opened", t.ID, ticketOpened{t.ID, t.CustomerID, t.Category, t.OrderID}), true
	case ticket.Answered:
		return event.New(App, "ticket_answered", t.ID, ticketAnswered{t.ID, t.CustomerID, c.Message.ID, c.Message.Author, t.Status}), true
	case ticket.Assigned:
		if t.AssignedTo == "" {
			return event.New(App, "ticket_unassigned", t.ID, ticketUnassigned{t.ID, t.CustomerID}), true
		}
		return event.New(App, "ticket_assigned", t.ID, ticketAssigned{t.ID, t.CustomerID, t.AssignedTo}), true
	case ticket.Resolved:
		return event.New(App, "ticket_resolved", t.ID, ticketResolved{t.ID, t.CustomerID, c.By}), true
	case ticket.Escalated:
		return event.New(App, "ticket_escalated", t.ID,
			ticketEscalated{t.ID, t.CustomerID, t.AssignedTo, c.Promise, c.Priority, c.Queue}), true
	case ticket.Rated:
		return event.New(App, "ticket_rated", t.ID, ticketRated{t.ID, t.CustomerID, t.AssignedTo, t.Rating.Score}), true
	case ticket.Closed:
		return event.New(App, "ticket_closed", t.ID, ticketClosed{t.ID, t.CustomerID, c.By}), true
	default:
		return event.Event{}, false
	}
}

// returned is the data of every event about a return; the optional members
// belong to one status each.
type returned struct {
	ReturnID   string       `json:"return_id"`
	OrderID    string       `json:"order_id"`
	CustomerID string       `json:"customer_id,omitempty"`
	TicketID   string       `json:"ticket_id,omitempty"`
	ReceiptID  string       `json:"receipt_id,omitempty"`
	Lines      any          `json:"lines,omitempty"`
	Reason     string       `json:"reason,omitempty"`
	Automatic  bool         `json:"automatic,omitempty"`
	Carrier    string       `json:"carrier,omitempty"`
	Label      string       `json:"label,omitempty"`
	Amount     *money.Money `json:"amount,omitempty"`
}

type requestedLine struct {
	SKU      string     `json:"sku"`
	Quantity int        `json:"quantity"`
	Reason   rma.Reason `json:"reason"`
}

type receivedLine struct {
	SKU      string `json:"sku"`
	Quantity int    `json:"quantity"`
	Restock  bool   `json:"restock"`
}

func requested(asked []rma.Line) []requestedLine {
	lines := make([]requestedLine, len(asked))
	for i, l := range asked {
		lines[i] = requestedLine{l.SKU, l.Quantity, l.Reason}
	}
	return lines
}

func received(came []rma.Came) (lines []receivedLine) {
	for _, c := range came {
		lines = append(lines, receivedLine{c.SKU, c.Quantity, c.Restock})
	}
	return lines
}

// OfReturn gives the event that announces the status that a return has entered,
// its label, or what came back of it while it stays partially received. One that is
// approved as it is opened is announced as that alone: of one commit, consumers
// take one event.
func OfReturn(r rma.Change) event.Event {
	data := returned{ReturnID: r.ID, OrderID: r.OrderID, CustomerID: r.CustomerID}
	if r.Labelled {
		data.Carrier, data.Label = r.Carrier, r.Label
		return event.New(App, "label_set", r.ID, data)
	}
	switch r.Status {
	case rma.Requested:
		data.TicketID, data.Lines = r.TicketID, requested(r.Lines)
	case rma.Rejected:
		data.Reason = r.Rejection
	case rma.Received:
		data.Lines = received(r.CameBack())
	case rma.PartiallyReceived:
		data.ReceiptID, data.Lines = r.Receipt.ID, received(r.Receipt.Lines)
	case rma.Refunded:
		data.Amount = r.Refund
	case rma.RefundFailed:
		data.Reason = r.Failure
	case rma.Approved:
		if r.Automatic {
			data.Automatic, data.TicketID, data.Lines = true, r.TicketID, requested(r.Lines)
		}
	}
	return event.New(App, "return_"+string(r.Status), r.ID, data)
}
