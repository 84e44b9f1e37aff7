package rma_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
	"tienda/internal/event"
	"tienda/internal/fault"
	"tienda/internal/money"
	"tienda/internal/state"
	"tienda/internal/state/statetest"
	"tienda/services/support/internal/rma"
	"tienda/services/support/internal/statestore"
)

var (
	ana      = caller.Caller{UserID: "ana"}
	errAway  = fault.New(fault.Unavailable, "orders_unavailable", "away")
	tenEuros = money.New(1000, "EUR")
)

// orders is an orders app with one delivered order of ana's, which refunds
// each return once.
type orders struct {
	mu       sync.Mutex
	err      error // what Refund answers
	lose     bool  // refund, and lose the answer
	refunded map[string]int
}

func (o *orders) Order(context.Context, string) (rma.Order, error) {
	return rma.Order{ID: "o", UserID: "ana", Delivered: true, Bought: map[string]int{"LAMP": 5}}, nil
}

func (o *orders) Refund(_ context.Context, _, returnID string, _ []rma.Came) (money.Money, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil {
		return money.Money{}, o.err
	}
	o.refunded[returnID]++
	if o.lose {
		return money.Money{}, errAway
	}
	return tenEuros, nil
}

type shop struct {
	*rma.Service
	orders *orders
	events *event.Memory
	clock  time.Time
}

func open(t *testing.T) *shop {
	t.Helper()
	s := &shop{orders: &orders{refunded: map[string]int{}}, events: &event.Memory{}, clock: time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)}
	log := slog.New(slog.DiscardHandler)
	db := state.Open(statetest.NewMemory(), s.events, log)
	s.Service = rma.NewService(statestore.NewReturns(db), s.orders, nil, log)
	s.SetClock(func() time.Time { return s.clock })
	return s
}

// approved gives the ID of an approved return.
func (s *shop) approved(t *testing.T) string {
	t.Helper()
	r, err := s.Request(t.Context(), ana, "o", "", []rma.Line{{SKU: "LAMP", Quantity: 1, Reason: rma.Damaged}})
	require.NoError(t, err)
	_, err = s.Approve(t.Context(), r.ID, 0, rma.Label{})
	require.NoError(t, err)
	return r.ID
}

func (s *shop) requireStatus(t *testing.T, id string, want rma.Status) {
	t.Helper()
	r, err := s.Get(t.Context(), ana, id)
	require.NoError(t, err)
	require.Equal(t, want, r.Status)
	if want == rma.Refunded {
		require.Equal(t, &tenEuros, r.Refund)
	}
}

// A refund that could not be made is finished by the next receive, by the
// background work, or by the event of orders, whichever comes first.
func TestRefundIsFinished(t *testing.T) {
	finish := map[string]func(*testing.T, *shop, string){
		"by a repeat": func(t *testing.T, s *shop, id string) {
			_, err := s.Receive(t.Context(), id, 0, nil)
			require.NoError(t, err)
		},
		"in the background": func(t *testing.T, s *shop, id string) {
			require.NoError(t, s.RefundReceived(t.Context()))
			s.requireStatus(t, id, rma.Received) // the request may still be at it
			s.clock = s.clock.Add(rma.SettleTime)
			require.NoError(t, s.RefundReceived(t.Context()))
		},
		"by the event": func(t *testing.T, s *shop, id string) {
			require.NoError(t, s.HearRefund(t.Context(), "o", id, tenEuros))
			require.NoError(t, s.HearRefund(t.Context(), "o", id, tenEuros))
		},
	}
	for name, by := range finish {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			id := s.approved(t)
			s.orders.err = errAway
			_, err := s.Receive(t.Context(), id, 0, nil)
			require.Equal(t, fault.Unavailable, fault.KindOf(err))
			s.requireStatus(t, id, rma.Received)
			s.clock = s.clock.Add(time.Second)
			require.NoError(t, s.RefundReceived(t.Context()))
			s.orders.err = nil
			by(t, s, id)
			s.requireStatus(t, id, rma.Refunded)
			s.clock = s.clock.Add(rma.SettleTime)
			require.NoError(t, s.RefundReceived(t.Context()), "nothing is left to do")
			require.LessOrEqual(t, s.orders.refunded[id], 1)
			require.Equal(t, []string{"tienda.support.return_requested", "tienda.support.return_approved",
				"tienda.support.return_received", "tienda.support.return_refunded"}, s.events.Types())
		})
	}
}

func TestLostAnswerOfTheRefund(t *testing.T) {
	s := open(t)
	id := s.approved(t)
	s.orders.lose = true
	_, err := s.Receive(t.Context(), id, 0, nil)
	require.Error(t, err)
	s.orders.lose = false
	r, err := s.Receive(t.Context(), id, 0, nil)
	require.NoError(t, err)
	require.Equal(t, rma.Refunded, r.Status)
}

func TestRefusedRefund(t *testing.T) {
	s := open(t)
	id := s.approved(t)
	s.orders.err = fault.New(fault.Unprocessable, "quantity_exceeded", "no").At("/lines/0/quantity", "is too much")
	_, err := s.Receive(t.Context(), id, 0, nil)
	require.ErrorIs(t, err, s.orders.err)
	require.Equal(t, "refund_refused", fault.CodeOf(err))
	s.requireStatus(t, id, rma.RefundFailed)
	s.clock = s.clock.Add(rma.SettleTime)
	require.NoError(t, s.RefundReceived(t.Context()), "it is not tried again by itself")

	_, err = s.Receive(t.Context(), id, 0, nil)
	require.Equal(t, "refund_refused", fault.CodeOf(err), "an agent may")
	s.orders.err = nil
	r, err := s.Receive(t.Context(), id, 0, nil)
	require.NoError(t, err)
	require.Equal(t, rma.Refunded, r.Status)
	require.Empty(t, r.Failure)
	const support = "tienda.support.return_"
	require.Equal(t, []string{support + "requested", support + "approved", support + "received", support + "refund_failed",
		support + "received", support + "refund_failed", support + "received", support + "refunded"}, s.events.Types())
}

// The background work tells of a refusal once, and an event of orders counts
// for more than it.
func TestRefusedInTheBackground(t *testing.T) {
	s := open(t)
	id := s.approved(t)
	s.orders.err = errAway
	_, err := s.Receive(t.Context(), id, 0, nil)
	require.Error(t, err)
	s.clock = s.clock.Add(rma.SettleTime)
	s.orders.err = fault.New(fault.Conflict, "order_not_delivered", "")
	require.ErrorContains(t, s.RefundReceived(t.Context()), "order_not_delivered")
	require.NoError(t, s.RefundReceived(t.Context()))
	r, err := s.Get(t.Context(), ana, id)
	require.NoError(t, err)
	require.Equal(t, rma.RefundFailed, r.Status)
	require.Equal(t, "order_not_delivered", r.Failure, "there is always a reason")
	require.NoError(t, s.HearRefund(t.Context(), "o", id, tenEuros))
	s.requireStatus(t, id, rma.Refunded)
}

// A refund that stands behind no received return is left, and not retried.
func TestHeardForNothing(t *testing.T) {
	s := open(t)
	id := s.approved(t)
	require.NoError(t, s.HearRefund(t.Context(), "o", id, tenEuros))
	require.NoError(t, s.HearRefund(t.Context(), "o", "none", tenEuros))
	s.requireStatus(t, id, rma.Approved)
}

// Many ask at once for the last pieces: together they get no more than there
// were.
func TestReturnsAtOnce(t *testing.T) {
	s := open(t)
	var g sync.WaitGroup
	errs := make([]error, 12)
	for i := range errs {
		g.Go(func() {
			_, errs[i] = s.Request(t.Context(), ana, "o", "", []rma.Line{{SKU: "LAMP", Quantity: 1, Reason: rma.Other}})
		})
	}
	g.Wait()
	granted := 0
	for _, err := range errs {
		if err == nil {
			granted++
			continue
		}
		require.Equal(t, "quantity_exceeded", fault.CodeOf(err), "%v", errors.Unwrap(err))
	}
	require.Equal(t, 5, granted)
}
