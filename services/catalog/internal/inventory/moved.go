package inventory

import (
	"time"

	"github.com/google/uuid"

	"tienda/internal/fault"
	"tienda/internal/origin"
)

// Moved is the stock of a SKU as it is moved in from another system, and given back.
type Moved struct {
	SKU      string `json:"sku"`
	OnHand   int    `json:"on_hand"`
	Location string `json:"location,omitempty"` // where all of it lies; "": Main
	LowAt    *int   `json:"low_at,omitempty"`   // nil: as that of all
}

// ErrMovedTwice refuses to move in the stock of a SKU that another document was moved in for.
var ErrMovedTwice = fault.New(fault.Conflict, "sku_taken", "Another document has the stock of this SKU.").At("/sku", "is taken")

// ErrMadeHere refuses to move in the stock of a product that was made here.
var ErrMadeHere = fault.New(fault.Conflict, "sku_taken", "A product that was made here has this SKU.").At("/sku", "is taken")

// MoveIn states what is on hand as it is in another system: all of it lies at the location that is
// named, and nothing elsewhere. Orders keep what they hold; where they hold more than there
// would be, at any location, it is refused with ErrBelowReserved and nothing is changed. Those
// who wait get what has come. beside says that the other system has what orders hold off its
// count already: then it is on hand besides, and nothing is refused for it.
func (s *Stock) MoveIn(m Moved, from origin.Source, beside bool, settings Settings, now time.Time) error {
	at := place(m.Location)
	if !settings.Has(at) {
		return ErrLocation.At("/location", "is not in the settings")
	}
	for _, p := range append(s.Places(), at) {
		there := 0
		if p == at {
			there = m.OnHand
		}
		if !beside && there < s.ReservedAt(p) {
			return ErrBelowReserved.At("/on_hand", "is less than orders hold")
		}
	}
	why := Cause{Kind: Migration, Reason: "moved in from " + from.Key}
	held := func(p string) int {
		if beside {
			return s.ReservedAt(p)
		}
		return 0
	}
	for _, p := range s.Places() {
		if n := held(p) - s.OnHandAt(p); p != at && n != 0 {
			s.adjust(n, p, why, now)
		}
	}
	if n := m.OnHand + held(at) - s.OnHandAt(at); n != 0 {
		s.adjust(n, at, why, now)
	}
	s.Beside = beside
	s.Gone, s.LowAt, s.MovedTo, s.Origin, s.changed = false, m.LowAt, m.Location, &from, true
	s.Fill(settings.preferred())
	s.Watch(settings.LowAt)
	return nil
}

// MoveOut takes away what no order holds, as Withdraw does.
func (s *Stock) MoveOut(now time.Time) {
	s.Withdraw(now)
	s.Origin, s.DocumentID, s.MovedTo, s.changed = nil, "", "", true
}

// Moved gives the stock in the shape in which it was moved in, as it is now. Where some of it
// lies elsewhere than it was moved to, it says where.
func (s *Stock) Moved() Moved {
	if s.Beside {
		return s.Abroad()
	}
	return s.moved(s.OnHand, s.OnHandAt)
}

// Abroad gives the stock for another system, which has goods off its count once they are
// ordered: without what orders hold.
func (s *Stock) Abroad() Moved { return s.moved(s.Available(), s.AvailableAt) }

func (s *Stock) moved(n int, at func(string) int) Moved {
	m := Moved{SKU: s.SKU, OnHand: n, Location: s.MovedTo, LowAt: s.LowAt}
	for _, p := range s.Places() {
		if p != place(s.MovedTo) && at(p) != 0 {
			m.Location = p
			break
		}
	}
	return m
}

// documentSpace is where the IDs of stock come from that was stated here.
var documentSpace = uuid.NewSHA1(uuid.NameSpaceURL, []byte("tienda:catalog:stock"))

// Document gives the ID of the document that the stock is, for another system: that under
// which it was moved in, else one that is derived of the SKU.
func (s *Stock) Document() string {
	if s.Origin != nil && s.DocumentID != "" {
		return s.DocumentID
	}
	return uuid.NewSHA1(documentSpace, []byte(s.SKU)).String()
}
