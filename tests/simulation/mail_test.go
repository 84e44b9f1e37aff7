package simulation

import (
	"context"
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

// subjects of the letters about what has happened to an order.
var subjects = map[string]string{
	"tienda.orders.confirmed": "Your order %s",
	"tienda.orders.shipped":   "Your order %s is on its way",
	"tienda.orders.delivered": "Your order %s was delivered",
	"tienda.orders.cancelled": "Your order %s was cancelled",
	"tienda.orders.refunded":  "A refund for your order %s",
}

// unwritten gives what is wrong with the letters: of each thing that was announced
// one was sent or still waits, of nothing else.
func (w *world) unwritten(orders []history.Order) []string {
	refused := map[string]bool{}
	for _, o := range orders {
		refused[o.ID] = o.Refused
	}
	var wrong []string
	due := map[string]bool{}
	stored := w.apps["orders"].store.keys("mail:")
	for _, e := range w.published {
		text, ours := subjects[e.Type]
		if !ours || refused[e.Subject] {
			continue
		}
		subject := fmt.Sprintf(text, w.number(e.Subject))
		due[subject] = true
		waits := slices.ContainsFunc(stored, func(k string) bool {
			return strings.HasPrefix(k, "mail:"+e.Subject+":"+strings.TrimPrefix(e.Type, "tienda.orders."))
		})
		if w.mails[subject] == 0 && !waits {
			wrong = append(wrong, w.plain(fmt.Sprintf("mail-lost: nobody was told of %s of order %s", e.Type, e.Subject)))
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

// number gives an order's, which letters name it by.
func (w *world) number(id string) string {
	var d struct {
		Number string `json:"number"`
	}
	w.apps["orders"].store.document("order:"+id, &d)
	return d.Number
}
