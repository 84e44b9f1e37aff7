package state

import (
	"slices"
	"strings"
	"time"
)

// Dated is an ID of an Index with the time that it is listed by: of what came into the
// store later than it happened, so that it does not stand where it was added. All of an
// Index are in its head, some 70 bytes each, beside the IDs that Append has added.
type Dated struct {
	ID string    `json:"i"`
	At time.Time `json:"t"`
}

// Compare orders by time, the oldest first, of one time by ID.
func (d Dated) Compare(other Dated) int {
	if c := d.At.Compare(other.At); c != 0 {
		return c
	}
	return strings.Compare(d.ID, other.ID)
}

// Dated gives the dated IDs, the oldest first.
func (x Index) Dated(tx *Tx) ([]Dated, error) {
	h, _, err := heads.Get(tx, x.Name)
	return h.Dated, err
}

// SetDated takes dated IDs out and then others in, at their times: one that is there
// already gets its new time. It says which of those to be taken out were there. What
// changes nothing writes nothing.
func (x Index) SetDated(tx *Tx, out []string, in []Dated) (there []string, err error) {
	h, _, err := heads.Get(tx, x.Name)
	if err != nil {
		return nil, err
	}
	was := slices.Clone(h.Dated)
	h.Dated = slices.DeleteFunc(h.Dated, func(d Dated) bool {
		gone := slices.Contains(out, d.ID)
		if gone {
			there = append(there, d.ID)
		}
		return gone || slices.ContainsFunc(in, func(n Dated) bool { return n.ID == d.ID })
	})
	h.Dated = append(h.Dated, in...)
	slices.SortFunc(h.Dated, Dated.Compare)
	if slices.EqualFunc(was, h.Dated, func(a, b Dated) bool { return a.Compare(b) == 0 }) {
		return there, nil
	}
	return there, heads.Put(tx, x.Name, h)
}
