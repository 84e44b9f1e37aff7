package rma

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"tienda/internal/fault"
	"tienda/internal/money"
)

// settleTime is how long the request that received a return may take to
// refund it before the background work takes over.
const settleTime = 10 * time.Second

// Receive notes what came back and has orders refund it. If orders does not
// answer the return stays received and the error is fault.Unavailable: a
// repeat, or RefundReceived, finishes it, for the refund is idempotent. If
// orders refuses, the return is left refund_failed and the error is
// ErrRefundRefused: only another Receive tries it again.
func (s *Service) Receive(ctx context.Context, id string, version int64, came []Came) (Return, error) {
	r, err := s.changeOne(ctx, id, func(o *OfOrder) error { return o.Receive(id, version, came, s.now()) })
	if err != nil || r.Status == Refunded {
		return r, err
	}
	return s.refund(ctx, r)
}

func (s *Service) refund(ctx context.Context, r Return) (Return, error) {
	amount, err := s.orders.Refund(ctx, r.OrderID, r.ID, r.CameBack())
	if refusal := (*fault.Error)(nil); errors.As(err, &refusal) && final(refusal.Kind) {
		return s.refused(ctx, r, refusal)
	}
	if err != nil {
		return Return{}, err
	}
	return s.change(ctx, r.OrderID, r.ID, func(o *OfOrder) error { return o.Refunded(r.ID, amount, s.now()) })
}

// final says whether orders would only give the same answer again.
func final(k fault.Kind) bool {
	return k == fault.Invalid || k == fault.NotFound || k == fault.Conflict || k == fault.Unprocessable
}

// refused notes the refusal, unless the refund was heard of in the meantime.
func (s *Service) refused(ctx context.Context, r Return, why *fault.Error) (Return, error) {
	r, err := s.change(ctx, r.OrderID, r.ID, func(o *OfOrder) error { return o.RefundRefused(r.ID, cmp.Or(why.Detail, why.Code), s.now()) })
	if err != nil || r.Status == Refunded {
		return r, err
	}
	return Return{}, ErrRefundRefused.Because(why)
}

// HearRefund notes a refund that orders has announced. It covers a refund
// whose answer was lost. One that no received return stands behind is logged
// and left: to hear it again would not change that.
func (s *Service) HearRefund(ctx context.Context, orderID, returnID string, amount money.Money) error {
	_, err := s.change(ctx, orderID, returnID, func(o *OfOrder) error { return o.Refunded(returnID, amount, s.now()) })
	switch fault.KindOf(err) {
	case fault.NotFound, fault.Conflict:
		s.log.WarnContext(ctx, "refund of no received return", "order", orderID, "return", returnID, "error", err)
		return nil
	default:
		return err
	}
}

// RefundReceived refunds what was received and never refunded, whichever
// replica had received it: its process died or orders was away.
func (s *Service) RefundReceived(ctx context.Context) error {
	waiting, err := s.store.Unrefunded(ctx)
	if err != nil {
		return err
	}
	var failed []error
	for _, r := range waiting {
		if s.now().Sub(r.UpdatedAt) < settleTime {
			continue
		}
		if _, err := s.refund(ctx, r); err != nil {
			failed = append(failed, fmt.Errorf("return %s: %w", r.ID, err))
		}
	}
	return errors.Join(failed...)
}
