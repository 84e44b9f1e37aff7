package ticket

import (
	"context"
	"strings"

	"tienda/internal/caller"
	"tienda/internal/fault"
)

// Filled is what a template may say about a ticket; "" is not to be had.
type Filled struct {
	Language     string // of the customer
	CustomerName string
	TicketNumber string
	OrderNumber  string
}

// Templates are texts that agents answer with.
type Templates interface {
	// Fill gives the text of a template; fault.NotFound where there is none.
	Fill(ctx context.Context, id string, in Filled) (string, error)
}

// Number is the short form of a ticket's ID for people.
func (t Ticket) Number() string {
	if len(t.ID) < 8 {
		return strings.ToUpper(t.ID)
	}
	return "S-" + strings.ToUpper(t.ID[len(t.ID)-8:])
}

var (
	errTemplateRole    = fault.New(fault.Forbidden, "role_missing", "Only agents use canned replies.").At("/canned_reply_id", "is for agents")
	errTemplateUnknown = fault.New(fault.Unprocessable, "canned_reply_unknown", "There is no such canned reply.").At("/canned_reply_id", "is not a canned reply")
	errTemplateLong    = fault.New(fault.Unprocessable, "text_too_long", "The canned reply is too long with what it is filled with.").At("/canned_reply_id", "makes a text that is too long")
)

var errTemplateBlank = fault.New(fault.Unprocessable, "text_blank", "The canned reply says nothing about this ticket.").At("/canned_reply_id", "makes a text without words")

// MaxText is how long a message may be, in characters.
const MaxText = 5000

// PostTemplate adds a message of an agent with the text of a template, in the
// language that is asked for, else that of the order, else the template's own.
// It is written also while users or orders is away: without the customer's
// name, and with the order's ID.
func (s *Service) PostTemplate(ctx context.Context, who caller.Caller, id, templateID, language string, internal bool) (Message, error) {
	if !who.Is(caller.SupportAgent) {
		return Message{}, errTemplateRole
	}
	t, err := s.Get(ctx, who, id)
	if err != nil {
		return Message{}, err
	}
	text, err := s.templates.Fill(ctx, templateID, s.filled(ctx, t, language))
	switch {
	case fault.KindOf(err) == fault.NotFound && err != nil:
		return Message{}, errTemplateUnknown
	case err != nil:
		return Message{}, err
	case strings.TrimSpace(text) == "":
		return Message{}, errTemplateBlank
	case len([]rune(text)) > MaxText:
		return Message{}, errTemplateLong
	}
	return s.Post(ctx, who, id, text, internal)
}

func (s *Service) filled(ctx context.Context, t Ticket, language string) Filled {
	out := Filled{Language: language, TicketNumber: t.Number(), OrderNumber: t.OrderID}
	ctx, cancel := context.WithTimeout(ctx, customerWait)
	defer cancel()
	if p, err := s.users.Profile(ctx, t.CustomerID); err == nil {
		out.CustomerName = p.Name
	} else {
		s.log.WarnContext(ctx, "canned reply without the customer's name", "ticket", t.ID, "error", err)
	}
	if t.OrderID == "" {
		return out
	}
	o, err := s.orders.Brief(ctx, t.OrderID)
	if err != nil {
		s.log.WarnContext(ctx, "canned reply without the order's number", "ticket", t.ID, "error", err)
		return out
	}
	out.OrderNumber = o.Number
	if language == "" {
		out.Language = o.Language
	}
	return out
}
