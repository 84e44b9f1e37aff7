// Package inventory is the stock of each SKU and what orders have reserved of
// it: on hand = available + reserved, and available is never negative, in all and
// at each location.
package inventory

import (
	"slices"
	"time"

	"tienda/internal/fault"
	"tienda/internal/money"
	"tienda/internal/origin"
)

// Bounds of a stock document.
const (
	MaxOnHand = 10_000_000
	// MaxOpen is how many orders may hold a SKU at once, shipped ones not
	// counted: 60 bytes each in a document that is read and written whole. The
	// sidecar takes 4 MB (docs/adr/0010).
	MaxOpen = 20_000
	// Restocked returns that are remembered: all of the last minutes, since the
	// note of a return is written after its stock, and a message whose handler
	// died in between comes again within one; and never more than so many.
	returnTime = 15 * time.Minute
	keptReturn = 500
)

// withdrawn is the reason of the adjustments of Withdraw.
const withdrawn = "product withdrawn"

// Restocked remembers a return whose goods are back.
type Restocked struct {
	ReturnID string `json:"id"`
	At       int64  `json:"t"` // Unix time, seconds
}

// Stock is one SKU. The counters add up:
// OnHand = Initial + Adjusted + Returned - Sold, and so do the entries of its
// ledger, at each location.
type Stock struct {
	SKU          string       `json:"sku"`
	ProductID    string       `json:"product_id,omitempty"`
	OnHand       int          `json:"on_hand"`
	Reservations Reservations `json:"open,omitempty"`
	Initial      int          `json:"initial,omitempty"`
	Adjusted     int          `json:"adjusted,omitempty"`
	Returned     int          `json:"returned,omitempty"`
	Sold         int          `json:"sold,omitempty"`
	Restocked    []Restocked  `json:"restocked,omitempty"` // newest last
	Closed       Closed       `json:"closed,omitempty"`
	// Elsewhere is what of OnHand is at other locations than Main.
	Elsewhere map[string]int `json:"elsewhere,omitempty"`
	Backorder *Backorder     `json:"backorder,omitempty"`    // nil: nothing is sold that is not there
	Turns     int            `json:"turns,omitempty"`        // how many orders have waited
	LowAt     *int           `json:"low_at,omitempty"`       // the SKU's own threshold; nil: that of all
	Low       bool           `json:"low,omitempty"`          // no more are available than its threshold
	Gone      bool           `json:"gone,omitempty"`         // withdrawn, and nothing came since
	Opened    int64          `json:"opened,omitempty"`       // Unix time, seconds, of Initial; 0: not known
	Ledger    Ledger         `json:"ledger,omitempty"`       // the newest entries
	Pages     int            `json:"ledger_pages,omitempty"` // of older ones, each a document
	Version   int64          `json:"-"`                      // of the stored document; 0: none yet
	Origin    *origin.Source `json:"origin,omitempty"`       // nil: what is on hand was stated here
	MovedTo   string         `json:"moved_to,omitempty"`     // the location that what was moved in states
	Beside    bool           `json:"beside,omitempty"`       // what was moved in is without what orders hold
	// DocumentID is that under which it was moved in.
	DocumentID string `json:"document_id,omitempty"`

	changed     bool
	counted     bool // reserved and heldAt are the sums of Reservations
	reserved    int
	heldAt      map[string]int // by location, but for Main
	wentBy      int            // the threshold by which Watch found it low
	waiting     int            // for what is not there
	entered     int            // entries of the ledger that are not stored yet
	adjustments []Adjustment
}

// Adjustment is a change of what is on hand by staff, a return, or the end of
// the product.
type Adjustment struct {
	Delta    int
	Reason   string
	Kind     Kind
	Location string
}

// Cause says why and for whom staff change what is on hand.
type Cause struct {
	Kind   Kind
	Reason string // words
	By     string // the user or service account
}

// What stock refuses.
var (
	ErrMissing       = fault.Missing("SKU")
	ErrBelowReserved = fault.New(fault.Unprocessable, "below_reserved", "Orders have reserved more than that.")
	ErrTooMuch       = fault.New(fault.Unprocessable, "too_much_stock", "More than 10 000 000 cannot be on hand.")
	ErrSamePlace     = fault.New(fault.Unprocessable, "same_location", "Goods do not move from a place to itself.").At("/to", "is where they are")
	ErrVersion       = fault.New(fault.PreconditionFailed, "version_mismatch",
		"The stock has changed since you read it. Read it again.").At("If-Match", "is not the current version")
	ErrClosed  = fault.New(fault.Conflict, "reservation_closed", "The order's reservation has ended already.")
	ErrDiffers = fault.New(fault.Conflict, "reservation_differs", "The order has reserved another quantity.")
	ErrCrowded = fault.New(fault.Unprocessable, "too_many_open_orders",
		"Too many orders of this wait to be shipped. It can be ordered again once some of them are.")
	errShort = fault.New(fault.Unprocessable, "out_of_stock", "There is not enough in stock.")
)

// Reserved is what orders hold.
func (s *Stock) Reserved() int {
	s.count()
	return s.reserved
}

// Available is what can still be bought.
func (s *Stock) Available() int { return s.OnHand - s.Reserved() }

// Changed says whether the stock differs from what is stored.
func (s *Stock) Changed() bool { return s.changed }

// Adjustments are those of this change.
func (s *Stock) Adjustments() []Adjustment { return s.adjustments }

// check says why an order cannot hold a quantity; nil: it can, or does so.
func (s *Stock) check(orderID string, quantity int, currency string) error {
	if r, ok := s.Reservations[orderID]; ok {
		if r.Quantity != quantity || r.Currency != currency {
			return ErrDiffers
		}
		return nil
	}
	switch {
	case quantity > s.Orderable():
		return errShort
	case len(s.Reservations) >= MaxOpen:
		return ErrCrowded
	}
	return nil
}

// Reserve holds a quantity for an order at a price, from the locations that choose
// says; what is not there it is promised, as far as the SKU's Backorder goes. A repeat changes nothing and answers what was promised the first time.
func (s *Stock) Reserve(orderID string, quantity int, price money.Money, preferred []string, now time.Time) (Reservation, error) {
	if err := s.check(orderID, quantity, price.Currency); err != nil {
		return Reservation{}, err
	}
	if r, ok := s.Reservations[orderID]; ok {
		return r, nil
	}
	there := min(quantity, s.free())
	r := Reservation{Quantity: quantity, Amount: price.Amount, Currency: price.Currency, At: now.Unix(), From: s.choose(there, preferred)}
	s.waits(&r, quantity-there)
	if s.Reservations == nil {
		s.Reservations = Reservations{}
	}
	s.count()
	s.hold(r, 1)
	s.Reservations[orderID] = r
	s.changed = true
	return r, nil
}

// unreserve takes a reservation back as if it had never been.
func (s *Stock) unreserve(orderID string) (r Reservation, held bool) {
	if r, held = s.Reservations[orderID]; held {
		s.count()
		s.hold(r, -1)
		delete(s.Reservations, orderID)
		s.changed = true
	}
	return r, held
}

// confirm marks the reservations of orders that are bought.
func (s *Stock) confirm(orderIDs []string) {
	for _, id := range orderIDs {
		if r, held := s.Reservations[id]; held && !r.Confirmed {
			r.Confirmed = true
			s.Reservations[id] = r
			s.changed = true
		}
	}
}

// Unconfirmed lists the orders whose reservation is not confirmed and was made
// before a time.
func (s *Stock) Unconfirmed(before time.Time) []string {
	var out []string
	for id, r := range s.Reservations {
		if !r.Confirmed && r.At < before.Unix() {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out
}

// close remembers that an order's reservation has ended, where there is stock.
func (s *Stock) close(orderID string, now time.Time) {
	if s.Version > 0 && !s.Closed.has(orderID) {
		s.Closed = s.Closed.with(orderID, now)
		s.changed = true
	}
}

// Release frees what an order holds; false: nothing.
func (s *Stock) Release(orderID string, now time.Time) bool {
	r, held := s.unreserve(orderID)
	if r.Withdrawn {
		for _, p := range r.Parts() {
			s.withdraw(p, now)
		}
	}
	return held
}

// Lower leaves an order no more than a quantity of what it holds; false: it holds no more.
// What is not there yet is given up first, then what lies at the last of its locations.
func (s *Stock) Lower(orderID string, left int, now time.Time) bool {
	r, held := s.Reservations[orderID]
	if !held || left >= r.Quantity {
		return false
	}
	if left <= 0 {
		return s.Release(orderID, now)
	}
	s.count()
	s.hold(r, -1)
	parts := r.Parts()
	waiting := min(r.Waiting, r.Quantity-left)
	if r.Waiting -= waiting; r.Waiting == 0 {
		r.Turn = 0
	}
	less := r.Quantity - left - waiting
	var freed []Part
	for i := len(parts) - 1; i >= 0 && less > 0; i-- {
		n := min(less, parts[i].Quantity)
		parts[i].Quantity -= n
		less -= n
		freed = append(freed, Part{parts[i].Location, n})
	}
	r.Quantity, r.From = left, fromOf(parts)
	s.hold(r, 1)
	s.Reservations[orderID] = r
	s.changed = true
	if r.Withdrawn {
		for _, p := range freed {
			s.withdraw(p, now)
		}
	}
	return true
}

// Withdraw takes all that is not reserved out of the house, because the
// product it was stock of is gone: another one may be given its SKU. What is
// reserved goes the same way if it is released. Who waits for it waits in vain.
func (s *Stock) Withdraw(now time.Time) {
	s.Gone, s.Low, s.LowAt, s.Backorder = true, false, nil, nil
	s.count()
	for orderID, r := range s.Reservations {
		if !r.Withdrawn {
			s.hold(r, -1)
			r.Withdrawn = true
			s.hold(r, 1)
			s.Reservations[orderID] = r
			s.changed = true
		}
	}
	for _, name := range s.Places() {
		if n := s.AvailableAt(name); n > 0 {
			s.withdraw(Part{name, n}, now)
		}
	}
}

func (s *Stock) withdraw(p Part, now time.Time) {
	s.adjust(-p.Quantity, p.Location, Cause{Kind: Withdrawal, Reason: withdrawn}, now)
}

// Commit takes what an order holds out of the house; false: nothing.
func (s *Stock) Commit(orderID string, now time.Time) bool {
	r, held := s.unreserve(orderID)
	if !held {
		return false
	}
	s.Sold += r.Quantity
	if r.Waiting > 0 {
		s.found(r.Waiting, orderID, now)
		r.Waiting = 0
	}
	for _, p := range r.Parts() {
		s.enter(Entry{At: now, Kind: Sale, Location: p.Location, Delta: -p.Quantity, Ref: orderID})
	}
	return true
}

// Restock takes a return's goods back in, at Main, once for each return, up to
// MaxOnHand. Where there is no stock document the product is gone, and its
// goods are nobody's.
func (s *Stock) Restock(returnID string, quantity int, now time.Time) {
	if s.Version == 0 || slices.ContainsFunc(s.Restocked, func(r Restocked) bool { return r.ReturnID == returnID }) {
		return
	}
	s.remember(Restocked{returnID, now.Unix()})
	s.changed = true
	quantity = min(quantity, MaxOnHand-s.OnHand)
	if quantity <= 0 {
		return
	}
	s.Returned += quantity
	s.enter(Entry{At: now, Kind: Return, Delta: quantity, Ref: returnID})
	s.adjustments = append(s.adjustments, Adjustment{Delta: quantity, Reason: "return " + returnID, Kind: Return, Location: Main})
}

// remember adds a return and forgets those that are old or too many.
func (s *Stock) remember(r Restocked) {
	old := r.At - int64(returnTime.Seconds())
	kept := slices.DeleteFunc(append(slices.Clone(s.Restocked), r), func(r Restocked) bool { return r.At < old })
	s.Restocked = kept[max(0, len(kept)-keptReturn):]
}

// Adjust changes what is at a location.
func (s *Stock) Adjust(delta int, location string, why Cause, now time.Time) error {
	location = place(location)
	switch {
	case s.OnHand+delta > MaxOnHand:
		return ErrTooMuch
	case s.OnHandAt(location)+delta < s.ReservedAt(location):
		return ErrBelowReserved
	case delta == 0:
		return nil
	}
	s.adjust(delta, location, why, now)
	return nil
}

func (s *Stock) adjust(delta int, location string, why Cause, now time.Time) {
	s.Adjusted += delta
	s.enter(Entry{At: now, Kind: why.Kind, Location: location, Delta: delta, By: why.By, Reason: why.Reason})
	s.adjustments = append(s.adjustments, Adjustment{Delta: delta, Reason: why.Reason, Kind: why.Kind, Location: location})
}
