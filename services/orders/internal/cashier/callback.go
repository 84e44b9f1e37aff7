package cashier

import (
	"context"
	"time"

	"tienda/services/orders/internal/order"
	"tienda/services/orders/internal/payment"
)

// Callback is what a provider tells by itself about a key.
type Callback struct {
	ID      string // of the callback; one that comes again has the same
	Key     string
	Outcome payment.Outcome
	At      time.Time
}

// Hear takes in a callback whose signature was found good, once. State: 1 get, 1
// save; of a pending order its line in the list of the recovery, which goes on with
// the checkout.
func (s *Service) Hear(ctx context.Context, c Callback) error {
	id := payment.OrderOf(c.Key)
	if id == "" {
		return payment.ErrUnknown
	}
	return s.orders.InTrace(ctx, id, "take in a callback", func(ctx context.Context) error { return s.hear(ctx, id, c) })
}

func (s *Service) hear(ctx context.Context, id string, c Callback) error {
	o, err := s.orders.Update(ctx, id, func(o *order.Order) error {
		if o.Payment.Card == nil {
			return payment.ErrUnknown
		}
		if !o.HeardOf(c.ID, s.now()) {
			return nil
		}
		return o.NotePayment(c.Key, c.Outcome, s.now())
	})
	switch {
	case err != nil:
		return err
	case o.Status == order.Pending:
		return s.orders.MarkUnsettled(ctx, id)
	case o.Owes():
		s.Due(ctx, id)
	case o.Owing(): // this replica's journal has it now
		return s.orders.MarkUnsettled(ctx, id)
	}
	return nil
}
