package simulation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	dapr "github.com/dapr/go-sdk/client"

	"tienda/tests/history"
)

var errPayment = errors.New("simulation: the payment provider does not answer")

// operation is what the payment provider has done under a key.
type operation struct {
	ID            string `json:"id"`
	Key           string `json:"key"`
	Kind          string `json:"kind"`
	Authorisation string `json:"authorisation"`
	Status        string `json:"status"`
	Code          string `json:"code,omitempty"`
	Amount        int64  `json:"amount"`
	Currency      string `json:"currency"`
}

// ledger is the payment provider: what has one key is done once.
type ledger struct {
	byKey map[string]*operation
	all   []*operation
}

func newLedger() *ledger { return &ledger{byKey: map[string]*operation{}} }

// sums is what an order's operations add up to.
type sums struct{ authorised, held, taken, back int64 }

func (l *ledger) sums(orderID string) (s sums) {
	voided := map[string]bool{}
	for _, o := range l.all {
		if o.Kind == "void" && o.Status == "approved" {
			voided[o.Authorisation] = true
		}
	}
	for _, o := range l.all {
		if !strings.HasPrefix(o.Key, orderID) || o.Status != "approved" {
			continue
		}
		switch o.Kind {
		case "authorise":
			s.authorised += o.Amount
			if !voided[o.ID] {
				s.held += o.Amount
			}
		case "capture":
			s.taken += o.Amount
			s.held -= o.Amount
		case "refund":
			s.back += o.Amount
		}
	}
	return s
}

type payStep struct {
	Amount   int64  `json:"amount"`
	Currency string `json:"currency"`
	Token    string `json:"token"`
}

// do does what one request says.
func (l *ledger) do(method, path, key string, in payStep, keyless bool) (status int, answer any) {
	refuse := func(status int, code string) (int, any) { return status, map[string]string{"code": code} }
	parts := strings.Split(strings.TrimPrefix(path, "/v1/"), "/")
	if method == "get" {
		if o := l.byKey[parts[1]]; o != nil {
			return http.StatusOK, o
		}
		return refuse(http.StatusNotFound, "operation_unknown")
	}
	kind := map[int]string{1: "authorise"}[len(parts)]
	if len(parts) == 3 {
		kind = map[string]string{"captures": "capture", "refunds": "refund", "void": "void"}[parts[2]]
	}
	if was := l.byKey[key]; was != nil && !keyless {
		if was.Kind != kind || kind != "void" && was.Amount != in.Amount {
			return refuse(http.StatusUnprocessableEntity, "idempotency_key_reused")
		}
		return status402(was), was
	}
	o := &operation{ID: fmt.Sprintf("%.4s-%d", kind, len(l.all)+1), Key: key, Kind: kind, Status: "approved", Amount: in.Amount, Currency: in.Currency}
	if kind == "authorise" {
		o.Authorisation = o.ID
		if strings.HasSuffix(in.Token, "declines") {
			o.Status, o.Code = "declined", "card_declined"
		}
	} else if o.Authorisation = parts[1]; !keyless {
		if code := l.forbids(o); code != "" {
			return refuse(http.StatusUnprocessableEntity, code)
		}
	}
	l.byKey[key] = o
	l.all = append(l.all, o)
	return status402(o), o
}

func status402(o *operation) int {
	if o.Status == "declined" {
		return http.StatusPaymentRequired
	}
	return http.StatusOK
}

// forbids says why a step cannot be done.
func (l *ledger) forbids(o *operation) string {
	i := slices.IndexFunc(l.all, func(x *operation) bool { return x.ID == o.Authorisation && x.Status == "approved" })
	if i < 0 {
		return "authorisation_unknown"
	}
	var taken, back int64
	for _, x := range l.all {
		switch {
		case x.Authorisation != o.Authorisation || x.Status != "approved":
		case x.Kind == "void":
			return "authorisation_voided"
		case x.Kind == "capture":
			taken += x.Amount
		case x.Kind == "refund":
			back += x.Amount
		}
	}
	switch {
	case o.Kind == "void" && taken > 0:
		return "authorisation_captured"
	case o.Kind == "capture" && taken+o.Amount > l.all[i].Amount, o.Kind == "refund" && back+o.Amount > taken:
		return "amount_exceeded"
	}
	return ""
}

// What may become of a question to the payment provider.
const (
	payWell  = iota
	payAway  // it does not arrive
	payLost  // its answer does not
	payLate  // it arrives when nobody waits any more
	payTwice // it arrives twice
)

func (w *world) payFault(reads bool) int {
	for _, f := range []int{payAway, payLost, payLate, payTwice} {
		if w.chance(w.mix.pay) && (f != payLate || !reads) {
			return f
		}
	}
	return payWell
}

// InvokeBinding asks the payment provider.
func (b bindings) InvokeBinding(ctx context.Context, in *dapr.InvokeBindingRequest) (*dapr.BindingEvent, error) {
	w, path, key := b.from.w, in.Metadata["path"], in.Metadata["Idempotency-Key"]
	var body payStep
	if len(in.Data) > 0 {
		if err := json.Unmarshal(in.Data, &body); err != nil {
			return nil, err
		}
	}
	say := func(status int, answer any) *dapr.BindingEvent {
		data, err := json.Marshal(answer)
		if err != nil {
			panic(err)
		}
		return &dapr.BindingEvent{Data: data, Metadata: map[string]string{"statusCode": strconv.Itoa(status)}}
	}
	label := strings.TrimSpace(fmt.Sprintf("%s asks the payment provider %s %s %s", b.from.name, in.Operation, path, key))
	return ask(ctx, w, b.from, label, func(answer func(*dapr.BindingEvent, error)) {
		do := func() *dapr.BindingEvent { return say(w.ledger.do(in.Operation, path, key, body, w.bugs.keylessPay)) }
		switch w.payFault(in.Operation == "get") {
		case payAway:
			w.fault("payment provider not reached", 0)
			answer(nil, errPayment)
		case payLost:
			w.fault("answer of the payment provider lost", 0)
			do()
			if w.bugs.guessPay && in.Operation != "get" {
				answer(say(http.StatusPaymentRequired, operation{ID: "guess", Key: key, Status: "declined"}), nil)
				return
			}
			answer(nil, errPayment)
		case payLate:
			in := w.upTo(hangTime)
			w.fault("payment provider asked late", in)
			w.later(&step{label: label + " arrives late", do: func() { do() }}, in)
		case payTwice:
			w.fault("payment provider asked twice", 0)
			do()
			answer(do(), nil)
		default:
			answer(do(), nil)
		}
	})
}

// card gives the token that a cart is paid by; "": it is paid in cash. It hangs on
// nothing but the seed and the cart.
func (w *world) card(cart string) string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(cart))
	switch r := rand.New(rand.NewPCG(w.seed, h.Sum64())); r.IntN(5) {
	case 0, 1:
		return "sandbox_approves"
	case 2:
		return "sandbox_declines"
	default:
		return ""
	}
}

// paidDoc is what of an order's payment is judged.
type paidDoc struct {
	ID      string                 `json:"id"`
	Status  history.Status         `json:"status"`
	Total   int64                  `json:"total"`
	Less    []history.Cancellation `json:"cancellations"`
	Payment struct {
		Paid     int64 `json:"paid"`
		Refunded int64 `json:"refunded"`
		Card     *struct {
			Token    string `json:"token"`
			Attempts []struct {
				Key    string    `json:"key"`
				Step   string    `json:"step"`
				Status string    `json:"status"`
				Amount int64     `json:"amount"`
				At     time.Time `json:"at"`
			} `json:"attempts"`
		} `json:"card"`
	} `json:"payment"`
}

// charged is what the card is to be charged: what was cancelled before that is not.
func (d paidDoc) charged() int64 {
	total := d.Total
	for _, x := range d.Less {
		total -= x.Amount - x.Refunded
	}
	return total
}

// What may still be open in the end: what was asked for just before, and the look for
// an authorisation that may be on its way.
const (
	justBefore = 12 * time.Second
	lateFor    = 45 * time.Second
)

// unpaid gives what is wrong with the payments by card: what is paid of each order is
// what the provider's ledger says, none is confirmed without authorisation, and of a
// cancelled one no money is kept.
func (w *world) unpaid() []string {
	var wrong []string
	say := func(rule string, d paidDoc, s sums) {
		wrong = append(wrong, w.plain(fmt.Sprintf("%s: order %s is %s and costs %d, the ledger says %+v, the order %+v", rule, d.ID, d.Status, d.Total, s, *d.Payment.Card)))
	}
	for _, k := range w.apps["orders"].store.keys("order:") {
		var d paidDoc
		if !w.apps["orders"].store.document(k, &d) || d.Payment.Card == nil {
			continue
		}
		s := w.ledger.sums(d.ID)
		var doc sums
		open, overdue, back := map[string]bool{}, false, int64(0)
		for _, a := range d.Payment.Card.Attempts {
			switch a.Status + " " + a.Step {
			case "approved authorise":
				doc.authorised += a.Amount
			case "approved capture":
				doc.taken += a.Amount
			case "approved refund":
				doc.back += a.Amount
			}
			if a.Step == "refund" && (a.Status == "open" || a.Status == "approved") {
				back += a.Amount
			}
			if a.Status == "open" && (a.Step != "authorise" || d.Status == history.Pending) {
				open[a.Step] = true
				age := time.Since(a.At)
				overdue = overdue || age > lateFor || a.Step != "void" && age > justBefore && time.Since(w.lastFault) > justBefore
			}
		}
		switch {
		case overdue:
			say("payment-unsettled", d, s)
		case d.Payment.Card.Token != "" && d.Status != history.Pending:
			say("payment-token", d, s)
		case len(open) == 0 && (doc.taken != s.taken || doc.back != s.back || d.Payment.Paid != s.taken):
			say("payment-differs", d, s)
		case back != d.Payment.Refunded: // of a return: what was paid for it less what is deducted
			say("payment-refund", d, s)
		case d.Status == history.Cancelled && (s.held > 0 && !open["void"] || s.taken-s.back > 0 && !open["refund"] && !open["capture"]):
			say("payment-kept", d, s)
		case d.Status != history.Cancelled && d.Status != history.Pending && (s.authorised != d.Total || doc.authorised != d.Total):
			say("payment-unauthorised", d, s)
		case (d.Status == history.PartiallyShipped || d.Status == history.Shipped || d.Status == history.Delivered) && s.taken != d.charged() && !open["capture"]:
			say("payment-missing", d, s)
		}
	}
	return wrong
}
