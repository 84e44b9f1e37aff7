package index

import (
	"cmp"
	"slices"
	"strings"
)

// Search finds a page of documents.
func (x *Index) Search(q Query) (Result, error) {
	words := queryWords(q.Text)
	if q.Sort == Relevance && len(words) == 0 {
		q.Sort = Newest
	}
	s := x.scratch.Get().(*scratch)
	defer x.scratch.Put(s)
	x.mu.RLock()
	defer x.mu.RUnlock()
	var matched []uint32
	typos := uint16(0)
	if len(words) > 0 {
		met, fuzzy, err := x.meanings(words, q.After)
		if err != nil {
			return Result{}, err
		}
		x.match(s, met)
		matched, typos = s.docs, fuzzy
	}
	filters := x.filters(&q)
	if q.Sort == Price || q.Sort == PriceDown {
		filters, matched = x.onlyPriced(&q, filters, matched)
	}
	candidates, whole := x.among(matched, filters, q.Facets.any())
	f := sift(candidates, filters, q.Facets.any())
	f.all, f.whole = matched == nil && len(filters) == 0, whole
	r := Result{Total: len(f.docs)}
	if q.Facets.any() {
		r.Counts = x.count(s, &q, f, filters)
	}
	l := x.listing(&q, s)
	page := l.page(f, q.After, q.Limit+1)
	if len(page) > q.Limit {
		page = page[:q.Limit]
		at := l.position(page[q.Limit-1])
		at.Typos = typos
		r.Next = &at
	}
	r.IDs = make([]string, len(page))
	for i, d := range page {
		r.IDs[i] = x.docs[d].id
	}
	return r, nil
}

// listing is an order that pages are taken from.
type listing struct {
	order    []uint32 // nil: there is none that is kept
	down     bool     // from its end
	compare  func(a, b uint32) int
	position func(doc uint32) Position
	behind   func(doc uint32, p *Position) int // above 0: the document comes after it
}

func (x *Index) listing(q *Query, s *scratch) listing {
	switch q.Sort {
	case Name, NameDown:
		return listing{
			order: x.names.docs, compare: x.byName,
			position: func(d uint32) Position { return Position{Text: x.docs[d].sortName, ID: x.docs[d].id} },
			behind: func(d uint32, p *Position) int {
				return cmp.Or(strings.Compare(x.docs[d].sortName, p.Text), strings.Compare(x.docs[d].id, p.ID))
			},
		}.turned(q.Sort == NameDown)
	case Price, PriceDown:
		price, l := x.amount(q.Currency), listing{compare: func(uint32, uint32) int { return 0 }}
		if p := x.prices[q.Currency]; p != nil {
			l.order, l.compare = p.order.docs, p.order.compare
		}
		l.position = func(d uint32) Position { return Position{Number: price(d), ID: x.docs[d].id} }
		l.behind = func(d uint32, p *Position) int {
			return cmp.Or(cmp.Compare(price(d), p.Number), strings.Compare(x.docs[d].id, p.ID))
		}
		return l.turned(q.Sort == PriceDown)
	case Newest, Relevance:
	}
	byAge := func(d uint32, p *Position) int {
		return cmp.Or(cmp.Compare(p.Created, x.docs[d].created), strings.Compare(p.ID, x.docs[d].id))
	}
	if q.Sort != Relevance {
		return listing{
			order: x.newest.docs, compare: x.byAge, behind: byAge,
			position: func(d uint32) Position { return Position{Created: x.docs[d].created, ID: x.docs[d].id} },
		}
	}
	return listing{
		compare: func(a, b uint32) int {
			if s.scores[a] != s.scores[b] {
				return cmp.Compare(s.scores[b], s.scores[a])
			}
			return x.byAge(a, b)
		},
		position: func(d uint32) Position {
			return Position{Number: int64(s.scores[d]), Created: x.docs[d].created, ID: x.docs[d].id}
		},
		behind: func(d uint32, p *Position) int { return cmp.Or(cmp.Compare(p.Number, int64(s.scores[d])), byAge(d, p)) },
	}
}

// turned gives the listing backwards.
func (l listing) turned(down bool) listing {
	if !down {
		return l
	}
	compare, behind := l.compare, l.behind
	l.down = true
	l.compare = func(a, b uint32) int { return compare(b, a) }
	l.behind = func(d uint32, p *Position) int { return -behind(d, p) }
	return l
}

// page gives the first n of the found behind a position (nil: from the
// beginning). Where many of the order are found it walks the order, or else it
// looks through the found.
func (l listing) page(f found, from *Position, n int) []uint32 {
	const selective = 16
	if len(f.docs) == 0 {
		return nil
	}
	if l.order == nil || len(f.docs) < len(l.order)/selective {
		return l.smallest(f.docs, from, n)
	}
	order := l.order
	at := func(i int) uint32 { return order[i] }
	if l.down {
		at = func(i int) uint32 { return order[len(order)-1-i] }
	}
	var set bits
	if !f.all {
		set = newBits(int(slices.Max(f.docs)) + 1)
		for _, d := range f.docs {
			set.add(d)
		}
	}
	out := make([]uint32, 0, n)
	for i := l.start(len(order), at, from); i < len(order) && len(out) < n; i++ {
		if d := at(i); f.all || int(d) < 64*len(set) && set.has(d) {
			out = append(out, d)
		}
	}
	return out
}

// start gives the first place behind a position.
func (l listing) start(n int, at func(int) uint32, from *Position) int {
	if from == nil {
		return 0
	}
	low, high := 0, n
	for low < high {
		if mid := (low + high) / 2; l.behind(at(mid), from) > 0 {
			high = mid
		} else {
			low = mid + 1
		}
	}
	return low
}

// smallest gives the first n of docs behind a position.
func (l listing) smallest(docs []uint32, from *Position, n int) []uint32 {
	out := make([]uint32, 0, n+1)
	for _, d := range slices.Backward(docs) { // the later, the newer as a rule: the first are the best
		if from != nil && l.behind(d, from) <= 0 || len(out) == n && l.compare(out[n-1], d) < 0 {
			continue
		}
		i, _ := slices.BinarySearchFunc(out, d, l.compare)
		if out = slices.Insert(out, i, d); len(out) > n {
			out = out[:n]
		}
	}
	return out
}
