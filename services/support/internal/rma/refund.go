package rma

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"tienda/internal/fault"
)

// settleTime is how long the request that received a return may take to
// refund it before the background work takes over.
const settleTime = 10 * time.Second

// Receive notes the last that came back and has orders refund it. If orders
// does not answer the return stays received and the error is
// fault.Unavailable: a repeat, or RefundReceived, finishes it, for the refund is
// idempotent. If orders refuses, the return is left refund_failed and the error
// is ErrRefundRefused: only another Receive tries it again. While orders owes an
// exchange the return stays received, too, without an error.
func (s *Service) Receive(ctx context.Context, id string, version int64, came []Came) (Return, error) {
	return s.taken(ctx, id, func(o *OfOrder) error { return o.Receive(id, version, came, s.now()) })
}

// Take notes a parcel of a return and has orders refund it, like Receive.
func (s *Service) Take(ctx context.Context, id, receiptID string, version int64, came []Came) (Return, error) {
	return s.taken(ctx, id, func(o *OfOrder) error { return o.Take(id, receiptID, version, came, s.now()) })
}

// CloseShort says that no more comes.
func (s *Service) CloseShort(ctx context.Context, id string, version int64) (Return, error) {
	return s.taken(ctx, id, func(o *OfOrder) error { return o.CloseShort(id, version, s.now()) })
}

func (s *Service) taken(ctx context.Context, id string, take func(*OfOrder) error) (Return, error) {
	r, err := s.changeOne(ctx, id, take)
	if err != nil {
		return r, err
	}
	return s.refund(ctx, r)
}

// refund makes the refunds that the return waits for, and notes each before
// the next.
func (s *Service) refund(ctx context.Context, r Return) (Return, error) {
	var refused error
	for _, p := range r.Receipts {
		if !p.waits() {
			continue
		}
		made, err := s.orders.Refund(ctx, r.OrderID, p.RefundID, p.refundable())
		if refusal := (*fault.Error)(nil); errors.As(err, &refusal) && final(refusal.Kind) {
			if r, err = s.refused(ctx, r, p.RefundID, refusal); err != nil {
				refused = err
			}
			if err != nil && !errors.Is(err, refusal) {
				return Return{}, err
			}
			continue
		}
		if err != nil {
			return Return{}, err
		}
		if r, err = s.change(ctx, r.OrderID, r.ID, func(o *OfOrder) error { return o.made(p.RefundID, made, s.now()) }); err != nil {
			return Return{}, err
		}
	}
	if refused != nil {
		return Return{}, refused
	}
	if r.Status == Received { // closed short, all refunds made before
		return s.change(ctx, r.OrderID, r.ID, func(o *OfOrder) error { return o.Settle(r.ID, s.now()) })
	}
	return r, nil
}

// final says whether orders would only give the same answer again.
func final(k fault.Kind) bool {
	return k == fault.Invalid || k == fault.NotFound || k == fault.Conflict || k == fault.Unprocessable
}

// refused notes the refusal, unless the refund was heard of in the meantime.
func (s *Service) refused(ctx context.Context, r Return, refundID string, why *fault.Error) (Return, error) {
	r, err := s.change(ctx, r.OrderID, r.ID, func(o *OfOrder) error {
		return o.RefundRefused(refundID, cmp.Or(why.Detail, why.Code), s.now())
	})
	if err != nil {
		return r, err
	}
	if slices.ContainsFunc(r.Receipts, func(p Receipt) bool { return p.RefundID == refundID && p.Refund != nil }) {
		return r, nil
	}
	return r, ErrRefundRefused.Because(why)
}

// HearRefund notes a refund that orders has announced. It covers a refund
// whose answer was lost. One that no received return stands behind is logged
// and left: to hear it again would not change that.
func (s *Service) HearRefund(ctx context.Context, orderID, refundID string, m Made) error {
	_, err := s.store.Change(ctx, orderID, func(o *OfOrder) error { return o.made(refundID, m, s.now()) })
	switch fault.KindOf(err) {
	case fault.NotFound, fault.Conflict:
		s.log.WarnContext(ctx, "refund of no received return", "order", orderID, "refund", refundID, "error", err)
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
		err := s.store.InTrace(ctx, r.OrderID, "refund", func(ctx context.Context) error {
			_, err := s.refund(ctx, r)
			return err
		})
		if err != nil {
			failed = append(failed, fmt.Errorf("return %s: %w", r.ID, err))
		}
	}
	return errors.Join(failed...)
}
