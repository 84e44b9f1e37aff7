package pricing

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Change is a price of a SKU that was stated anew.
type Change struct {
	At          time.Time `json:"at"`
	Currency    string    `json:"currency"`
	List        string    `json:"list,omitempty"`         // ID; "": the base price
	MinQuantity int       `json:"min_quantity,omitempty"` // of a list's
	From        int64     `json:"from,omitempty"`         // minor units; 0: there was none
	To          int64     `json:"to,omitempty"`           // 0: there is none any more
	Version     int64     `json:"version"`                // of the product that states it
}

type place struct {
	currency, list string
	quantity       int
}

func (p Prices) places() map[place]int64 {
	m := make(map[place]int64, len(p.Base)+len(p.Listed))
	for _, b := range p.Base {
		m[place{currency: b.Currency}] = b.Amount
	}
	for _, e := range p.Listed {
		m[place{e.Currency, e.List, e.MinQuantity}] = e.Amount
	}
	return m
}

// Changes lists what differs between two statements of a SKU's prices.
func Changes(before, after Prices, at time.Time, version int64) []Change {
	if slices.Equal(before.Base, after.Base) && slices.Equal(before.Listed, after.Listed) {
		return nil
	}
	var out []Change
	was, is := before.places(), after.places()
	for _, m := range []map[place]int64{was, is} {
		for k := range m {
			c := Change{At: at, Currency: k.currency, List: k.list, MinQuantity: k.quantity, From: was[k], To: is[k], Version: version}
			if c.From != c.To && !slices.Contains(out, c) {
				out = append(out, c)
			}
		}
	}
	slices.SortFunc(out, compareChanges)
	return out
}

func compareChanges(a, b Change) int {
	return cmp.Or(strings.Compare(a.List, b.List), strings.Compare(a.Currency, b.Currency), cmp.Compare(a.MinQuantity, b.MinQuantity))
}
