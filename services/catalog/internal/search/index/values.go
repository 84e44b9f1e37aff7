package index

import (
	"slices"
	"strings"

	"github.com/RoaringBitmap/roaring/v2"
)

// category is the name that categories stand under among the values. No
// attribute has an empty name.
const category = ""

// value is one that can be filtered by and counted.
type value struct {
	Attribute
	docs *roaring.Bitmap
}

// values are all values that documents have.
type values struct {
	all    []value
	free   []uint32
	number map[Attribute]uint32
	names  map[string]uint32 // attribute → its number
	name   []uint32          // of the attribute of each value
}

func (v *values) add(a Attribute, doc uint32) uint32 {
	n, ok := v.number[a]
	if !ok {
		fresh := value{a, roaring.New()}
		if last := len(v.free) - 1; last >= 0 {
			n, v.free = v.free[last], v.free[:last]
			v.all[n] = fresh
		} else {
			n, v.all = uint32(len(v.all)), append(v.all, fresh) //nolint:gosec // far below 2^32
			v.name = append(v.name, 0)
		}
		if _, known := v.names[a.Name]; !known {
			v.names[strings.Clone(a.Name)] = uint32(len(v.names)) //nolint:gosec // far below 2^32
		}
		v.name[n] = v.names[a.Name]
		v.number[a] = n
	}
	v.all[n].docs.Add(doc)
	return n
}

func (v *values) remove(n, doc uint32) {
	at := &v.all[n]
	at.docs.Remove(doc)
	if at.docs.IsEmpty() {
		delete(v.number, at.Attribute)
		*at = value{}
		v.free = append(v.free, n)
	}
}

// with gives the documents that have a value; nil: none.
func (v *values) with(a Attribute) *roaring.Bitmap {
	if n, ok := v.number[a]; ok {
		return v.all[n].docs
	}
	return nil
}

// valuesOf gives what a document can be filtered by, each once.
func valuesOf(d *Document) (out []Attribute) {
	for _, slug := range d.Categories {
		out = append(out, Attribute{category, slug})
	}
	for name, all := range d.Attributes {
		for _, s := range all {
			if name != category && s != "" && len(s) <= MaxValue {
				out = append(out, Attribute{name, s})
			}
		}
	}
	slices.SortFunc(out, compareAttributes)
	return slices.Compact(out)
}

// bits is a set of ordinals.
type bits []uint64

func newBits(n int) bits { return make(bits, (n+63)/64) }

func (b bits) has(i uint32) bool { return b[i/64]&(1<<(i%64)) != 0 }
func (b bits) add(i uint32)      { b[i/64] |= 1 << (i % 64) }
func (b bits) remove(i uint32)   { b[i/64] &^= 1 << (i % 64) }

func (b bits) addAll(docs *roaring.Bitmap) {
	if docs != nil {
		docs.Iterate(func(i uint32) bool {
			b.add(i)
			return true
		})
	}
}

// line has the values of a document, after their number, where counting them
// meets it in one cache line. More than fit are in the document alone.
type line [16]uint32

func newLine(values []uint32) (l line) {
	l[0] = uint32(len(values)) //nolint:gosec // far below 2^32
	copy(l[1:], values)
	return l
}

func (x *Index) valuesAt(d uint32) []uint32 {
	l := &x.lines[d]
	if n := l[0]; int(n) < len(l) {
		return l[1 : 1+n]
	}
	return x.docs[d].values
}
