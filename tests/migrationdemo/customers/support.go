package customers

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	legacy "tienda/monolith/shop"
)

// openTicket asks something. A ticket has no key: without an answer it may be there or not.
func (w intent) openTicket(ctx context.Context) (Outcome, string) {
	var in legacy.NewTicket
	if json.Unmarshal(w.body, &in) != nil {
		return Refused, "no request"
	}
	a, ok := w.account(in.CustomerID)
	if !ok {
		w.New.Note(Refused, "nobody knows the customer")
		return Refused, ""
	}
	token, o, why := w.client.signIn(ctx, a.Email, a.Password)
	subject := Prefix + in.Subject
	if o == Acknowledged {
		_, o, why = w.client.do(ctx, request{method: http.MethodPost, path: "/v1/tickets", body: map[string]string{"subject": subject, "message": in.Text}, token: token})
	}
	w.note(o, why, func(e *Entries) {
		e.Tickets = append(e.Tickets, Ticket{o, a.Email, subject})
		e.Messages = append(e.Messages, Message{o, subject, in.Text})
	})
	if o == Acknowledged && w.percent(50) {
		w.post(ctx, token, subject, "Otra cosa: "+in.Text)
	}
	return o, strings.TrimPrefix(why, "sign-in: ")
}

// write goes on with a ticket of the monolith's.
func (w intent) write(ctx context.Context, id int64) (Outcome, string) {
	var in legacy.NewMessage
	if json.Unmarshal(w.body, &in) != nil {
		return Refused, "no request"
	}
	w.mu.Lock()
	t := w.tickets[id]
	w.mu.Unlock()
	a, ok := w.account(t.customer)
	if !ok {
		w.New.Note(Refused, "nobody knows the ticket")
		return Refused, ""
	}
	token, o, why := w.client.signIn(ctx, a.Email, a.Password)
	if o != Acknowledged {
		w.note(o, why, func(*Entries) {})
		return o, strings.TrimPrefix(why, "sign-in: ")
	}
	return w.post(ctx, token, t.subject, Prefix+in.Text)
}

// post finds one of somebody's tickets and writes to it.
func (w intent) post(ctx context.Context, token, subject, text string) (Outcome, string) {
	id := ""
	type ticket struct {
		ID      string `json:"id"`
		Subject string `json:"subject"`
	}
	err := pages(ctx, w.client, "/v1/tickets?limit=100", token, func(t ticket) {
		if t.Subject == subject {
			id = t.ID
		}
	})
	switch {
	case err != nil && strings.Contains(err.Error(), gone):
		w.New.Note(Refused, gone)
		return Refused, gone
	case err != nil || id == "":
		w.New.Note(Refused, "ticket not found")
		return Refused, ""
	}
	_, o, why := w.client.do(ctx, request{method: http.MethodPost, path: "/v1/tickets/" + id + "/messages", body: map[string]string{"text": text}, token: token})
	w.note(o, why, func(e *Entries) { e.Messages = append(e.Messages, Message{o, subject, text}) })
	return o, why
}

// giveBack has the staff take back what was bought at the monolith.
func (w intent) giveBack(ctx context.Context) (Outcome, string) {
	var in legacy.NewReturn
	if json.Unmarshal(w.body, &in) != nil || len(in.Lines) != 1 {
		return Refused, "no request"
	}
	staff, id, o, why := w.find(ctx, in.Order)
	if o != Acknowledged {
		w.note(o, why, func(*Entries) {})
		return o, why
	}
	return w.askReturn(ctx, staff, id, Return{Number: in.Order, SKU: in.Lines[0].SKU, Quantity: in.Lines[0].Quantity})
}

// askReturn asks for a return of one line. It has no key, as a ticket.
func (w intent) askReturn(ctx context.Context, token, order string, r Return) (Outcome, string) {
	_, o, why := w.client.do(ctx, request{method: http.MethodPost, path: "/v1/returns", token: token, body: map[string]any{
		"order_id": order, "lines": []map[string]any{{"sku": r.SKU, "quantity": r.Quantity, "reason": "unwanted"}},
	}})
	r.Outcome = o
	w.note(o, why, func(e *Entries) { e.Returns = append(e.Returns, r) })
	return o, why
}
