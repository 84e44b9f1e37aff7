package ticket

import (
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"tienda/internal/fault"
	"tienda/internal/origin"
)

// Moved is a ticket as the system has it from which it is moved in: all that is
// taken over of it, and all that is compared with it afterwards.
type Moved struct {
	CustomerID string         `json:"customer_id"`
	OrderID    string         `json:"order_id,omitempty"`
	Subject    string         `json:"subject"`
	Category   Category       `json:"category,omitempty"` // "": order where one is named, else other
	Priority   Priority       `json:"priority,omitempty"` // "": normal
	Status     Status         `json:"status"`
	AssignedTo string         `json:"assigned_to,omitempty"`
	Messages   []MovedMessage `json:"messages"`
	Rating     *Rating        `json:"rating,omitempty"`
	CreatedAt  time.Time      `json:"created_at"`
	UpdatedAt  *time.Time     `json:"updated_at,omitempty"` // nil: the latest of the other times
	ResolvedAt *time.Time     `json:"resolved_at,omitempty"`
	ClosedAt   *time.Time     `json:"closed_at,omitempty"`
}

// MovedMessage is a message of it.
type MovedMessage struct {
	Author    Author    `json:"author"`
	AuthorID  string    `json:"author_id,omitempty"` // "": the ticket's customer, or an agent nobody knows
	Text      string    `json:"text"`
	Internal  *bool     `json:"internal,omitempty"` // nil: false
	CreatedAt time.Time `json:"created_at"`
}

// Unsaid is what was filled in for what a moved ticket did not say, or was kept of what
// was here.
type Unsaid struct {
	Category  Category   `json:"category,omitempty"`
	Priority  Priority   `json:"priority,omitempty"`
	UpdatedAt *time.Time `json:"updated_at,omitempty"`

	// Of one that was made here.
	Status     Status     `json:"status,omitempty"` // that was said instead of a closer word
	AssignedTo string     `json:"assigned_to,omitempty"`
	Rating     *Rating    `json:"rating,omitempty"`
	ResolvedAt *time.Time `json:"resolved_at,omitempty"`
	ClosedAt   *time.Time `json:"closed_at,omitempty"`
}

// UnknownAgent is who wrote a message that an agent wrote nobody knows which.
var UnknownAgent = uuid.Nil.String()

// Errors of what is moved in.
var (
	errMadeHere = fault.New(fault.Conflict, "made_here", "A ticket with this ID was made here.")
	errHidden   = fault.New(fault.Unprocessable, "no_visible_message", "The customer would see no message.").At("/messages", "are all internal")
)

func (m Moved) check() error {
	size, visible := 0, false
	for _, p := range m.Messages {
		size += len(p.Text)
		visible = visible || p.Internal == nil || !*p.Internal
	}
	switch {
	case !visible:
		return errHidden
	case size > MaxTextBytes:
		return ErrFull.At("/messages", fmt.Sprintf("have more than %d bytes of text", MaxTextBytes))
	}
	return nil
}

// Ticket gives the ticket, under an ID and its source. Of was, the ticket as it is
// here (nil: none is), it keeps what is not moved: the queue while the category
// stays, tags, what it follows up, and files of messages that are still the same. A
// ticket that was made here is fault.Conflict.
//
// One that was made here is taken over if adopts says so, see adopt.
//
// Its deadlines count from its beginning, by the settings of now, so that the worklist
// has what waits longest; and they are quiet, for what is late in another system is
// not to be escalated here. One that is reopened here gets deadlines as any other.
func (m Moved) Ticket(id string, from origin.Source, was *Ticket, adopts bool, s Settings) (Ticket, error) {
	if was != nil && was.Origin == nil && (!adopts || was.CustomerID != m.CustomerID) {
		return Ticket{}, errMadeHere
	}
	if err := m.check(); err != nil {
		return Ticket{}, err
	}
	t := Ticket{
		ID: id, CustomerID: m.CustomerID, OrderID: m.OrderID, Subject: m.Subject, Category: m.Category, Priority: m.Priority,
		Status: m.Status, AssignedTo: m.AssignedTo, Rating: m.Rating, CreatedAt: m.CreatedAt,
		ResolvedAt: m.ResolvedAt, ClosedAt: m.ClosedAt, Origin: &from, Messages: make([]Message, len(m.Messages)),
	}
	m.fill(&t)
	t.Queue = s.queueOf(t.Category).Name
	if was != nil {
		t.Tags, t.FollowUpOf = was.Tags, was.FollowUpOf
		if was.Category == t.Category {
			t.Queue = was.Queue
		}
	}
	for i, p := range m.Messages {
		t.Messages[i] = p.message(&t, i)
		if was != nil && i < len(was.Messages) && was.Messages[i].ID == t.Messages[i].ID && was.Messages[i].Text == p.Text {
			t.Messages[i].Attachments = was.Messages[i].Attachments
		}
	}
	if was != nil && adopts {
		t.adopt(was)
	}
	t.quietClocks(s)
	if was != nil && (was.MadeHere || was.Origin == nil) {
		t.MadeHere = t.CustomerID == was.CustomerID
		t.FirstResponse.keep(was.FirstResponse)
		t.Resolution.keep(was.Resolution)
	}
	return t, nil
}

// fill sets what was left out.
func (m Moved) fill(t *Ticket) {
	var f Unsaid
	if t.Category == "" {
		f.Category = AboutOther
		if t.OrderID != "" {
			f.Category = AboutOrder
		}
		t.Category = f.Category
	}
	if t.Priority == "" {
		f.Priority, t.Priority = Normal, Normal
	}
	if m.UpdatedAt != nil {
		t.UpdatedAt = *m.UpdatedAt
	} else {
		last := m.last()
		f.UpdatedAt, t.UpdatedAt = &last, last
	}
	if f != (Unsaid{}) {
		t.Unsaid = &f
	}
}

// last gives the latest time that it tells of.
func (m Moved) last() time.Time {
	at := m.CreatedAt
	later := func(o time.Time) {
		if o.After(at) {
			at = o
		}
	}
	for _, p := range m.Messages {
		later(p.CreatedAt)
	}
	if m.Rating != nil {
		later(m.Rating.At)
	}
	for _, o := range []*time.Time{m.ResolvedAt, m.ClosedAt} {
		if o != nil {
			later(*o)
		}
	}
	return at
}

// message gives a message of the ticket, whose ID is that of its place.
func (p MovedMessage) message(t *Ticket, place int) Message {
	m := Message{
		ID:     uuid.NewSHA1(uuid.NameSpaceOID, fmt.Appendf(nil, "%s/messages/%d", t.ID, place)).String(),
		Author: p.Author, AuthorID: p.AuthorID, Text: p.Text, CreatedAt: p.CreatedAt,
		Unnamed: p.AuthorID == "", Public: p.Internal != nil && !*p.Internal, Internal: p.Internal != nil && *p.Internal,
	}
	if m.Unnamed {
		m.AuthorID = UnknownAgent
		if p.Author == ByCustomer {
			m.AuthorID = t.CustomerID
		}
	}
	return m
}

func (t *Ticket) quietClocks(s Settings) {
	target := s.target(t)
	t.FirstResponse.begin(t.CreatedAt, target.FirstResponse)
	t.Resolution.begin(t.CreatedAt, target.Resolution)
	t.FirstResponse.Quiet, t.Resolution.Quiet = true, true
	if i := slices.IndexFunc(t.Messages, func(m Message) bool { return m.Author == ByAgent && !m.Internal }); i >= 0 {
		t.FirstResponse.meet(t.Messages[i].CreatedAt)
	}
	if t.Status.Ended() {
		t.Resolution.meet(t.endedAt())
	}
}

// Moved gives what the ticket says now of what was moved. What was filled in is left
// out, unless it is something else by now.
func (t *Ticket) Moved() Moved {
	m := Moved{
		CustomerID: t.CustomerID, OrderID: t.OrderID, Subject: t.Subject, Category: t.Category, Priority: t.Priority,
		Status: t.Status, AssignedTo: t.AssignedTo, Rating: t.Rating, CreatedAt: t.CreatedAt, UpdatedAt: &t.UpdatedAt,
		ResolvedAt: t.ResolvedAt, ClosedAt: t.ClosedAt, Messages: make([]MovedMessage, len(t.Messages)),
	}
	if f := t.Unsaid; f != nil {
		if f.Category == m.Category {
			m.Category = ""
		}
		if f.Priority == m.Priority {
			m.Priority = ""
		}
		if same(f.UpdatedAt, &t.UpdatedAt) {
			m.UpdatedAt = nil
		}
		f.leaveKept(&m)
	}
	for i, p := range t.Messages {
		m.Messages[i] = MovedMessage{Author: p.Author, AuthorID: p.AuthorID, Text: p.Text, CreatedAt: p.CreatedAt}
		if p.Unnamed {
			m.Messages[i].AuthorID = ""
		}
		if p.Internal || p.Public {
			m.Messages[i].Internal = &p.Internal
		}
	}
	return m
}
