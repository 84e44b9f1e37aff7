package order

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tienda/internal/fault"
	"tienda/internal/money"
)

// exchangeOnce settles one owed exchange of an order, at random as catalog has what is
// wanted or not, and gives the replacement. Every step is done twice, as two drivers do.
func exchangeOnce(t *testing.T, o *Order, r *rand.Rand) *Order {
	t.Helper()
	owed, ok := o.OwedExchange()
	require.True(t, ok)
	to := o.Replacement(*owed.Exchange, now)
	n := slices.IndexFunc(o.Refunds, func(f Refund) bool { return f.ReturnID == owed.ReturnID })
	require.Equal(t, ReplacementID(o.ID, n), to.ID)
	require.NoError(t, o.SettleExchange(owed.ReturnID, to, now))
	again, _ := o.RefundOf(owed.ReturnID)
	require.Equal(t, ExchangeOwed, again.Exchange.Status, "a pending replacement decides nothing")
	if r.IntN(3) == 0 {
		for range 2 {
			require.NoError(t, to.Refuse(fault.New(fault.Unprocessable, "out_of_stock", "no"), now))
		}
	} else {
		var got []Line
		for _, l := range to.Lines {
			price := money.New(r.Int64N(5000), o.Currency) // of today: it does not count
			l.UnitPrice = &price
			got = append(got, l)
		}
		for range 2 {
			require.NoError(t, to.Replace(got, *owed.Exchange, now))
		}
	}
	for range 2 {
		require.NoError(t, o.SettleExchange(owed.ReturnID, to, now))
	}
	return to
}

// However the pieces of an order come back, refunded, worn or exchanged, and however
// the exchanges end: what is refunded, kept and replaced adds up to what was paid, tax
// in the same way; each replacement has the value of what came back for it, and what
// is refunded of it adds up to that.
func TestExchangesAddUp(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for range 2000 {
		o := anOrder(t, r)
		left := map[string]int{}
		for _, l := range o.Lines {
			left[l.SKU] = l.Quantity
		}
		var placed []*Order
		worn := false
		for n := 0; len(left) > 0; n++ {
			var lines []RefundLine
			for _, l := range o.Lines {
				for range 2 { // with other findings
					had := left[l.SKU]
					if had == 0 || r.IntN(2) == 0 && n < 20 {
						continue
					}
					back := RefundLine{SKU: l.SKU, Quantity: 1 + r.IntN(had)}
					if r.IntN(2) == 0 {
						back.Exchange = "NEW-" + l.SKU
					}
					if r.IntN(4) == 0 {
						back.Deduction, worn = 1+r.IntN(100), true
					}
					lines = append(lines, back)
					if left[l.SKU] -= back.Quantity; left[l.SKU] == 0 {
						delete(left, l.SKU)
					}
				}
			}
			if len(lines) == 0 {
				continue
			}
			id := uuid.NewString()
			f, err := o.Refund(id, lines, now)
			require.NoError(t, err)
			same, err := o.Refund(id, lines, now)
			require.NoError(t, err)
			require.Equal(t, f, same)
			if r.IntN(2) == 0 {
				placed = settleAll(t, o, r, placed)
			}
		}
		placed = settleAll(t, o, r, placed)
		back, tax, replaced, shipping := int64(0), int64(0), int64(0), int64(0)
		standing := false
		for _, f := range o.Refunds {
			back += f.Amount + f.Deducted
			tax += f.Tax
			shipping += f.Shipping
			if x := f.Exchange; x != nil {
				back += x.Refunded
				tax += x.RefundTax
				shipping += x.Shipping
				if x.Status == ExchangePlaced {
					replaced += x.Value
					tax += x.Tax
					standing = true
				}
			}
		}
		paid, taxed := o.Total, o.Totals.Tax
		if standing { // something was sent for something: the shipping of the order stays
			require.Zero(t, shipping)
			paid -= o.Shipping.Total
			taxed -= o.Shipping.Tax
		} else {
			require.Equal(t, o.Shipping.Total, shipping)
		}
		require.Equal(t, paid, back+replaced)
		if !worn {
			require.Equal(t, taxed, tax)
		}
		require.LessOrEqual(t, o.Payment.Refunded, o.Total)
		sum := int64(0)
		for _, to := range placed {
			require.Equal(t, to.Total, to.Payment.Paid)
			sum += to.Total
			requireRefundable(t, to, r)
		}
		require.Equal(t, replaced, sum)
	}
}

func settleAll(t *testing.T, o *Order, r *rand.Rand, placed []*Order) []*Order {
	t.Helper()
	for {
		if _, owed := o.OwedExchange(); !owed {
			return placed
		}
		if to := exchangeOnce(t, o, r); to.Status == Confirmed {
			placed = append(placed, to)
		}
	}
}

// requireRefundable holds what is refunded of a replacement to its value, whichever way
// it comes back.
func requireRefundable(t *testing.T, to *Order, r *rand.Rand) {
	t.Helper()
	if r.IntN(2) == 0 {
		require.NoError(t, to.Cancel("no", 0, now))
		require.Equal(t, to.Total, to.Payment.Refunded)
		return
	}
	require.NoError(t, to.Ship("", 0, now))
	require.NoError(t, to.Deliver(0, now))
	for i, l := range to.Lines {
		require.Equal(t, l.UnitPrice.Amount, l.LineTotal.Amount/int64(l.Quantity))
		for n := range l.Quantity {
			_, err := to.Refund(fmt.Sprint(i, n), []RefundLine{{SKU: l.SKU, Quantity: 1}}, now)
			require.NoError(t, err)
		}
	}
	require.Equal(t, to.Total, to.Payment.Refunded)
	require.Equal(t, Refunded, to.Payment.Status)
}

// One SKU cannot be sent for two lines: the replacement is taxed as what it is sent for.
func TestOneLineForOneSKU(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	o := anOrder(t, r)
	for len(o.Lines) < 2 {
		o = anOrder(t, r)
	}
	_, err := o.Refund("x", []RefundLine{{SKU: "S0", Quantity: 1, Exchange: "N"}, {SKU: "S1", Quantity: 1, Exchange: "N"}}, now)
	require.Equal(t, "duplicate_sku", fault.CodeOf(err))
	_, err = o.Refund("x", []RefundLine{{SKU: "S0", Quantity: 1, Exchange: "N"}, {SKU: "S1", Quantity: 1, Exchange: "N", Deduction: 5}}, now)
	require.NoError(t, err, "what is refunded is no line of the replacement")
	require.ErrorContains(t, o.SettleExchange("y", o, now), "exchange")
}
