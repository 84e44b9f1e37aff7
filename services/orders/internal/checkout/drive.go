package checkout

import (
	"context"
	"errors"
	"math"
	"time"

	"tienda/internal/fault"
	"tienda/services/orders/internal/cart"
	"tienda/services/orders/internal/order"
	"tienda/services/orders/internal/payment"
)

// start is what is known when a pending order is driven.
type start struct {
	// gave: the cart really gave it its lines. On a store that does not roll back, a
	// transaction that was cut in half can leave an order whose cart went elsewhere.
	gave bool
	// fresh: this try has begun it, so that nobody has asked the provider before.
	fresh bool
}

// drive takes a pending order to its end. It gives it pending only where the payment
// provider has not told yet. From here on the saga goes on although the client may go
// away.
func (s *Service) drive(ctx context.Context, o *order.Order, from start) (*order.Order, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), driveLimit)
	defer cancel()
	settled, err := s.settle(ctx, o, from)
	if errors.Is(err, errUnpaid) {
		s.ended(o, nil)
	} else {
		s.ended(settled, err)
	}
	if err != nil && !final(err) {
		s.leave(ctx, o.ID)
		if errors.Is(err, errUnpaid) {
			return o, nil
		}
		return nil, err
	}
	if settled != nil && settled.Owes() { // it stays in the journal, out of which the cashier takes it
		s.cashier.Due(ctx, o.ID)
		return settled, err
	}
	version := int64(math.MaxInt64)
	if settled != nil {
		version = settled.Version
	}
	s.arrive(ctx, o.ID, version)
	return settled, err
}

// errUnpaid says that the payment provider has not told what it has done.
var errUnpaid = errors.New("the checkout waits for the payment provider")

// settle gives the confirmed order, or the cancelled one and the final error that it
// ended with, or another error after which the order is still pending.
func (s *Service) settle(ctx context.Context, o *order.Order, from start) (*order.Order, error) {
	end := ending{fresh: from.fresh}
	if !from.fresh && o.Payment.Card != nil {
		taken, err := s.store.Confirm(ctx, o.ID, func(o *order.Order) error {
			o.TakeUp()
			return nil
		})
		switch {
		case err != nil:
			return nil, err
		case taken.Refused():
			return taken, taken.Refusal.Fault()
		case taken.Status != order.Pending:
			return taken, nil
		}
		o = taken
	}
	if !from.gave {
		return s.refuse(ctx, o.ID, ErrCart, end)
	}
	sold, err := s.catalog.Reserve(ctx, o.ID, o.Currency, o.Lines)
	if err != nil {
		return s.refuseOr(ctx, o.ID, err, end)
	}
	bill, err := s.bill(ctx, o, sold)
	if err != nil {
		return s.refuseOr(ctx, o.ID, err, end)
	}
	end = ending{key: authorisation(o)}
	if end.told, err = s.pay(ctx, o, bill.Totals.Total, from.fresh); err != nil {
		return s.refuseOr(ctx, o.ID, err, end)
	}
	var ended *order.Refusal
	done, err := s.store.Confirm(ctx, o.ID, func(o *order.Order) error {
		if err := end.note(o, s.now()); err != nil {
			return err
		}
		if ended = o.Refusal; ended != nil {
			return nil
		}
		return o.Confirm(bill, s.now())
	})
	switch {
	case err != nil:
		return s.refuseOr(ctx, o.ID, err, end)
	case ended != nil: // another driver ended it; its event releases what we reserved
		return done, ended.Fault()
	}
	return done, nil
}

func authorisation(o *order.Order) string {
	if o.Payment.Card == nil {
		return ""
	}
	return o.Payment.Card.Authorisation().Key
}

// pay has the total held on the order's card. Sidecar: 1 call with a card, 0 without.
func (s *Service) pay(ctx context.Context, o *order.Order, total int64, fresh bool) (*payment.Outcome, error) {
	if o.Payment.Card == nil || total == 0 {
		return nil, nil
	}
	out, err := s.cashier.Authorise(ctx, o, total, fresh)
	if err != nil {
		return nil, errors.Join(errUnpaid, err)
	}
	return &out, o.Answers(out, total)
}

// ending is what is known of the card when a checkout ends.
type ending struct {
	fresh bool             // the provider was not asked, and only this try can have asked it
	key   string           // of the authorisation
	told  *payment.Outcome // of it; nil: not known
}

func (e ending) note(o *order.Order, now time.Time) error {
	if e.told == nil {
		return nil
	}
	return o.NotePayment(e.key, *e.told, now)
}

// refuseOr refuses the order if err is final, and else answers it.
func (s *Service) refuseOr(ctx context.Context, id string, err error, end ending) (*order.Order, error) {
	var why *fault.Error
	if !errors.As(err, &why) || !final(err) {
		return nil, err
	}
	return s.refuse(ctx, id, why, end)
}

// refuse cancels a pending order and puts its lines back into the cart. If
// another driver was faster, its end counts.
func (s *Service) refuse(ctx context.Context, id string, why *fault.Error, end ending) (*order.Order, error) {
	o, err := s.store.Return(ctx, id, func(o *order.Order, c *cart.Cart) error {
		if o.Status == order.Pending {
			// Later than this, somebody else may have taken the checkout up.
			if end.fresh && s.now().Sub(o.CreatedAt) < abandoned {
				o.Unasked(s.now())
			}
			if err := end.note(o, s.now()); err != nil {
				return err
			}
			if err := o.Refuse(why, s.now()); err != nil {
				return err
			}
		}
		// A store that does not roll back may have kept the order's half of an
		// earlier try only: the cart still says that it gave these lines.
		if o.Refused() {
			c.TakeBack(id, linesOf(o), o.Asked.Codes, s.now())
		}
		return nil
	})
	switch {
	case err != nil:
		// Not the store's word on the order, but on this write.
		return nil, fault.New(fault.Unavailable, "checkout_unsettled", "The checkout could not be finished. Repeat it.").Because(err)
	case o.Refused():
		return o, o.Refusal.Fault()
	}
	return o, nil
}

// final says whether an error is an answer to the checkout, which a repeat
// would only get again.
func final(err error) bool {
	switch fault.KindOf(err) {
	case fault.Unprocessable, fault.Conflict:
		return true
	default:
		return false
	}
}

func linesOf(o *order.Order) []cart.Line {
	lines := make([]cart.Line, len(o.Lines))
	for i, l := range o.Lines {
		lines[i] = cart.Line{SKU: l.SKU, Quantity: l.Quantity}
	}
	return lines
}
