package letters

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
	"tienda/internal/fault"
	"tienda/internal/mail"
	"tienda/services/support/internal/rma"
	"tienda/services/support/internal/ticket"
)

var (
	now     = time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	errAway = fault.New(fault.Unavailable, "away", "away")
)

// shop is what letters are made of: one return of ana's and one ticket.
type shop struct {
	ret     rma.Return
	ticket  ticket.Ticket
	order   Order
	contact Contact
	err     error // what orders and users answer
}

type (
	returns struct{ *shop }
	tickets struct{ *shop }
)

func (s returns) Get(_ context.Context, id string) (rma.Return, error) {
	if id != s.ret.ID {
		return rma.Return{}, rma.ErrMissing
	}
	return s.ret, nil
}

func (s tickets) Get(_ context.Context, id string) (ticket.Ticket, error) {
	if id != s.ticket.ID {
		return ticket.Ticket{}, ticket.ErrMissing
	}
	return s.ticket, nil
}

func (s *shop) Letter(context.Context, string) (Order, error)    { return s.order, s.err }
func (s *shop) Contact(context.Context, string) (Contact, error) { return s.contact, s.err }

func (s *shop) write(t *testing.T, n News) (mail.Message, error) {
	t.Helper()
	l := n.Letter()
	require.Empty(t, l.To, "no address at rest")
	return NewComposer(tickets{s}, returns{s}, s, s).Compose(t.Context(), l)
}

func open(t *testing.T, lang string) *shop {
	t.Helper()
	who := caller.Caller{UserID: "ana"}
	tk, err := ticket.New("0198d2b0-1111-7000-8000-0000000000a1", who, ticket.Draft{Subject: "words of a stranger", Text: "words of a stranger"}, ticket.Defaults(), now)
	require.NoError(t, err)
	return &shop{
		ticket: tk, contact: Contact{Email: "ana@example.com", Language: lang},
		order: Order{Number: "T-AAAA-BBBB", Email: "ana@example.com", Language: lang, Names: map[string]string{"LAMP": "Mesa\nde roble (grande)"}},
		ret: rma.Return{
			ID: "r", OrderID: "o", Status: rma.Approved, Carrier: "Correos", Label: "PQ4",
			Lines: []rma.Line{{SKU: "LAMP", Quantity: 2, Note: "words of a stranger"}, {SKU: "BULB", Quantity: 1}},
		},
	}
}

// came makes the return one of which pieces have come back.
func (s *shop) came(status rma.Status) {
	s.ret.Status = status
	s.ret.Receipts = []rma.Receipt{{ID: "p", Lines: []rma.Came{{SKU: "LAMP", Quantity: 1, Restock: true}, {SKU: "LAMP", Quantity: 1, Deduction: 50, Why: "broken"}}}}
	s.ret.Lines[0].Received, s.ret.Lines[0].Restocked, s.ret.Lines[1].Received = 2, 1, 1
}

func TestALetterOfEachKind(t *testing.T) {
	set := ticket.Defaults()
	agent := caller.Caller{UserID: "agent", Roles: []caller.Role{caller.SupportAgent}}
	tests := []struct {
		kind   mail.Kind
		before func(*shop)
		en, es string // subject|parts of the text
	}{
		{TicketAnswered, nil, "We have answered your request S-000000A1|Sign in", "Hemos respondido a tu consulta S-000000A1|Inicia sesión"},
		{ReturnApproved, nil, "Your return of order T-AAAA-BBBB is approved|2 × Mesa de roble (grande)|1 × BULB|this label on the parcel: PQ4 (Correos).",
			"Tu devolución del pedido T-AAAA-BBBB está aprobada|2 × Mesa de roble (grande)|PQ4 (Correos)."},
		{ReturnLabelled, func(s *shop) { s.ret.Carrier = "" }, "The label for your return of order T-AAAA-BBBB|T-AAAA-BBBB: PQ4.", "La etiqueta para tu devolución del pedido T-AAAA-BBBB|T-AAAA-BBBB: PQ4."},
		{ReturnRejected, func(s *shop) { s.ret.Status, s.ret.Rejection = rma.Rejected, "It was\nworn." }, "Your return of order T-AAAA-BBBB was not approved|It was worn.",
			"Tu devolución del pedido T-AAAA-BBBB no se ha aprobado|It was worn."},
		{ReturnPart, func(s *shop) { s.came(rma.PartiallyReceived) }, "A part of your return of order T-AAAA-BBBB has arrived|2 × Mesa de roble (grande)",
			"Una parte de tu devolución del pedido T-AAAA-BBBB ha llegado|2 × Mesa de roble (grande)"},
		{ReturnReceived, func(s *shop) { s.came(rma.Refunded) }, "Your return of order T-AAAA-BBBB has arrived|2 × Mesa de roble (grande)|1 × BULB",
			"Tu devolución del pedido T-AAAA-BBBB ha llegado|2 × Mesa de roble (grande)|1 × BULB"},
	}
	require.Len(t, templates.Names(), len(tests)*len(mail.Languages))
	for _, tt := range tests {
		for lang, want := range map[string]string{"": tt.en, "en": tt.en, "es-MX": tt.es} {
			s := open(t, lang)
			if tt.before != nil {
				tt.before(s)
			}
			n := News{Kind: tt.kind, About: "r", Ref: "p", At: now}
			if tt.kind == TicketAnswered {
				m, err := s.ticket.Post(agent, "words of an agent", false, set, now)
				require.NoError(t, err)
				n.About, n.Ref = s.ticket.ID, m.ID
			}
			m, err := s.write(t, n)
			require.NoError(t, err)
			require.Equal(t, "ana@example.com", m.To)
			subject, parts, _ := strings.Cut(want, "|")
			require.Equal(t, subject, m.Subject)
			for part := range strings.SplitSeq(parts, "|") {
				require.Contains(t, m.Text, part)
			}
			require.NotContains(t, m.Text, "stranger", "no letter says what a customer has written")
			require.NotContains(t, m.Text, "words of an agent", "that is read where one is signed in")
			require.NotContains(t, m.Text, "\n\n\n")
		}
	}
}

// What is not so any more is not sent; what cannot be known now is tried again.
func TestMoot(t *testing.T) {
	set := ticket.Defaults()
	agent := caller.Caller{UserID: "agent", Roles: []caller.Role{caller.SupportAgent}}
	tests := []struct {
		name string
		news func(*shop) News
		moot bool
	}{
		{"no such return", func(*shop) News { return News{Kind: ReturnApproved, About: "x"} }, true},
		{"rejected meanwhile", func(s *shop) News { s.ret.Status = rma.Rejected; return News{Kind: ReturnApproved, About: "r"} }, true},
		{"not rejected", func(*shop) News { return News{Kind: ReturnRejected, About: "r"} }, true},
		{"no label any more", func(s *shop) News { s.ret.Label = ""; return News{Kind: ReturnLabelled, About: "r"} }, true},
		{"no such receipt", func(*shop) News { return News{Kind: ReturnPart, About: "r", Ref: "p"} }, true},
		{"nothing came", func(*shop) News { return News{Kind: ReturnReceived, About: "r"} }, true},
		{"the buyer was forgotten", func(s *shop) News { s.order.Email = ""; return News{Kind: ReturnApproved, About: "r"} }, true},
		{"the order is gone", func(s *shop) News { s.err = fault.Missing("order"); return News{Kind: ReturnApproved, About: "r"} }, true},
		{"orders is away", func(s *shop) News { s.err = errAway; return News{Kind: ReturnApproved, About: "r"} }, false},
		{"no such ticket", func(*shop) News { return News{Kind: TicketAnswered, About: "x"} }, true},
		{"no such message", func(s *shop) News { return News{Kind: TicketAnswered, About: s.ticket.ID, Ref: "x"} }, true},
		{"the customer's own", func(s *shop) News {
			return News{Kind: TicketAnswered, About: s.ticket.ID, Ref: s.ticket.Messages[0].ID}
		}, true},
		{"a note", func(s *shop) News { return answer(t, s, agent, true, set) }, true},
		{"the account is closed", func(s *shop) News { s.err = fault.Missing("account"); return answer(t, s, agent, false, set) }, true},
		{"users is away", func(s *shop) News { s.err = errAway; return answer(t, s, agent, false, set) }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := open(t, "en")
			_, err := s.write(t, tt.news(s))
			require.Error(t, err)
			require.Equal(t, tt.moot, errors.Is(err, mail.ErrMoot))
		})
	}
}

func answer(t *testing.T, s *shop, agent caller.Caller, internal bool, set ticket.Settings) News {
	t.Helper()
	m, err := s.ticket.Post(agent, "text", internal, set, now)
	require.NoError(t, err)
	return News{Kind: TicketAnswered, About: s.ticket.ID, Ref: m.ID}
}

func TestEachLetterHasAnID(t *testing.T) {
	require.Equal(t, "o:return_approved:r", News{Kind: ReturnApproved, About: "r", OrderID: "o"}.ID())
	require.Equal(t, "o:return_part:r:p", News{Kind: ReturnPart, About: "r", OrderID: "o", Ref: "p"}.ID())
}
