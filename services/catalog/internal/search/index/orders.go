package index

import (
	"cmp"
	"slices"
	"sort"
	"strings"
)

// order is a sorted list of ordinals. Every document has another position in
// an order, so that there is one place for each.
type order struct {
	docs    []uint32
	compare func(a, b uint32) int
	has     func(uint32) bool // says whether it lists a document; nil: all
}

// few is how many changes are made one by one; more are merged in one pass.
const few = 8

func (o *order) add(docs []uint32) {
	if o.has != nil {
		docs = slices.DeleteFunc(slices.Clone(docs), func(d uint32) bool { return !o.has(d) })
	}
	if len(docs) <= few {
		for _, d := range docs {
			at, _ := slices.BinarySearchFunc(o.docs, d, o.compare)
			o.docs = slices.Insert(o.docs, at, d)
		}
		return
	}
	fresh := slices.SortedFunc(slices.Values(docs), o.compare)
	old, i := o.docs, 0
	o.docs = make([]uint32, 0, len(old)+len(fresh)+len(old)/8)
	for _, d := range fresh {
		n := i + sort.Search(len(old)-i, func(k int) bool { return o.compare(old[i+k], d) > 0 })
		o.docs = append(append(o.docs, old[i:n]...), d)
		i = n
	}
	o.docs = append(o.docs, old[i:]...)
}

// remove takes documents out that are still as they were when they came in.
func (o *order) remove(docs []uint32) {
	if len(docs) <= few {
		for _, d := range docs {
			if o.has == nil || o.has(d) {
				at, _ := slices.BinarySearchFunc(o.docs, d, o.compare)
				o.docs = slices.Delete(o.docs, at, at+1)
			}
		}
		return
	}
	gone := newBits(int(slices.Max(docs)) + 1)
	for _, d := range docs {
		gone.add(d)
	}
	o.docs = slices.DeleteFunc(o.docs, func(d uint32) bool { return int(d) < 64*len(gone) && gone.has(d) })
}

// byAge puts the newest first.
func (x *Index) byAge(a, b uint32) int {
	d, e := &x.docs[a], &x.docs[b]
	if d.created != e.created {
		return cmp.Compare(e.created, d.created)
	}
	return strings.Compare(e.id, d.id)
}

func (x *Index) byName(a, b uint32) int {
	d, e := &x.docs[a], &x.docs[b]
	if c := strings.Compare(d.sortName, e.sortName); c != 0 {
		return c
	}
	return strings.Compare(d.id, e.id)
}

// priced gives the prices in a currency, 0 where there is none, by ordinal.
func (x *Index) priced(currency string) *prices {
	if p, ok := x.prices[currency]; ok {
		return p
	}
	p := &prices{amounts: make([]int64, len(x.docs))}
	p.order = order{
		compare: func(a, b uint32) int {
			if p.amounts[a] != p.amounts[b] {
				return cmp.Compare(p.amounts[a], p.amounts[b])
			}
			return strings.Compare(x.docs[a].id, x.docs[b].id)
		},
		has: func(d uint32) bool { return p.amounts[d] > 0 },
	}
	x.prices[currency] = p
	return p
}

// prices are the lowest prices of documents in a currency.
type prices struct {
	amounts []int64
	order   order // cheapest first
}
