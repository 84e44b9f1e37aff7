package cashier

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tienda/internal/fault"
	"tienda/services/orders/internal/order"
	"tienda/services/orders/internal/payment"
	"tienda/services/orders/internal/payment/paymenttest"
)

const declinesFirst = "sandbox_declines_first_capture"

func (w *world) recapture(o *order.Order) error { return o.Recapture(0, w.clock) }

// declined gives the ID of a shipped order whose card was not charged.
func (w *world) declined(t *testing.T) string {
	t.Helper()
	id := w.bought(t, declinesFirst)
	w.act(t, id, w.ship)
	require.NoError(t, w.Run(t.Context(), id, true))
	o := w.act(t, id, func(*order.Order) error { return nil })
	require.Equal(t, []any{order.Due, "capture_declined", int64(total)}, []any{o.Payment.Status, o.Payment.Card.State(), o.Payment.Due})
	return id
}

func TestAskedAgain(t *testing.T) {
	w := newWorld()
	id := w.declined(t)
	for range 2 { // the second is a repeat
		o := w.act(t, id, w.recapture)
		require.Equal(t, []any{order.Due, "capturing"}, []any{o.Payment.Status, o.Payment.Card.State()})
		require.Len(t, o.Payment.Card.Attempts, 3)
	}
	require.NoError(t, w.Run(t.Context(), id, true))
	o := w.act(t, id, w.recapture)
	require.False(t, o.Owes(), "it is taken already")
	require.Equal(t, []any{order.Paid, "captured", int64(total), int64(0)}, []any{o.Payment.Status, o.Payment.Card.State(), o.Payment.Paid, o.Payment.Due})
	_, taken, _ := w.provider.Sums(id)
	require.Equal(t, int64(total), taken)
}

// What came back meanwhile was not paid: it is neither taken nor given back.
func TestAskedAgainAfterAReturn(t *testing.T) {
	w := newWorld()
	id := w.declined(t)
	back := func(pieces int) *order.Order {
		return w.act(t, id, func(o *order.Order) error {
			_, err := o.Refund(uuid.NewString(), []order.RefundLine{{SKU: "A", Quantity: pieces}}, w.clock)
			return err
		})
	}
	w.act(t, id, func(o *order.Order) error { return o.Deliver(0, w.clock) })
	require.Equal(t, int64(500), back(2).Payment.Due)
	w.act(t, id, w.recapture)
	require.NoError(t, w.Run(t.Context(), id, true))
	o := w.act(t, id, w.recapture)
	require.Equal(t, []any{order.PartiallyRefunded, int64(500), int64(0)}, []any{o.Payment.Status, o.Payment.Paid, o.Payment.Due})
	require.Equal(t, order.PartiallyRefunded, back(1).Payment.Status, "a piece is kept, and paid")
	require.Equal(t, order.Refunded, back(1).Payment.Status)
	require.NoError(t, w.Run(t.Context(), id, true))
	_, taken, given := w.provider.Sums(id)
	require.Equal(t, []int64{500, 500}, []int64{taken, given})
}

func TestNotAskedAgain(t *testing.T) {
	nothing := func(*testing.T, *world, string) {}
	for code, c := range map[string]struct {
		token string
		first func(t *testing.T, w *world, id string)
	}{
		"capture_not_declined": {"sandbox_approves", nothing},
		"order_is_cancelled":   {"sandbox_approves", func(t *testing.T, w *world, id string) { w.act(t, id, w.cancel) }},
		"payment_not_by_card": {"sandbox_approves", func(t *testing.T, w *world, id string) {
			w.act(t, id, func(o *order.Order) error { o.Payment.Card = nil; return nil })
		}},
		"nothing_due": {declinesFirst, func(t *testing.T, w *world, id string) {
			w.act(t, id, w.ship)
			require.NoError(t, w.Run(t.Context(), id, true))
			w.act(t, id, func(o *order.Order) error { return o.Deliver(0, w.clock) })
			w.act(t, id, func(o *order.Order) error {
				_, err := o.Refund("r", []order.RefundLine{{SKU: "A", Quantity: 4}}, w.clock)
				return err
			})
		}},
		"version_mismatch": {declinesFirst, func(t *testing.T, w *world, id string) {
			w.act(t, id, w.ship)
			require.NoError(t, w.Run(t.Context(), id, true))
		}},
		"captures_exhausted": {"sandbox_approves", func(t *testing.T, w *world, id string) {
			w.act(t, id, w.ship)
			for n := range payment.MaxCaptures {
				w.act(t, id, func(o *order.Order) error {
					if n > 0 {
						require.NoError(t, w.recapture(o))
					}
					next, _ := o.Payment.Card.Next()
					return o.NotePayment(next.Key, payment.Outcome{Status: payment.Declined, Code: "expired"}, w.clock)
				})
			}
		}},
	} {
		t.Run(code, func(t *testing.T) {
			w := newWorld()
			id := w.bought(t, c.token)
			c.first(t, w, id)
			version := int64(0)
			if code == "version_mismatch" {
				version = 77
			}
			_, err := w.book.Update(t.Context(), id, func(o *order.Order) error { return o.Recapture(version, w.clock) })
			var f *fault.Error
			require.ErrorAs(t, err, &f)
			require.Equal(t, code, f.Code)
		})
	}
}

// Asked again, returned, answers lost, in any order: never is more taken than is due,
// nor more given back than was taken, and in the end all parts are the total.
func TestAskedAgainThePartsAddUp(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for range 300 {
		w := newWorld()
		id := w.declined(t)
		w.act(t, id, func(o *order.Order) error { return o.Deliver(0, w.clock) })
		w.provider.Fates(func(what string) paymenttest.Fate {
			if strings.HasPrefix(what, "lookup") {
				return []paymenttest.Fate{paymenttest.Answered, paymenttest.Unheard}[r.IntN(2)]
			}
			return paymenttest.Fate(r.IntN(3))
		})
		for range 12 {
			switch r.IntN(3) {
			case 0:
				_, _ = w.book.Update(t.Context(), id, w.recapture) // refused once nothing is due
			case 1:
				_, _ = w.book.Update(t.Context(), id, func(o *order.Order) error { // refused once all is back
					_, err := o.Refund(uuid.NewString(), []order.RefundLine{{SKU: "A", Quantity: 1}}, w.clock)
					return err
				})
			default:
				_ = w.Run(t.Context(), id, r.IntN(2) == 0)
			}
			_, taken, back := w.provider.Sums(id)
			require.LessOrEqual(t, taken, int64(total))
			require.LessOrEqual(t, back, taken)
		}
		w.provider.Fates(func(string) paymenttest.Fate { return paymenttest.Answered })
		require.NoError(t, w.Run(t.Context(), id, false))
		o, err := w.book.Get(t.Context(), id)
		require.NoError(t, err)
		_, taken, back := w.provider.Sums(id)
		p := o.Payment
		require.Equal(t, taken, p.Paid)
		require.Equal(t, int64(total), taken-back+p.Due+p.Refunded, "%+v", p)
		require.Equal(t, taken > back, p.Status == order.Paid || p.Status == order.PartiallyRefunded, "%+v", p)
	}
}
