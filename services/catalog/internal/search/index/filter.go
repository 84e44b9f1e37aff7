package index

import (
	"slices"

	"github.com/RoaringBitmap/roaring/v2"
)

// filter takes some of the documents.
type filter struct {
	of    Attribute // its facet
	takes func(doc uint32) bool
	docs  *roaring.Bitmap // those that it takes; nil: they are not listed
}

// The facets that filters belong to; those of attributes have their name.
// Values of categories have an empty name, too.
var (
	ofCategory     = Attribute{Value: "category"}
	ofPrice        = Attribute{Value: "price"}
	ofAvailability = Attribute{Value: "availability"}
	ofOrder        = Attribute{Value: "order"} // what has no place in the order
)

// filters gives what a query asks of documents besides words.
func (x *Index) filters(q *Query) (out []filter) {
	add := func(of Attribute, takes func(uint32) bool) { out = append(out, filter{of: of, takes: takes}) }
	if q.Category != "" {
		out = append(out, x.withAny(ofCategory, []Attribute{{category, q.Category}}))
	}
	byName := slices.Clone(q.Attributes)
	slices.SortFunc(byName, compareAttributes)
	for len(byName) > 0 {
		n := 1
		for n < len(byName) && byName[n].Name == byName[0].Name {
			n++
		}
		out = append(out, x.withAny(Attribute{Name: byName[0].Name}, byName[:n]))
		byName = byName[n:]
	}
	if q.InStock != nil {
		want := *q.InStock
		add(ofAvailability, func(d uint32) bool { return x.inStock.has(d) == want })
	}
	price := x.amount(q.Currency)
	if q.MinPrice > 0 || q.MaxPrice >= 0 {
		add(ofPrice, func(d uint32) bool {
			p := price(d)
			return p > 0 && p >= q.MinPrice && (q.MaxPrice < 0 || p <= q.MaxPrice)
		})
	}
	return out
}

// onlyPriced leaves out what has no place in an order by price. Without words
// the order itself lists what has one.
func (x *Index) onlyPriced(q *Query, filters []filter, matched []uint32) ([]filter, []uint32) {
	p := x.prices[q.Currency]
	switch {
	case p == nil:
		return filters, []uint32{}
	case matched == nil && len(p.order.docs) == len(x.newest.docs):
		return filters, nil
	case matched == nil:
		return filters, p.order.docs
	}
	return append(filters, filter{of: ofOrder, takes: func(d uint32) bool { return p.amounts[d] > 0 }}), matched
}

func (x *Index) withAny(facet Attribute, alternatives []Attribute) filter {
	f := filter{of: facet, docs: roaring.New()}
	for _, a := range alternatives {
		if docs := x.values.with(a); docs != nil {
			f.docs.Or(docs)
		}
	}
	set := newBits(len(x.docs))
	set.addAll(f.docs)
	f.takes = set.has
	return f
}

// amount gives the prices in a currency, 0 where there is none.
func (x *Index) amount(currency string) func(doc uint32) int64 {
	p, ok := x.prices[currency]
	if !ok {
		return func(uint32) int64 { return 0 }
	}
	return func(d uint32) int64 { return p.amounts[d] }
}

// found is what a query finds.
type found struct {
	docs   []uint32
	all    bool       // docs are all there are
	beside [][]uint32 // what only the filter of the same place refuses
	whole  bool       // beside the only filter is all the rest, which is not listed
}

// among gives the documents to look through: those that have the words (nil:
// there are none), or as few as a filter lists. Where what a filter refuses is
// counted they are all, but for a single filter by a value: what is beside it
// is known from the value's facet alone.
func (x *Index) among(words []uint32, filters []filter, facets bool) (docs []uint32, whole bool) {
	if words != nil {
		return words, false
	}
	if facets && len(filters) > 1 {
		return x.newest.docs, false
	}
	var best *roaring.Bitmap
	for _, f := range filters {
		if f.docs != nil && (best == nil || f.docs.GetCardinality() < best.GetCardinality()) {
			best = f.docs
		}
	}
	if best == nil {
		return x.newest.docs, false
	}
	return best.ToArray(), facets
}

// sift puts those candidates that pass into the found, and, where facets are
// counted, what a single filter keeps out of it.
func sift(candidates []uint32, filters []filter, facets bool) found {
	f := found{beside: make([][]uint32, len(filters))}
	if len(filters) == 0 {
		f.docs = candidates
		return f
	}
candidates:
	for _, d := range candidates {
		missed := -1
		for i := range filters {
			if filters[i].takes(d) {
				continue
			}
			if missed >= 0 || !facets {
				continue candidates
			}
			missed = i
		}
		if missed < 0 {
			f.docs = append(f.docs, d)
		} else {
			f.beside[missed] = append(f.beside[missed], d)
		}
	}
	return f
}
