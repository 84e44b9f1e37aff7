package order

import (
	"fmt"
	"time"

	"tienda/internal/fault"
	"tienda/services/orders/internal/payment"
)

// What a refused card answers.
var (
	errDeclined = fault.New(fault.Unprocessable, "payment_declined", "The card was declined. Pay by another one, or in another way.")
	errTaken    = fault.New(fault.Conflict, "total_changed", "The total has changed while the card was asked. Look at it and check out again.")
)

// covered says whether an order may be bought: with a card only for what it was
// authorised with. One that costs nothing needs no card.
func (o *Order) covered(total int64, now time.Time) error {
	c := o.Payment.Card
	switch {
	case c == nil:
		return nil
	case total == 0:
		c.Drop(now)
		return nil
	case c.Authorised() != total || c.Voided():
		return fmt.Errorf("order %s: %d are authorised, it costs %d", o.ID, c.Authorised(), total)
	}
	return nil
}

// charge asks for what is due of the money that the card was authorised with, once.
func (o *Order) charge(now time.Time) error {
	c := o.Payment.Card
	if c == nil || o.Payment.Due == 0 || c.Capturing() > 0 {
		return nil
	}
	o.changed = true
	return c.Capture(o.ID, o.Payment.Due, now)
}

// Recapture asks once more for what is due of an order whose card was declined when
// the money was to be taken. While that is asked for, or once it is taken, a repeat
// changes nothing.
func (o *Order) Recapture(version int64, now time.Time) error {
	c := o.Payment.Card
	switch {
	case o.Status == Pending || o.Status == Cancelled:
		return fault.New(fault.Conflict, "order_is_"+string(o.Status), "No card is charged for an order that is "+string(o.Status)+".")
	case c == nil:
		return fault.New(fault.Conflict, "payment_not_by_card", "The order is not paid by card.")
	case c.Capturing() > 0:
		return nil
	case version != 0 && version != o.Version:
		return errVersion
	case o.Payment.Due == 0:
		return fault.New(fault.Conflict, "nothing_due", "Nothing is due for the order.")
	}
	asked, err := c.Recapture(o.ID, o.Payment.Due, now)
	o.changed = o.changed || asked
	return err
}

// giveBack asks for what a refund pays back of what was taken. Of what could not be
// taken there is nothing to give back.
func (o *Order) giveBack(amount int64, now time.Time) error {
	c := o.Payment.Card
	if c == nil || amount == 0 || c.Capturing() == 0 {
		return nil
	}
	return c.Refund(o.ID, amount, now)
}

// release lets go of the card of an order that is cancelled: what was taken goes
// back, what is only held is freed.
func (o *Order) release(now time.Time) {
	p := &o.Payment
	if p.Card == nil {
		return
	}
	if back := p.Card.Release(o.ID, now); back > 0 {
		p.Refunded += back
		p.Status = Refunded
	}
}

// TakeUp notes that a checkout which was left is driven again: whoever has driven it
// before and writes late finds another order.
func (o *Order) TakeUp() {
	if o.Payment.Card != nil && o.Status == Pending {
		o.Payment.Card.Takes++
		o.changed = true
	}
}

// Unasked says that the provider was never asked about a pending order.
func (o *Order) Unasked(now time.Time) {
	if o.Payment.Card != nil && o.Status == Pending {
		o.Payment.Card.Drop(now)
	}
}

// HeardOf notes a callback of the provider; false: it was heard before.
func (o *Order) HeardOf(id string, now time.Time) bool {
	if o.Payment.Card == nil || !o.Payment.Card.Hear(id, now) {
		return false
	}
	o.changed = true
	return true
}

// NotePayment notes what the provider says of an attempt.
func (o *Order) NotePayment(key string, out payment.Outcome, now time.Time) error {
	p := &o.Payment
	if p.Card == nil {
		return payment.ErrUnknown
	}
	before := p.Card.Captured()
	changed, err := p.Card.Settle(key, out, now)
	if err != nil || !changed {
		return err
	}
	o.changed = true
	if taken := p.Card.Captured() - before; taken > 0 {
		p.take(taken, o.Status)
	}
	if p.Card.Capturing() == 0 {
		o.neverPaid()
	}
	if p.Status == Authorised && p.Card.State() == "capture_declined" { // staff sees that the money does not come
		p.Status = Due
	}
	if o.Status == Cancelled {
		o.release(now) // it may have been approved after all
		switch p.Refunded = p.Card.Refunding(); {
		case p.Refunded > 0:
		case p.Card.Captured() > 0: // what was to come back is declined
			p.Status = Paid
		default:
			p.Status = Void
		}
	}
	return nil
}

// kept is what of the money that was taken stays with the shop. What was refunded while
// a card was declined has lowered what was due, and was not given back.
func (p *Payment) kept() int64 {
	if p.Card == nil {
		return p.Paid - p.Refunded
	}
	return p.Paid - p.Card.AskedBack()
}

// take counts what the provider has taken. A cancelled order's comes back.
func (p *Payment) take(amount int64, status Status) {
	p.Paid += amount
	p.Due = max(0, p.Due-amount)
	switch {
	case status == Cancelled || p.Due > 0:
	case p.kept() <= 0:
		p.Status = Refunded
	case p.Refunded > 0:
		p.Status = PartiallyRefunded
	default:
		p.Status = Paid
	}
}

// Answers says how a checkout goes on after what the provider says of its
// authorisation: nil, it can be confirmed.
func (o *Order) Answers(out payment.Outcome, total int64) error {
	switch {
	case out.Status == payment.Declined:
		return errDeclined.At("/payment_token", declineReason(out.Code))
	case out.Amount != total || out.Currency != o.Currency:
		return errTaken.At("/expected_total", "is "+o.Money(total).String()+" now")
	}
	return nil
}

// declineReason lets through what is a code, and no text of whoever.
func declineReason(code string) string {
	if code == "" || len(code) > 64 {
		return "was declined"
	}
	for _, c := range code {
		if (c < 'a' || c > 'z') && c != '_' && (c < '0' || c > '9') {
			return "was declined"
		}
	}
	return "was declined: " + code
}

// Owes says whether the provider is still to be asked for something by somebody
// other than the checkout.
func (o *Order) Owes() bool {
	if o.Payment.Card == nil || o.Status == Pending {
		return false
	}
	_, owes := o.Payment.Card.Next()
	return owes
}
