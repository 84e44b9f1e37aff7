package rma_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/fault"
	"tienda/internal/money"
	"tienda/services/support/internal/rma"
)

// ledger is an orders app that keeps what it has refunded under each ID, and
// is away or loses its answer now and then.
type ledger struct {
	mu    sync.Mutex
	rand  *rand.Rand
	trust bool // answers always
	made  map[string][]rma.Came
}

func (l *ledger) Order(context.Context, string) (rma.Order, error) {
	return rma.Order{ID: "o", UserID: "ana", Delivered: true, Bought: map[string]int{"LAMP": 6}}, nil
}

func (l *ledger) Refund(_ context.Context, _, refundID string, came []rma.Came) (money.Money, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.trust && l.rand.IntN(4) == 0 {
		return money.Money{}, errAway
	}
	if was, ok := l.made[refundID]; ok && fmt.Sprint(was) != fmt.Sprint(came) {
		return money.Money{}, fault.New(fault.Conflict, "return_id_reused", "Other lines.")
	}
	l.made[refundID] = came
	if !l.trust && l.rand.IntN(4) == 0 {
		return money.Money{}, errAway
	}
	return money.New(int64(100*pieces(came)), "EUR"), nil
}

func pieces(came []rma.Came) (n int) {
	for _, c := range came {
		n += c.Quantity
	}
	return n
}

// Agents take the parts of a return in at once and repeat themselves, while
// orders fails and loses answers and the background work goes on: what is
// refunded in the end is what came, each part once, and no more than was asked.
func TestPartsAtOnce(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	for round := range 40 {
		r := rand.New(rand.NewPCG(seed, uint64(round)))
		s := open(t)
		l := &ledger{rand: rand.New(rand.NewPCG(seed, uint64(1000+round))), made: map[string][]rma.Came{}}
		s.SetOrders(l)
		asked := 2 + r.IntN(5)
		ret, err := s.Request(t.Context(), ana, "o", "", []rma.Line{{SKU: "LAMP", Quantity: asked, Reason: rma.Damaged}})
		require.NoError(t, err)
		_, err = s.Approve(t.Context(), ret.ID, 0, rma.Label{Reference: "label"})
		require.NoError(t, err)
		var g sync.WaitGroup
		for i := range 6 {
			part, n, fit, last := fmt.Sprint(r.IntN(4)), 1+r.IntN(2), r.IntN(2) == 0, r.IntN(8) == 0
			came := []rma.Came{{SKU: "LAMP", Quantity: n, Restock: fit}}
			if r.IntN(2) == 0 {
				came[0].Deduction, came[0].Why = 20, "worn"
			}
			g.Go(func() {
				for range 2 {
					var err error
					switch {
					case last:
						_, err = s.CloseShort(t.Context(), ret.ID, 0)
					case i == 0:
						err = s.RefundReceived(t.Context())
					default:
						_, err = s.Take(t.Context(), ret.ID, part, 0, came)
					}
					if err != nil {
						require.Contains(t, []fault.Kind{fault.Conflict, fault.Unprocessable, fault.Unavailable}, fault.KindOf(err), "%v", err)
					}
				}
			})
		}
		g.Wait()
		l.trust = true
		_, err = s.Receive(t.Context(), ret.ID, 0, nil)
		require.NoError(t, err)
		s.clock = s.clock.Add(rma.SettleTime)
		require.NoError(t, s.RefundReceived(t.Context()))

		got, err := s.Get(t.Context(), ana, ret.ID)
		require.NoError(t, err)
		require.Equal(t, rma.Refunded, got.Status)
		require.LessOrEqual(t, got.Lines[0].Received, asked)
		require.Equal(t, pieces(got.CameBack()), got.Lines[0].Received)
		require.Len(t, l.made, len(got.Receipts))
		for _, p := range got.Receipts {
			require.Equal(t, p.Lines, l.made[p.RefundID])
		}
		require.Equal(t, int64(100*got.Lines[0].Received), got.Refund.Amount)
	}
}
