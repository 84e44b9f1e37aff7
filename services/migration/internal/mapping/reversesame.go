package mapping

import (
	"encoding/json"
	"math/big"
	"strings"
	"time"
)

// OnlyShop says whether a field is one that the rows have no place for, and that a document of
// the monolith does not have: what the shop has there is nothing that could differ.
func (r *Reverse) OnlyShop(pointer string, monolith json.RawMessage) bool {
	for lost := range r.lost {
		if within(pointer, lost) {
			doc, err := decode(monolith)
			return err == nil && at(doc, pointer) == nil
		}
	}
	return false
}

// SameRow says whether two values of a field become the same in the rows when they are written
// back: two words for which the monolith has one, what is left out and its default, or instants
// that differ in what PostgreSQL does not keep. A reference is the same where the monolith has
// no row for it.
func (r *Reverse) SameRow(pointer string, monolith, shop json.RawMessage) bool {
	a, errA := decode(monolith)
	b, errB := decode(shop)
	if errA != nil || errB != nil {
		return false
	}
	if same, found := sameRow(r.values, pointer, a, b); found {
		return same
	}
	for _, s := range r.write {
		rest, inside := strings.CutPrefix(pointer, s.each+"/")
		index, field, below := strings.Cut(rest, "/")
		if s.each == "" || !inside || !below || !isIndex(index) {
			continue
		}
		element := s.each + "/" + index
		if same, found := sameRow(s.values, "/"+field, at(a, element), at(b, element)); found {
			return same
		}
	}
	return false
}

// sameRow holds all values that are taken of a field to each other; not found: none is.
func sameRow(values map[string]*taking, pointer string, a, b any) (same, found bool) {
	same = true
	for _, v := range values {
		if v.pointer != pointer || v.as == "present" || v.as == "count" {
			continue
		}
		found = true
		if v.as == "key" {
			same = same && at(a, pointer) == nil
			continue
		}
		x, errX := v.text(a, nil)
		y, errY := v.text(b, nil)
		if errX != nil || errY != nil || x == nil || y == nil {
			return false, true
		}
		same = same && (*x == *y || sameInstant(*x, *y) || v.as == "money" && sameNumber(*x, *y))
	}
	return same, found
}

// sameInstant says whether two texts are instants that are the same to the microsecond,
// rounded up or down.
func sameInstant(a, b string) bool {
	x, errX := time.Parse(time.RFC3339Nano, a)
	y, errY := time.Parse(time.RFC3339Nano, b)
	return errX == nil && errY == nil && x.Sub(y).Abs() < time.Microsecond
}

// sameNumber says whether two texts are one number: a default need not have the decimals of
// an amount.
func sameNumber(a, b string) bool {
	x, okX := new(big.Rat).SetString(a)
	y, okY := new(big.Rat).SetString(b)
	return okX && okY && x.Cmp(y) == 0
}
