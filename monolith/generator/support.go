package generator

import (
	"fmt"
	"time"
)

const messagesEach = 8 // room in the IDs

type ticket struct {
	id       int64
	customer int64
	order    any // its ID, or nil
	question int // in questions
	priority int
	state    string
	at       time.Time
	closed   any
}

func (g *generator) ticketCount() int64 { return int64(max(1, g.Size/4)) }

func (g *generator) ticket(id int64) ticket {
	r := g.rand("tickets", id)
	t := ticket{id: id, question: r.IntN(len(questions)), priority: pick(r, []int{1, 2, 2, 2, 3, 4}), state: pick(r, []string{"open", "answered", "closed", "closed"})}
	o := g.order(1 + r.Int64N(g.orderCount()))
	t.customer, t.at = o.customer.id, o.placed.Add(time.Duration(1+r.IntN(300))*time.Hour)
	switch {
	case t.customer == 0:
		t.customer = 1 + r.Int64N(int64(g.Size))
	case chance(r, 70):
		t.order = o.id
	}
	if t.state == "closed" {
		t.closed = g.wall(t.at.Add(time.Duration(5+r.IntN(100)) * time.Hour))
	}
	return t
}

func (g *generator) tickets(yield func([]any) bool) {
	for id := int64(1); id <= g.ticketCount(); id++ {
		t := g.ticket(id)
		if !yield([]any{id, t.customer, t.order, questions[t.question][0], topics[t.question], t.priority, t.state, g.wall(t.at), t.closed}) {
			return
		}
	}
	g.oddTickets(yield)
}

func (g *generator) messages(yield func([]any) bool) {
	for id := int64(1); id <= g.ticketCount(); id++ {
		t, r := g.ticket(id), g.rand("ticket_messages", id)
		texts := []string{questions[t.question][1]}
		if t.state != "open" {
			texts = append(texts, questions[t.question][2])
		}
		n := int64(0)
		send := func(author string, staff any, text string, internal bool) bool {
			n++
			return yield([]any{id*messagesEach + n - 1, id, author, staff, text, internal, g.wall(t.at.Add(time.Duration(n-1) * time.Hour))})
		}
		if !send("C", nil, texts[0], false) {
			return
		}
		agent := 1 + r.Int64N(employees)
		if chance(r, 20) && !send("A", agent, "Cliente conocido: cuidado con él.", true) {
			return
		}
		if len(texts) == 2 && !send("A", agent, texts[1], false) {
			return
		}
		if t.state == "closed" && chance(r, 50) && !send("C", nil, "¡Gracias! / Thank you", false) {
			return
		}
	}
	g.oddMessages(yield)
}

// returns have the IDs of their orders: of each at most one was made.
func (g *generator) returns(yield func([]any) bool) {
	for id := int64(1); id <= g.orderCount(); id++ {
		o := g.order(id)
		if o.back == nil {
			continue
		}
		var refund, closed any
		at := o.placed.AddDate(0, 0, 10)
		if o.back.refund > 0 {
			refund = money(o.back.refund)
		}
		if o.back.state == "refunded" || o.back.state == "rejected" {
			closed = at.AddDate(0, 0, 5)
		}
		if !yield([]any{id, fmt.Sprintf("RMA-%06d", id), id, o.customer.id, nil, o.back.state, refund, at, closed}) {
			return
		}
	}
}

func (g *generator) returnLines(yield func([]any) bool) {
	for id := int64(1); id <= g.orderCount(); id++ {
		o := g.order(id)
		if o.back == nil {
			continue
		}
		reason := pick(g.rand("return_lines", id), []string{"roto", "equivocado", "no_lo_quiero", "no_lo_quiero", "otro"})
		if !yield([]any{id, id, id*linesEach + int64(o.back.line), o.lines[o.back.line].sku, o.back.qty, reason}) {
			return
		}
	}
}
