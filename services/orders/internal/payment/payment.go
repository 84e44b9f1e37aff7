// Package payment is what a provider does with an order's card: which steps were
// asked for, and what became of each. A Payment lives in its order's document, so
// that the rules hold whoever acts on it: never captured more than authorised, never
// refunded more than captured.
//
//	authorising ──► authorised ──► capturing ──► captured ──► refunding ──► refunded
//	     │              │
//	     ▼              └──► voiding ──► voided
//	  declined
//
// Each step that is asked for is an attempt with a key of ours. The provider does
// what has one key once, however often it is asked, and says by the key what it has
// done: so an answer that was lost is looked up, and nobody guesses.
package payment

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"tienda/internal/fault"
)

// Step is what a provider is asked to do.
type Step string

// The steps.
const (
	Authorise Step = "authorise"
	Capture   Step = "capture"
	Void      Step = "void"
	Refund    Step = "refund"
)

// Status is what became of an attempt.
type Status string

// The statuses of an attempt. The last two are also what a provider says of a key,
// besides approved and declined.
const (
	Open     Status = "open"     // asked for; what the provider has done is not known
	Approved Status = "approved" // the provider has done it
	Declined Status = "declined" // the provider does not do it
	Dropped  Status = "dropped"  // the provider was not asked, or knows nothing of it
	Pending  Status = "pending"  // the provider has not decided yet
	Missing  Status = "missing"  // the provider does not know the key
)

// Attempt is one step, asked for under one key.
type Attempt struct {
	Key       string    `json:"key"`
	Step      Step      `json:"step"`
	Amount    int64     `json:"amount"` // minor units; 0 for an authorisation that is open
	Status    Status    `json:"status"`
	Code      string    `json:"code,omitempty"`      // why it was declined, in the provider's words
	Reference string    `json:"reference,omitempty"` // the provider's
	At        time.Time `json:"at"`                  // when it was asked for
	EndedAt   time.Time `json:"ended_at,omitzero"`
}

// Outcome is what a provider says of a key.
type Outcome struct {
	Status    Status // Approved, Declined, Pending or Missing
	Amount    int64  // minor units of Currency, where it is approved
	Currency  string
	Code      string // why it is declined
	Reference string
}

// Payment is the card of one order. The first attempt is the authorisation.
type Payment struct {
	Token    string    `json:"token,omitempty"` // of the card; gone once the authorisation is known, or not wanted any more
	Takes    int       `json:"takes,omitempty"` // how often a checkout that was left was taken up
	Attempts []Attempt `json:"attempts"`
	Heard    []Heard   `json:"heard,omitempty"` // callbacks, so that none has an effect twice
}

// Heard is a callback that had its effect.
type Heard struct {
	ID string    `json:"id"`
	At time.Time `json:"at"`
}

// Errors of a payment.
var (
	ErrExceeds     = fault.New(fault.Conflict, "payment_exceeded", "More would be taken or given back than there is.")
	ErrNotDeclined = fault.New(fault.Conflict, "capture_not_declined", "Only what the provider has declined to take is asked for again.")
	ErrTooOften    = fault.New(fault.Conflict, "captures_exhausted", "The card has declined too often. Ask for the money in another way.")
	ErrUnknown     = fault.New(fault.NotFound, "payment_unknown", "There is no such payment.")
)

// New gives the payment of an order that is to be authorised with a token.
func New(orderID, token string, now time.Time) *Payment {
	p := &Payment{Token: token}
	p.ask(orderID, Authorise, 0, now)
	return p
}

const uuidLength = 36

// OrderOf gives the order that a key is of; "" for what is no key of ours.
func OrderOf(key string) string {
	if len(key) <= uuidLength+1 || key[uuidLength] != '-' {
		return ""
	}
	return key[:uuidLength]
}

func (p *Payment) ask(orderID string, s Step, amount int64, now time.Time) {
	n := 1
	for _, a := range p.Attempts {
		if a.Step == s {
			n++
		}
	}
	p.Attempts = append(p.Attempts, Attempt{Key: fmt.Sprintf("%s-%s-%d", orderID, s, n), Step: s, Amount: amount, Status: Open, At: now})
}

// Authorisation is the first attempt.
func (p *Payment) Authorisation() Attempt { return p.Attempts[0] }

// sum adds up the amounts of a step's attempts with one of the statuses.
func (p *Payment) sum(s Step, statuses ...Status) (total int64) {
	for _, a := range p.Attempts {
		if a.Step == s && slices.Contains(statuses, a.Status) {
			total += a.Amount
		}
	}
	return total
}

func (p *Payment) has(s Step, statuses ...Status) bool {
	return slices.ContainsFunc(p.Attempts, func(a Attempt) bool { return a.Step == s && slices.Contains(statuses, a.Status) })
}

// Authorised gives what the provider is known to hold, or to have taken of it.
func (p *Payment) Authorised() int64 { return p.sum(Authorise, Approved) }

// Captured gives what was taken.
func (p *Payment) Captured() int64 { return p.sum(Capture, Approved) }

// Refunded gives what was given back.
func (p *Payment) Refunded() int64 { return p.sum(Refund, Approved) }

// Capturing gives what was taken, or is to be.
func (p *Payment) Capturing() int64 { return p.sum(Capture, Open, Approved) }

// Tried says whether money was asked for, whatever became of that.
func (p *Payment) Tried() bool { return p.has(Capture, Open, Approved, Declined, Dropped) }

// Refunding gives what was given back, or is to be.
func (p *Payment) Refunding() int64 { return p.sum(Refund, Open, Approved) }

// AskedBack gives what was to be given back, whatever became of it, unless it was not
// taken after all.
func (p *Payment) AskedBack() int64 { return p.sum(Refund, Open, Approved, Declined) }

// Voided says whether the authorisation was given up, or is to be.
func (p *Payment) Voided() bool { return p.has(Void, Open, Approved, Dropped) }

// Capture asks for an amount of what was authorised.
func (p *Payment) Capture(orderID string, amount int64, now time.Time) error {
	if amount <= 0 || p.Voided() || p.Capturing()+amount > p.Authorised() {
		return ErrExceeds
	}
	p.ask(orderID, Capture, amount, now)
	return nil
}

// MaxCaptures is how often an order's money is asked for in all.
const MaxCaptures = 10

// Recapture asks once more, under a key of its own, for money that the provider has
// declined to take. asked is false where it is asked for already, or taken.
func (p *Payment) Recapture(orderID string, amount int64, now time.Time) (asked bool, err error) {
	tries := 0
	for _, a := range p.Attempts {
		if a.Step == Capture {
			tries++
		}
	}
	switch {
	case p.Capturing() > 0:
		return false, nil
	case tries == 0:
		return false, ErrNotDeclined
	case tries >= MaxCaptures:
		return false, ErrTooOften
	}
	return true, p.Capture(orderID, amount, now)
}

// Refund asks for an amount of what was captured, or will be.
func (p *Payment) Refund(orderID string, amount int64, now time.Time) error {
	if amount <= 0 || p.Refunding()+amount > p.Capturing() {
		return ErrExceeds
	}
	p.ask(orderID, Refund, amount, now)
	return nil
}

// Release gives back what was taken, or gives up what was authorised or may be, and
// says how much comes back. A repeat changes nothing: what the provider has declined
// to do is not asked for again, or it would be for ever.
func (p *Payment) Release(orderID string, now time.Time) (back int64) {
	p.Token = ""
	if taken := p.Capturing() - p.sum(Refund, Open, Approved, Declined); taken > 0 {
		p.ask(orderID, Refund, taken, now)
		return taken
	}
	if p.Capturing() == 0 && !p.has(Void, Open, Approved, Declined) && p.has(Authorise, Open, Approved) {
		p.ask(orderID, Void, 0, now)
	}
	return 0
}

// Drop says that the authorisation was not asked for, and will not be.
func (p *Payment) Drop(now time.Time) {
	p.Token = ""
	if a := &p.Attempts[0]; a.Status == Open {
		a.Status, a.EndedAt = Dropped, now
	}
}

// Next gives the attempt that is to be made next: they are made in the order in
// which they were asked for. The authorisation is the checkout's to make.
func (p *Payment) Next() (Attempt, bool) {
	for _, a := range p.Attempts[1:] {
		if a.Status == Open {
			return a, true
		}
	}
	return Attempt{}, false
}

// Settle notes what the provider says of a key, once: an attempt whose end is known
// keeps it. changed is false where nothing is new.
func (p *Payment) Settle(key string, o Outcome, now time.Time) (changed bool, err error) {
	i := slices.IndexFunc(p.Attempts, func(a Attempt) bool { return a.Key == key })
	if i < 0 {
		return false, ErrUnknown
	}
	a := &p.Attempts[i]
	// Only an authorisation can still arrive after it was looked for in vain.
	ended := a.Status == Approved || a.Status == Declined || a.Status == Dropped && a.Step != Authorise
	if ended || o.Status == Pending || a.Status == Dropped && o.Status == Missing {
		return false, nil
	}
	if o.Status == Approved && a.Step != Authorise && a.Step != Void && o.Amount != a.Amount {
		return false, fmt.Errorf("payment %s: the provider did it with %d, we asked for %d", key, o.Amount, a.Amount)
	}
	a.Status, a.Code, a.Reference, a.EndedAt = o.Status, o.Code, o.Reference, now
	if o.Status == Missing {
		a.Status = Dropped
	}
	if a.Step == Authorise {
		a.Amount, p.Token = o.Amount, ""
	}
	if a.Step == Capture && a.Status != Approved {
		p.withoutCapture(now)
	}
	return true, nil
}

// withoutCapture drops the refunds of what was not taken after all.
func (p *Payment) withoutCapture(now time.Time) {
	for i := range p.Attempts {
		a := &p.Attempts[i]
		if a.Step == Refund && a.Status == Open && p.Refunding() > p.Capturing() {
			a.Status, a.EndedAt = Dropped, now
		}
	}
}

// Callbacks are remembered for longer than their time stamps are good.
const remembered = 2 * CallbackAge

// Hear notes a callback; false: it was heard before.
func (p *Payment) Hear(id string, now time.Time) bool {
	p.Heard = slices.DeleteFunc(p.Heard, func(h Heard) bool { return now.Sub(h.At) > remembered })
	if slices.ContainsFunc(p.Heard, func(h Heard) bool { return h.ID == id }) {
		return false
	}
	p.Heard = append(p.Heard, Heard{ID: id, At: now})
	return true
}

// State sums up where the payment stands.
func (p *Payment) State() string {
	first := p.Authorisation()
	switch {
	case p.has(Refund, Open):
		return "refunding"
	case p.has(Refund, Declined):
		return "refund_declined"
	case p.has(Refund, Approved):
		return "refunded"
	case p.has(Void, Open):
		return "voiding"
	case p.has(Void, Approved, Dropped):
		return "voided"
	case p.has(Void, Declined):
		return "void_declined"
	case p.has(Capture, Open):
		return "capturing"
	case p.has(Capture, Approved): // perhaps after it was declined before
		return "captured"
	case p.has(Capture, Declined):
		return "capture_declined"
	case first.Status == Approved:
		return "authorised"
	case first.Status == Open && p.Takes > 0:
		return "unknown" // a checkout that was left is asking
	case first.Status == Open:
		return "authorising"
	default:
		return string(first.Status)
	}
}

// Redact takes a token out of a text for the log.
func Redact(text, token string) string {
	if token == "" {
		return text
	}
	return strings.ReplaceAll(text, token, "<token>")
}
