package rma

import "slices"

// Status is how far a return has come.
type Status string

// The statuses.
const (
	Requested Status = "requested"
	Approved  Status = "approved"
	Rejected  Status = "rejected"
	// PartiallyReceived: some of the goods are back, more are expected.
	PartiallyReceived Status = "partially_received"
	Received          Status = "received" // all that comes is back, a refund is not confirmed yet
	Refunded          Status = "refunded"
	// RefundFailed: the goods are back and orders refuses a refund for good;
	// an agent can have it tried again.
	RefundFailed Status = "refund_failed"
)

// next is the whole of what may follow what.
var next = map[Status][]Status{
	Requested: {Approved, Rejected},
	Approved:  {PartiallyReceived, Received, Rejected},
	// Another receipt leaves it where it is.
	PartiallyReceived: {Received},
	Received:          {Refunded, RefundFailed},
	// A refund may be heard of after all: orders had made an earlier one.
	RefundFailed: {Received, Refunded},
	Rejected:     nil,
	Refunded:     nil,
}

func (s Status) may(to Status) bool { return slices.Contains(next[s], to) }

// Back says whether nothing more is expected to come back.
func (s Status) Back() bool { return s == Received || s == Refunded || s == RefundFailed }
