package traffic

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"

	"tienda/monolith/shop"
)

// lane is one writer, who makes one write after the other.
type lane struct {
	*writer
	number int
	rand   *rand.Rand
	count  int // of its writes

	customers []int64
	products  []shelf  // whose prices it changes, and which it deletes
	open      []*Order // confirmed ones
	sent      []*Order // shipped ones
	arrived   []*Order // delivered ones of customers
	tickets   []*Ticket
}

// mix is how many of a hundred writes are of a sort. What has nothing to work on, such
// as a shipment without an order, is an order instead.
var mix = []struct {
	sort    string
	percent int
	write   func(*lane, context.Context) bool // false: there is nothing to work on
}{
	{"order", 38, (*lane).order},
	{"price", 14, (*lane).price},
	{"registration", 8, (*lane).register},
	{"address", 8, (*lane).address},
	{"shipment", 10, (*lane).ship},
	{"delivery", 7, (*lane).deliver},
	{"cancellation", 5, (*lane).cancel},
	{"ticket", 4, (*lane).ticket},
	{"message", 3, (*lane).message},
	{"return", 2, (*lane).giveBack},
	{"deletion", 1, (*lane).remove},
}

func (l *lane) run(ctx context.Context) {
	for l.Writes == 0 || l.count < l.Writes {
		if l.limiter.Wait(ctx) != nil || ctx.Err() != nil {
			return
		}
		l.count++
		n := l.rand.IntN(100)
		for _, m := range mix {
			if n -= m.percent; n < 0 {
				if !m.write(l, ctx) {
					l.order(ctx)
				}
				break
			}
		}
	}
}

// ref names this write: no other has the name.
func (l *lane) ref() string { return fmt.Sprintf("%s-%d-%d", l.Run, l.number, l.count) }

func (l *lane) customer() int64 { return l.customers[l.rand.IntN(len(l.customers))] }

// draw takes one out of a list.
func draw[T any](r *rand.Rand, from *[]T) (one T, ok bool) {
	if len(*from) == 0 {
		return one, false
	}
	i := r.IntN(len(*from))
	one = (*from)[i]
	*from = slices.Delete(*from, i, i+1)
	return one, true
}

func (l *lane) order(ctx context.Context) bool {
	ref := l.ref()
	in := shop.NewOrder{Note: ref, Method: []string{"CARD", "CARD", "TRANSFER", "COD"}[l.rand.IntN(4)]}
	kept := &Order{Ref: ref}
	if len(l.customers) > 0 && l.rand.IntN(100) < 80 {
		in.CustomerID = l.customer()
		kept.CustomerID = in.CustomerID
	} else {
		in.Email = "guest." + ref + "@example.net"
		in.Ship = l.home("Invitada " + ref)
	}
	if in.Method == "CARD" {
		in.Card = "4111111111111111"
	}
	seen := map[string]bool{}
	for range 1 + l.rand.IntN(4) {
		sku := l.skus[l.rand.IntN(len(l.skus))]
		line := shop.Line{SKU: sku, Quantity: 1 + l.rand.Int64N(3)}
		if !seen[sku] {
			seen[sku] = true
			in.Lines = append(in.Lines, line)
			kept.Lines = append(kept.Lines, shop.OrderLine{Line: line})
		}
	}
	var out shop.Order
	kept.Outcome = l.send(ctx, http.MethodPost, "/legacy/orders", in, ref, &out)
	if kept.Outcome == Acknowledged {
		kept.Number, kept.Email, kept.Total, kept.Status, kept.Lines = out.Number, out.Email, out.Total.Amount, out.Status, out.Lines
		l.open = append(l.open, kept)
	}
	l.ledger.note("order", kept.Outcome, func(e *Entries) { e.Orders = append(e.Orders, kept) })
	return true
}

// move has an order's status change. What becomes of it after an answer that did not
// come is not tried.
func (l *lane) move(ctx context.Context, sort, verb, status string, o *Order) Outcome {
	outcome := l.send(ctx, http.MethodPost, "/legacy/orders/"+o.Number+"/"+verb, struct{}{}, "", nil)
	l.ledger.note(sort, outcome, func(*Entries) {
		if outcome == Acknowledged {
			o.Status = status
		} else {
			o.Maybe = append(o.Maybe, status)
		}
	})
	return outcome
}

func (l *lane) ship(ctx context.Context) bool {
	o, ok := draw(l.rand, &l.open)
	if ok && l.move(ctx, "shipment", "ship", "shipped", o) == Acknowledged {
		l.sent = append(l.sent, o)
	}
	return ok
}

func (l *lane) deliver(ctx context.Context) bool {
	o, ok := draw(l.rand, &l.sent)
	if ok && l.move(ctx, "delivery", "deliver", "delivered", o) == Acknowledged && o.CustomerID != 0 {
		l.arrived = append(l.arrived, o)
	}
	return ok
}

func (l *lane) cancel(ctx context.Context) bool {
	o, ok := draw(l.rand, &l.open)
	if ok {
		l.move(ctx, "cancellation", "cancel", "cancelled", o)
	}
	return ok
}

func (l *lane) price(ctx context.Context) bool {
	if len(l.products) == 0 {
		return false
	}
	p := l.products[l.rand.IntN(len(l.products))]
	sku, cents := p.SKUs[l.rand.IntN(len(p.SKUs))], 95+100*(1+l.rand.Int64N(150))
	outcome := l.send(ctx, http.MethodPut, "/legacy/prices/"+sku, shop.NewPrice{Cents: cents}, "", nil)
	l.ledger.note("price", outcome, func(e *Entries) {
		if e.Prices[sku] == nil {
			e.Prices[sku] = &Price{}
		}
		if outcome == Acknowledged {
			e.Prices[sku].Cents = cents
		} else {
			e.Prices[sku].Maybe = append(e.Prices[sku].Maybe, cents)
		}
	})
	return true
}

func (l *lane) register(ctx context.Context) bool {
	ref := l.ref()
	c := &Customer{Email: ref + "@nuevo.example", Name: "Cliente " + ref, Password: "Clave-" + ref}
	var out struct {
		ID int64 `json:"id"`
	}
	in := shop.NewCustomer{Email: c.Email, FullName: c.Name, Password: c.Password, Lang: []string{"es", "en"}[l.rand.IntN(2)]}
	c.Outcome = l.send(ctx, http.MethodPost, "/legacy/customers", in, "", &out)
	if c.Outcome == Acknowledged {
		c.ID = out.ID
		l.customers = append(l.customers, c.ID)
	}
	l.ledger.note("registration", c.Outcome, func(e *Entries) { e.Customers = append(e.Customers, c) })
	return true
}

func (l *lane) home(name string) *shop.Address {
	return &shop.Address{
		Recipient: name, Street: "Calle Nueva, " + strconv.Itoa(1+l.rand.IntN(500)), City: []string{"Madrid", "A Coruña", "Cádiz"}[l.rand.IntN(3)],
		Zip: fmt.Sprintf("%05d", 1000+l.rand.IntN(51000)), Country: "ES",
	}
}

func (l *lane) address(ctx context.Context) bool {
	if len(l.customers) == 0 {
		return false
	}
	id, home := l.customer(), l.home("Mudanza "+l.ref())
	outcome := l.send(ctx, http.MethodPut, fmt.Sprintf("/legacy/customers/%d/address", id), home, "", nil)
	l.ledger.note("address", outcome, func(e *Entries) {
		if e.Addresses[id] == nil {
			e.Addresses[id] = &Address{}
		}
		if outcome == Acknowledged {
			e.Addresses[id].Last = home
		} else {
			e.Addresses[id].Maybe = append(e.Addresses[id].Maybe, *home)
		}
	})
	return true
}

func (l *lane) ticket(ctx context.Context) bool {
	if len(l.customers) == 0 {
		return false
	}
	t := &Ticket{CustomerID: l.customer(), Subject: "¿Qué pasa con " + l.ref() + "?"}
	in := shop.NewTicket{CustomerID: t.CustomerID, Subject: t.Subject, Text: "Hola: " + l.ref()}
	var out struct {
		ID int64 `json:"id"`
	}
	t.Outcome = l.send(ctx, http.MethodPost, "/legacy/tickets", in, "", &out)
	t.ID, t.Messages = out.ID, []Message{{t.Outcome, in.Text}}
	if t.Outcome == Acknowledged {
		l.tickets = append(l.tickets, t)
	}
	l.ledger.note("ticket", t.Outcome, func(e *Entries) { e.Tickets = append(e.Tickets, t) })
	return true
}

func (l *lane) message(ctx context.Context) bool {
	if len(l.tickets) == 0 {
		return false
	}
	t := l.tickets[l.rand.IntN(len(l.tickets))]
	in := shop.NewMessage{Text: "Más: " + l.ref(), StaffID: l.rand.Int64N(2) * 3}
	outcome := l.send(ctx, http.MethodPost, fmt.Sprintf("/legacy/tickets/%d/messages", t.ID), in, "", nil)
	l.ledger.note("message", outcome, func(*Entries) { t.Messages = append(t.Messages, Message{outcome, in.Text}) })
	return true
}

func (l *lane) giveBack(ctx context.Context) bool {
	o, ok := draw(l.rand, &l.arrived)
	if !ok {
		return false
	}
	line := o.Lines[l.rand.IntN(len(o.Lines))]
	back := &Return{Order: o.Number, SKU: line.SKU, Quantity: 1 + l.rand.Int64N(line.Quantity)}
	in := shop.NewReturn{Order: o.Number, Lines: []shop.ReturnLine{{Line: shop.Line{SKU: back.SKU, Quantity: back.Quantity}, Reason: "no_lo_quiero"}}}
	var out struct {
		ID int64 `json:"id"`
	}
	back.Outcome = l.send(ctx, http.MethodPost, "/legacy/returns", in, "", &out)
	back.ID = out.ID
	l.ledger.note("return", back.Outcome, func(e *Entries) { e.Returns = append(e.Returns, back) })
	return true
}

// remove tries to delete a product, which is refused if it was ever sold; it never
// touches that product again.
func (l *lane) remove(ctx context.Context) bool {
	if len(l.products) < 2 { // one is left to have a price
		return false
	}
	p, _ := draw(l.rand, &l.products)
	outcome := l.send(ctx, http.MethodDelete, "/legacy/products/"+p.Slug, struct{}{}, "", nil)
	l.ledger.note("deletion", outcome, func(e *Entries) { e.Deletions = append(e.Deletions, &Deletion{outcome, p.Slug, p.SKUs}) })
	return true
}
