package order

import (
	"context"
	"time"

	"tienda/internal/fault"
	"tienda/services/orders/internal/shopper"
)

// ErrMissing answers for an order that is not there or not the caller's.
var ErrMissing = fault.Missing("order")

// Store keeps orders.
type Store interface {
	Get(ctx context.Context, id string) (*Order, error) // ErrMissing
	// GetAll gives those of the orders that there are.
	GetAll(ctx context.Context, ids []string) ([]*Order, error)
	// Update runs fn over an order and stores and announces what changed;
	// the order has its new version afterwards. fn may run more than once.
	Update(ctx context.Context, id string, fn func(*Order) error) (*Order, error) // ErrMissing
}

// Viewer is who looks at an order or acts on it.
type Viewer struct {
	shopper.Shopper
	Staff bool // a support agent or an admin, who may see every order
}

func (v Viewer) check(o *Order) error {
	if !v.Staff && !v.Owns(o.Owner) {
		return ErrMissing
	}
	return nil
}

// Service is what can be done with an order once its checkout is through.
type Service struct {
	store   Store
	cashier Cashier
	owed    func(ctx context.Context, o *Order)
	stock   Stock
	now     func() time.Time
}

// Cashier has done soon what an order owes the payment provider.
type Cashier interface {
	Due(ctx context.Context, orderID string)
}

// OnNews has f told of orders that were written because of news about their returns.
// Call it before the service is used.
func (s *Service) OnNews(f func(ctx context.Context, o *Order)) { s.owed = f }

// NewService gives the service over its store.
func NewService(store Store, c Cashier) *Service {
	return &Service{store: store, cashier: c, now: func() time.Time { return time.Now().UTC() }}
}

// update is the store's Update; what the order owes afterwards, by this change or by an
// earlier one, is done soon: who writes an order that owes something has it in its
// journal.
func (s *Service) update(ctx context.Context, id string, fn func(*Order) error) (*Order, error) {
	o, err := s.store.Update(ctx, id, fn)
	if err == nil && o.Owes() {
		s.cashier.Due(ctx, id)
	}
	return o, err
}

// Get gives an order that the viewer may see.
func (s *Service) Get(ctx context.Context, v Viewer, id string) (*Order, error) {
	o, err := s.store.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	return o, v.check(o)
}

// Statuses gives the status of those of the orders that there are.
func (s *Service) Statuses(ctx context.Context, ids []string) (map[string]Status, error) {
	found, err := s.store.GetAll(ctx, ids)
	if err != nil {
		return nil, err
	}
	out := make(map[string]Status, len(found))
	for _, o := range found {
		out[o.ID] = o.Status
	}
	return out, nil
}

// Cancel cancels a confirmed order of the viewer.
func (s *Service) Cancel(ctx context.Context, v Viewer, id, reason string, version int64) (*Order, error) {
	return s.update(ctx, id, func(o *Order) error {
		if err := v.check(o); err != nil {
			return err
		}
		return o.Cancel(reason, version, s.now())
	})
}

// Readdress sends an order of the viewer that is not shipped yet to another address.
func (s *Service) Readdress(ctx context.Context, v Viewer, id string, to Address, version int64) (*Order, error) {
	return s.store.Update(ctx, id, func(o *Order) error {
		if err := v.check(o); err != nil {
			return err
		}
		return o.Readdress(to, version)
	})
}

// DeliverShipment states that a shipment of an order has arrived.
func (s *Service) DeliverShipment(ctx context.Context, id, shipment string, version int64) (*Order, error) {
	return s.update(ctx, id, func(o *Order) error { return o.DeliverShipment(shipment, version, s.now()) })
}

// Deliver states that a shipped order has arrived.
func (s *Service) Deliver(ctx context.Context, id string, version int64) (*Order, error) {
	return s.update(ctx, id, func(o *Order) error { return o.Deliver(version, s.now()) })
}

// Recapture asks once more for the money of an order whose card was declined.
func (s *Service) Recapture(ctx context.Context, id string, version int64) (*Order, error) {
	return s.update(ctx, id, func(o *Order) error { return o.Recapture(version, s.now()) })
}

// Refund refunds lines of a delivered order for a return.
func (s *Service) Refund(ctx context.Context, id, returnID string, lines []RefundLine) (*Order, Refund, error) {
	var r Refund
	o, err := s.update(ctx, id, func(o *Order) (err error) {
		r, err = o.Refund(returnID, lines, s.now())
		return err
	})
	return o, r, err
}

// NoteReturn takes in news about a return of an order.
func (s *Service) NoteReturn(ctx context.Context, orderID string, n Return) error {
	o, err := s.update(ctx, orderID, func(o *Order) error {
		o.NoteReturn(n)
		return nil
	})
	if err == nil && s.owed != nil {
		s.owed(ctx, o)
	}
	return err
}
