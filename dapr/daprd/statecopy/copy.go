package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"math/bits"
	"time"
)

// batch is how many documents are read, compared and written at a time: one transaction of a
// hundred writes costs little more than one write.
const batch = 100

// soon is how long a document must live to be compared: one that expires sooner may be gone
// from one side while the other is read.
const soon = 10 * time.Minute

// doc is a document as it is stored.
type doc struct {
	key     string // with the prefix of the app
	value   []byte
	expires time.Time // zero: never
}

// lasts says that a document will be there in a while.
func (d doc) lasts(now time.Time) bool { return d.expires.IsZero() || d.expires.After(now.Add(soon)) }

// place is where the state of an app is.
type place interface {
	open(ctx context.Context) error
	// each gives all documents, some at a time, in an order of its own.
	each(ctx context.Context, take func([]doc) error) error
	close() error
}

// copyAll writes into target what source has and target has not, and compares the two.
func copyAll(ctx context.Context, source place, target *store, compareOnly bool, stdout io.Writer) error {
	began := time.Now()
	if compareOnly {
		return compare(ctx, source, target, began, stdout)
	}
	if err := noStrangers(ctx, source, target); err != nil {
		return err
	}
	written := 0
	err := source.each(ctx, func(docs []doc) error {
		there, err := target.read(ctx, keysOf(docs))
		if err != nil {
			return err
		}
		var missing []doc
		for _, d := range docs {
			if d.expires.IsZero() || d.expires.After(time.Now()) {
				if has, ok := there[d.key]; !ok || !same(d, has) {
					missing = append(missing, d)
				}
			}
		}
		written += len(missing)
		return target.write(ctx, missing)
	})
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(stdout, "%d documents written in %s\n", written, time.Since(began).Round(time.Millisecond)); err != nil {
		return err
	}
	return compare(ctx, source, target, began, stdout)
}

// same says that a document need not be written again. A second that a store rounds by is no difference.
func same(a, b doc) bool {
	return bytes.Equal(a.value, b.value) && a.expires.IsZero() == b.expires.IsZero() && a.expires.Sub(b.expires).Abs() <= 3*time.Second
}

// noStrangers refuses a target with documents that are not the source's: it is another
// shop's, or one that was in service since.
func noStrangers(ctx context.Context, source place, target *store) error {
	theirs := map[string]bool{}
	err := target.keys(ctx, func(keys []string) error {
		for _, k := range keys {
			theirs[k] = true
		}
		return nil
	})
	if err != nil || len(theirs) == 0 {
		return err
	}
	if err := source.each(ctx, func(docs []doc) error {
		for _, d := range docs {
			delete(theirs, d.key)
		}
		return nil
	}); err != nil {
		return err
	}
	for k := range theirs {
		return fmt.Errorf("the target has %d documents that the source does not have, %q for one: empty it first", len(theirs), k)
	}
	return nil
}

// tally is what there is on one side.
type tally struct {
	docs, expiring, bytes int
	sum                   [4]uint64 // the sum of the hashes, whatever their order
}

func (t *tally) add(d doc) {
	t.docs++
	t.bytes += len(d.key) + len(d.value)
	if !d.expires.IsZero() {
		t.expiring++
	}
	h := sha256.New()
	_ = binary.Write(h, binary.BigEndian, uint64(len(d.key))) // a hash takes all
	_, _ = io.WriteString(h, d.key)
	_, _ = h.Write(d.value)
	var carry uint64
	one := h.Sum(nil)
	for i := range t.sum {
		t.sum[i], carry = bits.Add64(t.sum[i], binary.LittleEndian.Uint64(one[8*i:]), carry)
	}
}

func (t *tally) String() string {
	var b []byte
	for _, w := range t.sum {
		b = binary.LittleEndian.AppendUint64(b, w)
	}
	return fmt.Sprintf("%d documents, %d of them expire, %d bytes, hash %s", t.docs, t.expiring, t.bytes, hex.EncodeToString(b))
}

// compare counts and hashes both sides. Documents that expire soon are left out on both.
func compare(ctx context.Context, source, target place, now time.Time, stdout io.Writer) error {
	var a, b tally
	left, ends := map[string]bool{}, map[string]time.Time{}
	err := source.each(ctx, func(docs []doc) error {
		for _, d := range docs {
			if !d.lasts(now) {
				left[d.key] = true
				continue
			}
			if a.add(d); !d.expires.IsZero() {
				ends[d.key] = d.expires
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	moved := 0
	err = target.each(ctx, func(docs []doc) error {
		for _, d := range docs {
			if left[d.key] {
				continue
			}
			b.add(d)
			if !d.expires.IsZero() && ends[d.key].Sub(d.expires).Abs() > 3*time.Second {
				moved++
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if a != b || moved > 0 {
		return fmt.Errorf("the two differ: %s; %s; %d expire at another time", &a, &b, moved)
	}
	_, err = fmt.Fprintf(stdout, "equal: %s; %d more expire within %s\n", &a, len(left), soon)
	return err
}

func keysOf(docs []doc) []string {
	keys := make([]string, len(docs))
	for i, d := range docs {
		keys[i] = d.key
	}
	return keys
}
