// Package letters is what customers are written about their tickets and returns:
// made of what those say when a letter is sent.
package letters

import (
	"context"
	"embed"
	"errors"
	"slices"
	"strings"
	"time"

	"tienda/internal/fault"
	"tienda/internal/mail"
	"tienda/services/support/internal/rma"
	"tienda/services/support/internal/ticket"
)

// The kinds of letter. A refund is written of by orders, which makes it.
const (
	TicketAnswered mail.Kind = "ticket_answered"
	ReturnApproved mail.Kind = "return_approved"
	ReturnLabelled mail.Kind = "return_labelled"
	ReturnRejected mail.Kind = "return_rejected"
	ReturnPart     mail.Kind = "return_part"
	ReturnReceived mail.Kind = "return_received"
)

// No template may say what a customer has written, the subject of a ticket for
// instance; what an agent states (a label, why a return is refused) it may.
//
//go:embed templates/*.txt
var texts embed.FS

var templates = mail.MustTemplates(texts, "templates")

// line is what a letter says of pieces.
type line struct {
	Quantity int
	Name     string
}

// data is what the templates may say.
type data struct {
	Order   string // number
	Ticket  string // number
	Lines   []line
	Carrier string
	Label   string
	Reason  string
}

// Order is what a letter needs to know of an order.
type Order struct {
	Number   string
	Email    string            // of the buyer; "": nobody is to be written
	Language string            // BCP 47
	Names    map[string]string // of the products, by SKU
}

// Contact is where an account is written to.
type Contact struct {
	Email    string
	Language string // BCP 47
}

// Orders gives orders; fault.NotFound.
type Orders interface {
	Letter(ctx context.Context, orderID string) (Order, error)
}

// Users gives where accounts are written to; fault.NotFound: it is closed.
type Users interface {
	Contact(ctx context.Context, userID string) (Contact, error)
}

// Returns gives returns; rma.ErrMissing.
type Returns interface {
	Get(ctx context.Context, id string) (rma.Return, error)
}

// Tickets gives tickets; ticket.ErrMissing.
type Tickets interface {
	Get(ctx context.Context, id string) (ticket.Ticket, error)
}

// News is something that has happened to a ticket or a return.
type News struct {
	Kind    mail.Kind
	About   string // the ticket or the return
	OrderID string // of a return
	Ref     string // of TicketAnswered the message, of ReturnPart the receipt, of ReturnLabelled the version
	At      time.Time
}

// ID gives the ID of the letter about it: there is one of each. It begins with
// what the document is of: a ticket, or the order with all its returns.
func (n News) ID() string {
	id := n.About + ":" + string(n.Kind)
	if n.OrderID != "" {
		id = n.OrderID + ":" + string(n.Kind) + ":" + n.About
	}
	if n.Ref != "" {
		id += ":" + n.Ref
	}
	return id
}

// Letter gives the letter about it. No address is in it.
func (n News) Letter() mail.Letter {
	return mail.Letter{ID: n.ID(), Kind: n.Kind, About: n.About, Ref: n.Ref, At: n.At.UTC()}
}

// Composer puts letters into words. It implements mail.Composer.
type Composer struct {
	tickets Tickets
	returns Returns
	orders  Orders
	users   Users
}

// NewComposer gives a composer that looks at tickets and returns, and asks where
// their customers are written to.
func NewComposer(tickets Tickets, returns Returns, orders Orders, users Users) *Composer {
	return &Composer{tickets: tickets, returns: returns, orders: orders, users: users}
}

// Compose implements mail.Composer. Of a ticket: 1 state call and 1 invocation.
// Of a return: 2 state calls and 1 invocation.
func (c *Composer) Compose(ctx context.Context, l mail.Letter) (mail.Message, error) {
	if l.Kind == TicketAnswered {
		return c.answered(ctx, l)
	}
	r, err := c.returns.Get(ctx, l.About)
	if err != nil {
		return mail.Message{}, moot(err)
	}
	o, err := c.orders.Letter(ctx, r.OrderID)
	if err != nil {
		return mail.Message{}, moot(err)
	}
	d, ok := describe(r, l, o)
	if !ok || o.Email == "" {
		return mail.Message{}, mail.ErrMoot
	}
	return templates.Write(l.Kind, o.Email, o.Language, d)
}

func (c *Composer) answered(ctx context.Context, l mail.Letter) (mail.Message, error) {
	t, err := c.tickets.Get(ctx, l.About)
	if err != nil {
		return mail.Message{}, moot(err)
	}
	if !slices.ContainsFunc(t.Messages, func(m ticket.Message) bool { return m.ID == l.Ref && m.Author == ticket.ByAgent && !m.Internal }) {
		return mail.Message{}, mail.ErrMoot
	}
	to, err := c.users.Contact(ctx, t.CustomerID)
	if err != nil {
		return mail.Message{}, moot(err)
	}
	return templates.Write(l.Kind, to.Email, to.Language, data{Ticket: t.Number()})
}

// moot says that a letter about what is not there is not to be sent; other errors
// have it tried again.
func moot(err error) error {
	if fault.KindOf(err) == fault.NotFound {
		return errors.Join(mail.ErrMoot, err)
	}
	return err
}

// describe gives what a letter says of a return; false: it is not so any more.
func describe(r rma.Return, l mail.Letter, o Order) (data, bool) {
	d := data{Order: o.Number, Carrier: oneLine(r.Carrier), Label: oneLine(r.Label), Reason: oneLine(r.Rejection)}
	came := r.CameBack()
	switch l.Kind {
	case ReturnApproved, ReturnLabelled:
		for _, asked := range r.Lines {
			d.Lines = append(d.Lines, line{asked.Quantity, o.name(asked.SKU)})
		}
		return d, r.Status != rma.Requested && r.Status != rma.Rejected && (d.Label != "" || l.Kind == ReturnApproved)
	case ReturnRejected:
		return d, r.Status == rma.Rejected
	case ReturnPart:
		i := slices.IndexFunc(r.Receipts, func(p rma.Receipt) bool { return p.ID == l.Ref })
		if i < 0 {
			return d, false
		}
		came = r.Receipts[i].Lines
	}
	for _, c := range came {
		d.add(c.Quantity, o.name(c.SKU))
	}
	return d, len(came) > 0
}

// add counts pieces; those of one name stand in one line.
func (d *data) add(n int, name string) {
	if i := slices.IndexFunc(d.Lines, func(l line) bool { return l.Name == name }); i >= 0 {
		d.Lines[i].Quantity += n
		return
	}
	d.Lines = append(d.Lines, line{n, name})
}

// name gives what to call an SKU.
func (o Order) name(sku string) string {
	if n := oneLine(o.Names[sku]); n != "" {
		return n
	}
	return sku
}

// oneLine keeps a text within its paragraph.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
