package pricing

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// random prices are small on purpose: there roundings and ties are many.
func random(r *rand.Rand) Request {
	var out Request
	set := func() Set {
		var s Set
		for range r.IntN(3) {
			s.SKUs = append(s.SKUs, fmt.Sprintf("S%d", r.IntN(8)))
		}
		if r.IntN(3) == 0 {
			s.Categories = []string{fmt.Sprint("c", r.IntN(3))}
		}
		return s
	}
	for i := range r.IntN(9) {
		out.Lines = append(out.Lines, Line{
			SKU: fmt.Sprintf("S%d", i), ProductID: fmt.Sprint("p", i/2), Category: fmt.Sprint("c", i%3), TaxClass: []string{"", Standard, "books"}[r.IntN(3)],
			Quantity: 1 + r.IntN(7), Unit: r.Int64N([]int64{2, 30, 5000, 1 << 40}[r.IntN(4)]),
		})
	}
	for i := range r.IntN(6) {
		p := Promotion{
			ID: fmt.Sprint("id", i), Priority: r.IntN(3), Exclusive: r.IntN(8) == 0, Minimum: r.Int64N(100) * int64(r.IntN(2)),
			Kind: []Kind{Percentage, FixedAmount, FreeShipping, BuyGet}[r.IntN(4)], Rate: r.Int64N(Whole + 1), Amount: r.Int64N(4000),
			For: set(), BuyQuantity: 1 + r.IntN(3), GetQuantity: 1 + r.IntN(2), Most: r.IntN(3),
		}
		if r.IntN(2) == 0 {
			p.Code = fmt.Sprint("CODE", i)
		}
		if r.IntN(2) == 0 {
			get := set()
			p.Get = &get
		}
		out.Promotions = append(out.Promotions, p)
	}
	if r.IntN(4) > 0 {
		out.To = &Destination{Country: "ES"}
		out.Tax = Tax{Included: r.IntN(2) == 0, Rounding: []Rounding{"", HalfUp, HalfEven}[r.IntN(3)], Rates: []Rate{
			{Country: "ES", Class: Standard, Rate: r.Int64N(30_000)}, {Country: "ES", Class: "books", Rate: r.Int64N(2) * 4_000},
		}}
	}
	if r.IntN(3) > 0 {
		out.Delivery = &Delivery{Method: "m", Name: "M", Price: r.Int64N(900)}
	}
	return out
}

// always runs a property over many requests of a seed that a failure prints.
func always(t *testing.T, property func(t *testing.T, r *rand.Rand, in Request, b Breakdown)) {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for range 3000 {
		in := random(r)
		b, err := Price(in)
		require.NoError(t, err, "%+v", in)
		property(t, r, in, b)
		if t.Failed() {
			t.Fatalf("%+v", in)
		}
	}
}

func TestPartsAddUp(t *testing.T) {
	always(t, func(t *testing.T, _ *rand.Rand, in Request, b Breakdown) {
		sum := Totals{TaxIncluded: in.Tax.Included}
		one := func(c Charge, list *int64) {
			for _, d := range c.Discounts {
				require.Positive(t, d.Amount)
			}
			require.LessOrEqual(t, c.Discount(), c.List)
			require.GreaterOrEqual(t, min(c.Net, c.Tax, c.Total, c.List), int64(0))
			require.Equal(t, c.Total, c.Net+c.Tax)
			if in.Tax.Included {
				require.Equal(t, c.List-c.Discount(), c.Total)
			} else {
				require.Equal(t, c.List-c.Discount(), c.Net)
			}
			*list += c.List
			sum.Discount += c.Discount()
			sum.Tax += c.Tax
			sum.Total += c.Total
		}
		for i, l := range b.Lines {
			require.Equal(t, in.Lines[i].Unit*int64(in.Lines[i].Quantity), l.List)
			one(l.Charge, &sum.Items)
		}
		if b.Shipping != nil {
			one(b.Shipping.Charge, &sum.Shipping)
		}
		require.Equal(t, sum, b.Totals)
		total := b.Totals.Items + b.Totals.Shipping - b.Totals.Discount
		if !in.Tax.Included {
			total += b.Totals.Tax
		}
		require.Equal(t, total, b.Totals.Total)
		require.Len(t, in.Promotions, len(b.Applied)+len(b.Refused), "each promotion gives something or says why not")
	})
}

func TestOrderOfLinesDoesNotMatter(t *testing.T) {
	always(t, func(t *testing.T, r *rand.Rand, in Request, b Breakdown) {
		r.Shuffle(len(in.Lines), func(i, k int) { in.Lines[i], in.Lines[k] = in.Lines[k], in.Lines[i] })
		r.Shuffle(len(in.Promotions), func(i, k int) { in.Promotions[i], in.Promotions[k] = in.Promotions[k], in.Promotions[i] })
		again, err := Price(in)
		require.NoError(t, err)
		for i, l := range in.Lines {
			at := slices.IndexFunc(b.Lines, func(p Priced) bool { return p.SKU == l.SKU })
			require.Equal(t, b.Lines[at], again.Lines[i])
		}
		b.Lines, again.Lines = nil, nil
		require.Equal(t, b, again)
	})
}

// Pieces that come back in any number of returns get back what was paid for them,
// never more, and all of them exactly all.
func TestSharesOfALine(t *testing.T) {
	always(t, func(t *testing.T, r *rand.Rand, in Request, b Breakdown) {
		for i, l := range b.Lines {
			back, at := int64(0), 0
			for at < in.Lines[i].Quantity {
				to := at + 1 + r.IntN(in.Lines[i].Quantity-at)
				part, err := Share(l.Total, at, to, in.Lines[i].Quantity)
				require.NoError(t, err)
				require.GreaterOrEqual(t, part, int64(0))
				back, at = back+part, to
				require.LessOrEqual(t, back, l.Total)
			}
			require.Equal(t, l.Total, back)
		}
	})
}

func TestAllocationIsFair(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for range 3000 {
		weights := make([]int64, 1+r.IntN(9))
		total := int64(0)
		for i := range weights {
			weights[i] = r.Int64N(50)
			total += weights[i]
		}
		amount := r.Int64N(total + 1)
		parts, err := Allocate(amount, weights)
		require.NoError(t, err)
		sum := int64(0)
		for i, p := range parts {
			sum += p
			require.LessOrEqual(t, p, weights[i])
			require.Less(t, abs(p*total-amount*weights[i]), max(total, 1), "a part is less than one unit off")
		}
		require.Equal(t, amount, sum)
	}
}

func abs(n int64) int64 { return max(n, -n) }
