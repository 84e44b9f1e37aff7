package order

import (
	"slices"
	"time"
)

// maxReturns bounds the returns that an order remembers.
const maxReturns = 200

// ReturnStatus is what support has said about a return.
type ReturnStatus string

// The statuses of a return.
const (
	ReturnRequested ReturnStatus = "requested"
	ReturnApproved  ReturnStatus = "approved"
	ReturnRejected  ReturnStatus = "rejected"
	ReturnReceived  ReturnStatus = "received"
	ReturnRefunded  ReturnStatus = "refunded"
	// ReturnPartiallyReceived: some of it is back, more is expected.
	ReturnPartiallyReceived ReturnStatus = "partially_received"
	// ReturnRefundFailed: this service has refused the refund.
	ReturnRefundFailed ReturnStatus = "refund_failed"
)

// Return is a return of the order, as support has announced it.
type Return struct {
	ID        string       `json:"id"`
	Status    ReturnStatus `json:"status"`
	UpdatedAt time.Time    `json:"updated_at"`
	Version   int64        `json:"version"` // of support's document; older news is ignored
}

// NoteReturn takes in news about a return. Events come more than once and in
// any order: what is not newer than what is known changes nothing.
func (o *Order) NoteReturn(n Return) {
	i := slices.IndexFunc(o.Returns, func(r Return) bool { return r.ID == n.ID })
	switch {
	case i >= 0 && n.Version <= o.Returns[i].Version, i < 0 && len(o.Returns) >= maxReturns:
		return
	case i >= 0:
		o.Returns[i] = n
	default:
		o.Returns = append(o.Returns, n)
	}
	o.changed = true
}
