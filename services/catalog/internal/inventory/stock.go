// Package inventory is the stock of each SKU and what orders have reserved of
// it: on hand = available + reserved, and available is never negative.
package inventory

import (
	"slices"
	"time"

	"tienda/internal/fault"
	"tienda/internal/money"
)

// Bounds of a stock document.
const (
	MaxOnHand  = 10_000_000
	keptClosed = 32 // closed orders that are remembered
	keptReturn = 32 // restocked returns that are remembered
)

// withdrawn is the reason of the adjustments of Withdraw.
const withdrawn = "product withdrawn"

// Outcome says how a reservation ended.
type Outcome string

// The outcomes.
const (
	Released Outcome = "released"
	Sold     Outcome = "sold"
)

// Reservation is what one order holds of a SKU, at the price it was promised.
// Its names are short because a stock holds one for each order that is not
// shipped yet, and is read and written whole.
type Reservation struct {
	Quantity int    `json:"q"`
	Amount   int64  `json:"p"` // minor units, of one
	Currency string `json:"c"`
	At       int64  `json:"t"` // Unix time, seconds
	// Withdrawn: its product is gone, so that its goods leave with the order,
	// or with the product.
	Withdrawn bool `json:"w,omitempty"`
}

// UnitPrice gives the promised price of one.
func (r Reservation) UnitPrice() money.Money { return money.New(r.Amount, r.Currency) }

// Closed remembers an order whose reservation has ended, so that a message
// that comes late or twice changes nothing.
type Closed struct {
	OrderID string  `json:"order_id"`
	Outcome Outcome `json:"outcome"`
}

// Stock is one SKU. The counters make a ledger:
// OnHand = Initial + Adjusted + Returned - Sold.
type Stock struct {
	SKU          string                 `json:"sku"`
	ProductID    string                 `json:"product_id,omitempty"`
	OnHand       int                    `json:"on_hand"`
	Reservations map[string]Reservation `json:"reservations,omitempty"` // by order ID
	Initial      int                    `json:"initial,omitempty"`
	Adjusted     int                    `json:"adjusted,omitempty"`
	Returned     int                    `json:"returned,omitempty"`
	Sold         int                    `json:"sold,omitempty"`
	Closed       []Closed               `json:"closed,omitempty"`  // newest last
	Returns      []string               `json:"returns,omitempty"` // restocked return IDs, newest last
	Version      int64                  `json:"-"`                 // of the stored document; 0: none yet

	changed     bool
	fresh       bool // the one change is a reservation that is not stored yet
	adjustments []Adjustment
}

// Adjustment is a change of what is on hand by staff, a return, or the end of
// the product.
type Adjustment struct {
	Delta  int
	Reason string
}

// What stock refuses.
var (
	ErrMissing       = fault.Missing("SKU")
	ErrBelowReserved = fault.New(fault.Unprocessable, "below_reserved", "Orders have reserved more than that.")
	ErrTooMuch       = fault.New(fault.Unprocessable, "too_much_stock", "More than 10 000 000 cannot be on hand.")
	ErrVersion       = fault.New(fault.PreconditionFailed, "version_mismatch",
		"The stock has changed since you read it. Read it again.").At("If-Match", "is not the current version")
	ErrClosed  = fault.New(fault.Conflict, "reservation_closed", "The order's reservation has ended already.")
	ErrDiffers = fault.New(fault.Conflict, "reservation_differs", "The order has reserved another quantity.")
	errShort   = fault.New(fault.Unprocessable, "out_of_stock", "There is not enough in stock.")
)

// Reserved is what orders hold.
func (s *Stock) Reserved() int {
	n := 0
	for _, r := range s.Reservations {
		n += r.Quantity
	}
	return n
}

// Available is what can still be bought.
func (s *Stock) Available() int { return s.OnHand - s.Reserved() }

// Changed says whether the stock differs from what is stored.
func (s *Stock) Changed() bool { return s.changed }

// Adjustments are those of this change.
func (s *Stock) Adjustments() []Adjustment { return s.adjustments }

// Reserve holds a quantity for an order at a price. A repeat changes nothing
// and answers what was promised the first time.
func (s *Stock) Reserve(orderID string, quantity int, price money.Money, now time.Time) (Reservation, error) {
	if r, ok := s.Reservations[orderID]; ok {
		if r.Quantity != quantity || r.Currency != price.Currency {
			return Reservation{}, ErrDiffers
		}
		return r, nil
	}
	if s.closed(orderID) {
		return Reservation{}, ErrClosed
	}
	if quantity > s.Available() {
		return Reservation{}, errShort
	}
	r := Reservation{Quantity: quantity, Amount: price.Amount, Currency: price.Currency, At: now.Unix()}
	if s.Reservations == nil {
		s.Reservations = map[string]Reservation{}
	}
	s.Reservations[orderID] = r
	s.fresh = !s.changed
	s.changed = true
	return r, nil
}

// Unreserve undoes a Reserve that was refused on another line.
func (s *Stock) Unreserve(orderID string) {
	if _, ok := s.Reservations[orderID]; ok {
		delete(s.Reservations, orderID)
		s.changed, s.fresh = !s.fresh, false
	}
}

// Release frees what an order holds. It is remembered even if the order holds
// nothing, since its reservation may still be on its way; but not where there
// is no stock document, of which nothing can be reserved.
func (s *Stock) Release(orderID string) {
	if s.Version == 0 || s.closed(orderID) {
		return
	}
	r := s.Reservations[orderID]
	delete(s.Reservations, orderID)
	s.close(orderID, Released)
	if r.Withdrawn {
		s.adjust(-r.Quantity, withdrawn)
	}
}

// Withdraw takes all that is not reserved out of the house, because the
// product it was stock of is gone: another one may be given its SKU. What is
// reserved goes the same way if it is released.
func (s *Stock) Withdraw() {
	for orderID, r := range s.Reservations {
		if !r.Withdrawn {
			r.Withdrawn = true
			s.Reservations[orderID] = r
			s.changed = true
		}
	}
	if n := s.Available(); n > 0 {
		s.adjust(-n, withdrawn)
	}
}

// Commit takes what an order holds out of the house.
func (s *Stock) Commit(orderID string) {
	r, ok := s.Reservations[orderID]
	if !ok {
		return
	}
	delete(s.Reservations, orderID)
	s.OnHand -= r.Quantity
	s.Sold += r.Quantity
	s.close(orderID, Sold)
}

// Restock takes a return's goods back in, once for each return, up to
// MaxOnHand. Where there is no stock document the product is gone, and its
// goods are nobody's.
func (s *Stock) Restock(returnID string, quantity int) {
	if s.Version == 0 || slices.Contains(s.Returns, returnID) {
		return
	}
	s.Returns = keep(append(s.Returns, returnID), keptReturn)
	s.changed = true
	quantity = min(quantity, MaxOnHand-s.OnHand)
	if quantity <= 0 {
		return
	}
	s.OnHand += quantity
	s.Returned += quantity
	s.adjustments = append(s.adjustments, Adjustment{Delta: quantity, Reason: "return " + returnID})
}

// Adjust changes what is on hand.
func (s *Stock) Adjust(delta int, reason string) error {
	switch {
	case s.OnHand+delta > MaxOnHand:
		return ErrTooMuch
	case s.OnHand+delta < s.Reserved():
		return ErrBelowReserved
	case delta == 0:
		return nil
	}
	s.adjust(delta, reason)
	return nil
}

func (s *Stock) adjust(delta int, reason string) {
	s.OnHand += delta
	s.Adjusted += delta
	s.changed = true
	s.adjustments = append(s.adjustments, Adjustment{Delta: delta, Reason: reason})
}

func (s *Stock) closed(orderID string) bool {
	return slices.ContainsFunc(s.Closed, func(c Closed) bool { return c.OrderID == orderID })
}

func (s *Stock) close(orderID string, o Outcome) {
	s.Closed = keep(append(s.Closed, Closed{orderID, o}), keptClosed)
	s.changed = true
}

// keep drops the oldest of a list past a length.
func keep[T any](list []T, n int) []T {
	if len(list) > n {
		return slices.Clone(list[len(list)-n:])
	}
	return list
}
