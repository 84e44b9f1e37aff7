package inventory

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Kind says why stock moved.
type Kind string

// The kinds. Those before Sale are for staff to state.
const (
	Other      Kind = "other"
	Delivery   Kind = "delivery"
	Count      Kind = "count"
	Damage     Kind = "damage"
	Loss       Kind = "loss"
	Correction Kind = "correction"
	Transfer   Kind = "transfer"
	Sale       Kind = "sale"       // an order was shipped
	Return     Kind = "return"     // a return's goods are back
	Withdrawal Kind = "withdrawal" // its product is gone
	Migration  Kind = "migration"  // it was moved in from another system
	Opening    Kind = "opening"    // what there was before the first entry
)

// LedgerPage is how many entries a page of a ledger has.
const LedgerPage = 32

// Entry is one movement of what is on hand.
type Entry struct {
	Number   int // from 1; 0: the opening
	At       time.Time
	Kind     Kind
	Location string
	Delta    int
	OnHand   int    // at all locations, after it
	By       string // the user or service account; "": no one's request
	Ref      string // the order, or the return
	Reason   string // words
}

// Ledger are entries of one SKU's ledger, the oldest first, one a line. As one
// string they cost a stock that is read and written whole the least
// (docs/adr/0026):
//
//	<Unix time> <kind> <location> <delta> <on hand> <by> <ref> <reason>
//
// The number of an entry is not written: entries are never left out, and a page
// has LedgerPage of them.
type Ledger string

// none stands for a word that is empty, or for the location Main.
const none = "-"

var (
	escaped   = strings.NewReplacer("\\", `\\`, "\n", `\n`)
	unescaped = strings.NewReplacer(`\\`, "\\", `\n`, "\n")
)

// with adds an entry.
func (l Ledger) with(e Entry) Ledger {
	var b strings.Builder
	b.Grow(len(l) + 96 + len(e.Reason))
	b.WriteString(string(l))
	location := e.Location
	if location == Main {
		location = ""
	}
	fmt.Fprintf(&b, "%d %s %s %d %d %s %s %s\n",
		e.At.Unix(), e.Kind, word(location), e.Delta, e.OnHand, word(e.By), word(e.Ref), escaped.Replace(e.Reason))
	return Ledger(b.String())
}

// word gives what can stand in a line as one word.
func word(s string) string {
	if s == "" {
		return none
	}
	return strings.Map(func(r rune) rune {
		if r <= ' ' || r == 0x7f {
			return '_'
		}
		return r
	}, s)
}

func unword(s string) string {
	if s == none {
		return ""
	}
	return s
}

// Len is how many entries there are.
func (l Ledger) Len() int { return strings.Count(string(l), "\n") }

// Entries reads the entries. first is the number of the first.
func (l Ledger) Entries(first int) ([]Entry, error) {
	out := make([]Entry, 0, l.Len())
	for line := range strings.Lines(string(l)) {
		e, err := entryOf(strings.TrimSuffix(line, "\n"))
		if err != nil {
			return nil, fmt.Errorf("inventory: ledger entry %q: %w", line, err)
		}
		e.Number = first + len(out)
		out = append(out, e)
	}
	return out, nil
}

func entryOf(line string) (e Entry, err error) {
	var f [7]string
	for i := range f {
		f[i], line, _ = strings.Cut(line, " ")
	}
	at, err := strconv.ParseInt(f[0], 10, 64)
	if err != nil {
		return e, err
	}
	if e.Delta, err = strconv.Atoi(f[3]); err != nil {
		return e, err
	}
	if e.OnHand, err = strconv.Atoi(f[4]); err != nil {
		return e, err
	}
	e.At, e.Kind, e.Location = time.Unix(at, 0).UTC(), Kind(f[1]), place(unword(f[2]))
	e.By, e.Ref, e.Reason = unword(f[5]), unword(f[6]), unescaped.Replace(line)
	return e, nil
}

// head gives the first page and what is after it.
func (l Ledger) head() (page, rest Ledger) {
	end := 0
	for range LedgerPage {
		i := strings.IndexByte(string(l[end:]), '\n')
		if i < 0 {
			return l, ""
		}
		end += i + 1
	}
	return l[:end], l[end:]
}

// FullPage gives the n-th full page, from 0, that the stock still carries, and its
// number in the ledger. Only what was stored is in a page, not what this change
// adds: so a page says the same whoever writes it, and however often, and may
// stand without the change that it was written with.
func (s *Stock) FullPage(n int) (number int, page Ledger, ok bool) {
	if s.Ledger.Len()-s.entered < (n+1)*LedgerPage {
		return 0, "", false
	}
	rest := s.Ledger
	for range n + 1 {
		page, rest = rest.head()
	}
	return s.Pages + n, page, true
}

// HandOn gives up the first page, which stands in a document of its own.
func (s *Stock) HandOn() {
	_, s.Ledger = s.Ledger.head()
	s.Pages++
}

// LedgerLen is how many entries the ledger has, the opening apart.
func (s *Stock) LedgerLen() int { return s.Pages*LedgerPage + s.Ledger.Len() }

// enter moves stock and says so in the ledger.
func (s *Stock) enter(e Entry) {
	e.Location, e.Kind = place(e.Location), cmp.Or(e.Kind, Other)
	s.put(e.Location, e.Delta)
	if e.Delta > 0 {
		s.Gone = false
	}
	e.OnHand = s.OnHand
	s.Ledger = s.Ledger.with(e)
	s.entered++
	s.changed = true
}

// Opening is what was on hand before the first entry of the ledger, as an entry of
// its own; first is the oldest page. Without a delta there was nothing.
func (s *Stock) Opening(first Ledger) (Entry, error) {
	e := Entry{Kind: Opening, Location: Main, Delta: s.OnHand, OnHand: s.OnHand}
	if s.Opened > 0 {
		e.At = time.Unix(s.Opened, 0).UTC()
	}
	if line, _, ok := strings.Cut(string(first), "\n"); ok {
		oldest, err := entryOf(line)
		if err != nil {
			return e, fmt.Errorf("inventory: ledger entry %q: %w", line, err)
		}
		e.Delta = oldest.OnHand - oldest.Delta
		e.OnHand = e.Delta
	}
	return e, nil
}
