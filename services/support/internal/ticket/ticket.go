// Package ticket is help tickets: a customer's question, the conversation
// about it, and the agent who has it.
//
// A ticket with all its messages is one document, so that its limits and its
// status hold whoever writes at the same time.
package ticket

import (
	"cmp"
	"time"

	"github.com/google/uuid"

	"tienda/internal/caller"
	"tienda/internal/fault"
	"tienda/internal/origin"
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
	ErrOver     = fault.New(fault.Conflict, "reopen_over", "The ticket ended too long ago to be reopened. Open a new one that follows it up.")
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

// Categories gives all of them.
func Categories() []Category {
	return []Category{AboutOrder, AboutProduct, AboutAccount, AboutOther}
}

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

	Attachments []Attachment `json:"attachments,omitempty"`

	// Of a message that was moved in: what its sender said, to tell it from what was
	// filled in.
	Unnamed bool `json:"unnamed,omitempty"` // no author was named
	Public  bool `json:"public,omitempty"`  // it was said that it is not internal
}

// Ticket is the document.
type Ticket struct {
	ID            string     `json:"id"`
	CustomerID    string     `json:"customer_id"`
	Subject       string     `json:"subject"`
	Category      Category   `json:"category"`
	OrderID       string     `json:"order_id,omitempty"`
	FollowUpOf    string     `json:"follow_up_of,omitempty"` // a ticket of the same customer
	Priority      Priority   `json:"priority"`
	Queue         string     `json:"queue"`
	Tags          []string   `json:"tags,omitempty"`
	Status        Status     `json:"status"`
	AssignedTo    string     `json:"assigned_to,omitempty"` // the agent; "": nobody
	Messages      []Message  `json:"messages"`
	FirstResponse Deadline   `json:"first_response,omitzero"`
	Resolution    Deadline   `json:"resolution,omitzero"`
	Rating        *Rating    `json:"rating,omitempty"`
	CreatedAt     time.Time  `json:"created_at"`
	UpdatedAt     time.Time  `json:"updated_at"`
	ResolvedAt    *time.Time `json:"resolved_at,omitempty"`
	ClosedAt      *time.Time `json:"closed_at,omitempty"`
	Version       int64      `json:"-"` // of the document, filled in by the store

	Origin *origin.Source `json:"origin,omitempty"` // of one that was moved in
	Unsaid *Unsaid        `json:"unsaid,omitempty"`
	// MadeHere is of one that was moved in after it had been made here: it is still in the
	// lists of what was made here, and in none of what was moved in.
	MadeHere bool `json:"made_here,omitempty"`

	changes []Change
}

// Kind is what happened to a ticket.
type Kind int

// The kinds of change.
const (
	Opened   Kind = iota
	Answered      // a message that the customer sees, of either side
	Noted         // an internal message; announced to nobody
	Attached      // a file, to a message; announced to nobody
	Assigned      // or taken from who had it
	Sorted        // put on hold, or priority, queue or tags changed; announced to nobody
	Escalated
	Resolved
	Closed
	Rated
)

// Change is one thing that happened to a ticket since it was read.
type Change struct {
	Kind     Kind
	Message  Message  // of Answered, Noted and Attached
	By       string   // the user who did it; "": the service
	Promise  Promise  // of Escalated: what was missed
	Priority Priority // of Escalated: as it is now
	Queue    string   // the same
}

// Changes gives what happened since the ticket was made or read; none: there
// is nothing to write.
func (t *Ticket) Changes() []Change { return t.changes }

// Draft is what a customer says who opens a ticket.
type Draft struct {
	Subject    string
	Text       string
	Category   Category // "": order where one is named, else other
	OrderID    string
	Priority   Priority // "": normal
	FollowUpOf string
}

// New opens a ticket of the caller with its first message, in the queue of its
// category.
func New(id string, who caller.Caller, d Draft, s Settings, now time.Time) (Ticket, error) {
	if err := d.Priority.allowed(who); err != nil {
		return Ticket{}, err
	}
	if d.Category == "" {
		d.Category = AboutOther
		if d.OrderID != "" {
			d.Category = AboutOrder
		}
	}
	t := Ticket{
		ID: id, CustomerID: who.UserID, Subject: d.Subject, Category: d.Category, OrderID: d.OrderID,
		FollowUpOf: d.FollowUpOf, Priority: cmp.Or(d.Priority, Normal), Queue: s.queueOf(d.Category).Name,
		Status: StatusOpen, CreatedAt: now, UpdatedAt: now,
	}
	t.beginClocks(s, now)
	t.Messages = []Message{newMessage(ByCustomer, who, d.Text, false, now)}
	t.changes = []Change{{Kind: Opened, By: who.UserID}}
	return t, nil
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
