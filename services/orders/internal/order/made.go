package order

import (
	"time"

	"tienda/services/orders/internal/shopper"
)

// Made is what is kept of an order that was made here and is moved in since: another
// system is in charge of it, and knows less of it than we do.
type Made struct {
	Owner shopper.Owner `json:"owner"` // in whose list it is, where it was put when it was made
	// Guest says that the other system names no customer. It is its owner's all the same.
	Guest bool `json:"guest,omitempty"`
	// Said is the payment as the other system has it. What our provider has taken since is not in it.
	Said *Said `json:"said,omitempty"`
	// Whole says that lines and payment are those that we know: a refund is bounded by them.
	Whole bool `json:"whole,omitempty"`
}

// Said is a payment in the words of another system. Amounts are minor units.
type Said struct {
	Method    PaymentMethod `json:"method"`
	Status    PaymentStatus `json:"status"`
	Paid      int64         `json:"paid"`
	Refunded  int64         `json:"refunded"`
	Reference string        `json:"reference,omitempty"`
	Here      int64         `json:"here,omitempty"` // what was given back here then
}

// HandOver notes that another system has taken charge of an order that was made here. What
// was reserved for it and is not shipped that system has off its count.
func (o *Order) HandOver() {
	if o.Status == Confirmed || o.Status == PartiallyShipped {
		o.happened(Fact{Kind: WasHandedOver})
	}
}

// Follow has the card that pays for an order which was made here do what the other system
// has decided: once that has shipped it, what is due is taken of the money that is held,
// once; when it has cancelled it, or the money came in another way, what is held is freed.
// What that system knows to be paid it gives back itself; what we have taken without its
// knowing comes back from here. See docs/adr/0043.
func (o *Order) Follow(now time.Time) error {
	c, m := o.Payment.Card, o.Moved
	if c == nil || m == nil || m.Made == nil || m.Made.Said == nil {
		return nil
	}
	switch o.Status {
	case Cancelled:
		o.free(now)
	case Shipped, Delivered:
		switch due := min(o.Payment.Due, c.Authorised()-c.Capturing()); {
		case o.Payment.Due == 0 && c.Capturing() == 0:
			o.release(now)
		case due > 0 && !c.Tried() && !c.Voided():
			return c.Capture(o.ID, due, now)
		}
	case Pending, Confirmed, PartiallyShipped:
	}
	return nil
}

// free frees what the card of an order that was made here holds, and gives back what the
// other system does not know of.
func (o *Order) free(now time.Time) {
	if o.Payment.Card.Capturing() == 0 || o.Moved.Made.Said.Paid == 0 {
		o.release(now)
	}
}

// freed is free for an order that is deleted, and says whether its card is to do something.
func (o *Order) freed(now time.Time) bool {
	if o.Payment.Card == nil || o.Moved.Made == nil || o.Moved.Made.Said == nil {
		return false
	}
	o.free(now)
	_, owes := o.Payment.Card.Next()
	return owes
}
