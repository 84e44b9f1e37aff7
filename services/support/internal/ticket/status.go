package ticket

import "tienda/internal/fault"

// Status says whose turn it is.
type Status string

// The statuses.
const (
	StatusOpen     Status = "open"     // an agent's turn
	StatusAnswered Status = "answered" // the customer's turn
	StatusOnHold   Status = "on_hold"  // waits for something else
	StatusResolved Status = "resolved" // an agent says that it is done
	StatusClosed   Status = "closed"
)

// Statuses gives all of them, in the order of a ticket's life.
func Statuses() []Status {
	return []Status{StatusOpen, StatusAnswered, StatusOnHold, StatusResolved, StatusClosed}
}

// Ended says whether nobody has anything to do any more.
func (s Status) Ended() bool { return s == StatusResolved || s == StatusClosed }

// Act is what moves a ticket from status to status.
type Act string

// The acts.
const (
	CustomerWrites Act = "customer writes"
	AgentWrites    Act = "agent writes"
	Hold           Act = "hold"
	Resolve        Act = "resolve"
	Close          Act = "close"
)

// Acts gives all of them.
func Acts() []Act { return []Act{CustomerWrites, AgentWrites, Hold, Resolve, Close} }

// next is the whole of what leads where; docs/support.md draws it. A message
// reopens what has ended only within the days of Settings.
var next = map[Status]map[Act]Status{
	StatusOpen:     {CustomerWrites: StatusOpen, AgentWrites: StatusAnswered, Hold: StatusOnHold, Resolve: StatusResolved, Close: StatusClosed},
	StatusAnswered: {CustomerWrites: StatusOpen, AgentWrites: StatusAnswered, Hold: StatusOnHold, Resolve: StatusResolved, Close: StatusClosed},
	StatusOnHold:   {CustomerWrites: StatusOpen, AgentWrites: StatusAnswered, Hold: StatusOnHold, Resolve: StatusResolved, Close: StatusClosed},
	StatusResolved: {CustomerWrites: StatusOpen, AgentWrites: StatusAnswered, Resolve: StatusResolved, Close: StatusClosed},
	StatusClosed:   {CustomerWrites: StatusOpen, AgentWrites: StatusAnswered, Close: StatusClosed},
}

// ErrStatus answers an act that the status does not allow.
var ErrStatus = fault.New(fault.Conflict, "ticket_status", "The status of the ticket does not allow it.")

// After gives the status that an act leads to.
func (s Status) After(a Act) (Status, error) {
	to, ok := next[s][a]
	switch {
	case ok:
		return to, nil
	case s == StatusClosed:
		return "", ErrClosed
	default:
		return "", ErrStatus
	}
}
