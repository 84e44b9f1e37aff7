package verify

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"tienda/services/migration/internal/mapping"
	"tienda/services/migration/internal/move"
	"tienda/services/migration/internal/progress"
	"tienda/services/migration/internal/source"
)

// buckets is in how many parts the documents of a kind are added up.
const buckets = 256

// entry is a document of one side.
type entry struct {
	kind     move.Kind // nil: only the target has it
	name     string    // its Key
	key      []any     // nil: only the target has it
	sum      uint64
	rejected bool
}

// sums are the documents of one side by ID.
type sums map[string]entry

// sumOf gives the first 8 bytes of the SHA-256 of a canonical document.
func sumOf(doc []byte) (uint64, error) {
	b, err := mapping.Canonical(doc)
	if err != nil {
		return 0, err
	}
	return bytesSum(b), nil
}

// total is the sum of a bucket, whatever the order: a lost, doubled or changed document
// makes it another one.
type total struct {
	count int
	sum   uint64
}

func bucketOf(id string) int {
	n, err := strconv.ParseUint(id[:min(2, len(id))], 16, 8)
	if err != nil {
		return 0
	}
	return int(n)
}

func totals(s sums, leave sums) (t [buckets]total) {
	for id, e := range s {
		if leave[id].rejected {
			continue
		}
		b := &t[bucketOf(id)]
		b.count++
		b.sum += e.sum
	}
	return t
}

// compare gives the documents that differ between the sides, out of the buckets that
// do. What was rejected is on neither side.
func compare(there, here sums) (suspects []suspect, unequal int) {
	a, b := totals(there, there), totals(here, there)
	bad := map[int]bool{}
	for i := range a {
		if a[i] != b[i] {
			bad[i] = true
		}
	}
	for _, id := range slices.Sorted(maps.Keys(there)) {
		e := there[id]
		if !bad[bucketOf(id)] || e.rejected {
			continue
		}
		switch held, ok := here[id]; {
		case !ok:
			suspects = append(suspects, suspect{kind: e.kind, id: id, name: e.name, key: e.key, what: progress.Missing})
		case held.sum != e.sum:
			suspects = append(suspects, suspect{kind: e.kind, id: id, name: e.name, key: e.key, what: progress.Different})
		}
	}
	for _, id := range slices.Sorted(maps.Keys(here)) {
		if _, ok := there[id]; !ok && bad[bucketOf(id)] {
			suspects = append(suspects, suspect{id: id, name: here[id].name, what: progress.Extra})
		}
	}
	return suspects, len(bad)
}

// differing gives those of the suspects that differ as they were read.
func differing(k move.Kind, suspects []suspect, records []source.Record, docs []move.Sent, rejected func(id string) bool) (left []suspect) {
	there, here := map[string][]byte{}, map[string][]byte{}
	for _, r := range records {
		key := make([]any, len(k.Query().Key))
		for i, c := range k.Query().Key {
			key[i] = r.Row[c]
		}
		is := k.Identity(key)
		if d, err := k.Document(r); err == nil && !rejected(is.ID) {
			there[is.ID] = d.Held
		} else {
			there[is.ID] = nil // it is not to be compared
		}
	}
	for _, d := range docs {
		here[d.ID] = d.JSON
	}
	for _, s := range suspects {
		a, inSource := there[s.id]
		b, inTarget := here[s.id]
		switch {
		case inSource && a == nil:
			continue
		case inSource && inTarget:
			s.fields = slices.DeleteFunc(fieldsThatDiffer(a, b), func(pointer string) bool { return k.OnlyHere(pointer, a, b) })
			if len(s.fields) == 0 {
				continue
			}
			s.what = progress.Different
		case inSource:
			s.what, s.fields = progress.Missing, nil
		case inTarget:
			s.what, s.fields = progress.Extra, nil
		default:
			continue
		}
		s.seen = [2]uint64{bytesSum(a), bytesSum(b)}
		left = append(left, s)
	}
	return left
}

// bytesSum is 0 for a document that is not there.
func bytesSum(doc []byte) uint64 {
	if doc == nil {
		return 0
	}
	h := sha256.Sum256(doc)
	return binary.BigEndian.Uint64(h[:8])
}

// maxFields is how many fields of a document are named.
const maxFields = 20

// fieldsThatDiffer gives JSON pointers to what is not the same in two documents.
func fieldsThatDiffer(a, b []byte) (fields []string) {
	decode := func(doc []byte) (v any, err error) {
		d := json.NewDecoder(bytes.NewReader(doc))
		d.UseNumber()
		err = d.Decode(&v)
		return v, err
	}
	x, errX := decode(a)
	y, errY := decode(b)
	if errX != nil || errY != nil {
		return []string{""}
	}
	walk("", x, y, &fields)
	slices.Sort(fields)
	return fields[:min(len(fields), maxFields)]
}

var escape = strings.NewReplacer("~", "~0", "/", "~1")

func walk(at string, a, b any, fields *[]string) {
	switch x := a.(type) {
	case map[string]any:
		y, same := b.(map[string]any)
		if !same {
			break
		}
		names := maps.Clone(x)
		maps.Copy(names, y)
		for name := range names {
			p, inA := x[name]
			q, inB := y[name]
			if inA != inB {
				*fields = append(*fields, at+"/"+escape.Replace(name))
				continue
			}
			walk(at+"/"+escape.Replace(name), p, q, fields)
		}
		return
	case []any:
		y, same := b.([]any)
		if !same || len(x) != len(y) {
			break
		}
		for i := range x {
			walk(at+"/"+strconv.Itoa(i), x[i], y[i], fields)
		}
		return
	}
	if !reflect.DeepEqual(a, b) {
		*fields = append(*fields, at)
	}
}
