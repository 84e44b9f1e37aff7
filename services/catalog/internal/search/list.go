package search

import (
	"fmt"
	"hash/fnv"

	"tienda/internal/fault"
	"tienda/internal/page"
	"tienda/services/catalog/internal/search/index"
)

// Query says what to list, see index.Query.
type Query struct {
	Text       string
	Category   string
	Attributes []index.Attribute
	Currency   string
	MinPrice   int64 // minor units
	MaxPrice   int64 // minor units; below 0: no bound
	InStock    *bool
	Sort       index.Sort
	Limit      int
	Cursor     string
	Facets     index.Facets
}

// Page is a part of what a query finds.
type Page struct {
	Entries []*Entry
	Next    string // the cursor of the next page; "": there is none
	Total   int
	Counts  index.Counts
}

// cursor is a position, with the order that it belongs to.
type cursor struct {
	Order string          `json:"o"`
	At    *index.Position `json:"k"`
}

// order names what a cursor belongs to: sort and currency, and the words that
// decide how relevant a product is.
func (q Query) order() string {
	name := string(q.Sort) + " " + q.Currency
	if q.Sort == index.Relevance {
		h := fnv.New32a()
		_, _ = h.Write([]byte(q.Text))
		name += fmt.Sprintf(" %x", h.Sum32())
	}
	return name
}

// List gives a page of entries. It makes no state call.
func (m *Model) List(q Query) (Page, error) {
	var from cursor
	if err := page.Decode(q.Cursor, &from); err != nil {
		return Page{}, err
	}
	if q.Cursor != "" && (from.Order != q.order() || from.At == nil) {
		return Page{}, fault.BadField("cursor", "belongs to another sort, currency or text")
	}
	found, err := m.index.Search(index.Query{
		Text: q.Text, Category: q.Category, Attributes: q.Attributes, Currency: q.Currency, MinPrice: q.MinPrice,
		MaxPrice: q.MaxPrice, InStock: q.InStock, Sort: q.Sort, Limit: q.Limit, After: from.At, Facets: q.Facets,
	})
	if err != nil {
		return Page{}, err
	}
	out := Page{Total: found.Total, Counts: found.Counts, Entries: make([]*Entry, 0, len(found.IDs))}
	for _, id := range found.IDs {
		if at := m.byID.at(id); at != nil { // it may have gone since
			out.Entries = append(out.Entries, at.entry.Load())
		}
	}
	if found.Next != nil {
		out.Next = page.Encode(cursor{q.order(), found.Next})
	}
	return out, nil
}

// Suggest gives how a text that is being typed may go on. It makes no state
// call.
func (m *Model) Suggest(text string, limit int) ([]index.Suggestion, error) {
	return m.index.Suggest(text, limit)
}
