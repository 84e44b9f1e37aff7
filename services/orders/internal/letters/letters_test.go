package letters

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/fault"
	"tienda/internal/mail"
	"tienda/internal/money"
	"tienda/services/orders/internal/cart"
	"tienda/services/orders/internal/order"
	"tienda/services/orders/internal/payment"
	"tienda/services/orders/internal/pricing"
)

var now = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// bought is a confirmed order, as its buyer's letters see it.
func bought(t *testing.T, lang string) *order.Order {
	t.Helper()
	return boughtFor(t, lang, pricing.Totals{Items: 246900, Total: 246900})
}

func boughtFor(t *testing.T, lang string, sum pricing.Totals) *order.Order {
	t.Helper()
	price := money.New(123450, "EUR")
	o := &order.Order{
		ID: "0b0e9d6e-3f5b-5b0c-8f2d-0a4f6f3c1d11", Number: "T-AAAA-BBBB", Status: order.Pending, Email: "ana@example.com", Language: lang,
		Currency: "EUR", Lines: []order.Line{{SKU: "A", Quantity: 2}}, Payment: order.Payment{Method: order.Invoice, Status: order.Due},
		Address: order.Address{Name: "words of a stranger"}, Note: "words of a stranger",
	}
	list, err := price.Times(2)
	require.NoError(t, err)
	require.NoError(t, o.Confirm(order.Bill{
		Lines:     []order.Line{{SKU: "A", Quantity: 2, Name: "Mesa\nde roble", VariantName: "grande", UnitPrice: &price, LineTotal: &list}},
		Breakdown: pricing.Breakdown{Lines: []pricing.Priced{{Charge: pricing.Charge{List: 246900, Net: 246900, Total: 246900}}}, Totals: sum},
	}, now))
	return o
}

type one struct{ o *order.Order }

func (s one) Get(_ context.Context, id string) (*order.Order, error) {
	if s.o == nil || s.o.ID != id {
		return nil, order.ErrMissing
	}
	return s.o, nil
}

func written(t *testing.T, o *order.Order, l mail.Letter) mail.Message {
	t.Helper()
	m, err := NewComposer(one{o}).Compose(t.Context(), l)
	require.NoError(t, err)
	return m
}

// told gives the letters about all that has happened to an order.
func told(o *order.Order) (out []mail.Letter) {
	for _, f := range o.Facts() {
		out = append(out, News{Kind: f.Kind, OrderID: o.ID, At: now, Part: partOf(f)}.Letter())
	}
	return out
}

func partOf(f order.Fact) string {
	switch f.Kind {
	case order.WasPartiallyShipped:
		return f.Shipment.ID
	case order.WereCancelled:
		return f.Cancellation.ID
	default:
		return f.Refund.ReturnID
	}
}

func last(o *order.Order) mail.Letter { all := told(o); return all[len(all)-1] }

func TestALetterAtEachStep(t *testing.T) {
	require.Len(t, templates.Names(), (len(kinds)+1)*len(mail.Languages))
	for lang, want := range map[string][]string{
		"en": {
			"Your order T-AAAA-BBBB|2 × Mesa de roble (grande): 2,469.00 EUR|Total: 2,469.00 EUR|You pay 2,469.00 EUR by invoice.",
			"Your order T-AAAA-BBBB is on its way|2 × Mesa de roble (grande)|Tracking: 1Z",
			"Your order T-AAAA-BBBB was delivered|Please pay the invoice over 2,469.00 EUR.",
			"A refund for your order T-AAAA-BBBB|we have refunded 1,234.50 EUR.|Of the invoice 1,234.50 EUR are still to be paid.",
		},
		"es-MX": {
			"Tu pedido T-AAAA-BBBB|2 × Mesa de roble (grande): 2.469,00 EUR|Total: 2.469,00 EUR|Pagas 2.469,00 EUR con factura.",
			"Tu pedido T-AAAA-BBBB está en camino|Seguimiento: 1Z",
			"Tu pedido T-AAAA-BBBB se ha entregado|paga la factura por 2.469,00 EUR",
			"Un reembolso de tu pedido T-AAAA-BBBB|te hemos reembolsado 1.234,50 EUR.",
		},
	} {
		o := bought(t, lang)
		steps := []func() error{
			func() error { return nil },
			func() error { return o.Ship("1Z", 0, now) },
			func() error { return o.Deliver(0, now) },
			func() error {
				_, err := o.Refund("r1", []order.RefundLine{{SKU: "A", Quantity: 1}}, now)
				return err
			},
		}
		for i, step := range steps {
			require.NoError(t, step())
			m := written(t, o, last(o))
			require.Equal(t, "ana@example.com", m.To)
			subject, parts, _ := strings.Cut(want[i], "|")
			require.Equal(t, subject, m.Subject)
			for part := range strings.SplitSeq(parts, "|") {
				require.Contains(t, m.Text, part)
			}
			require.NotContains(t, m.Text, "stranger", "no letter says what a buyer has written")
			require.NotContains(t, m.Text, "\n\n\n")
		}
		ids := map[string]bool{}
		for _, l := range told(o) {
			ids[l.ID] = true
			require.Empty(t, l.To, "no address at rest but the order's")
			require.Equal(t, now, l.At)
		}
		require.Len(t, ids, len(steps))
	}
}

// Of each shipment a letter: what is in it, and how to follow it.
func TestALetterForEachShipment(t *testing.T) {
	for lang, want := range map[string][3]string{
		"en": {
			"A part of your order T-AAAA-BBBB is on its way|1 × Mesa de roble (grande)|Carrier: Correos|Tracking: 1Z|https://example.com/1Z|The rest follows.",
			"Your order T-AAAA-BBBB is on its way|The rest of your order T-AAAA-BBBB has left|1 × Mesa de roble (grande)",
		},
		"es": {
			"Una parte de tu pedido T-AAAA-BBBB está en camino|1 × Mesa de roble (grande)|Transportista: Correos|Seguimiento: 1Z|https://example.com/1Z|El resto llegará después.",
			"Tu pedido T-AAAA-BBBB está en camino|El resto de tu pedido T-AAAA-BBBB ha salido|1 × Mesa de roble (grande)",
		},
	} {
		o := bought(t, lang)
		first := order.Parcel{Lines: []order.Item{{SKU: "A", Quantity: 1}}, Carrier: "Correos", Tracking: "1Z", TrackingURL: "https://example.com/1Z"}
		for i, p := range []order.Parcel{first, {}} {
			require.NoError(t, o.Dispatch(order.ShipmentID(o.ID, lang+string(rune('a'+i))), p, 0, now))
			m := written(t, o, last(o))
			subject, parts, _ := strings.Cut(want[i], "|")
			require.Equal(t, subject, m.Subject)
			for part := range strings.SplitSeq(parts, "|") {
				require.Contains(t, m.Text, part)
			}
			require.NotContains(t, m.Text, "\n\n\n")
			require.Equal(t, i == 0, strings.Contains(m.Text, "1Z"), "each its own tracking")
		}
		part := told(o)[1]
		require.Contains(t, written(t, o, part).Text, "1Z", "a letter that is late is about its shipment")
		part.Ref = "another"
		_, err := NewComposer(one{o}).Compose(t.Context(), part)
		require.ErrorIs(t, err, mail.ErrMoot)
	}
}

// Of lines that were cancelled a letter; none of an order that is shipped by it, as its
// last shipment has one already.
func TestCancelledLines(t *testing.T) {
	for lang, want := range map[string]string{
		"en": "A part of your order T-AAAA-BBBB was cancelled|1 × Mesa de roble (grande)|It costs 1,234.50 EUR less.|You pay 1,234.50 EUR by invoice.",
		"es": "Una parte de tu pedido T-AAAA-BBBB se ha cancelado|1 × Mesa de roble (grande)|Cuesta 1.234,50 EUR menos.|Pagas 1.234,50 EUR por factura.",
	} {
		o := bought(t, lang)
		require.NoError(t, o.CancelLines("c", []order.Item{{SKU: "A", Quantity: 1}}, "words of a stranger", 0, now))
		m := written(t, o, last(o))
		subject, parts, _ := strings.Cut(want, "|")
		require.Equal(t, subject, m.Subject)
		for part := range strings.SplitSeq(parts, "|") {
			require.Contains(t, m.Text, part)
		}
		require.NotContains(t, m.Text, "stranger")
		require.NotContains(t, m.Text, "\n\n\n")
	}
	o := bought(t, "en")
	require.NoError(t, o.Dispatch("s", order.Parcel{Lines: []order.Item{{SKU: "A", Quantity: 1}}, Tracking: "1Z"}, 0, now))
	o.Payment.Due, o.Payment.Paid = 0, o.Payment.Due
	require.NoError(t, o.CancelLines("c", []order.Item{{SKU: "A", Quantity: 1}}, "", 0, now.Add(time.Hour)))
	all := told(o)
	require.Contains(t, written(t, o, all[1]).Text, "1Z")
	require.Contains(t, written(t, o, all[2]).Text, "1,234.50 EUR of that are paid already")
	_, err := NewComposer(one{o}).Compose(t.Context(), all[3])
	require.ErrorIs(t, err, mail.ErrMoot)
}

func TestADeduction(t *testing.T) {
	o := bought(t, "")
	require.NoError(t, o.Ship("", 0, now))
	require.NoError(t, o.Deliver(0, now))
	_, err := o.Refund("r", []order.RefundLine{{SKU: "A", Quantity: 1, Deduction: 10, Reason: "words of a stranger"}}, now)
	require.NoError(t, err)
	m := written(t, o, last(o))
	require.Contains(t, m.Text, "we have refunded 1,111.05 EUR.")
	require.Contains(t, m.Text, "we have kept 123.45 EUR.")
	require.NotContains(t, m.Text, "stranger")
}

// Of an exchange the new order's letter tells; the old one's only if it failed.
func TestAnExchange(t *testing.T) {
	texts := map[string]string{
		"en": "For what you have sent back of your order T-AAAA-BBBB we send you|paid for by what you have sent back|we have refunded 1,234.50 EUR|we give you back 1,234.50 EUR",
		"es": "Por lo que has devuelto de tu pedido T-AAAA-BBBB te enviamos|pagado con lo que has devuelto|te hemos reembolsado 1.234,50 EUR|te devolvemos 1.234,50 EUR",
	}
	for lang, want := range texts {
		part := strings.Split(want, "|")
		for _, placed := range []bool{true, false} {
			o := bought(t, lang)
			o.ID = "00000000-0000-4000-8000-000000000000"
			number := order.NumberFor(o.ID)
			require.NoError(t, o.Ship("", 0, now))
			require.NoError(t, o.Deliver(0, now))
			r, err := o.Refund("r", []order.RefundLine{{SKU: "A", Quantity: 1, Exchange: "B"}}, now)
			require.NoError(t, err)
			_, err = NewComposer(one{o}).Compose(t.Context(), last(o))
			require.ErrorIs(t, err, mail.ErrMoot, "no money")
			to := o.Replacement(*r.Exchange, now)
			if placed {
				price := money.New(1, "EUR")
				require.NoError(t, to.Replace([]order.Line{{SKU: "B", Quantity: 1, Name: "B", UnitPrice: &price}}, *r.Exchange, now))
				text := written(t, to, last(to)).Text
				require.Contains(t, text, strings.Replace(part[0], "T-AAAA-BBBB", number, 1))
				require.Contains(t, text, part[1])
				require.NoError(t, to.Cancel("", 0, now))
				require.Contains(t, written(t, to, last(to)).Text, part[3])
			} else {
				require.NoError(t, to.Refuse(fault.New(fault.Unprocessable, "out_of_stock", "no"), now))
			}
			require.NoError(t, o.SettleExchange("r", to, now))
			if !placed {
				require.Contains(t, written(t, o, last(o)).Text, part[2])
				continue
			}
			_, err = NewComposer(one{o}).Compose(t.Context(), last(o))
			require.ErrorIs(t, err, mail.ErrMoot, "the new order's letter says it")
		}
	}
}

func TestACancelledOrder(t *testing.T) {
	o := bought(t, "")
	o.Payment.Method = order.CashOnDelivery
	require.Contains(t, written(t, o, last(o)).Text, "You pay 2,469.00 EUR when it is delivered.")
	require.NoError(t, o.Cancel("words of a stranger", 0, now))
	m := written(t, o, last(o))
	require.Equal(t, "Your order T-AAAA-BBBB was cancelled", m.Subject)
	require.NotContains(t, m.Text, "stranger")
}

// What a store has kept of a transaction that failed, and what nobody waits for
// any more, is not sent.
func TestMoot(t *testing.T) {
	for name, c := range map[string]struct {
		o *order.Order
		l mail.Letter
	}{
		"never shipped":    {bought(t, "en"), mail.Letter{Kind: kinds[order.WasShipped]}},
		"never cancelled":  {bought(t, "en"), mail.Letter{Kind: kinds[order.WasCancelled]}},
		"another refund":   {bought(t, "en"), mail.Letter{Kind: kinds[order.WasRefunded], Ref: "r2"}},
		"no order":         {nil, mail.Letter{Kind: kinds[order.WasConfirmed]}},
		"no kind of ours":  {bought(t, "en"), mail.Letter{Kind: "verify_email"}},
		"the buyer is not": {&order.Order{ID: "x", ConfirmedAt: now}, mail.Letter{Kind: kinds[order.WasConfirmed]}},
	} {
		t.Run(name, func(t *testing.T) {
			c.l.About = "x"
			if c.o != nil {
				c.l.About = c.o.ID
			}
			_, err := NewComposer(one{c.o}).Compose(t.Context(), c.l)
			require.ErrorIs(t, err, mail.ErrMoot)
		})
	}
}

// Who was refused at the checkout was told so there.
func TestNoLetterAboutARefusal(t *testing.T) {
	o := bought(t, "en")
	o.Status = order.Pending
	fresh := *o
	require.NoError(t, fresh.Refuse(fault.New(fault.Conflict, "out_of_stock", "Gone."), now))
	require.False(t, Wanted(&fresh))
	require.True(t, Wanted(o))
	o.Email = "" // the account was deleted
	require.False(t, Wanted(o))
}

// By card nobody is asked to pay an invoice, whatever became of the charge.
func TestPaidByCard(t *testing.T) {
	for at, want := range map[bool]string{false: "You pay 2,469.00 EUR by card, when it leaves our house.", true: "You pay 2,469.00 EUR by card."} {
		o := bought(t, "en")
		o.Payment.Card, o.Payment.AtOnce = payment.New(o.ID, "tok", now), at
		text := written(t, o, last(o)).Text
		require.Contains(t, text, want+"\n")
		require.NotContains(t, text, "invoice")
	}
}

// What the sum is made of is in the letter, as far as there is any.
func TestTheParts(t *testing.T) {
	parts := func(sum pricing.Totals) []string {
		o := boughtFor(t, "en", sum)
		return strings.Split(written(t, o, last(o)).Text, "\n\n")[1:]
	}
	list, end := "2 × Mesa de roble (grande): 2,469.00 EUR", "We will write to you again when it has left our house."
	due := func(s string) string { return "You pay " + s + " EUR by invoice." }
	require.Equal(t, []string{list, "Total: 2,469.00 EUR", due("2,469.00"), end}, parts(pricing.Totals{Items: 246900, Total: 246900}))
	require.Equal(t, []string{list, "Discount: -69.00 EUR", "Shipping: 5.00 EUR", "Total: 2,405.00 EUR", "Tax in it: 417.40 EUR", due("2,405.00"), end},
		parts(pricing.Totals{Items: 246900, Discount: 6900, Shipping: 500, Tax: 41740, Total: 240500, TaxIncluded: true}))
	require.Equal(t, []string{list, "Tax: 246.90 EUR", "Total: 2,715.90 EUR", due("2,715.90"), end},
		parts(pricing.Totals{Items: 246900, Tax: 24690, Total: 271590}))
}

type basket struct{ c *cart.Cart }

func (b basket) CartOf(context.Context, string) (*cart.Cart, error) { return b.c, nil }

type reader struct {
	is  Reader
	err error
}

func (r reader) Reader(context.Context, string) (Reader, error) { return r.is, r.err }

// A reminder goes to who allows marketing, while the cart is as it was left.
func TestReminder(t *testing.T) {
	left := &cart.Cart{Lines: []cart.Line{{SKU: "A", Quantity: 2}, {SKU: "B", Quantity: 1}}, UpdatedAt: now}
	wants := reader{is: Reader{Email: "ana@example.com", Language: "es", Marketing: true}}
	l := Reminder("ana", left)
	m, err := NewComposer(one{}).WithReminders(basket{left}, wants).Compose(t.Context(), l)
	require.NoError(t, err)
	require.Equal(t, "Tu cesta te espera", m.Subject)
	require.Contains(t, m.Text, "3 unidades")
	require.Contains(t, m.Text, "2027-02-24", "90 days after its last change")

	silent := wants
	silent.is.Marketing = false
	for name, c := range map[string]struct {
		cart *cart.Cart
		to   reader
		want error
	}{
		"no marketing":    {left, silent, mail.ErrMoot},
		"changed since":   {&cart.Cart{Lines: left.Lines, UpdatedAt: now.Add(time.Second)}, wants, mail.ErrMoot},
		"bought":          {&cart.Cart{UpdatedAt: now}, wants, mail.ErrMoot},
		"account is gone": {left, reader{err: fault.Missing("user")}, mail.ErrMoot},
	} {
		_, err := NewComposer(one{}).WithReminders(basket{c.cart}, c.to).Compose(t.Context(), l)
		require.ErrorIs(t, err, c.want, name)
	}
	_, err = NewComposer(one{}).WithReminders(basket{left}, reader{err: errors.New("users is away")}).Compose(t.Context(), l)
	require.NotErrorIs(t, err, mail.ErrMoot, "it is tried again")
	require.Error(t, err)
	o := bought(t, "en")
	_, err = NewComposer(one{o}).WithReminders(basket{left}, wants).Compose(t.Context(), last(o))
	require.NoError(t, err, "other letters are written as ever")
}
