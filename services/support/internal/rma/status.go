package rma

import "slices"

// Status is how far a return has come.
type Status string

// The statuses.
const (
	Requested Status = "requested"
	Approved  Status = "approved"
	Rejected  Status = "rejected"
	Received  Status = "received" // the goods are back, the refund is not confirmed yet
	Refunded  Status = "refunded"
	// RefundFailed: the goods are back and orders refuses the refund for good;
	// an agent can have it tried again.
	RefundFailed Status = "refund_failed"
)

// next is the whole of what may follow what.
var next = map[Status][]Status{
	Requested: {Approved, Rejected},
	Approved:  {Received, Rejected},
	Received:  {Refunded, RefundFailed},
	// A refund may be heard of after all: orders had made an earlier one.
	RefundFailed: {Received, Refunded},
	Rejected:     nil,
	Refunded:     nil,
}

func (s Status) may(to Status) bool { return slices.Contains(next[s], to) }

// Back says whether the goods have come back.
func (s Status) Back() bool { return s == Received || s == Refunded || s == RefundFailed }
