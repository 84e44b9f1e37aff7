package checkout

import (
	"context"
	"errors"

	"tienda/internal/fault"
	"tienda/services/orders/internal/cart"
	"tienda/services/orders/internal/order"
)

// drive takes a pending order to its end. gave says that the cart really gave
// it its lines: on a store that does not roll back, a transaction that was
// cut in half can leave an order whose cart went elsewhere. From here on the
// saga goes on although the client may go away.
func (s *Service) drive(ctx context.Context, o *order.Order, gave bool) (*order.Order, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), driveLimit)
	defer cancel()
	settled, err := s.settle(ctx, o, gave)
	if err != nil && !final(err) {
		s.leave(ctx, o.ID)
		return nil, err
	}
	s.arrive(ctx, o.ID)
	return settled, err
}

// settle gives the confirmed order, or the final error that it ended with, or
// another error after which the order is still pending.
func (s *Service) settle(ctx context.Context, o *order.Order, gave bool) (*order.Order, error) {
	if !gave {
		return s.refuse(ctx, o.ID, ErrCart)
	}
	sold, err := s.catalog.Reserve(ctx, o.ID, o.Currency, o.Lines)
	if err != nil {
		return s.refuseOr(ctx, o.ID, err)
	}
	bill, err := s.bill(ctx, o, sold)
	if err != nil {
		return s.refuseOr(ctx, o.ID, err)
	}
	var ended *order.Refusal
	done, err := s.store.Confirm(ctx, o.ID, func(o *order.Order) error {
		if ended = o.Refusal; ended != nil {
			return nil
		}
		return o.Confirm(bill, s.now())
	})
	switch {
	case err != nil:
		return s.refuseOr(ctx, o.ID, err)
	case ended != nil: // another driver ended it; its event releases what we reserved
		return nil, ended.Fault()
	}
	return done, nil
}

// refuseOr refuses the order if err is final, and else answers it.
func (s *Service) refuseOr(ctx context.Context, id string, err error) (*order.Order, error) {
	var why *fault.Error
	if !errors.As(err, &why) || !final(err) {
		return nil, err
	}
	return s.refuse(ctx, id, why)
}

// refuse cancels a pending order and puts its lines back into the cart. If
// another driver was faster, its end counts.
func (s *Service) refuse(ctx context.Context, id string, why *fault.Error) (*order.Order, error) {
	o, err := s.store.Return(ctx, id, func(o *order.Order, c *cart.Cart) error {
		if o.Status == order.Pending {
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
		return nil, o.Refusal.Fault()
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
