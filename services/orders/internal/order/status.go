package order

import (
	"slices"

	"tienda/internal/fault"
)

// Status is where an order stands.
type Status string

// The statuses. A pending order has the lines of a cart and is not bought yet.
const (
	Pending          Status = "pending"
	Confirmed        Status = "confirmed"
	PartiallyShipped Status = "partially_shipped" // more of it follows
	Shipped          Status = "shipped"
	Delivered        Status = "delivered"
	Cancelled        Status = "cancelled"
)

// Statuses are all of them, in the order of an order's life.
var Statuses = []Status{Pending, Confirmed, PartiallyShipped, Shipped, Delivered, Cancelled}

// transitions is every way an order can go; there are no others.
var transitions = map[Status][]Status{
	Pending:          {Confirmed, Cancelled},
	Confirmed:        {PartiallyShipped, Shipped, Cancelled},
	PartiallyShipped: {Shipped},
	Shipped:          {Delivered},
	Delivered:        {},
	Cancelled:        {},
}

// CanBecome says whether an order may go from s to next.
func (s Status) CanBecome(next Status) bool { return slices.Contains(transitions[s], next) }

// PaymentMethod is how an order is to be paid.
type PaymentMethod string

// The payment methods.
const (
	Invoice        PaymentMethod = "invoice"
	CashOnDelivery PaymentMethod = "cash_on_delivery"
	ByExchange     PaymentMethod = "exchange" // of a replacement: paid by what came back
	Card           PaymentMethod = "card"
)

// PaymentStatus sums a payment up.
type PaymentStatus string

// The payment statuses.
const (
	Due               PaymentStatus = "due"
	PaymentPending    PaymentStatus = "pending"    // of a card: what the provider has done is not known yet
	Authorised        PaymentStatus = "authorised" // the card has the amount, which is not taken yet
	Paid              PaymentStatus = "paid"
	PartiallyRefunded PaymentStatus = "partially_refunded"
	Refunded          PaymentStatus = "refunded"
	Void              PaymentStatus = "void" // of a cancelled order
)

func wrongState(from, to Status) error {
	return fault.New(fault.Conflict, "order_is_"+string(from), "An order that is "+string(from)+" cannot become "+string(to)+".")
}
