package inventory

import (
	"errors"
	"maps"
	"sync"

	"tienda/internal/fault"
)

// outcomes counts how reservations end.
type outcomes struct {
	mu sync.Mutex
	by map[string]int64
}

func (o *outcomes) count(err error) {
	end := "reserved"
	var why *fault.Error
	switch {
	case err == nil:
	case errors.As(err, &why) && (why.Kind == fault.Unprocessable || why.Kind == fault.Conflict):
		end = why.Code
	default:
		end = "failed"
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.by == nil {
		o.by = map[string]int64{}
	}
	o.by[end]++
}

// Outcomes gives how many reservations this replica has made since its start, by how they
// ended: "reserved", the code of the refusal, or "failed".
func (s *Service) Outcomes() map[string]int64 {
	s.outcomes.mu.Lock()
	defer s.outcomes.mu.Unlock()
	return maps.Clone(s.outcomes.by)
}
