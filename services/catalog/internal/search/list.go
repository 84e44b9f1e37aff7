package search

import (
	"cmp"
	"slices"
	"sort"
	"strings"

	"tienda/internal/fault"
	"tienda/internal/page"
)

// Query says what to list. The zero value of a field asks for nothing.
type Query struct {
	Text     string
	Category string
	Currency string // of the prices
	MinPrice int64  // minor units
	MaxPrice int64  // minor units; below 0: no bound
	InStock  *bool
	Sort     string // newest, name, -name, price, -price
	Limit    int
	Cursor   string
}

// key is where an entry stands in an order. It is what a cursor holds, so that
// the next page begins there whatever has changed since.
type key struct {
	Number int64  `json:"n,omitempty"`
	Text   string `json:"t,omitempty"`
	ID     string `json:"i"`
}

func (k key) compare(o key) int {
	return cmp.Or(cmp.Compare(k.Number, o.Number), strings.Compare(k.Text, o.Text), strings.Compare(k.ID, o.ID))
}

type position struct {
	Order string `json:"o"` // sort and currency that the key belongs to
	Key   key    `json:"k"`
}

// order gives an entry its key.
type order func(*Entry) key

var (
	byCreation order = func(e *Entry) key { return key{Number: e.Product.CreatedAt.UnixMicro(), ID: e.Product.ID} }
	byName     order = func(e *Entry) key { return key{Text: e.sortName, ID: e.Product.ID} }
)

func byPrice(currency string) order {
	return func(e *Entry) key {
		n, _ := e.PriceFrom(currency)
		return key{Number: n, ID: e.Product.ID}
	}
}

// List gives a page of entries and the cursor of the next, "" at the end. It
// makes no state call.
func (m *Model) List(q Query) (entries []*Entry, next string, err error) {
	s := m.shown.Load()
	list, o, down := s.inOrder(q)
	var from position
	if err := page.Decode(q.Cursor, &from); err != nil {
		return nil, "", err
	}
	if mine := q.Sort + " " + q.Currency; q.Cursor == "" {
		from.Order = mine
	} else if from.Order != mine {
		return nil, "", fault.BadField("cursor", "belongs to another sort or currency")
	}
	at := func(i int) *Entry { return list[i].entry.Load() }
	start, step := 0, 1
	if down {
		start, step = len(list)-1, -1
	}
	if q.Cursor != "" {
		start = seek(list, o, from.Key, q.Sort == "newest", down)
	}
	query := words(q.Text)
	for i := start; i >= 0 && i < len(list); i += step {
		e := at(i)
		if !q.takes(e, query) {
			continue
		}
		if len(entries) == q.Limit {
			from.Key = o(entries[len(entries)-1])
			return entries, page.Encode(from), nil
		}
		entries = append(entries, e)
	}
	return entries, "", nil
}

// inOrder gives the list to walk, its order, and whether from its end.
func (s *snapshot) inOrder(q Query) (list []*slot, o order, down bool) {
	switch q.Sort {
	case "name", "-name":
		return s.byName, byName, q.Sort == "-name"
	case "price", "-price":
		return s.priced(q.Currency), byPrice(q.Currency), q.Sort == "-price"
	default:
		return s.newest, byCreation, false
	}
}

// priced lists what has a price in a currency, cheapest first.
func (s *snapshot) priced(currency string) []*slot {
	if v, ok := s.byPrice.Load(currency); ok {
		return v.([]*slot)
	}
	var list []*slot
	for _, at := range s.newest {
		if _, ok := at.entry.Load().PriceFrom(currency); ok {
			list = append(list, at)
		}
	}
	if len(list) == 0 {
		return nil // not kept: callers could fill memory with currencies
	}
	o := byPrice(currency)
	slices.SortFunc(list, func(a, b *slot) int { return o(a.entry.Load()).compare(o(b.entry.Load())) })
	s.byPrice.Store(currency, list)
	return list
}

// seek finds the first place after a key. descending: the list's keys fall;
// down: it is walked from its end.
func seek(list []*slot, o order, k key, descending, down bool) int {
	compare := func(i int) int { return o(list[i].entry.Load()).compare(k) }
	switch {
	case descending:
		return sort.Search(len(list), func(i int) bool { return compare(i) < 0 })
	case down:
		return sort.Search(len(list), func(i int) bool { return compare(i) >= 0 }) - 1
	default:
		return sort.Search(len(list), func(i int) bool { return compare(i) > 0 })
	}
}

func (q Query) takes(e *Entry, words []string) bool {
	if q.Category != "" && e.Product.Category != q.Category {
		return false
	}
	if q.InStock != nil && e.AnyInStock() != *q.InStock {
		return false
	}
	if q.MinPrice > 0 || q.MaxPrice >= 0 {
		price, ok := e.PriceFrom(q.Currency)
		if !ok || price < q.MinPrice || q.MaxPrice >= 0 && price > q.MaxPrice {
			return false
		}
	}
	return e.matches(words)
}
