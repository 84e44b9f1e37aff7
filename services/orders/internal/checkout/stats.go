package checkout

import (
	"maps"

	"tienda/services/orders/internal/order"
)

// Stats are figures of the saga.
type Stats struct {
	// Ends counts how the tries of this replica to settle an order have ended since its
	// start: "confirmed", "refused", "unpaid" (the payment provider has not told) and
	// "left" (for the recovery).
	Ends map[string]int64
	// Unsettled are the orders of all replicas in the list of the recovery as this one has
	// last found each, by status.
	Unsettled map[order.Status]int
	Owing     int // of those, that owe the payment provider something, or an exchange
}

// Stats gives the figures of now.
func (s *Service) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := Stats{Ends: maps.Clone(s.ends), Unsettled: map[order.Status]int{}}
	for _, f := range s.census {
		now.Unsettled[f.status]++
		if f.owing {
			now.Owing++
		}
	}
	return now
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
	if s.ends == nil {
		s.ends = map[string]int64{}
	}
	s.ends[end]++
}

// found is what a turn of the recovery has found of an order.
type found struct {
	status order.Status
	owing  bool
}

// finds notes what was found of an order, nil for one that is not there or cannot be read.
func (s *Service) finds(id string, o *order.Order) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case o == nil:
		delete(s.census, id)
	case s.census == nil:
		s.census = map[string]found{id: {o.Status, o.Owing()}}
	default:
		s.census[id] = found{o.Status, o.Owing()}
	}
}
