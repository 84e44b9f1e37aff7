// Package customers is the people of a shop that is moved off its monolith: whoever is told
// at the old address that it has moved goes on at the new shop's, and goes back when that
// does not know it any more. A ledger keeps what the new shop has acknowledged to them, and
// a checker looks for it.
package customers

import (
	"encoding/json"
	"fmt"
	"maps"
	"sync"
	"time"
)

// Outcome is what somebody knows of a write.
type Outcome string

// The outcomes.
const (
	Acknowledged Outcome = "acknowledged" // it is done, and must never be lost nor doubled
	Refused      Outcome = "refused"      // it is not done; counted by reason, and not kept
	Unknown      Outcome = "unknown"      // no answer, or one of a failure, however often it was repeated
)

// Entries are what the new shop was asked for. Where a write had no known outcome, Maybe
// has what may be there as well.
type Entries struct {
	Orders   []*Order           `json:"orders"`
	People   map[string]*Person `json:"people"` // by e-mail, in lower case
	Tickets  []Ticket           `json:"tickets"`
	Messages []Message          `json:"messages"`
	Returns  []Return           `json:"returns"`
	Moved    map[string]*Step   `json:"moved"` // orders of the monolith by number, which went on in the shop
}

// Order is an order that was sent.
type Order struct {
	Note    string   `json:"note"` // no other order has it; its Idempotency-Key, too
	Outcome Outcome  `json:"outcome"`
	ID      string   `json:"id"`
	Number  string   `json:"number"`
	Email   string   `json:"email"`
	Total   int64    `json:"total"` // minor units of EUR
	Lines   []string `json:"lines"` // "A-1 2": SKU and quantity, in the order of the cart
	Step
}

// Step is what an order has come to.
type Step struct {
	Status string   `json:"status"`
	Maybe  []string `json:"maybe,omitempty"`
}

// Person is somebody with an account, by what was written of it in the new shop.
type Person struct {
	Registered Outcome    `json:"registered,omitempty"` // "": it was there before
	Password   string     `json:"password"`
	CustomerID int64      `json:"customer_id,omitempty"` // in the monolith; 0: not known
	Name       *string    `json:"name,omitempty"`        // that was set last
	Names      []string   `json:"maybe_names,omitempty"`
	Address    *Address   `json:"address,omitempty"`
	Addresses  []Address  `json:"maybe_addresses,omitempty"`
	Settings   *Settings  `json:"settings,omitempty"`
	MaybeSet   []Settings `json:"maybe_settings,omitempty"`
}

// Address is where somebody lives: the one that is proposed first.
type Address struct {
	Name       string `json:"name"`
	Line1      string `json:"line1"`
	City       string `json:"city"`
	PostalCode string `json:"postal_code"`
	Country    string `json:"country"`
}

// Settings are somebody's preferences.
type Settings struct {
	Language  string `json:"language"`
	Marketing bool   `json:"marketing_mail"`
}

// Ticket is one that was opened; its first message is among the messages.
type Ticket struct {
	Outcome Outcome `json:"outcome"`
	Email   string  `json:"email"`
	Subject string  `json:"subject"` // no other ticket has it
}

// Message is one text of a ticket.
type Message struct {
	Outcome Outcome `json:"outcome"`
	Subject string  `json:"subject"`
	Text    string  `json:"text"` // no other message has it
}

// Return is a return of one line.
type Return struct {
	Outcome  Outcome `json:"outcome"`
	Number   string  `json:"number"` // of the order
	SKU      string  `json:"sku"`
	Quantity int64   `json:"quantity"`
}

// Counts are how many writes had which outcome, and why they were refused.
type Counts struct {
	Acknowledged int            `json:"acknowledged"`
	Unknown      int            `json:"unknown"`
	Failed       int            `json:"failed"` // answers of 5xx, and none, whatever a repeat gave
	Refused      map[string]int `json:"refused"`
	Longest      time.Duration  `json:"longest"` // that a write waited for its answer
}

// Less gives what was counted since an earlier count; Longest is c's.
func (c Counts) Less(before Counts) Counts {
	out := Counts{Acknowledged: c.Acknowledged - before.Acknowledged, Unknown: c.Unknown - before.Unknown, Failed: c.Failed - before.Failed,
		Refused: map[string]int{}, Longest: c.Longest}
	for why, n := range c.Refused {
		if n > before.Refused[why] {
			out.Refused[why] = n - before.Refused[why]
		}
	}
	return out
}

// Tally counts writes. Its methods may be called by several goroutines.
type Tally struct {
	mu     sync.Mutex
	counts Counts
}

// Note counts one write; why it was refused, or "".
func (t *Tally) Note(o Outcome, why string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch o {
	case Acknowledged:
		t.counts.Acknowledged++
	case Unknown:
		t.counts.Unknown++
	case Refused:
		if t.counts.Refused == nil {
			t.counts.Refused = map[string]int{}
		}
		t.counts.Refused[why]++
	}
}

// waited notes how long an answer took, and whether it was one of a failure.
func (t *Tally) waited(d time.Duration, failed bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts.Longest = max(t.counts.Longest, d)
	if failed {
		t.counts.Failed++
	}
}

// Step gives what was counted so far, and begins anew with the longest wait.
func (t *Tally) Step() Counts {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.counts
	c.Refused = maps.Clone(c.Refused)
	t.counts.Longest = 0
	return c
}

// Counts gives what was counted so far.
func (t *Tally) Counts() Counts {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.counts
	c.Refused = maps.Clone(c.Refused)
	return c
}

// Ledger keeps what was acknowledged. Its methods may be called by several goroutines.
type Ledger struct {
	mu      sync.Mutex
	entries Entries
}

// NewLedger gives an empty ledger.
func NewLedger() *Ledger {
	return &Ledger{entries: Entries{People: map[string]*Person{}, Moved: map[string]*Step{}}}
}

// keep has a function write something down.
func (l *Ledger) keep(f func(*Entries)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f(&l.entries)
}

// Entries gives a copy of what is kept.
func (l *Ledger) Entries() (e Entries, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b, err := json.Marshal(l.entries)
	if err == nil {
		err = json.Unmarshal(b, &e)
	}
	if err != nil {
		return e, fmt.Errorf("ledger: %w", err)
	}
	return e, nil
}
