package ticket

import (
	"slices"

	"tienda/internal/caller"
	"tienda/internal/fault"
)

// Priority is how soon a ticket needs an answer.
type Priority string

// The priorities.
const (
	Low    Priority = "low"
	Normal Priority = "normal"
	High   Priority = "high"
	Urgent Priority = "urgent" // for agents to give
)

// Priorities gives all of them, the least urgent first.
func Priorities() []Priority { return []Priority{Low, Normal, High, Urgent} }

// rank is the place among the priorities, 0 for low.
func (p Priority) rank() int { return slices.Index(Priorities(), p) }

// raised gives the priority above, urgent for urgent.
func (p Priority) raised() Priority {
	return Priorities()[min(p.rank()+1, len(Priorities())-1)]
}

// errUrgent: what everybody may call urgent is urgent for nobody.
var errUrgent = fault.New(fault.Forbidden, "role_missing", "Only agents make a ticket urgent.").At("/priority", "is for agents")

func (p Priority) allowed(who caller.Caller) error {
	if p == Urgent && !who.Is(caller.SupportAgent) {
		return errUrgent
	}
	return nil
}

// MaxTags is how many tags a ticket may have.
const MaxTags = 10
