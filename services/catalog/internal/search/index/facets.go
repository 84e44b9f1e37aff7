package index

import (
	"cmp"
	mathbits "math/bits"
	"slices"
	"sort"
	"strings"
)

// How many counts an answer has at most; the highest are kept.
const (
	MaxCategoryCounts = 100
	MaxAttributes     = 20
	MaxValueCounts    = 50
)

// count gives the facets of the found.
func (x *Index) count(s *scratch, q *Query, f found, filters []filter) (c Counts) {
	if q.Facets.Category || q.Facets.Attributes {
		x.countValues(s, f, filters)
		x.group(s, q.Facets, &c)
	}
	if q.Facets.Price {
		c.Prices = countPrices(x.amount(q.Currency), f.with(filters, ofPrice)...)
	}
	if q.Facets.Availability {
		for _, docs := range f.with(filters, ofAvailability) {
			for _, d := range docs {
				if x.inStock.has(d) {
					c.InStock++
				} else {
					c.OutOfStock++
				}
			}
		}
	}
	return c
}

// with gives the found, and what only the filter of a facet refuses.
func (f found) with(filters []filter, of Attribute) [][]uint32 {
	out := [][]uint32{f.docs}
	for i, docs := range f.beside {
		if filters[i].of == of {
			out = append(out, docs)
		}
	}
	return out
}

// countValues counts into s.counts, and lists what is not 0 in s.touched.
func (x *Index) countValues(s *scratch, f found, filters []filter) {
	s.counts, s.touched = room(s.counts, len(x.values.all)), s.touched[:0]
	add := func(v uint32, n int32) {
		if s.counts[v] == 0 {
			s.touched = append(s.touched, v)
		}
		s.counts[v] += n
	}
	addAll := func(wanted func(v uint32) bool) {
		for v := range uint32(len(x.values.all)) { //nolint:gosec // far below 2^32
			if docs := x.values.all[v].docs; docs != nil && wanted(v) {
				add(v, int32(docs.GetCardinality())-s.counts[v]) //nolint:gosec // far below 2^31
			}
		}
	}
	if f.all {
		addAll(func(uint32) bool { return true })
		return
	}
	for _, d := range f.docs {
		for _, v := range x.valuesAt(d) {
			add(v, 1)
		}
	}
	for i, docs := range f.beside {
		of := filters[i].of
		name, known := x.values.names[of.Name]
		if !known || of.Name == category && of != ofCategory {
			continue
		}
		if f.whole {
			addAll(func(v uint32) bool { return x.values.name[v] == name })
		}
		for _, d := range docs {
			for _, v := range x.valuesAt(d) {
				if x.values.name[v] == name {
					add(v, 1)
				}
			}
		}
	}
}

// group puts the counts of values under the names of their attributes.
func (x *Index) group(s *scratch, want Facets, c *Counts) {
	type sum struct {
		AttributeCounts
		all int
	}
	byName := map[string]*sum{}
	for _, v := range s.touched {
		a, n := x.values.all[v].Attribute, int(s.counts[v])
		at := byName[a.Name]
		if at == nil {
			at = &sum{AttributeCounts: AttributeCounts{Name: a.Name}}
			byName[a.Name] = at
		}
		at.Values = append(at.Values, Count{a.Value, n})
		at.all += n
	}
	if at := byName[category]; at != nil && want.Category {
		c.Categories = highest(at.Values, MaxCategoryCounts)
	}
	delete(byName, category)
	if !want.Attributes {
		return
	}
	sums := make([]*sum, 0, len(byName))
	for _, at := range byName {
		sums = append(sums, at)
	}
	slices.SortFunc(sums, func(a, b *sum) int { return cmp.Or(cmp.Compare(b.all, a.all), strings.Compare(a.Name, b.Name)) })
	for _, at := range sums[:min(MaxAttributes, len(sums))] {
		c.Attributes = append(c.Attributes, AttributeCounts{at.Name, highest(at.Values, MaxValueCounts)})
	}
}

func highest(counts []Count, n int) []Count {
	slices.SortFunc(counts, func(a, b Count) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(a.Value, b.Value))
	})
	return counts[:min(n, len(counts))]
}

// bounds are where ranges of prices begin: 1, 2, 5, 10, 20, 50 and so on.
var bounds = func() (out []int64) {
	for ten := int64(1); ten <= 1e12; ten *= 10 {
		out = append(out, ten, 2*ten, 5*ten)
	}
	return out
}()

// rangeOf gives the range of a price. first has the range of each power of two,
// which is at most two below that of the next.
func rangeOf(price int64) int {
	i := first[mathbits.Len64(uint64(price))] //nolint:gosec // a price is above 0
	for bounds[i+1] <= price {
		i++
	}
	return i
}

var first = func() (out [41]int) {
	for n := 1; n < len(out); n++ {
		out[n] = sort.Search(len(bounds), func(i int) bool { return bounds[i] > 1<<(n-1) }) - 1
	}
	return out
}()

func countPrices(price func(uint32) int64, found ...[]uint32) (out []PriceCount) {
	counts := make([]int, len(bounds))
	for _, docs := range found {
		for _, d := range docs {
			if p := price(d); p > 0 {
				counts[rangeOf(p)]++
			}
		}
	}
	for i, n := range counts[:len(counts)-1] {
		if n > 0 {
			out = append(out, PriceCount{bounds[i], bounds[i+1] - 1, n})
		}
	}
	return out
}
