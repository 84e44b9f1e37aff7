// Package ticket is help tickets: a customer's question, the conversation
// about it, and the agent who has it.
//
// A ticket with all its messages is one document, so that its limits and its
// status hold whoever writes at the same time.
package ticket

import (
	"time"

	"github.com/google/uuid"

	"tienda/internal/caller"
	"tienda/internal/fault"
)

// The limits of one ticket. The second keeps a page of 100 tickets within
// what one answer of a state store may hold.
const (
	MaxMessages  = 500
	MaxTextBytes = 256 << 10 // all messages together, in bytes of UTF-8
)

// Errors of a ticket.
var (
	ErrMissing  = fault.Missing("ticket")
	ErrFull     = fault.New(fault.Conflict, "ticket_full", "The ticket holds no more messages. Open a new one.")
	ErrClosed   = fault.New(fault.Conflict, "ticket_closed", "The ticket is closed.")
	ErrInternal = fault.New(fault.Forbidden, "role_missing", "Only agents write internal messages.").At("/internal", "is for agents")
	// ErrVersion answers a write that demands another version than the stored.
	ErrVersion = fault.New(fault.PreconditionFailed, "version_mismatch",
		"The ticket has changed since you read it. Read it again.").At("If-Match", "is not the current version")
)

// Category is what a ticket is about.
type Category string

// The categories.
const (
	AboutOrder   Category = "order"
	AboutProduct Category = "product"
	AboutAccount Category = "account"
	AboutOther   Category = "other"
)

// Author says on which side of the conversation a message was written.
type Author string

// The authors.
const (
	ByCustomer Author = "customer"
	ByAgent    Author = "agent"
)

// Message is one contribution to a ticket.
type Message struct {
	ID        string    `json:"id"`
	Author    Author    `json:"author"`
	AuthorID  string    `json:"author_id"`
	Text      string    `json:"text"`
	Internal  bool      `json:"internal,omitempty"` // the customer never sees it
	CreatedAt time.Time `json:"created_at"`
}

// Ticket is the document.
type Ticket struct {
	ID         string     `json:"id"`
	CustomerID string     `json:"customer_id"`
	Subject    string     `json:"subject"`
	Category   Category   `json:"category"`
	OrderID    string     `json:"order_id,omitempty"`
	Status     Status     `json:"status"`
	AssignedTo string     `json:"assigned_to,omitempty"` // the agent; "": nobody
	Messages   []Message  `json:"messages"`
	CreatedAt  time.Time  `json:"created_at"`
	UpdatedAt  time.Time  `json:"updated_at"`
	ClosedAt   *time.Time `json:"closed_at,omitempty"`
	Version    int64      `json:"-"` // of the document, filled in by the store

	changes []Change
}

// Kind is what happened to a ticket.
type Kind int

// The kinds of change.
const (
	Opened   Kind = iota
	Answered      // a message that the customer sees, of either side
	Noted         // an internal message; announced to nobody
	Assigned
	Closed
)

// Change is one thing that happened to a ticket since it was read.
type Change struct {
	Kind    Kind
	Message Message // of Answered and Noted
	By      string  // the user who did it
}

// Changes gives what happened since the ticket was made or read; none: there
// is nothing to write.
func (t *Ticket) Changes() []Change { return t.changes }

// New opens a ticket of the caller with its first message.
func New(who caller.Caller, subject, text string, about Category, orderID string, now time.Time) Ticket {
	if about == "" {
		about = AboutOther
		if orderID != "" {
			about = AboutOrder
		}
	}
	t := Ticket{
		ID: uuid.Must(uuid.NewV7()).String(), CustomerID: who.UserID, Subject: subject, Category: about,
		OrderID: orderID, Status: StatusOpen, CreatedAt: now, UpdatedAt: now,
	}
	t.Messages = []Message{newMessage(ByCustomer, who, text, false, now)}
	t.changes = []Change{{Kind: Opened, By: who.UserID}}
	return t
}

func newMessage(author Author, who caller.Caller, text string, internal bool, now time.Time) Message {
	return Message{
		ID: uuid.Must(uuid.NewV7()).String(), Author: author, AuthorID: who.UserID,
		Text: text, Internal: internal, CreatedAt: now,
	}
}

// VisibleTo is ErrMissing for everyone but the customer and the agents.
func (t *Ticket) VisibleTo(who caller.Caller) error {
	if who.Is(caller.SupportAgent) || (who.SignedIn() && who.UserID == t.CustomerID) {
		return nil
	}
	return ErrMissing
}

// MessagesFor gives the messages that the caller may see, oldest first.
func (t *Ticket) MessagesFor(who caller.Caller) []Message {
	if who.Is(caller.SupportAgent) {
		return t.Messages
	}
	out := make([]Message, 0, len(t.Messages))
	for _, m := range t.Messages {
		if !m.Internal {
			out = append(out, m)
		}
	}
	return out
}

// Post adds a message and moves the status; the customer's reopens the ticket.
func (t *Ticket) Post(who caller.Caller, text string, internal bool, now time.Time) (Message, error) {
	if err := t.VisibleTo(who); err != nil {
		return Message{}, err
	}
	if internal && !who.Is(caller.SupportAgent) {
		return Message{}, ErrInternal
	}
	size := len(text)
	for _, m := range t.Messages {
		size += len(m.Text)
	}
	if len(t.Messages) >= MaxMessages || size > MaxTextBytes {
		return Message{}, ErrFull
	}
	author, kind := ByAgent, Answered
	switch {
	case internal:
		kind = Noted
	case who.UserID == t.CustomerID:
		author = ByCustomer
	}
	m := newMessage(author, who, text, internal, now)
	t.Messages = append(t.Messages, m)
	if !internal {
		t.enter(afterMessage[author], now)
	}
	t.record(Change{Kind: kind, Message: m, By: who.UserID}, now)
	return m, nil
}

// Assign gives the ticket to an agent; to the one who has it: no change,
// whatever version the repeat of a request names.
func (t *Ticket) Assign(who caller.Caller, agentID string, version int64, now time.Time) error {
	if t.Status != StatusClosed && t.AssignedTo == agentID {
		return nil
	}
	if err := t.current(version); err != nil {
		return err
	}
	if t.Status == StatusClosed {
		return ErrClosed
	}
	t.AssignedTo = agentID
	t.record(Change{Kind: Assigned, By: who.UserID}, now)
	return nil
}

// Close ends the conversation; a closed ticket stays as it is, whatever
// version the repeat of a request names.
func (t *Ticket) Close(who caller.Caller, version int64, now time.Time) error {
	if err := t.VisibleTo(who); err != nil {
		return err
	}
	if t.Status == StatusClosed {
		return nil
	}
	if err := t.current(version); err != nil {
		return err
	}
	t.enter(StatusClosed, now)
	t.record(Change{Kind: Closed, By: who.UserID}, now)
	return nil
}

func (t *Ticket) current(version int64) error {
	if version != 0 && version != t.Version {
		return ErrVersion
	}
	return nil
}

func (t *Ticket) enter(s Status, now time.Time) {
	t.Status, t.ClosedAt = s, nil
	if s == StatusClosed {
		t.ClosedAt = &now
	}
}

func (t *Ticket) record(c Change, now time.Time) {
	t.UpdatedAt = now
	t.changes = append(t.changes, c)
}
