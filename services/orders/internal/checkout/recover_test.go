package checkout

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/fault"
	"tienda/services/orders/internal/order"
	"tienda/services/orders/internal/payment"
)

// owed is a store of orders that all owe a capture, and the cashier that makes it: a
// provider that takes the rest of the turn from the n-th capture on.
type owed struct {
	Store
	Cashier
	ids  []string
	cut  context.CancelFunc
	n    int
	made []string
	gone bool // there are no orders any more
}

func (s *owed) Unsettled(context.Context) ([]string, error) { return s.ids, nil }

func (s *owed) Gave(context.Context, string) (*order.Order, bool, error) {
	if s.gone {
		return nil, false, fault.Missing("order")
	}
	card := &payment.Payment{Attempts: []payment.Attempt{{Step: payment.Authorise, Status: payment.Approved}, {Step: payment.Capture, Status: payment.Open}}}
	return &order.Order{Status: order.Shipped, Payment: order.Payment{Card: card}}, false, nil
}

func (s *owed) InTrace(ctx context.Context, _, _ string, do func(context.Context) error) error {
	return do(ctx)
}

func (s *owed) Finished(string, int64) {}

func (s *owed) UnmarkUnsettled(context.Context, string) error { return nil }

func (s *owed) MarkUnsettled(context.Context, string) error { return nil }

func (s *owed) Run(_ context.Context, id string, _ bool) error {
	if s.made = append(s.made, id); len(s.made)%s.n == 0 {
		s.cut()
	}
	return context.DeadlineExceeded
}

// A provider that does not answer holds nobody up for ever, and does not hide how many it
// is owed to.
func TestRecoveryGoesOnWhereItWasCutOff(t *testing.T) {
	s := &owed{n: 10}
	for n := range 25 {
		s.ids = append(s.ids, fmt.Sprintf("%02d", n))
	}
	checkouts := NewService(s, nil, nil, nil, nil, s)
	for _, seen := range []int{10, 20, 25} {
		ctx, cut := context.WithCancel(t.Context())
		s.cut = cut
		require.Error(t, checkouts.Recover(ctx))
		require.Equal(t, seen, checkouts.Stats().Owing)
		require.Equal(t, seen, checkouts.Stats().Unsettled[order.Shipped])
	}
	require.Equal(t, append(slices.Clone(s.ids), "00", "01", "02", "03", "04"), s.made)
	s.gone = true
	require.NoError(t, checkouts.Recover(t.Context()))
	require.Zero(t, checkouts.Stats().Owing)
}
