package simulation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	dapr "github.com/dapr/go-sdk/client"

	"tienda/tests/history"
)

var errMail = errors.New("simulation: the mail server does not answer")

// bindings is the sidecar's output bindings as a process reaches them: the mail
// server.
type bindings struct {
	dapr.Client // nothing else of it is used
	from        *replica
}

// InvokeOutputBinding sends a letter.
func (b bindings) InvokeOutputBinding(ctx context.Context, in *dapr.InvokeBindingRequest) error {
	w, subject := b.from.w, in.Metadata["subject"]
	_, err := ask(ctx, w, b.from, b.from.name+" sends "+subject, func(answer func(struct{}, error)) {
		none := struct{}{}
		if w.chance(w.mix.mail) {
			w.fault("mail refused", 0)
			answer(none, errMail)
			return
		}
		w.mails[subject]++
		if w.chance(w.mix.mail) {
			w.fault("answer of the mail server lost", 0)
			answer(none, errMail)
			return
		}
		answer(none, nil)
	})
	return err
}

// subjects of the letters about what has happened to an order, with the kinds that
// their apps call them by.
var subjects = map[string]struct{ text, kind string }{
	"tienda.orders.confirmed":         {"Your order %s", "confirmed"},
	"tienda.orders.partially_shipped": {"A part of your order %s is on its way", "partially_shipped"},
	"tienda.orders.lines_cancelled":   {"A part of your order %s was cancelled", "lines_cancelled"},
	"tienda.orders.shipped":           {"Your order %s is on its way", "shipped"},
	"tienda.orders.delivered":         {"Your order %s was delivered", "delivered"},
	"tienda.orders.cancelled":         {"Your order %s was cancelled", "cancelled"},
	"tienda.orders.refunded":          {"A refund for your order %s", "refunded"},
	"tienda.orders.exchanged":         {"A refund for your order %s", "exchanged"},

	"tienda.support.return_approved":           {"Your return of order %s is approved", "return_approved"},
	"tienda.support.return_partially_received": {"A part of your return of order %s has arrived", "return_part"},
	"tienda.support.return_received":           {"Your return of order %s has arrived", "return_received"},
}

// unwritten gives what is wrong with the letters: of each thing that was announced
// one was sent or still waits, of nothing else.
func (w *world) unwritten(orders []history.Order) []string {
	refused, rest := map[string]bool{}, map[string]bool{}
	for _, o := range orders {
		refused[o.ID] = o.Refused
		if n := len(o.Shipments); n > 0 && w.announcedPart(o.Shipments[n-1].ID) { // of which was written then
			rest[o.ID] = true
		}
	}
	var wrong []string
	due := map[string]bool{}
	stored := map[string][]string{"orders": w.apps["orders"].store.keys("mail:"), "support": w.apps["support"].store.keys("mail:")}
	for _, e := range w.published {
		about, ours := subjects[e.Type]
		if !ours || refused[e.Subject] {
			continue
		}
		order := orderBehind(e)
		subject, id := fmt.Sprintf(about.text, w.number(order)), "mail:"+order+":"+about.kind
		if e.Source == "support" {
			id += ":" + e.Subject
		}
		if due[subject] = true; silent(e) || e.Type == history.OrderShipped && rest[order] {
			continue
		}
		waits := slices.ContainsFunc(stored[e.Source], func(k string) bool {
			return strings.HasPrefix(k, id)
		})
		if w.mails[subject] == 0 && !waits {
			wrong = append(wrong, w.plain(fmt.Sprintf("mail-lost: nobody was told of %s of %s", e.Type, e.Subject)))
		}
	}
	for subject := range w.mails {
		if !due[subject] {
			wrong = append(wrong, "mail-false: "+subject+" was not announced")
		}
	}
	slices.Sort(wrong)
	return slices.Compact(wrong)
}

// announcedPart says whether a shipment was announced as one after which more follows.
func (w *world) announcedPart(shipment string) bool {
	return slices.ContainsFunc(w.published, func(e published) bool {
		var d struct {
			ShipmentID string `json:"shipment_id"`
		}
		return e.Type == history.OrderPartShipped && e.Decode(&d) == nil && d.ShipmentID == shipment
	})
}

// silent says whether an event may be one that nobody is written about: that nothing
// was refunded, but exchanged, which the new order's letter says.
func silent(e published) bool {
	var d struct {
		Amount   amountThere     `json:"amount"`
		Exchange json.RawMessage `json:"exchange"`
		Status   string          `json:"status"`
	}
	if err := e.Decode(&d); err != nil {
		panic(err)
	}
	switch e.Type {
	case history.OrderRefunded:
		return d.Exchange != nil && d.Amount.Amount == 0
	case history.OrderExchanged:
		return d.Status == string(history.ExchangePlaced)
	default:
		return false
	}
}

// orderBehind gives the order that an event is about.
func orderBehind(e published) string {
	var d struct {
		OrderID string `json:"order_id"`
	}
	if err := e.Decode(&d); err != nil {
		panic(err)
	}
	return d.OrderID
}

// number gives an order's, which letters name it by.
func (w *world) number(id string) string {
	var d struct {
		Number string `json:"number"`
	}
	w.apps["orders"].store.document("order:"+id, &d)
	return d.Number
}
