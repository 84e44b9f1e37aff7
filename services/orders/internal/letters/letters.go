// Package letters is what buyers are written about their orders: a letter at
// each step, made of what the order says when it is sent.
package letters

import (
	"context"
	"embed"
	"errors"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/currency"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
	"golang.org/x/text/number"

	"tienda/internal/mail"
	"tienda/internal/money"
	"tienda/services/orders/internal/order"
)

// The kinds of letter, by the fact that each is about.
var kinds = map[order.FactKind]mail.Kind{
	order.WasConfirmed:        "order_confirmed",
	order.WasShipped:          "order_shipped", // of the last shipment
	order.WasDelivered:        "order_delivered",
	order.WasCancelled:        "order_cancelled",
	order.WasRefunded:         "order_refunded",
	order.WasPartiallyShipped: "order_partially_shipped",
	order.WasExchanged:        "exchange_refused", // of one that was placed the new order is written of
	order.WereCancelled:       "order_lines_cancelled",
}

// No template may say what a buyer has written, the name of an address for
// instance: with a guest's order anybody could write words of his own to
// anybody, in the shop's name.
//
//go:embed templates/*.txt
var texts embed.FS

var templates = mail.MustTemplates(texts, "templates")

// line is what a letter says of a line of the order.
type line struct {
	Quantity int
	Name     string // with the variant's
	Total    string
}

// data is what the templates may say. Amounts are in the reader's language.
type data struct {
	Number string
	Lines  []line
	// Of the sum; "": nothing. Tax is in the total, or added to it.
	Discount, Shipping, Tax, TaxAdded string

	Total    string
	Rest     bool   // others were shipped before these lines
	Carrier  string // of order_shipped and order_partially_shipped, as are the next two; "": not known
	Tracking string
	Link     string // to the carrier's tracking
	Refund   string // of order_refunded
	Deducted string // of it, for the state the goods came in; "": nothing
	Due      string // what is still to be paid; "": nothing
	OnDoor   bool   // it is paid on delivery
	Replaces string // number of the order whose exchange this is; "": none
	Card     string // what is paid by card; "": nothing
	Less     string // what the order costs less, of order_lines_cancelled
	Kept     string // what it costs without what was cancelled; "": it is as it was
	AtOnce   bool   // and is charged already
}

// Orders gives orders; order.ErrMissing.
type Orders interface {
	Get(ctx context.Context, id string) (*order.Order, error)
}

// News is something that has happened to an order.
type News struct {
	Kind    order.FactKind
	OrderID string
	Part    string // the return, shipment or cancellation that it is of; "": the whole order
	At      time.Time
	Trace   string // of the news, as the event has it
}

// ID gives the ID of the letter about it: there is one of each.
func (n News) ID() string {
	id := n.OrderID + ":" + string(n.Kind)
	if n.Part != "" {
		id += ":" + n.Part
	}
	return id
}

// Letter gives the letter about it. No address is in it.
func (n News) Letter() mail.Letter {
	return mail.Letter{ID: n.ID(), Kind: kinds[n.Kind], About: n.OrderID, Ref: n.Part, At: n.At.UTC(), Trace: n.Trace}
}

// Wanted says whether somebody waits for letters about an order. Who was refused
// at the checkout was told so there.
func Wanted(o *order.Order) bool { return o.Email != "" && !o.Refused() }

// at says when a fact happened; zero: it did not.
func at(o *order.Order, f order.Fact) time.Time {
	switch f.Kind {
	case order.WasConfirmed:
		return o.ConfirmedAt
	case order.WasPartiallyShipped:
		return f.Shipment.ShippedAt
	case order.WasShipped:
		return o.ShippedAt
	case order.WasDelivered:
		return o.DeliveredAt
	case order.WasCancelled:
		return o.CancelledAt
	case order.WereCancelled:
		return f.Cancellation.At
	case order.WasExchanged:
		return f.Refund.Exchange.SettledAt
	default:
		return f.Refund.CreatedAt
	}
}

// Composer puts letters about orders into words. It implements mail.Composer.
type Composer struct{ orders Orders }

// NewComposer gives a composer that looks at the orders.
func NewComposer(orders Orders) *Composer { return &Composer{orders: orders} }

// Compose implements mail.Composer. State: 1 get.
func (c *Composer) Compose(ctx context.Context, l mail.Letter) (mail.Message, error) {
	o, err := c.orders.Get(ctx, l.About)
	switch {
	case errors.Is(err, order.ErrMissing):
		return mail.Message{}, mail.ErrMoot
	case err != nil:
		return mail.Message{}, err
	}
	fact, ok := factOf(o, l)
	if !ok || !Wanted(o) || at(o, fact).IsZero() { // or the account was deleted meanwhile
		return mail.Message{}, mail.ErrMoot
	}
	return templates.Write(l.Kind, o.Email, o.Language, describe(o, fact))
}

// factOf gives what a letter is about; false: no such thing has happened.
func factOf(o *order.Order, l mail.Letter) (order.Fact, bool) {
	for fact, kind := range kinds {
		switch {
		case kind != l.Kind:
		case fact == order.WasPartiallyShipped:
			s, ok := o.ShipmentOf(l.Ref)
			return order.Fact{Kind: fact, Shipment: s}, ok
		case fact == order.WereCancelled:
			c, ok := o.CancellationOf(l.Ref)
			return order.Fact{Kind: fact, Cancellation: c}, ok
		case fact == order.WasShipped && len(o.Shipments) > 0:
			// An order that is shipped because its rest was cancelled has none of that time:
			// of its last shipment was written before.
			last := o.Shipments[len(o.Shipments)-1]
			return order.Fact{Kind: fact, Shipment: last}, last.ShippedAt.Equal(o.ShippedAt)
		case fact != order.WasRefunded && fact != order.WasExchanged:
			return order.Fact{Kind: fact}, true
		default:
			r, ok := o.RefundOf(l.Ref)
			return order.Fact{Kind: fact, Refund: r}, ok && tells(fact, r)
		}
	}
	return order.Fact{}, false
}

// tells says whether there is something to write of a refund: none is written of by
// which nothing but an exchange was begun, and no exchange but one that failed.
func tells(fact order.FactKind, r order.Refund) bool {
	if fact == order.WasExchanged {
		return r.Exchange != nil && r.Exchange.Status == order.ExchangeRefused
	}
	return r.Exchange == nil || r.Amount > 0 || r.Deducted > 0
}

func describe(o *order.Order, f order.Fact) data {
	amount := printer(mail.Language(o.Language))
	d := data{
		Number: o.Number, Total: amount(o.Money(o.Total)), Tracking: oneLine(o.Tracking),
		Refund: amount(o.Money(f.Refund.Amount)), OnDoor: o.Payment.Method == order.CashOnDelivery,
	}
	some := func(minor int64) string {
		if minor == 0 {
			return ""
		}
		return amount(o.Money(minor))
	}
	if f.Kind == order.WereCancelled {
		d.Less, d.Refund = amount(o.Money(f.Cancellation.Amount)), some(f.Cancellation.Refunded)
	}
	if kept := o.Kept(); kept != o.Total && o.Status != order.Cancelled {
		d.Kept = amount(o.Money(kept))
	}
	if f.Kind == order.WasExchanged {
		d.Refund = amount(o.Money(f.Refund.Exchange.Refunded))
	}
	if o.Replaces != "" {
		d.Replaces = order.NumberFor(o.Replaces)
	}
	d.Deducted = some(f.Refund.Deducted)
	d.Due, d.Discount, d.Shipping = some(o.Payment.Due), some(-o.Totals.Discount), some(o.Totals.Shipping)
	if o.Payment.Card != nil { // nobody sends an invoice
		d.Due, d.Card, d.AtOnce = "", some(o.Kept()), o.Payment.AtOnce
	}
	if d.Tax = some(o.Totals.Tax); !o.Totals.TaxIncluded {
		d.Tax, d.TaxAdded = "", d.Tax
	}
	for _, l := range o.Lines {
		d.Lines = append(d.Lines, describeLine(l, amount))
	}
	if f.Shipment.ID != "" {
		d.send(o, f.Shipment)
	}
	if f.Kind == order.WereCancelled {
		d.only(o, f.Cancellation.Lines)
	}
	return d
}

// only has the letter speak of some pieces of the order, which d.Lines describes.
func (d *data) only(o *order.Order, items []order.Item) {
	var some []line
	for i, l := range o.Lines {
		if at := slices.IndexFunc(items, func(x order.Item) bool { return x.SKU == l.SKU }); at >= 0 {
			one := d.Lines[i]
			one.Quantity = items[at].Quantity
			some = append(some, one)
		}
	}
	d.Lines = some
}

// send has the letter speak of a shipment.
func (d *data) send(o *order.Order, s order.Shipment) {
	d.Rest = o.Shipments[0].ID != s.ID
	d.Carrier, d.Tracking, d.Link = oneLine(s.Carrier), oneLine(s.Tracking), oneLine(s.TrackingURL)
	d.only(o, s.Lines)
}

func describeLine(l order.Line, amount func(money.Money) string) line {
	out := line{Quantity: l.Quantity, Name: oneLine(l.Name)}
	if l.VariantName != "" {
		out.Name += " (" + oneLine(l.VariantName) + ")"
	}
	if l.LineTotal != nil {
		out.Total = amount(*l.LineTotal)
	}
	return out
}

// oneLine keeps a text within its paragraph.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// printer writes amounts as a language does: 1.234,50 EUR in Spanish.
func printer(lang string) func(money.Money) string {
	p := message.NewPrinter(language.MustParse(lang))
	return func(m money.Money) string {
		scale := 2
		if u, err := currency.ParseISO(m.Currency); err == nil {
			scale, _ = currency.Standard.Rounding(u)
		}
		// A float64 has 15 digits: amounts have fewer (money in minor units).
		units := float64(m.Amount)
		for range scale {
			units /= 10
		}
		return p.Sprintf("%v %s", number.Decimal(units, number.Scale(scale)), m.Currency)
	}
}
