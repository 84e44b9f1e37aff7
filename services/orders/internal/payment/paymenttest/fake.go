// Package paymenttest is the fake payment provider, and the suite that it and the
// real sandbox pass.
package paymenttest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"tienda/services/orders/internal/payment"
)

// Fate is what becomes of a call to the fake.
type Fate int

// The fates.
const (
	Answered Fate = iota
	Lost          // it is done, and the answer is lost
	Unheard       // nothing is done, and there is no answer
)

// ErrNoAnswer is what a call without an answer gets.
var ErrNoAnswer = errors.New("fake provider: no answer")

// Operation is what the fake has done under a key.
type Operation struct {
	Step payment.Step
	Of   string // the authorisation's reference
	payment.Outcome
}

// Fake is a payment provider in memory: what has one key is done once. Of the
// sandbox's tokens it knows sandbox_approves, sandbox_declines,
// sandbox_declines_first_capture, sandbox_loses and sandbox_fails. Safe for concurrent use.
type Fake struct {
	mu     sync.Mutex
	ops    map[string]*Operation
	order  []string
	tokens map[string]string // by authorisation
	asked  map[string]bool
	fate   func(what string) Fate
	calls  int
}

// NewFake gives a provider that has done nothing.
func NewFake() *Fake {
	return &Fake{ops: map[string]*Operation{}, tokens: map[string]string{}, asked: map[string]bool{}, fate: func(string) Fate { return Answered }}
}

// Fates has f decide what becomes of each call: "authorise <key>", "lookup <key>".
func (f *Fake) Fates(fn func(what string) Fate) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fate = fn
}

// Calls counts the calls so far.
func (f *Fake) Calls() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls
}

// Operations gives what was done, the oldest first.
func (f *Fake) Operations() []Operation {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []Operation
	for _, key := range f.order {
		out = append(out, *f.ops[key])
	}
	return out
}

// Sums gives what an order's operations add up to: what is held, taken, given back.
func (f *Fake) Sums(orderID string) (held, taken, back int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for key, o := range f.ops {
		if payment.OrderOf(key) != orderID || o.Status != payment.Approved {
			continue
		}
		switch o.Step {
		case payment.Authorise:
			held += o.Amount
		case payment.Void:
			held = -1 << 40 // nothing is held any more
		case payment.Capture:
			taken += o.Amount
		case payment.Refund:
			back += o.Amount
		}
	}
	return max(0, held), taken, back
}

// Authorise implements payment.Provider.
func (f *Fake) Authorise(_ context.Context, key string, amount int64, currency, token string) (payment.Outcome, error) {
	return f.do(key, Operation{Step: payment.Authorise, Outcome: payment.Outcome{Amount: amount, Currency: currency}}, token)
}

// Capture implements payment.Provider.
func (f *Fake) Capture(_ context.Context, key, of string, amount int64, currency string) (payment.Outcome, error) {
	return f.do(key, Operation{Step: payment.Capture, Of: of, Outcome: payment.Outcome{Amount: amount, Currency: currency}}, "")
}

// Void implements payment.Provider.
func (f *Fake) Void(_ context.Context, key, of string) (payment.Outcome, error) {
	return f.do(key, Operation{Step: payment.Void, Of: of}, "")
}

// Refund implements payment.Provider.
func (f *Fake) Refund(_ context.Context, key, of string, amount int64, currency string) (payment.Outcome, error) {
	return f.do(key, Operation{Step: payment.Refund, Of: of, Outcome: payment.Outcome{Amount: amount, Currency: currency}}, "")
}

// Lookup implements payment.Provider.
func (f *Fake) Lookup(_ context.Context, key string) (payment.Outcome, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls++
	if f.fate("lookup "+key) != Answered {
		return payment.Outcome{}, ErrNoAnswer
	}
	if o := f.ops[key]; o != nil {
		return o.Outcome, nil
	}
	return payment.Outcome{Status: payment.Missing}, nil
}

func (f *Fake) do(key string, o Operation, token string) (payment.Outcome, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls++
	fate := f.fate(string(o.Step) + " " + key)
	if o.Step != payment.Authorise {
		token = f.tokens[o.Of]
	}
	first := !f.asked[key]
	f.asked[key] = true
	if fate == Unheard || first && strings.HasPrefix(token, "sandbox_fails") {
		return payment.Outcome{}, ErrNoAnswer
	}
	was := f.ops[key]
	switch {
	case was == nil:
		o.Status, o.Code = f.decide(o, token)
		o.Reference = fmt.Sprintf("%.4s-%d", o.Step, len(f.order)+1)
		if o.Step == payment.Authorise {
			o.Of, f.tokens[o.Reference] = o.Reference, token
		}
		if o.Status == payment.Declined {
			o.Amount = 0
		}
		was = &o
		f.ops[key] = was
		f.order = append(f.order, key)
	case was.Step != o.Step || was.Status == payment.Approved && o.Step != payment.Void && (was.Amount != o.Amount || was.Currency != o.Currency):
		return payment.Outcome{}, fmt.Errorf("fake provider: %s was used for something else", key)
	}
	if fate == Lost || strings.HasPrefix(token, "sandbox_loses") {
		return payment.Outcome{}, ErrNoAnswer
	}
	return was.Outcome, nil
}

// declinesFirst begins the token of a card that is authorised, and pays when it is asked
// a second time.
const declinesFirst = "sandbox_declines_first_capture"

// decide holds the rules that every provider has.
func (f *Fake) decide(o Operation, token string) (payment.Status, string) {
	if o.Step == payment.Authorise {
		switch {
		case !strings.HasPrefix(token, "sandbox_"):
			return payment.Declined, "token_unknown"
		case strings.HasPrefix(token, declinesFirst):
			return payment.Approved, ""
		case strings.HasPrefix(token, "sandbox_declines"):
			return payment.Declined, "card_declined"
		}
		return payment.Approved, ""
	}
	var held, taken, back int64
	voided, tried := false, false
	for _, x := range f.ops {
		tried = tried || x.Of == o.Of && x.Step == payment.Capture
		if x.Of != o.Of || x.Status != payment.Approved {
			continue
		}
		switch x.Step {
		case payment.Authorise:
			held += x.Amount
		case payment.Capture:
			taken += x.Amount
		case payment.Refund:
			back += x.Amount
		case payment.Void:
			voided = true
		}
	}
	switch {
	case held == 0:
		return payment.Declined, "authorisation_unknown"
	case voided:
		return payment.Declined, "authorisation_voided"
	case o.Step == payment.Capture && !tried && strings.HasPrefix(token, declinesFirst):
		return payment.Declined, "card_declined"
	case o.Step == payment.Void && taken > 0:
		return payment.Declined, "authorisation_captured"
	case o.Step == payment.Capture && taken+o.Amount > held, o.Step == payment.Refund && back+o.Amount > taken:
		return payment.Declined, "amount_exceeded"
	}
	return payment.Approved, ""
}
