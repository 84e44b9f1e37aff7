package order

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"tienda/internal/fault"
	"tienda/services/orders/internal/pricing"
)

// maxCancellations bounds the cancellations of an order; the last one takes all that is
// left to ship.
const maxCancellations = 50

// Cancellation is what of an order is not wanted any more, and was not shipped.
type Cancellation struct {
	ID       string    `json:"id"`
	Lines    []Item    `json:"lines"`
	Reason   string    `json:"reason,omitempty"`
	Amount   int64     `json:"amount"`             // that the order costs less, in minor units of its currency
	Tax      int64     `json:"tax,omitempty"`      // in it
	Shipping int64     `json:"shipping,omitempty"` // in it
	Refunded int64     `json:"refunded,omitempty"` // of it, what was paid already and goes back
	At       time.Time `json:"at"`
}

// CancellationID gives the ID of the cancellation that an idempotency key makes. Because
// it is derived, a repeat finds what was made first.
func CancellationID(orderID, key string) string {
	return uuid.NewSHA1(namespace, []byte("cancellation\n"+orderID+"\n"+key)).String()
}

// CancellationOf gives the cancellation of an ID; false: there is none.
func (o *Order) CancellationOf(id string) (Cancellation, bool) {
	i := slices.IndexFunc(o.Cancellations, func(c Cancellation) bool { return c.ID == id })
	if i < 0 {
		return Cancellation{}, false
	}
	return o.Cancellations[i], true
}

// Kept is what the order costs without what was cancelled of it.
func (o *Order) Kept() int64 {
	total := o.Total
	for _, c := range o.Cancellations {
		total -= c.Amount
	}
	return total
}

// CancelLines cancels pieces that were not shipped yet. The order costs their share of
// what their lines cost less, after discounts and with tax: the pieces of a line have
// shares that add up to it. Promotions and shipping are not looked at again. Of what was
// paid it is paid back, of what is still due the rest due is lowered. Where nothing was
// shipped and nothing is left the order is cancelled; where something was and nothing is
// left to ship it is shipped. A repeat, told by its ID, changes nothing, whatever version
// it names.
func (o *Order) CancelLines(id string, lines []Item, reason string, version int64, now time.Time) error {
	if c, ok := o.CancellationOf(id); ok {
		if !slices.Equal(c.Lines, lines) || c.Reason != reason {
			return fault.New(fault.Unprocessable, "idempotency_key_reused", "Other lines were cancelled with this key.").
				At("Idempotency-Key", "was used for another request")
		}
		return nil
	}
	switch {
	case version != 0 && version != o.Version:
		return errVersion
	case o.Status != Confirmed && o.Status != PartiallyShipped:
		return fault.New(fault.Conflict, "order_is_"+string(o.Status), "Nothing can be cancelled of an order that is "+string(o.Status)+".")
	}
	rest, err := o.pick(lines, "More would be cancelled than is left of the order.")
	if err != nil {
		return err
	}
	if len(rest) > 0 && len(o.Cancellations) >= maxCancellations-1 {
		return fault.New(fault.Conflict, "too_many_cancellations", "An order has at most 50 cancellations: this one has to take all that is left.")
	}
	c := Cancellation{ID: id, Lines: slices.Clone(lines), Reason: reason, At: now}
	for _, x := range lines {
		if err := o.strike(&c, x); err != nil {
			return err
		}
	}
	switch {
	case len(rest) > 0:
		return o.reduce(c, now)
	case o.Status == Confirmed:
		return o.cancelRest(c, now)
	}
	if err := o.reduce(c, now); err != nil {
		return err
	}
	return o.allSent(now)
}

// LeftCost is what was paid for the pieces of a line that were not cancelled, tax included.
func (l Line) LeftCost() int64 {
	total, _ := l.Cost()
	gone, err := pricing.Share(total, 0, l.Cancelled, l.Quantity)
	if err != nil { // not of a line whose pieces were cancelled by such shares
		return 0
	}
	return total - gone
}

// strike takes pieces out of their line, with their share of what it costs.
func (o *Order) strike(c *Cancellation, x Item) error {
	l := &o.Lines[slices.IndexFunc(o.Lines, func(l Line) bool { return l.SKU == x.SKU })]
	total, tax := l.Cost()
	from, to := l.Cancelled, l.Cancelled+x.Quantity
	amount, err := pricing.Share(total, from, to, l.Quantity)
	if err != nil {
		return err
	}
	taxed, err := pricing.Share(tax, from, to, l.Quantity)
	if err != nil {
		return err
	}
	l.Cancelled = to
	c.Amount += amount
	c.Tax += taxed
	return nil
}

// reduce notes a cancellation after which something of the order is left.
func (o *Order) reduce(c Cancellation, now time.Time) error {
	p := &o.Payment
	if p.Paid > 0 || p.Card != nil && p.Card.Capturing() > 0 {
		c.Refunded = o.atMost(c.Amount)
		if err := o.payBack(c.Refunded, now); err != nil {
			return err
		}
	} else if p.Due -= c.Amount; p.Due == 0 && p.Card != nil { // what is left is free
		p.Status = Due
		p.Card.Release(o.ID, now)
	}
	o.Cancellations = append(o.Cancellations, c)
	o.happened(Fact{Kind: WereCancelled, Cancellation: c})
	return nil
}

// neverPaid takes back that cancelled lines were to be refunded, of a charge that was under
// way then and was declined: what is due was lowered with them.
func (o *Order) neverPaid() {
	for i := range o.Cancellations {
		c := &o.Cancellations[i]
		o.Payment.Refunded -= c.Refunded
		c.Refunded = 0
	}
}

// cancelRest cancels the order with its last pieces, and so its shipping.
func (o *Order) cancelRest(c Cancellation, now time.Time) error {
	if o.Shipping != nil {
		c.Shipping = o.Shipping.Total
		c.Amount += c.Shipping
		c.Tax += o.Shipping.Tax
	}
	before := o.Payment.Refunded
	if err := o.Cancel(c.Reason, 0, now); err != nil {
		return err
	}
	c.Refunded = o.Payment.Refunded - before
	o.Cancellations = append(o.Cancellations, c)
	return nil
}

// allSent makes an order of which all that is left was in earlier shipments a shipped
// one, and a delivered one if they have arrived.
func (o *Order) allSent(now time.Time) error {
	o.Status, o.ShippedAt = Shipped, now
	o.happened(Fact{Kind: WasShipped})
	if slices.ContainsFunc(o.Shipments, func(s Shipment) bool { return s.DeliveredAt.IsZero() }) {
		return nil
	}
	return o.Deliver(0, now)
}

// CancelLines cancels pieces of an order of the viewer that were not shipped yet; key is
// the same in a request and its repeats.
func (s *Service) CancelLines(ctx context.Context, v Viewer, id, key string, lines []Item, reason string, version int64) (*Order, error) {
	return s.update(ctx, id, func(o *Order) error {
		if err := v.check(o); err != nil {
			return err
		}
		return o.CancelLines(CancellationID(id, key), lines, reason, version, s.now())
	})
}
