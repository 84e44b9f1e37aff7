package customers

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	legacy "tienda/monolith/shop"
)

// How many of a hundred do what with an order of the new shop.
const (
	cancelled = 15
	shipped   = 35
	delivered = 70 // of those that were shipped
	returned  = 60 // of those that were delivered to a customer
	members   = 50 // of the guests at the old address have registered at the new one
)

// orderView is an order as the shop shows it.
type orderView struct {
	ID     string `json:"id"`
	Number string `json:"number"`
	Status string `json:"status"`
	Note   string `json:"note"`
	Lines  []struct {
		SKU      string `json:"sku"`
		Quantity int64  `json:"quantity"`
	} `json:"lines"`
	Totals struct {
		Total struct {
			Amount int64 `json:"amount"`
		} `json:"total"`
	} `json:"totals"`
}

// buyer is who buys: a token, or the cart of a guest.
type buyer struct {
	Account
	token, cart string
	address     legacy.Address
}

// order fills a cart and checks it out. The note is the order's name, and its
// Idempotency-Key: however often it is sent, it is one order.
func (w intent) order(ctx context.Context) (Outcome, string) {
	var in legacy.NewOrder
	if json.Unmarshal(w.body, &in) != nil {
		return Refused, "no request"
	}
	who, o, why := w.buyer(ctx, in)
	if o != Acknowledged {
		w.note(o, why, func(*Entries) {})
		return o, strings.TrimPrefix(why, "sign-in: ")
	}
	if o, why = w.fill(ctx, &who, in.Lines); o != Acknowledged {
		w.New.Note(Refused, "cart: "+why) // nothing was bought, whatever the cart has
		return Refused, why
	}
	kept := &Order{Note: Prefix + in.Note, Email: who.Email, Step: Step{Status: "confirmed"}}
	for _, l := range in.Lines {
		kept.Lines = append(kept.Lines, fmt.Sprintf("%s %d", l.SKU, l.Quantity))
	}
	body := map[string]any{
		"payment_method": map[string]string{"CARD": "card", "TRANSFER": "invoice", "COD": "cash_on_delivery"}[in.Method], "currency": "EUR",
		"email": who.Email, "note": kept.Note,
		"address": Address{who.address.Recipient, who.address.Street, who.address.City, who.address.Zip, who.address.Country},
	}
	if in.Method == "CARD" {
		body["payment_token"] = "sandbox_approves"
	}
	a, o, why := w.client.do(ctx, request{method: http.MethodPost, path: "/v1/orders", body: body, token: who.token, cart: who.cart, key: kept.Note, repeats: true})
	var view orderView
	if o == Acknowledged && a.into(&view) != nil {
		o = Unknown
	}
	if kept.Outcome = o; o == Acknowledged {
		kept.ID, kept.Number, kept.Total = view.ID, view.Number, view.Totals.Total.Amount
	}
	w.note(o, why, func(e *Entries) { e.Orders = append(e.Orders, kept) })
	w.soil(who.Email, o != Acknowledged)
	if o == Acknowledged {
		w.afterwards(ctx, who, kept, in.Lines)
	}
	return o, why
}

// Prefix begins the notes of all orders that are made at the new shop's own route.
const Prefix = "nueva-"

// buyer gives who an order is of: a customer, or in the place of a guest somebody who has
// registered in the new shop.
func (w intent) buyer(ctx context.Context, in legacy.NewOrder) (who buyer, o Outcome, why string) {
	who.address = legacy.Address{Recipient: "Cliente", Street: "Calle Mayor, 1", City: "Madrid", Zip: "28013", Country: "ES"}
	if in.Ship != nil {
		who.address = *in.Ship
	}
	who.Email = "nueva." + strings.ToLower(in.Email)
	if in.CustomerID != 0 {
		var ok bool
		if who.Account, ok = w.account(in.CustomerID); !ok {
			return who, Refused, "nobody knows the customer"
		}
	} else if member := w.percent(members); member {
		w.mu.Lock()
		if len(w.fresh) > 0 {
			who.Account = w.fresh[0]
			w.fresh = append(w.fresh[1:], who.Account) // each in turn
		}
		w.mu.Unlock()
	}
	if who.Password == "" {
		return who, Acknowledged, ""
	}
	who.token, o, why = w.client.signIn(ctx, who.Email, who.Password)
	return who, o, why
}

// soil notes whether somebody's cart may hold what was not bought.
func (d *Door) soil(email string, dirty bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dirty[email] = dirty
}

// fill makes the cart hold exactly the lines.
func (w intent) fill(ctx context.Context, who *buyer, lines []legacy.Line) (Outcome, string) {
	w.mu.Lock()
	dirty := w.dirty[who.Email]
	w.dirty[who.Email] = true
	w.mu.Unlock()
	if dirty && who.token != "" {
		if _, o, why := w.client.do(ctx, request{method: http.MethodDelete, path: "/v1/cart", token: who.token, repeats: true}); o != Acknowledged {
			return o, why
		}
	}
	for _, l := range lines {
		a, o, why := w.client.do(ctx, request{
			method: http.MethodPut, path: "/v1/cart/items/" + l.SKU, body: map[string]int64{"quantity": l.Quantity}, token: who.token, cart: who.cart, repeats: true,
		})
		if o != Acknowledged {
			return o, why
		}
		if who.token == "" && who.cart == "" {
			who.cart = a.header.Get("Cart-Token")
		}
	}
	return Acknowledged, ""
}

// afterwards is what becomes of an order: cancelled by who bought it, sent, sent back, or
// kept as it is.
func (w intent) afterwards(ctx context.Context, who buyer, o *Order, lines []legacy.Line) {
	switch {
	case w.percent(cancelled):
		w.step(ctx, request{path: "/v1/orders/" + o.ID + "/cancel", body: map[string]string{"reason": "me lo he pensado"}, token: who.token, cart: who.cart}, "cancelled", &o.Step)
	case w.percent(shipped):
		w.sendOff(ctx, who, o, lines)
	}
}

func (w intent) sendOff(ctx context.Context, who buyer, o *Order, lines []legacy.Line) {
	staff, got, why := w.staff(ctx)
	if got != Acknowledged {
		w.note(got, why, func(*Entries) {})
		return
	}
	at := "/v1/orders/" + o.ID
	if w.step(ctx, request{path: at + "/ship", body: map[string]string{"tracking": "ES1"}, token: staff}, "shipped", &o.Step) != Acknowledged || !w.percent(delivered) {
		return
	}
	if w.step(ctx, request{path: at + "/deliver", token: staff}, "delivered", &o.Step) == Acknowledged && who.token != "" && w.is("support") && w.percent(returned) {
		w.askReturn(ctx, who.token, o.ID, Return{Number: o.Number, SKU: lines[0].SKU, Quantity: 1})
	}
}

// step has an order's status change. A repeat gives the same answer.
func (w intent) step(ctx context.Context, r request, status string, of *Step) Outcome {
	r.method, r.repeats = http.MethodPost, true
	_, o, why := w.client.do(ctx, r)
	w.note(o, why, func(*Entries) {
		if o == Acknowledged {
			of.Status = status
		} else {
			of.Maybe = append(of.Maybe, status)
		}
	})
	return o
}

// goOn has an order of the monolith go on in the new shop, as the staff there does.
func (w intent) goOn(ctx context.Context, number, verb string) (Outcome, string) {
	staff, id, o, why := w.find(ctx, number)
	if o != Acknowledged {
		w.note(o, why, func(*Entries) {})
		return o, why
	}
	r := request{path: "/v1/orders/" + id + "/" + verb, token: staff}
	status := map[string]string{"ship": "shipped", "deliver": "delivered", "cancel": "cancelled"}[verb]
	switch verb {
	case "ship":
		r.body = map[string]string{"tracking": "ES2"}
	case "cancel":
		r.body = map[string]string{"reason": "ya no"}
	}
	s := &Step{}
	w.Ledger.keep(func(e *Entries) {
		if e.Moved[number] == nil {
			e.Moved[number] = s
		}
		s = e.Moved[number]
	})
	return w.step(ctx, r, status, s), ""
}

// find looks an order of the monolith up by its number, as the staff does.
func (w intent) find(ctx context.Context, number string) (staff, id string, o Outcome, why string) {
	if staff, o, why = w.staff(ctx); o != Acknowledged {
		return "", "", o, strings.TrimPrefix(why, "sign-in: ")
	}
	a, o, why := w.client.do(ctx, request{method: http.MethodGet, path: "/v1/orders?customer=all&limit=10&q=" + number, token: staff, repeats: true})
	var page struct {
		Items []orderView `json:"items"`
	}
	if o == Acknowledged && a.into(&page) != nil {
		o = Unknown
	}
	if o != Acknowledged {
		return "", "", Refused, why // nothing was written
	}
	for _, item := range page.Items {
		if item.Number == number {
			return staff, item.ID, o, ""
		}
	}
	return "", "", Refused, "order not found"
}
