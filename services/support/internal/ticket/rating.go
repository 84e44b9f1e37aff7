package ticket

import (
	"time"

	"tienda/internal/caller"
	"tienda/internal/fault"
)

// Rating is what the customer says about the help that was given.
type Rating struct {
	Score   int       `json:"score"` // 1 to 5, the best
	Comment string    `json:"comment,omitempty"`
	At      time.Time `json:"at"`
}

// Errors of a rating.
var (
	ErrNotEnded = fault.New(fault.Conflict, "ticket_not_resolved", "The ticket is neither resolved nor closed.")
	ErrRated    = fault.New(fault.Conflict, "already_rated", "The ticket was rated already, in another way.")
	errNotYours = fault.New(fault.Forbidden, "role_missing", "Only the customer rates a ticket.")
)

// Rate notes the customer's rating, once and for good; the same one again
// changes nothing.
func (t *Ticket) Rate(who caller.Caller, score int, comment string, now time.Time) error {
	if err := t.VisibleTo(who); err != nil {
		return err
	}
	switch {
	case who.UserID != t.CustomerID:
		return errNotYours
	case t.Rating != nil && t.Rating.Score == score && t.Rating.Comment == comment:
		return nil
	case t.Rating != nil:
		return ErrRated
	case !t.Status.Ended():
		return ErrNotEnded
	}
	t.Rating = &Rating{Score: score, Comment: comment, At: now}
	t.record(Change{Kind: Rated, By: who.UserID}, now)
	return nil
}
