package checkout

import (
	"context"
	"maps"

	"tienda/services/orders/internal/order"
)

// Stats are figures of the saga.
type Stats struct {
	// Ends counts how the tries of this replica to settle an order have ended since its
	// start: "confirmed", "refused", "unpaid" (the payment provider has not told) and
	// "left" (for the recovery).
	Ends map[string]int64
	// Unsettled are the orders of all replicas in the list of the recovery when this one
	// last looked, by status, 100 at most.
	Unsettled map[order.Status]int
	Owing     int // of those, that owe the payment provider something, or an exchange
}

// Stats gives the figures of now.
func (s *Service) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Stats{Ends: maps.Clone(s.stats.Ends), Unsettled: maps.Clone(s.stats.Unsettled), Owing: s.stats.Owing}
}

// ended counts how a try ended.
func (s *Service) ended(o *order.Order, err error) {
	end := "confirmed"
	switch {
	case err != nil && !final(err):
		end = "left"
	case err != nil || o == nil || o.Refused():
		end = "refused"
	case o.Status == order.Pending:
		end = "unpaid"
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stats.Ends == nil {
		s.stats.Ends = map[string]int64{}
	}
	s.stats.Ends[end]++
}

// mostCounted bounds what a turn of the recovery reads only to count it.
const mostCounted = 100

// census is what a turn of the recovery finds.
type census struct {
	unsettled map[order.Status]int
	owing     int
}

// count reads the orders that there are to recover. What cannot be read does not count: it
// fails when it is taken on.
func (s *Service) count(ctx context.Context, ids []string) census {
	c := census{unsettled: map[order.Status]int{}}
	for _, id := range ids[:min(len(ids), mostCounted)] {
		o, _, err := s.store.Gave(ctx, id)
		if err != nil || o == nil {
			continue
		}
		c.unsettled[o.Status]++
		if o.Owing() {
			c.owing++
		}
	}
	return c
}

func (s *Service) found(c census) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Unsettled, s.stats.Owing = c.unsettled, c.owing
}
