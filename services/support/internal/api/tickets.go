package api

import (
	"errors"
	"io"
	"net/http"
	"time"

	"tienda/internal/caller"
	"tienda/internal/fault"
	"tienda/internal/httpapi"
	"tienda/internal/money"
	"tienda/internal/page"
	"tienda/services/support/internal/ticket"
)

type ticketHandlers struct{ tickets *ticket.Service }

type ticketBody struct {
	ID            string          `json:"id"`
	Number        string          `json:"number"`
	CustomerID    string          `json:"customer_id"`
	Subject       string          `json:"subject"`
	Category      ticket.Category `json:"category"`
	OrderID       string          `json:"order_id,omitempty"`
	FollowUpOf    string          `json:"follow_up_of,omitempty"`
	Priority      ticket.Priority `json:"priority"`
	Status        ticket.Status   `json:"status"`
	AssignedTo    *string         `json:"assigned_to"`
	MessageCount  int             `json:"message_count"`
	Rating        *ratingBody     `json:"rating,omitempty"`
	Queue         string          `json:"queue,omitempty"`
	Tags          []string        `json:"tags,omitempty"`
	FirstResponse *deadlineBody   `json:"first_response,omitempty"`
	Resolution    *deadlineBody   `json:"resolution,omitempty"`
	CreatedAt     time.Time       `json:"created_at"`
	UpdatedAt     time.Time       `json:"updated_at"`
	ResolvedAt    *time.Time      `json:"resolved_at,omitempty"`
	ClosedAt      *time.Time      `json:"closed_at,omitempty"`
	Version       int64           `json:"version"`
}

type ratingBody struct {
	Score   int       `json:"score"`
	Comment string    `json:"comment,omitempty"`
	At      time.Time `json:"at"`
}

type deadlineBody struct {
	Due         time.Time  `json:"due"`
	MetAt       *time.Time `json:"met_at,omitempty"`
	EscalatedAt *time.Time `json:"escalated_at,omitempty"`
}

func deadlineOf(d ticket.Deadline) *deadlineBody {
	if d.Due.IsZero() {
		return nil
	}
	return &deadlineBody{d.Due, d.MetAt, d.EscalatedAt}
}

// ticketOf leaves out for the customer how the ticket is worked on.
func ticketOf(t ticket.Ticket, who caller.Caller) ticketBody {
	b := ticketBody{
		ID: t.ID, Number: t.Number(), CustomerID: t.CustomerID, Subject: t.Subject, Category: t.Category, OrderID: t.OrderID, FollowUpOf: t.FollowUpOf,
		Priority: t.Priority, Status: t.Status, MessageCount: len(t.MessagesFor(who)), CreatedAt: t.CreatedAt, UpdatedAt: t.UpdatedAt,
		ResolvedAt: t.ResolvedAt, ClosedAt: t.ClosedAt, Version: t.Version,
	}
	if t.AssignedTo != "" {
		b.AssignedTo = &t.AssignedTo
	}
	if t.Rating != nil {
		r := ratingBody(*t.Rating)
		b.Rating = &r
	}
	if who.Is(caller.SupportAgent) {
		b.Queue, b.Tags = t.Queue, t.Tags
		b.FirstResponse, b.Resolution = deadlineOf(t.FirstResponse), deadlineOf(t.Resolution)
	}
	return b
}

func writeTicket(w http.ResponseWriter, r *http.Request, status int, t ticket.Ticket) error {
	httpapi.SetETag(w, t.Version)
	return httpapi.Write(w, status, ticketOf(t, caller.From(r.Context())))
}

type messageBody struct {
	ID        string        `json:"id"`
	Author    ticket.Author `json:"author"`
	AuthorID  string        `json:"author_id"`
	Text      string        `json:"text"`
	Internal  bool          `json:"internal"`
	CreatedAt time.Time     `json:"created_at"`

	Attachments []attachmentBody `json:"attachments"`
}

func messageOf(m ticket.Message) messageBody {
	return messageBody{
		ID: m.ID, Author: m.Author, AuthorID: m.AuthorID, Text: m.Text, Internal: m.Internal, CreatedAt: m.CreatedAt,
		Attachments: attachmentsOf(m),
	}
}

// open: 2 state calls; 1 invocation where an order is named, 1 more state call
// where a ticket is.
func (h ticketHandlers) open(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Subject  string          `json:"subject"`
		Message  string          `json:"message"`
		Category ticket.Category `json:"category"`
		OrderID  string          `json:"order_id"`
		Priority ticket.Priority `json:"priority"`
		FollowUp string          `json:"follow_up_of"`
	}
	if err := httpapi.Decode(r, &in); err != nil {
		return err
	}
	t, err := h.tickets.Open(r.Context(), caller.From(r.Context()), ticket.Draft{
		Subject: in.Subject, Text: in.Message, Category: in.Category, OrderID: in.OrderID, Priority: in.Priority, FollowUpOf: in.FollowUp,
	})
	if err != nil {
		return err
	}
	w.Header().Set("Location", "/v1/tickets/"+t.ID)
	return writeTicket(w, r, http.StatusCreated, t)
}

// list: 2 state calls, 1 more for each older index page; filtered up to 3
// times as many.
func (h ticketHandlers) list(w http.ResponseWriter, r *http.Request) error {
	who, in := caller.From(r.Context()), r.URL.Query()
	q := ticket.Query{CustomerID: in.Get("customer_id"), Status: ticket.Status(in.Get("status")), AssignedTo: assignee(who, in.Get("assigned_to"))}
	found, err := h.tickets.List(r.Context(), who, q, in.Get("cursor"), page.Limit(httpapi.QueryInt(r, "limit")))
	if err != nil {
		return err
	}
	return writeTickets(w, who, found)
}

// assignee reads who is to have the tickets; nil: whoever.
func assignee(who caller.Caller, asked string) *string {
	switch asked {
	case "":
		return nil
	case "me":
		asked = who.UserID
	case "none":
		asked = ""
	}
	return &asked
}

// get: 1 state call.
func (h ticketHandlers) get(w http.ResponseWriter, r *http.Request) error {
	t, err := h.tickets.Get(r.Context(), caller.From(r.Context()), httpapi.Var(r, "id"))
	if err != nil {
		return err
	}
	return writeTicket(w, r, http.StatusOK, t)
}

// seen is the cursor of messages: how many of those that the caller may see
// came before. Messages are only ever added at the end.
type seen struct {
	Messages int `json:"m"`
}

// messages: 1 state call.
func (h ticketHandlers) messages(w http.ResponseWriter, r *http.Request) error {
	who := caller.From(r.Context())
	t, err := h.tickets.Get(r.Context(), who, httpapi.Var(r, "id"))
	if err != nil {
		return err
	}
	var from seen
	if err := page.Decode(r.URL.Query().Get("cursor"), &from); err != nil {
		return err
	}
	visible := t.MessagesFor(who)
	if from.Messages < 0 || from.Messages > len(visible) {
		return fault.BadField("cursor", "is not a cursor of this list")
	}
	end := min(from.Messages+page.Limit(httpapi.QueryInt(r, "limit")), len(visible))
	out := page.Of[messageBody]{Items: []messageBody{}}
	for _, m := range visible[from.Messages:end] {
		out.Items = append(out.Items, messageOf(m))
	}
	if end < len(visible) {
		out.NextCursor = page.Encode(seen{Messages: end})
	}
	return httpapi.Write(w, http.StatusOK, out)
}

// post: 2 state calls; with a canned reply 2 more, and 1 invocation, 2 where the
// ticket names an order.
func (h ticketHandlers) post(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Text     string `json:"text"`
		Internal bool   `json:"internal"`
		Canned   string `json:"canned_reply_id"`
		Language string `json:"language"`
	}
	if err := httpapi.Decode(r, &in); err != nil {
		return err
	}
	who, id := caller.From(r.Context()), httpapi.Var(r, "id")
	var m ticket.Message
	var err error
	switch {
	case in.Canned != "" && in.Text != "":
		err = fault.BadField("/text", "stands beside canned_reply_id")
	case in.Canned != "":
		m, err = h.tickets.PostTemplate(r.Context(), who, id, in.Canned, in.Language, in.Internal)
	case in.Text == "":
		err = fault.BadField("/text", "is required")
	default:
		m, err = h.tickets.Post(r.Context(), who, id, in.Text, in.Internal)
	}
	if err != nil {
		return err
	}
	return httpapi.Write(w, http.StatusCreated, messageOf(m))
}

// assign: 2 state calls; 1 invocation where another agent is named.
func (h ticketHandlers) assign(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		AgentID string `json:"agent_id"`
	}
	version, err := decodeWrite(r, &in)
	if err != nil {
		return err
	}
	t, err := h.tickets.Assign(r.Context(), caller.From(r.Context()), httpapi.Var(r, "id"), in.AgentID, version)
	if err != nil {
		return err
	}
	return writeTicket(w, r, http.StatusOK, t)
}

type profileBody struct {
	ID        string    `json:"id"`
	Email     string    `json:"email"`
	Name      string    `json:"name"`
	Roles     []string  `json:"roles"`
	CreatedAt time.Time `json:"created_at"`
}

type customerOrder struct {
	ID        string      `json:"id"`
	Number    string      `json:"number"`
	Status    string      `json:"status"`
	Total     money.Money `json:"total"`
	CreatedAt time.Time   `json:"created_at"`
}

type customerBody struct {
	CustomerID  string          `json:"customer_id"`
	Profile     *profileBody    `json:"profile"`
	Orders      []customerOrder `json:"orders"`
	Unavailable []string        `json:"unavailable"`
}

// customer: 1 state call, 2 invocations side by side.
func (h ticketHandlers) customer(w http.ResponseWriter, r *http.Request) error {
	c, err := h.tickets.Customer(r.Context(), caller.From(r.Context()), httpapi.Var(r, "id"))
	if err != nil {
		return err
	}
	out := customerBody{CustomerID: c.ID, Unavailable: append([]string{}, c.Unavailable...)}
	if c.Profile != nil {
		p := profileBody(*c.Profile)
		out.Profile = &p
	}
	if c.Orders != nil {
		out.Orders = make([]customerOrder, len(c.Orders))
		for i, o := range c.Orders {
			out.Orders[i] = customerOrder(o)
		}
	}
	return httpapi.Write(w, http.StatusOK, out)
}

// decodeWrite reads the version that a write demands, and its body, which may
// be left out.
func decodeWrite(r *http.Request, in any) (version int64, err error) {
	if version, err = httpapi.IfMatch(r); err != nil {
		return 0, err
	}
	// io.EOF: no body. The content length does not tell, for a sidecar may
	// pass an empty body on in chunks.
	if err := httpapi.Decode(r, in); err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	return version, nil
}
