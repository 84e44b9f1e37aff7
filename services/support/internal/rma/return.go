// Package rma is returns (return merchandise authorisations): what customers
// send back of delivered orders, and the refund of it.
//
// All returns of one order are one document: that no line is returned more
// often than it was bought is a rule over all of them.
package rma

import (
	"time"

	"tienda/internal/caller"
	"tienda/internal/fault"
	"tienda/internal/money"
	"tienda/internal/origin"
)

// MaxPerOrder bounds the document of an order's returns.
const MaxPerOrder = 100

// Errors of a return.
var (
	ErrMissing         = fault.Missing("return")
	ErrNotDelivered    = fault.New(fault.Conflict, "order_not_delivered", "The order is not delivered yet.")
	ErrTooMany         = fault.New(fault.Conflict, "too_many_returns", "The order has no room for another return.")
	ErrStatus          = fault.New(fault.Conflict, "return_status", "The status of the return does not allow it.")
	ErrReceived        = fault.New(fault.Conflict, "already_received", "The return was received already, with other lines.")
	ErrTooManyReceipts = fault.New(fault.Conflict, "too_many_receipts", "The return came in too many parts.")
	ErrRefundRefused   = fault.New(fault.Conflict, "refund_refused", "The order does not allow this refund.")
	// ErrVersion answers a write that demands another version than the stored.
	ErrVersion = fault.New(fault.PreconditionFailed, "version_mismatch",
		"The return has changed since you read it. Read it again.").At("If-Match", "is not the current version")
)

// Reason is why something is sent back: one of the shop's, see Policies.
type Reason string

// The reasons that a shop begins with.
const (
	Damaged   Reason = "damaged"
	WrongItem Reason = "wrong_item"
	Unwanted  Reason = "unwanted"
	Other     Reason = "other"
)

// Line is one SKU of a return.
type Line struct {
	SKU       string `json:"sku"`
	Quantity  int    `json:"quantity"` // pieces that the customer wants to return
	Reason    Reason `json:"reason"`
	Note      string `json:"note,omitempty"`
	Exchange  string `json:"exchange,omitempty"`  // the SKU that the customer wants for it; "": the money
	Received  int    `json:"received,omitempty"`  // pieces that came back
	Restocked int    `json:"restocked,omitempty"` // those of them that can be sold again
}

// Return is one return of an order.
type Return struct {
	ID         string       `json:"id"`
	OrderID    string       `json:"order_id"`
	CustomerID string       `json:"customer_id,omitempty"` // "": a guest's order
	TicketID   string       `json:"ticket_id,omitempty"`
	Status     Status       `json:"status"`
	Lines      []Line       `json:"lines"`
	Automatic  bool         `json:"automatic,omitempty"` // it was approved by the shop's policies, by no agent
	Carrier    string       `json:"carrier,omitempty"`
	Label      string       `json:"label,omitempty"` // reference of the label that the goods come under
	Rejection  string       `json:"rejection,omitempty"`
	Receipts   []Receipt    `json:"receipts,omitempty"`
	Refund     *money.Money `json:"refund,omitempty"`  // of all receipts so far
	Failure    string       `json:"failure,omitempty"` // why orders refused a refund
	OpenedBy   string       `json:"opened_by"`         // the customer, or the agent on their behalf
	CreatedAt  time.Time    `json:"created_at"`
	UpdatedAt  time.Time    `json:"updated_at"`
	Version    int64        `json:"version"` // counts the changes of this return, from 1

	Origin  *origin.Source `json:"origin,omitempty"`  // of one that was moved in
	Unsaid  *Unsaid        `json:"unsaid,omitempty"`  // what was filled in for it
	Resumed bool           `json:"resumed,omitempty"` // it was changed here since
	// Before is what another system has refunded before anything came back: all there is
	// to refund.
	Before *money.Money `json:"refunded_before,omitempty"`
	// MadeHere is of one that was moved in after it had been made here: it is still in the
	// lists of what was made here, and in none of what was moved in.
	MadeHere bool `json:"made_here,omitempty"`
}

// VisibleTo is ErrMissing for everyone but the customer and the agents.
func (r Return) VisibleTo(who caller.Caller) error {
	if who.Is(caller.SupportAgent) || (who.SignedIn() && who.UserID == r.CustomerID) {
		return nil
	}
	return ErrMissing
}

// CameBack gives what has come back, over all receipts.
func (r Return) CameBack() []Came {
	var out []Came
	for _, l := range r.Lines {
		if l.Restocked > 0 {
			out = append(out, Came{SKU: l.SKU, Quantity: l.Restocked, Restock: true})
		}
		if scrap := l.Received - l.Restocked; scrap > 0 {
			out = append(out, Came{SKU: l.SKU, Quantity: scrap})
		}
	}
	return out
}

// claims gives the pieces of a line that the return takes from what can still
// be returned: those asked for, or once the goods are back those that came.
func (r Return) claims(l Line) int {
	switch {
	case r.Status == Rejected:
		return 0
	case r.Status.Back():
		return l.Received
	default:
		return l.Quantity
	}
}
