// Package search is what the shop shows: all published products in memory, in
// every replica, kept fresh from the store.
package search

import (
	"slices"
	"strings"
	"sync/atomic"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/runes"
	"golang.org/x/text/transform"
	"golang.org/x/text/unicode/norm"

	"tienda/services/catalog/internal/product"
)

// Entry is one product as it is shown. It never changes; a new one takes its
// place.
type Entry struct {
	Product product.Product
	InStock map[string]bool // by SKU; what is not there is not in stock

	details  *details
	sortName string   // folded and cut: it goes into cursors
	words    []string // folded, sorted: what q is matched with
}

// AnyInStock says whether some variant can be bought.
func (e *Entry) AnyInStock() bool {
	for _, v := range e.Product.Variants {
		if e.InStock[v.SKU] {
			return true
		}
	}
	return false
}

// PriceFrom gives the lowest price in minor units; false: none in the currency.
func (e *Entry) PriceFrom(currency string) (amount int64, ok bool) {
	for _, v := range e.Product.Variants {
		if p, has := v.Price(currency); has && (!ok || p.Amount < amount) {
			amount, ok = p.Amount, true
		}
	}
	return amount, ok
}

// slot is the place of a product: its entry is changed without building the
// lists anew as long as only stock or texts differ.
type slot struct{ entry atomic.Pointer[Entry] }

func (m *Model) newEntry(p product.Product, inStock map[string]bool) *Entry {
	e := &Entry{Product: p, InStock: inStock, sortName: cut(fold(p.Name))}
	texts := append([]string{p.Name, p.Description, p.Category}, p.SKUs()...)
	for _, t := range p.Translations {
		texts = append(texts, t.Name, t.Description)
	}
	e.words = words(texts...)
	e.details = m.newDetails(&e.Product)
	return e
}

// withStock gives the entry with other stock.
func (m *Model) withStock(e *Entry, inStock map[string]bool) *Entry {
	next := *e
	next.InStock = inStock
	next.details = m.newDetails(&e.Product)
	return &next
}

// matches says whether each of the folded words begins one of the entry's.
func (e *Entry) matches(query []string) bool {
	for _, w := range query {
		i, _ := slices.BinarySearch(e.words, w)
		if i == len(e.words) || !strings.HasPrefix(e.words[i], w) {
			return false
		}
	}
	return true
}

// fold takes case and accents away. A transformer keeps state: one a call.
func fold(s string) string {
	t := transform.Chain(norm.NFD, runes.Remove(runes.In(unicode.Mn)), cases.Fold(), norm.NFC)
	out, _, err := transform.String(t, s)
	if err != nil {
		return strings.ToLower(s)
	}
	return out
}

// cut keeps the first 40 letters.
func cut(s string) string {
	n := 0
	for i := range s {
		if n++; n > 40 {
			return s[:i]
		}
	}
	return s
}

// words gives the folded words of texts, sorted, each once.
func words(texts ...string) []string {
	var out []string
	for _, text := range texts {
		out = append(out, strings.FieldsFunc(fold(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
