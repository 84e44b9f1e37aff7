package index

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	"github.com/RoaringBitmap/roaring/v2"
)

// Index is safe for concurrent use.
type Index struct {
	lexicon lexicon
	tidying sync.Mutex
	recent  int // how many words the dictionary may lack

	mu         sync.RWMutex
	docs       []doc // by ordinal
	lines      []line
	free       []uint32
	ordinal    map[string]uint32 // by ID
	terms      terms
	stamp      uint32 // of the document whose terms were gathered last
	dictionary dictionary
	values     values
	inStock    bits
	newest     order
	names      order
	prices     map[string]*prices // by currency
	scratch    sync.Pool
}

// doc is what is kept of a document.
type doc struct {
	id       string
	sortName string
	created  int64    // Unix time, µs
	terms    []uint32 // number<<2 | class, sorted
	values   []uint32 // sorted
}

// New gives an index without documents.
func New() *Index {
	x := &Index{
		recent:  recentLimit,
		ordinal: map[string]uint32{}, terms: newTerms(), values: values{number: map[Attribute]uint32{}, names: map[string]uint32{}},
		prices:     map[string]*prices{},
		dictionary: dictionary{known: roaring.New()},
		scratch:    sync.Pool{New: func() any { return &scratch{docs: []uint32{}} }},
	}
	x.newest, x.names = order{compare: x.byAge}, order{compare: x.byName}
	return x
}

// Put adds documents or puts them in the place of those with their IDs. Of
// several with one ID the last counts.
func (x *Index) Put(docs ...Document) {
	last := make(map[string]int, len(docs))
	for i := range docs {
		last[docs[i].ID] = i
	}
	uses := make([][]use, len(docs)) // what takes longest is made without the lock
	for i := range docs {
		if last[docs[i].ID] == i {
			uses[i] = x.lexicon.uses(&docs[i])
		}
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for currency := range currencies(docs) {
		x.priced(currency)
	}
	moves := x.orders()
	places := make([]uint32, len(docs))
	for i := range docs {
		if last[docs[i].ID] != i {
			continue
		}
		n, there := x.ordinal[docs[i].ID]
		if !there {
			n = x.place(docs[i].ID)
		}
		places[i] = n
		for j := range moves {
			moves[j].plan(n, there, &docs[i])
		}
	}
	for _, m := range moves {
		m.order.remove(m.out)
	}
	for i := range docs {
		if last[docs[i].ID] == i {
			x.put(places[i], &docs[i], uses[i])
		}
	}
	for _, m := range moves {
		m.order.add(m.in)
	}
}

func currencies(docs []Document) map[string]bool {
	out := map[string]bool{}
	for i := range docs {
		for currency := range docs[i].Prices {
			out[currency] = true
		}
	}
	return out
}

// move is what changes its place in an order.
type move struct {
	order   *order
	stays   func(n uint32, d *Document) bool
	out, in []uint32
}

// plan notes a document whose place changes, before anything of it is written.
func (m *move) plan(n uint32, there bool, d *Document) {
	if there && m.stays(n, d) {
		return
	}
	if m.in = append(m.in, n); there {
		m.out = append(m.out, n)
	}
}

// orders gives all orders, each with what decides a document's place in it.
func (x *Index) orders() []move {
	out := []move{
		{order: &x.newest, stays: func(n uint32, d *Document) bool { return x.docs[n].created == d.Created.UnixMicro() }},
		{order: &x.names, stays: func(n uint32, d *Document) bool { return x.docs[n].sortName == d.SortName }},
	}
	for currency, p := range x.prices {
		out = append(out, move{order: &p.order, stays: func(n uint32, d *Document) bool { return p.amounts[n] == d.Prices[currency] }})
	}
	return out
}

// Delete takes documents out; IDs that no document has are left alone.
func (x *Index) Delete(ids ...string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	var gone []uint32
	for _, id := range ids {
		if n, ok := x.ordinal[id]; ok && !slices.Contains(gone, n) {
			gone = append(gone, n)
		}
	}
	x.drop(gone)
}

// SetStock says whether a document is in stock. No text is read again.
func (x *Index) SetStock(id string, in bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if n, ok := x.ordinal[id]; ok {
		x.setStock(n, in)
	}
}

func (x *Index) setStock(n uint32, in bool) {
	if in {
		x.inStock.add(n)
	} else {
		x.inStock.remove(n)
	}
}

// Len says how many documents there are.
func (x *Index) Len() int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return len(x.ordinal)
}

// InCategory gives the IDs of the documents in a category, until see says no.
func (x *Index) InCategory(slug string, see func(id string) bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if docs := x.values.with(Attribute{category, slug}); docs != nil {
		docs.Iterate(func(n uint32) bool { return see(x.docs[n].id) })
	}
}

// put writes a document at its ordinal; of what is there already, only what
// differs.
func (x *Index) put(n uint32, d *Document, uses []use) {
	x.setStock(n, d.InStock)
	at := &x.docs[n]
	at.sortName, at.created = d.SortName, d.Created.UnixMicro()
	x.putTerms(n, x.entries(uses))
	x.putValues(n, valuesOf(d))
	for currency, p := range x.prices {
		p.amounts[n] = d.Prices[currency]
	}
}

// entries gives the terms of a document, each with its weightiest class, term
// number<<2 | class, sorted.
func (x *Index) entries(uses []use) []uint32 {
	x.stamp++
	var out []uint32
	note := func(t uint32, c class) {
		if at := &x.terms.all[t]; at.stamp != x.stamp { // uses has the weightiest class first
			at.stamp = x.stamp
			out = append(out, t<<2|uint32(c))
		}
	}
	for _, u := range uses {
		t, fresh := x.terms.add(x.terms.words, u.folded, u.written)
		if fresh {
			x.dictionary.recent = append(x.dictionary.recent, t)
		}
		note(t, u.class)
		for i, stems := range u.stems {
			for _, stem := range stems {
				if u.languages&(1<<i) != 0 {
					t, _ := x.terms.add(x.terms.stems, stem, "")
					note(t, u.class)
				}
			}
		}
	}
	slices.Sort(out)
	return slices.Clip(out)
}

func (x *Index) putTerms(n uint32, entries []uint32) {
	gone, fresh := differences(x.docs[n].terms, entries)
	for _, e := range gone {
		x.terms.all[e>>2].remove(n)
	}
	for _, e := range fresh {
		x.terms.all[e>>2].insert(newPosting(n, class(e&3)))
	}
	x.docs[n].terms = entries
}

func (x *Index) putValues(n uint32, all []Attribute) {
	before := x.docs[n].values
	var now []uint32
	for _, a := range all {
		now = append(now, x.values.add(a, n))
	}
	slices.Sort(now)
	gone, _ := differences(before, now)
	for _, v := range gone {
		x.values.remove(v, n)
	}
	x.docs[n].values, x.lines[n] = slices.Clip(now), newLine(now)
}

// differences gives what only one of two sorted lists has.
func differences(a, b []uint32) (onlyA, onlyB []uint32) {
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0] == b[0]:
			a, b = a[1:], b[1:]
		case a[0] < b[0]:
			onlyA, a = append(onlyA, a[0]), a[1:]
		default:
			onlyB, b = append(onlyB, b[0]), b[1:]
		}
	}
	return append(onlyA, a...), append(onlyB, b...)
}

// place gives a new document an ordinal that no other has.
func (x *Index) place(id string) (n uint32) {
	if last := len(x.free) - 1; last >= 0 {
		n, x.free = x.free[last], x.free[:last]
	} else {
		n, x.docs = uint32(len(x.docs)), append(x.docs, doc{}) //nolint:gosec // far below 2^30
		x.lines = append(x.lines, line{})
		for _, p := range x.prices {
			p.amounts = append(p.amounts, 0)
		}
		if len(x.docs) > 64*len(x.inStock) {
			x.inStock = append(x.inStock, 0)
		}
	}
	x.ordinal[id], x.docs[n].id = n, id
	return n
}

func (x *Index) drop(gone []uint32) {
	if len(gone) == 0 {
		return
	}
	for _, m := range x.orders() {
		m.order.remove(gone)
	}
	for _, n := range gone {
		x.putTerms(n, nil)
		x.putValues(n, nil)
		for _, p := range x.prices {
			p.amounts[n] = 0
		}
		x.inStock.remove(n)
		delete(x.ordinal, x.docs[n].id)
		x.docs[n] = doc{}
		x.free = append(x.free, n)
	}
}

func compareAttributes(a, b Attribute) int {
	return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Value, b.Value))
}
