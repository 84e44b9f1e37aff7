// Package index finds products by words, filters, facets and order, in memory.
//
// A product is a document with an ordinal, a small number that is used again
// when the document goes. Words have postings (terms.go), the values of facets
// have roaring bitmaps (values.go), every order is a sorted list of ordinals
// (orders.go). All of it is changed in place, under a lock that readers share.
package index

import "time"

// Text is what a document says in one language.
type Text struct {
	Language    string // ISO 639-1; "": not known, it is stemmed in every language
	Name        string
	Description string
}

// Document is a product as it is looked for.
type Document struct {
	ID         string
	Texts      []Text
	SKUs       []string
	Categories []string            // slugs, the outermost first
	Attributes map[string][]string // with the options of its variants
	Prices     map[string]int64    // lowest by currency, minor units
	InStock    bool
	SortName   string // what sorting by name compares
	Created    time.Time
}

// Attribute is a value that a document has under a name.
type Attribute struct{ Name, Value string }

// MaxValue is the length, in bytes, up to which an attribute's value is one
// that can be filtered by and counted. Longer ones are texts.
const MaxValue = 100

// Query says what to find. The zero value of a field asks for nothing.
type Query struct {
	Text       string
	Category   string
	Attributes []Attribute // values of one name are alternatives
	Currency   string      // of the prices
	MinPrice   int64       // minor units
	MaxPrice   int64       // minor units; below 0: no bound
	InStock    *bool
	Sort       Sort
	Limit      int
	After      *Position // nil: from the beginning
	Facets     Facets
}

// Sort is an order of the found.
type Sort string

// The orders. Relevance without words is newest first.
const (
	Relevance Sort = "relevance"
	Newest    Sort = "newest"
	Name      Sort = "name"
	NameDown  Sort = "-name"
	Price     Sort = "price"
	PriceDown Sort = "-price"
)

// Position is where an item stands in an order. It is made of what the item
// itself says, so that the next page begins behind it whatever else has
// changed. Typos keeps which words were looked for with typos on the first
// page: a word that becomes known meanwhile does not change the list.
type Position struct {
	Number  int64  `json:"n,omitempty"` // score or price
	Text    string `json:"t,omitempty"`
	Created int64  `json:"c,omitempty"` // Unix time, µs
	ID      string `json:"i"`
	Typos   uint16 `json:"y,omitempty"`
}

// Facets says which counts are wanted.
type Facets struct{ Category, Price, Availability, Attributes bool }

func (f Facets) any() bool { return f.Category || f.Price || f.Availability || f.Attributes }

// Count is how many of the found have a value.
type Count struct {
	Value string
	Count int
}

// AttributeCounts are the counts of an attribute's values.
type AttributeCounts struct {
	Name   string
	Values []Count
}

// PriceCount is how many of the found cost from Min to Max minor units, both
// included.
type PriceCount struct {
	Min, Max int64
	Count    int
}

// Counts are the facets of the found. Those of a facet that is filtered by are
// of what would be found without that filter.
type Counts struct {
	Categories []Count
	Prices     []PriceCount // cheapest first, without empty ones
	InStock    int
	OutOfStock int
	Attributes []AttributeCounts
}

// Result is a page of the found.
type Result struct {
	IDs    []string
	Next   *Position // nil: there are no more
	Total  int
	Counts Counts
}

// Suggestion is how a text that is being typed may go on.
type Suggestion struct {
	Text     string
	Products int // that have it in their names
}
