package inventory

import (
	"context"
	"maps"
	"slices"
	"time"
)

// Backorder lets orders have more of a SKU than there is.
type Backorder struct {
	Limit    int   `json:"limit"`              // so many may be waited for at once
	Pre      bool  `json:"pre,omitempty"`      // it is not out yet: a pre-order
	Expected int64 `json:"expected,omitempty"` // Unix time, seconds, of more stock; 0: not known
}

// ExpectedAt gives the time of more stock; zero: not known.
func (b *Backorder) ExpectedAt() time.Time {
	if b == nil || b.Expected == 0 {
		return time.Time{}
	}
	return time.Unix(b.Expected, 0).UTC()
}

// Waitable says that, and how, what is not there can be ordered.
type Waitable struct {
	Allowed, Pre bool
	Expected     int64 // Unix time, seconds; 0: not known
}

// Waiting is what orders have been promised that is not there. It is not among
// what is reserved.
func (s *Stock) Waiting() int {
	s.count()
	return s.waiting
}

// free is what a new order can have at once: what is there belongs to those who
// wait first.
func (s *Stock) free() int { return max(0, s.Available()-s.Waiting()) }

// promisable is what may still be promised beyond what is there.
func (s *Stock) promisable() int {
	if s.Backorder == nil {
		return 0
	}
	return max(0, s.Backorder.Limit-max(0, s.Waiting()-s.Available()))
}

// Orderable is what can be ordered: what is there, and what may be waited for.
func (s *Stock) Orderable() int { return s.free() + s.promisable() }

// SetBackorder states what may be waited for; nil: nothing. Those who wait already
// go on waiting.
func (s *Stock) SetBackorder(b *Backorder) { s.Backorder, s.changed = b, true }

// waits has a reservation wait for a quantity.
func (s *Stock) waits(r *Reservation, quantity int) {
	if quantity > 0 {
		s.Turns++
		r.Waiting, r.Turn = quantity, s.Turns
	}
}

// Fill gives what is available to the orders that wait, in the order in which they
// came: of a later one nothing is covered while an earlier one waits. What is
// covered stays so. preferred are the locations in the order in which they are
// sold from.
func (s *Stock) Fill(preferred []string) {
	if s.Waiting() == 0 || s.Available() <= 0 {
		return
	}
	ids := slices.DeleteFunc(slices.Collect(maps.Keys(s.Reservations)), func(id string) bool {
		return s.Reservations[id].Waiting == 0 || s.Reservations[id].Withdrawn
	})
	slices.SortFunc(ids, func(a, b string) int { return s.Reservations[a].Turn - s.Reservations[b].Turn })
	for _, id := range ids {
		r := s.Reservations[id]
		n := min(r.Waiting, s.Available())
		if n == 0 {
			return
		}
		more := s.choose(n, preferred)
		s.hold(r, -1)
		r.From = r.From.and(more)
		if r.Waiting -= n; r.Waiting == 0 {
			r.Turn = 0
		}
		s.hold(r, 1)
		s.Reservations[id] = r
		s.changed = true
	}
}

// found enters what was shipped although it was waited for: it must have been there.
func (s *Stock) found(n int, orderID string, now time.Time) {
	s.Adjusted += n
	s.enter(Entry{At: now, Kind: Correction, Delta: n, Ref: orderID, Reason: "shipped before it was booked in"})
}

// Policy is what staff state of one SKU.
type Policy struct {
	LowAt     *int       // when it is low; nil: as the settings say, 0: never
	Backorder *Backorder // what may be waited for; nil: nothing
}

// SetPolicy states what holds for a SKU. version is the one that the caller has
// read; 0: any.
func (s *Service) SetPolicy(ctx context.Context, sku string, p Policy, version int64) (Stock, error) {
	return s.alone(ctx, sku, version, func(stock *Stock) error {
		stock.SetThreshold(p.LowAt)
		stock.SetBackorder(p.Backorder)
		return nil
	})
}

// Waiting says how many of what an order was promised of SKUs are not there yet;
// SKUs of which all are are left out. What is there stays so.
func (s *Service) Waiting(ctx context.Context, orderID string, skus []string) (map[string]int, error) {
	all, err := s.store.GetAll(ctx, skus)
	out := map[string]int{}
	for i := range all {
		if n := all[i].Reservations[orderID].Waiting; n > 0 {
			out[all[i].SKU] = n
		}
	}
	return out, err
}
