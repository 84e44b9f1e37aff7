package traffic

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"tienda/monolith/shop"
)

// Outcome is what the writer knows of a write. What was refused is counted, and not kept.
type Outcome string

// The outcomes.
const (
	Acknowledged Outcome = "acknowledged" // it is done, and must never be lost nor doubled
	Unknown      Outcome = "unknown"      // there was no answer, or one of a failure: done once or not at all
	refused      Outcome = "refused"
)

// Entries are the writes of one run. Where a write had no known outcome, Maybe has what
// may be there as well.
type Entries struct {
	Run       string               `json:"run"`
	Orders    []*Order             `json:"orders"`
	Prices    map[string]*Price    `json:"prices"` // by SKU
	Customers []*Customer          `json:"customers"`
	Addresses map[int64]*Address   `json:"addresses"` // by customer
	Tickets   []*Ticket            `json:"tickets"`
	Returns   []*Return            `json:"returns"`
	Deletions []*Deletion          `json:"deletions"`
	Counts    map[string]*Outcomes `json:"counts"` // by sort of write: "order"
}

// Outcomes counts writes.
type Outcomes struct {
	Acknowledged int `json:"acknowledged"`
	Refused      int `json:"refused"`
	Unknown      int `json:"unknown"`
}

// Order is an order that was sent. Its note in the shop is Ref, which no other order has.
type Order struct {
	Ref        string           `json:"ref"` // its Idempotency-Key, too
	Outcome    Outcome          `json:"outcome"`
	CustomerID int64            `json:"customer_id,omitempty"` // 0: a guest
	Number     string           `json:"number,omitempty"`      // the rest is known once it is acknowledged
	Email      string           `json:"email,omitempty"`
	Total      int64            `json:"total,omitempty"` // minor units of EUR
	Lines      []shop.OrderLine `json:"lines"`           // without prices where the outcome is unknown
	Status     string           `json:"status,omitempty"`
	Maybe      []string         `json:"maybe,omitempty"` // statuses
}

// Price is what a SKU's price was last set to.
type Price struct {
	Cents int64   `json:"cents,omitempty"` // of EUR; 0: no change was acknowledged
	Maybe []int64 `json:"maybe,omitempty"`
}

// Customer is somebody who has registered.
type Customer struct {
	Outcome  Outcome `json:"outcome"`
	ID       int64   `json:"id,omitempty"`
	Email    string  `json:"email"`
	Name     string  `json:"name"`
	Password string  `json:"password"` // plain, to sign in with after the move
}

// Address is what a customer's default address was last set to.
type Address struct {
	Last  *shop.Address  `json:"last,omitempty"` // none: no change was acknowledged
	Maybe []shop.Address `json:"maybe,omitempty"`
}

// Ticket is a ticket with its messages, the first of which was sent with it.
type Ticket struct {
	Outcome    Outcome   `json:"outcome"`
	ID         int64     `json:"id,omitempty"`
	CustomerID int64     `json:"customer_id"`
	Subject    string    `json:"subject"` // no other ticket has it
	Messages   []Message `json:"messages"`
}

// Message is one text.
type Message struct {
	Outcome Outcome `json:"outcome"`
	Text    string  `json:"text"` // no other message has it
}

// Return is a return of one line.
type Return struct {
	Outcome  Outcome `json:"outcome"`
	ID       int64   `json:"id,omitempty"`
	Order    string  `json:"order"` // its number
	SKU      string  `json:"sku"`
	Quantity int64   `json:"quantity"`
}

// Deletion is a product that was deleted.
type Deletion struct {
	Outcome Outcome  `json:"outcome"`
	Slug    string   `json:"slug"`
	SKUs    []string `json:"skus"`
}

// Ledger keeps what was acknowledged, for a checker to ask later. Its methods may be
// called by several goroutines.
type Ledger struct {
	mu      sync.Mutex
	entries Entries
}

// NewLedger gives an empty ledger of a run.
func NewLedger(run string) *Ledger {
	return &Ledger{entries: Entries{Run: run, Prices: map[string]*Price{}, Addresses: map[int64]*Address{}, Counts: map[string]*Outcomes{}}}
}

// note counts a write, and lets keep write down one that was not refused.
func (l *Ledger) note(sort string, outcome Outcome, keep func(*Entries)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.entries.Counts[sort]
	if c == nil {
		c = &Outcomes{}
		l.entries.Counts[sort] = c
	}
	switch outcome {
	case Acknowledged:
		c.Acknowledged++
	case Unknown:
		c.Unknown++
	case refused:
		c.Refused++
		return
	}
	keep(&l.entries)
}

// Entries gives a copy of what is kept.
func (l *Ledger) Entries() (Entries, error) {
	b, err := l.json()
	if err != nil {
		return Entries{}, err
	}
	return parse(b)
}

// Writes is how many were sent, whatever became of them.
func (l *Ledger) Writes() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.entries.Counts {
		n += c.Acknowledged + c.Refused + c.Unknown
	}
	return n
}

func (l *Ledger) json() ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b, err := json.Marshal(l.entries)
	if err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	return b, nil
}

// Save writes the ledger into a file, which has the old or the new one at any time.
func (l *Ledger) Save(path string) error {
	b, err := l.json()
	if err != nil {
		return err
	}
	fresh := path + ".new"
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	if err := os.WriteFile(fresh, b, 0o600); err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	if err := os.Rename(fresh, path); err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	return nil
}

// Load reads a file that Save wrote.
func Load(path string) (Entries, error) {
	b, err := os.ReadFile(path) //nolint:gosec // the caller's own file
	if err != nil {
		return Entries{}, fmt.Errorf("ledger: %w", err)
	}
	return parse(b)
}

func parse(b []byte) (e Entries, err error) {
	if err := json.Unmarshal(b, &e); err != nil {
		return Entries{}, fmt.Errorf("ledger: %w", err)
	}
	return e, nil
}
