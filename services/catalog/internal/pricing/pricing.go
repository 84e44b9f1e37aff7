// Package pricing decides what a SKU costs: its base price in each currency, and
// the prices of lists, which hold for a time, a customer group or a quantity.
package pricing

import (
	"slices"
	"strconv"
	"time"

	"tienda/internal/fault"
	"tienda/internal/money"
)

// Bounds of what is kept.
const (
	MaxLists   = 500       // in one document
	MaxEntries = 100       // prices of lists for a SKU
	MaxAmount  = 100000000 // minor units
	MaxMinimum = 1000      // quantity
)

// Entry is a SKU's price on a list, from a quantity on.
type Entry struct {
	List        string `json:"list"` // ID
	Currency    string `json:"currency"`
	Amount      int64  `json:"amount"`       // minor units, of one
	MinQuantity int    `json:"min_quantity"` // 1: any
}

// Prices are all that are stated for a SKU.
type Prices struct {
	Base   []money.Money // at most one a currency
	Listed []Entry
}

// Kind says why a price is the one that holds.
type Kind string

// The kinds. A price of a group from a quantity on is of the group.
const (
	Base  Kind = "base"
	Sale  Kind = "sale"
	Tier  Kind = "tier"
	Group Kind = "group"
)

// Price is what one of a SKU costs, and why.
type Price struct {
	money.Money
	Kind     Kind
	List     string      // name; "": the base price
	Was      money.Money // the base price, where that is higher; else zero
	EndsAt   time.Time   // zero: it is not known to end
	Quantity int         // from which on it holds
}

// Ask is what is asked for.
type Ask struct {
	Currency string
	Quantity int
	Group    string // of the customer; "": none
	Now      time.Time
}

// At gives the price that holds: the lowest of the base price and of those whose
// list is in force, whose group is the customer's, and whose quantity is reached.
// Of equal ones the base price comes first, then by list and quantity. false: it is
// not sold in the currency, for which it takes a base price.
func (p Prices) At(book Book, a Ask) (Price, bool) {
	i := slices.IndexFunc(p.Base, func(m money.Money) bool { return m.Currency == a.Currency })
	if i < 0 {
		return Price{}, false
	}
	best := Price{Money: p.Base[i], Kind: Base, Quantity: 1}
	var of Entry // that gave best
	for _, e := range p.Listed {
		l, there := book[e.List]
		if !there || e.Currency != a.Currency || e.MinQuantity > a.Quantity || !l.covers(a) || e.Amount > best.Amount {
			continue
		}
		if e.Amount == best.Amount && (best.Kind == Base || !e.before(of)) {
			continue
		}
		of = e
		best = Price{
			Money: money.New(e.Amount, e.Currency), Kind: l.kind(e), List: l.Name, Was: p.Base[i],
			EndsAt: l.Ends, Quantity: e.MinQuantity,
		}
	}
	return best, true
}

func (e Entry) before(o Entry) bool {
	return e.List < o.List || e.List == o.List && e.MinQuantity < o.MinQuantity
}

// Tiers gives the prices that more than one at once bring everybody, from low
// quantities to high.
func (p Prices) Tiers(book Book, currency string, now time.Time) []Price {
	var from []int
	for _, e := range p.Listed {
		if e.MinQuantity > 1 && e.Currency == currency {
			from = append(from, e.MinQuantity)
		}
	}
	slices.Sort(from)
	var out []Price
	last, sold := p.At(book, Ask{Currency: currency, Quantity: 1, Now: now})
	for _, n := range slices.Compact(from) {
		if next, _ := p.At(book, Ask{Currency: currency, Quantity: n, Now: now}); sold && next.Amount < last.Amount {
			out, last = append(out, next), next
		}
	}
	return out
}

// NextChange gives the time after now when a list of these prices begins or ends;
// zero: none does.
func (p Prices) NextChange(book Book, now time.Time) (next time.Time) {
	for _, e := range p.Listed {
		l := book[e.List]
		for _, t := range []time.Time{l.Starts, l.Ends} {
			if t.After(now) && (next.IsZero() || t.Before(next)) {
				next = t
			}
		}
	}
	return next
}

// CheckEntry refuses one price of a SKU on a list. The error names every bad field.
func CheckEntry(e Entry, book Book) error { return refuse(e.faults("", book)) }

func (e Entry) faults(at string, book Book) (fields []fault.Field) {
	if _, there := book[e.List]; !there {
		fields = append(fields, fault.Field{Name: at + "/list", Reason: "is no price list"})
	}
	if !money.ValidCurrency(e.Currency) {
		fields = append(fields, fault.Field{Name: at + "/currency", Reason: "is not a currency of ISO 4217"})
	}
	return fields
}

func refuse(fields []fault.Field) error {
	if len(fields) == 0 {
		return nil
	}
	e := fault.New(fault.Unprocessable, "invalid_prices", "The prices break a rule.")
	e.Fields = fields
	return e
}

// CheckEntries refuses what cannot be a SKU's prices on lists. The error names
// every bad field.
func CheckEntries(entries []Entry, book Book) error {
	var fields []fault.Field
	seen := map[Entry]bool{}
	for i, e := range entries {
		at := "/prices/" + strconv.Itoa(i)
		fields = append(fields, e.faults(at, book)...)
		place := Entry{List: e.List, Currency: e.Currency, MinQuantity: e.MinQuantity}
		if seen[place] {
			fields = append(fields, fault.Field{Name: at, Reason: "has the list, currency and quantity of another"})
		}
		seen[place] = true
	}
	return refuse(fields)
}
