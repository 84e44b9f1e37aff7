package checkout

import (
	"context"
	"errors"
	"time"

	"tienda/internal/fault"
	"tienda/services/orders/internal/order"
)

// exchangeLimit is how long one try to settle the exchanges of an order may take: less
// than support waits for an answer.
const exchangeLimit = 5 * time.Second

// Exchange takes what an order owes for pieces that came back to its end: a checkout
// without a cart, driven by the order that was sent back. Each replacement is written
// down pending, then reserved, then confirmed at the value of what came back; what
// catalog refuses ends it, and the value is refunded. It is the replacement's document
// that decides which of both, so that of several drivers none can do the other.
//
// What could not be done is left to the recovery. For each replacement 1 invocation;
// state: 1 bulk get and 1 transaction, 2 gets and 2 saves; after the last 1 get.
func (s *Service) Exchange(ctx context.Context, o *order.Order) (*order.Order, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), exchangeLimit)
	defer cancel()
	for {
		r, owed := o.OwedExchange()
		if !owed {
			break
		}
		settled, err := s.replace(ctx, o, r)
		if err != nil {
			s.leave(ctx, o.ID)
			return nil, err
		}
		o = settled
	}
	if o.Owes() { // it stays in the journal, out of which the cashier takes it
		s.cashier.Due(ctx, o.ID)
		return o, nil
	}
	s.arrive(ctx, o.ID, o.Version)
	return s.owesAgain(ctx, o.ID)
}

// owesAgain leaves an order to the recovery that has come to owe something again while
// it was forgotten.
func (s *Service) owesAgain(ctx context.Context, id string) (*order.Order, error) {
	o, err := s.store.Confirm(ctx, id, func(*order.Order) error { return nil })
	if err != nil {
		s.leave(ctx, id)
		return nil, err
	}
	if o.Owing() {
		s.leave(ctx, id)
	}
	return o, nil
}

// Owed leaves the exchanges of an order to the recovery, if it owes any: whoever writes
// such an order has it in its journal.
func (s *Service) Owed(ctx context.Context, o *order.Order) {
	if _, owed := o.OwedExchange(); owed {
		s.leave(ctx, o.ID)
	}
}

// replace settles the exchange of one refund.
func (s *Service) replace(ctx context.Context, o *order.Order, r order.Refund) (*order.Order, error) {
	to, err := s.store.Replacement(ctx, o.Replacement(*r.Exchange, s.now()))
	if err != nil {
		return nil, err
	}
	if to.Status == order.Pending {
		if to, err = s.buy(ctx, to, *r.Exchange); err != nil {
			return nil, err
		}
	}
	return s.store.Confirm(ctx, o.ID, func(o *order.Order) error { return o.SettleExchange(r.ReturnID, to, s.now()) })
}

// buy reserves and confirms a pending replacement, or ends it as catalog refuses it.
func (s *Service) buy(ctx context.Context, to *order.Order, x order.Exchange) (*order.Order, error) {
	got, err := s.catalog.Reserve(ctx, to.ID, to.Currency, to.Lines)
	var why *fault.Error
	switch {
	case err == nil:
		return s.store.Confirm(ctx, to.ID, func(to *order.Order) error {
			if to.Refused() { // another driver ended it; its event releases what we reserved
				return nil
			}
			return to.Replace(got, x, s.now())
		})
	case errors.As(err, &why) && final(err):
		return s.store.Confirm(ctx, to.ID, func(to *order.Order) error {
			if to.Status != order.Pending {
				return nil
			}
			return to.Refuse(why, s.now())
		})
	default:
		return nil, err
	}
}
