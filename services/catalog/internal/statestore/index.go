package statestore

import (
	"hash/fnv"
	"maps"
	"slices"
	"strconv"

	"tienda/internal/state"
)

// The index of all products is spread by hash over 64 buckets. A bucket has room
// for 64 products; what comes later stands in one of its 16 parts, and the bucket
// counts how often each of them was written. So a small shop has buckets alone,
// and a large one neither writes a long list for each change nor reads all of them
// to see that there was none: only buckets, and the parts whose count is another.
//
// A product stays where it was first put. A change of it writes its bucket in any
// case (category.go), and the part before it, so that whoever finds a count finds
// what was counted.
const (
	Buckets    = 64
	bucketRoom = 64
	partsOfOne = 16
)

// bucket is one of the 64.
type bucket struct {
	Marks map[string]int64 `json:"marks"`           // by product ID
	Parts map[string]int64 `json:"parts,omitempty"` // how often each part was written, by its number
}

// overflow says whether the bucket has parts, or its next product makes one.
func (b bucket) overflow() bool { return len(b.Parts) > 0 || len(b.Marks) >= bucketRoom }

// part is what a bucket has no room for.
type part struct {
	Marks map[string]int64 `json:"marks"`
}

var (
	buckets = state.Collection[bucket]{Prefix: "bucket:"}
	parts   = state.Collection[part]{Prefix: "bucketpart:"}
)

// place is where a product stands in the index.
type place struct{ bucket, part string }

func placeOf(productID string) place {
	h := fnv.New32a()
	_, _ = h.Write([]byte(productID))
	n := h.Sum32()
	return place{strconv.Itoa(int(n % Buckets)), strconv.Itoa(int(n / Buckets % partsOfOne))}
}

func partID(bucket, part string) string { return bucket + ":" + part }

func (p place) keys() []string {
	return []string{buckets.Key(p.bucket), parts.Key(partID(p.bucket, p.part))}
}

// mark changes the product's mark in the index, so that every replica reads
// it again. add also takes a product in that is not there yet. State: 1 bulk get.
func mark(tx *state.Tx, productID string, add bool) error {
	return markAll(tx, []string{productID}, add)
}

// markAll changes the marks of products. Each document of the index is read and
// written once, all of them in 1 bulk get, or 2 of a large catalog.
func markAll(tx *state.Tx, productIDs []string, add bool) error {
	in := byBucket(productIDs)
	if err := loadPlaces(tx, productIDs); err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(in)) {
		if err := markIn(tx, id, in[id], add); err != nil {
			return err
		}
	}
	return nil
}

func byBucket(productIDs []string) map[string][]string {
	in := map[string][]string{}
	for _, id := range productIDs {
		in[placeOf(id).bucket] = append(in[placeOf(id).bucket], id)
	}
	return in
}

// loadPlaces reads what of the index has products: of one, all that may be; of several, their
// buckets, and then those parts that there can be. State: 1 bulk get, or 2.
func loadPlaces(tx *state.Tx, productIDs []string) error {
	if len(productIDs) == 1 {
		return tx.Load(placeOf(productIDs[0]).keys()...)
	}
	keys := make([]string, len(productIDs))
	for i, id := range productIDs {
		keys[i] = buckets.Key(placeOf(id).bucket)
	}
	if err := tx.Load(keys...); err != nil {
		return err
	}
	keys, err := partKeys(tx, productIDs)
	if err != nil {
		return err
	}
	return tx.Load(keys...)
}

// partKeys gives the parts that may have products, or get them, by what their buckets say.
func partKeys(tx *state.Tx, productIDs []string) (keys []string, err error) {
	for bucket, ids := range byBucket(productIDs) {
		b, _, err := buckets.Get(tx, bucket)
		if err != nil {
			return nil, err
		}
		if !b.overflow() && len(b.Marks)+len(ids) <= bucketRoom {
			continue
		}
		for _, id := range ids {
			keys = append(keys, parts.Key(partID(bucket, placeOf(id).part)))
		}
	}
	return keys, nil
}

// markIn changes the marks of products of one bucket.
func markIn(tx *state.Tx, id string, productIDs []string, add bool) error {
	b, _, err := buckets.Get(tx, id)
	if err != nil {
		return err
	}
	further, changed := map[string]part{}, false
	for _, productID := range productIDs {
		if _, here := b.Marks[productID]; here {
			b.Marks[productID]++
			changed = true
			continue
		}
		n := placeOf(productID).part
		p, read := further[n]
		if !read && b.overflow() {
			if p, _, err = parts.Get(tx, partID(id, n)); err != nil {
				return err
			}
		}
		_, there := p.Marks[productID]
		switch {
		case !there && !add:
			continue
		case !there && len(b.Marks) < bucketRoom:
			b.Marks = put(b.Marks, productID)
		default:
			p.Marks = put(p.Marks, productID)
			further[n] = p
		}
		changed = true
	}
	if !changed {
		return nil
	}
	for _, n := range slices.Sorted(maps.Keys(further)) {
		if err := parts.Put(tx, partID(id, n), further[n]); err != nil {
			return err
		}
		b.Parts = put(b.Parts, n)
	}
	return buckets.Put(tx, id, b)
}

// put counts one up.
func put(counts map[string]int64, key string) map[string]int64 {
	if counts == nil {
		counts = map[string]int64{}
	}
	counts[key]++
	return counts
}

// unmark takes a product out of the index.
func unmark(tx *state.Tx, productID string) error {
	at := placeOf(productID)
	b, ok, err := buckets.Get(tx, at.bucket)
	if err != nil || !ok {
		return err
	}
	p := part{}
	if b.overflow() {
		if p, _, err = parts.Get(tx, partID(at.bucket, at.part)); err != nil {
			return err
		}
	}
	if _, there := p.Marks[productID]; there {
		delete(p.Marks, productID)
		if err := parts.Put(tx, partID(at.bucket, at.part), p); err != nil {
			return err
		}
		b.Parts = put(b.Parts, at.part)
	}
	delete(b.Marks, productID)
	return buckets.Put(tx, at.bucket, b)
}

// listed gives a bucket and the IDs of all its products, in order: 1 get, and 1
// bulk get where it has parts.
func listed(tx *state.Tx, id string) (b bucket, productIDs []string, err error) {
	if b, _, err = buckets.Get(tx, id); err != nil {
		return b, nil, err
	}
	productIDs = slices.Collect(maps.Keys(b.Marks))
	if b.overflow() { // all of them: a count may have been lost
		var ids []string
		for n := range partsOfOne {
			ids = append(ids, partID(id, strconv.Itoa(n)))
		}
		all, err := parts.GetAll(tx, ids...)
		if err != nil {
			return b, nil, err
		}
		for _, p := range all {
			productIDs = slices.AppendSeq(productIDs, maps.Keys(p.Marks))
		}
	}
	slices.Sort(productIDs)
	return b, slices.Compact(productIDs), nil
}
