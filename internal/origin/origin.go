// Package origin says where a document came from that was moved in from another
// system, so that a later state of it is told from an earlier one.
package origin

// Source is the row of the other system that a document was made of, and how new it
// is.
type Source struct {
	Key      string `json:"key"`      // "orders:10248"
	Position uint64 `json:"position"` // of the system's log; a later change has a higher one
}

// Newer says whether s is of a later state than what is held (nil: nothing is).
// The same state counts as later, so that what was written in part is written again.
func (s Source) Newer(held *Source) bool { return held == nil || s.Position >= held.Position }
