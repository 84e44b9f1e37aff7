package order

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/money"
	"tienda/services/orders/internal/pricing"
)

// Whatever was bought, with whatever discounts, tax and shipping, and however it comes
// back: what is refunded is never more than what was paid, and all of it is all.
func TestRefundsAddUp(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for range 2000 {
		o := anOrder(t, r)
		left := map[string]int{}
		for _, l := range o.Lines {
			left[l.SKU] = l.Quantity
		}
		for n := 0; len(left) > 0; n++ {
			var lines []RefundLine
			for _, l := range o.Lines {
				if had := left[l.SKU]; had > 0 && (r.IntN(2) == 0 || n > 20) {
					back := 1 + r.IntN(had)
					lines = append(lines, RefundLine{SKU: l.SKU, Quantity: back})
					if left[l.SKU] -= back; left[l.SKU] == 0 {
						delete(left, l.SKU)
					}
				}
			}
			if len(lines) == 0 {
				continue
			}
			f, err := o.Refund(fmt.Sprint(n), lines, now)
			require.NoError(t, err)
			require.GreaterOrEqual(t, f.Amount, int64(0))
			require.LessOrEqual(t, o.Payment.Refunded, o.Total)
			if len(left) > 0 {
				require.Zero(t, f.Shipping)
			}
		}
		tax := int64(0)
		for _, f := range o.Refunds {
			tax += f.Tax
		}
		require.Equal(t, o.Total, o.Payment.Refunded)
		require.Equal(t, o.Totals.Tax, tax)
		require.Equal(t, Refunded, o.Payment.Status)
	}
}

// With whatever deductions: what is refunded and what is deducted add up to what
// was paid, in each refund the deduction is no more than was stated, and a line
// of which nothing is deducted is refunded in full.
func TestDeductionsAddUp(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for range 2000 {
		o := anOrder(t, r)
		plain := *o
		deducted := int64(0)
		for i, l := range o.Lines {
			percent := r.IntN(101)
			back := []RefundLine{{SKU: l.SKU, Quantity: l.Quantity, Deduction: percent, Reason: "worn"}}
			full, err := plain.Refund(fmt.Sprint(i), []RefundLine{{SKU: l.SKU, Quantity: l.Quantity}}, now)
			require.NoError(t, err)
			f, err := o.Refund(fmt.Sprint(i), back, now)
			require.NoError(t, err)
			goods := full.Amount - full.Shipping
			require.Equal(t, full.Amount, f.Amount+f.Deducted)
			require.Equal(t, goods*int64(percent)/100, f.Deducted, "rounded down")
			require.Equal(t, full.Shipping, f.Shipping, "of shipping nothing is deducted")
			require.LessOrEqual(t, f.Tax, f.Amount)
			require.GreaterOrEqual(t, f.Tax, int64(0))
			deducted += f.Deducted
		}
		require.Equal(t, o.Total, o.Payment.Refunded+deducted)
		require.Equal(t, deducted == 0, o.Payment.Status == Refunded)
	}
}

// anOrder gives a delivered order of small amounts, where roundings are many.
func anOrder(t *testing.T, r *rand.Rand) *Order {
	t.Helper()
	o := anOrderToShip(t, r)
	require.NoError(t, o.Ship("", 0, now))
	require.NoError(t, o.Deliver(0, now))
	require.Equal(t, o.Total, o.Payment.Paid)
	return o
}

// anOrderToShip is one that is confirmed.
func anOrderToShip(t *testing.T, r *rand.Rand) *Order {
	t.Helper()
	o := &Order{ID: "o", Status: Pending, Currency: "EUR", Payment: Payment{Method: CashOnDelivery}}
	in := pricing.Request{
		To:       &pricing.Destination{Country: "ES"},
		Tax:      pricing.Tax{Included: r.IntN(2) == 0, Rates: []pricing.Rate{{Country: "ES", Class: pricing.Standard, Rate: r.Int64N(25_000)}}},
		Delivery: &pricing.Delivery{Method: "post", Price: r.Int64N(700)},
		Promotions: []pricing.Promotion{
			{ID: "a", Kind: pricing.Percentage, Rate: r.Int64N(pricing.Whole)}, {ID: "b", Kind: pricing.FixedAmount, Amount: r.Int64N(300)},
		},
	}
	var got []Line
	for i := range 1 + r.IntN(4) {
		sku, price := fmt.Sprint("S", i), money.New(r.Int64N(120), "EUR")
		l := Line{SKU: sku, Quantity: 1 + r.IntN(7)}
		o.Lines = append(o.Lines, l)
		l.UnitPrice = &price
		got = append(got, l)
		in.Lines = append(in.Lines, pricing.Line{SKU: sku, Quantity: l.Quantity, Unit: price.Amount})
	}
	sold, err := o.Sold(got)
	require.NoError(t, err)
	b, err := pricing.Price(in)
	require.NoError(t, err)
	require.NoError(t, o.Confirm(Bill{Lines: sold, Breakdown: b}, now))
	return o
}
