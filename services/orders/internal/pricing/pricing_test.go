package pricing

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// Examples that others have published, with what half a minor unit becomes.
func TestPublishedExamples(t *testing.T) {
	tests := []struct {
		name, source  string
		tax           Tax
		quantity      int
		unit          int64
		rate          int64
		net, tx, cost int64
	}{
		{"4 % in 2.99", "docs.zuora.com, Rounding rule for inclusive tax mode, Rounding Tax Amount",
			Tax{Included: true}, 1, 299, 4_000, 287, 12, 299},
		{"20 % in 9 × 9.99", "support.caterbook.net, How is VAT calculated on invoices: 89.91 / 6 = 14.985, 14.99",
			Tax{Included: true}, 9, 999, 20_000, 7492, 1499, 8991},
		{"the same, half to even", "", Tax{Included: true, Rounding: HalfEven}, 9, 999, 20_000, 7493, 1498, 8991},
		{"17.5 % in 235 is 7/47", "HMRC's VAT fraction, VAT Notice 700",
			Tax{Included: true}, 1, 23500, 17_500, 20000, 3500, 23500},
		{"5 % in 210 is 1/21", "HMRC's VAT fraction, VAT Notice 700",
			Tax{Included: true}, 1, 21000, 5_000, 20000, 1000, 21000},
		{"17.5 % on 74.59", "the same reckoned the other way: 87.64",
			Tax{}, 1, 7459, 17_500, 7459, 1305, 8764},
		{"8.875 % on 0.40, just above half", "", Tax{}, 1, 40, 8_875, 40, 4, 44},
		{"5 % on 0.10, half up", "", Tax{Rounding: HalfUp}, 1, 10, 5_000, 10, 1, 11},
		{"5 % on 0.10, half to even", "", Tax{Rounding: HalfEven}, 1, 10, 5_000, 10, 0, 10},
		{"5 % on 0.30, half to even", "", Tax{Rounding: HalfEven}, 1, 30, 5_000, 30, 2, 32},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.tax.Rates = []Rate{{Country: "GB", Class: Standard, Rate: tt.rate}}
			b, err := Price(Request{Lines: []Line{{SKU: "A", Quantity: tt.quantity, Unit: tt.unit}}, To: &Destination{Country: "GB"}, Tax: tt.tax})
			require.NoError(t, err)
			require.Equal(t, [3]int64{tt.net, tt.tx, tt.cost}, [3]int64{b.Lines[0].Net, b.Lines[0].Tax, b.Lines[0].Total}, tt.source)
		})
	}
}

// The rate of a class comes from the region, then the country, then from standard.
func TestRates(t *testing.T) {
	tax := Tax{Rates: []Rate{
		{Country: "ES", Class: Standard, Rate: 21_000}, {Country: "ES", Class: "books", Rate: 4_000},
		{Country: "ES", Region: "Canarias", Class: Standard, Rate: 7_000}, {Country: "PT", Class: Standard, Rate: 23_000},
	}}
	for _, tt := range []struct {
		country, region, class string
		want                   int64
	}{
		{"ES", "", Standard, 21_000}, {"ES", "Madrid", "books", 4_000}, {"ES", "Madrid", "food", 21_000},
		{"ES", "Canarias", Standard, 7_000}, {"ES", "Canarias", "food", 7_000}, {"ES", "Canarias", "books", 4_000},
		{"PT", "", "books", 23_000}, {"US", "", Standard, 0},
	} {
		require.Equal(t, tt.want, tax.of(&Destination{tt.country, tt.region}, tt.class), "%+v", tt)
	}
	require.Zero(t, tax.of(nil, Standard), "nobody knows where it goes")
}

var (
	cup   = Line{SKU: "CUP", ProductID: "p1", Category: "kitchen", Quantity: 3, Unit: 1000}
	plate = Line{SKU: "PLATE", ProductID: "p2", Category: "kitchen", Quantity: 2, Unit: 333}
	book  = Line{SKU: "BOOK", ProductID: "p3", Category: "books", Quantity: 1, Unit: 1999}
)

func TestPromotions(t *testing.T) {
	ten := Promotion{ID: "ten", Code: "TEN", Kind: Percentage, Rate: 10_000}
	five := Promotion{ID: "five", Kind: FixedAmount, Amount: 500}
	free := Promotion{ID: "free", Kind: FreeShipping}
	with := func(p Promotion, change func(*Promotion)) Promotion {
		change(&p)
		return p
	}
	threeForTwo := Promotion{ID: "3for2", Kind: BuyGet, BuyQuantity: 2, GetQuantity: 1, Rate: Whole, For: Set{Categories: []string{"kitchen"}}}
	tests := []struct {
		name       string
		promotions []Promotion
		off        [3]int64 // of cup, plate, book
		shipping   int64    // off
		refused    []Rejection
	}{
		// 5665 × 10 % = 566.5 → 567, of which 300.3, 66.7, 200.1: the unit left over is plate's.
		{"a percentage of all", []Promotion{ten}, [3]int64{300, 67, 200}, 0, nil},
		{"an amount off all, by largest remainder", []Promotion{five}, [3]int64{265, 59, 176}, 0, nil},
		{"an amount is not more than the goods", []Promotion{with(five, func(p *Promotion) { p.Amount, p.For.SKUs = 99999, []string{"BOOK"} })}, [3]int64{0, 0, 1999}, 0, nil},
		{"of a category and a product", []Promotion{with(ten, func(p *Promotion) { p.For = Set{Categories: []string{"books"}, Products: []string{"p1"}} })}, [3]int64{300, 0, 200}, 0, nil},
		{"two, the second off what the first has left", []Promotion{ten, with(five, func(p *Promotion) { p.Priority = 1; p.For.SKUs = []string{"BOOK"} })}, [3]int64{300, 67, 650}, 0, nil},
		{"free shipping", []Promotion{free}, [3]int64{}, 490, nil},
		{"free shipping twice", []Promotion{free, with(free, func(p *Promotion) { p.ID, p.Code = "z", "Z" })}, [3]int64{}, 490,
			[]Rejection{{Promotion: "free", Reason: NoShipping}}},
		{"three for two, the cheapest free", []Promotion{threeForTwo}, [3]int64{0, 333, 0}, 0, nil},
		{"once only, of five pieces one", []Promotion{with(threeForTwo, func(p *Promotion) { p.Most = 1; p.BuyQuantity = 1 })}, [3]int64{0, 333, 0}, 0, nil},
		{"buy two cups, get the book at half", []Promotion{with(threeForTwo, func(p *Promotion) {
			p.For, p.Get, p.Rate = Set{SKUs: []string{"CUP"}}, &Set{SKUs: []string{"BOOK"}}, 50_000
		})}, [3]int64{0, 0, 1000}, 0, nil},
		{"too few to get any", []Promotion{with(threeForTwo, func(p *Promotion) { p.BuyQuantity = 5 })}, [3]int64{}, 0,
			[]Rejection{{Promotion: "3for2", Reason: NoGoods}}},
		{"the minimum", []Promotion{with(ten, func(p *Promotion) { p.Minimum = 5666 })}, [3]int64{}, 0,
			[]Rejection{{"ten", "TEN", MinimumNotMet}}},
		{"an exclusive one that comes first", []Promotion{five, with(ten, func(p *Promotion) { p.Exclusive = true })}, [3]int64{300, 67, 200}, 0,
			[]Rejection{{Promotion: "five", Reason: NotCombinable}}},
		{"an exclusive one that comes later", []Promotion{with(five, func(p *Promotion) { p.Priority = 9 }), with(ten, func(p *Promotion) { p.Exclusive = true })},
			[3]int64{265, 59, 176}, 0, []Rejection{{"ten", "TEN", NotCombinable}}},
		{"an exclusive one that gives nothing hinders nobody", []Promotion{with(ten, func(p *Promotion) { p.Exclusive, p.Minimum = true, 99999 }), five},
			[3]int64{265, 59, 176}, 0, []Rejection{{"ten", "TEN", MinimumNotMet}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b, err := Price(Request{Lines: []Line{cup, plate, book}, Promotions: tt.promotions, Delivery: &Delivery{Method: "m", Price: 490}})
			require.NoError(t, err)
			require.Equal(t, tt.off, [3]int64{b.Lines[0].Discount(), b.Lines[1].Discount(), b.Lines[2].Discount()})
			require.Equal(t, tt.shipping, b.Shipping.Discount())
			require.Equal(t, tt.refused, b.Refused)
			require.Equal(t, 5665+490-b.Totals.Discount, b.Totals.Total)
		})
	}
}

// What cannot be reckoned is an error, never a wrong number.
func TestOverflow(t *testing.T) {
	for name, r := range map[string]Request{
		"a line":        {Lines: []Line{{SKU: "A", Quantity: 3, Unit: 1 << 61}}},
		"the items":     {Lines: []Line{{SKU: "A", Quantity: 1, Unit: 1 << 61}, {SKU: "B", Quantity: 1, Unit: 1<<61 + 1}, {SKU: "C", Quantity: 1, Unit: 1 << 61}}},
		"with the tax":  {Lines: []Line{{SKU: "A", Quantity: 1, Unit: 1 << 62}}, To: &Destination{Country: "ES"}, Tax: Tax{Rates: []Rate{{Country: "ES", Class: Standard, Rate: 21_000}}}},
		"with shipping": {Lines: []Line{{SKU: "A", Quantity: 1, Unit: 1 << 62}}, Delivery: &Delivery{Price: 1}},
	} {
		_, err := Price(r)
		require.ErrorIs(t, err, ErrOverflow, name)
	}
	for name, r := range map[string]Request{
		"a negative price":    {Lines: []Line{{SKU: "A", Quantity: 1, Unit: -1}}},
		"a negative quantity": {Lines: []Line{{SKU: "A", Quantity: -1, Unit: 1}}},
		"one SKU twice":       {Lines: []Line{{SKU: "A", Quantity: 1, Unit: 1}, {SKU: "A", Quantity: 1, Unit: 1}}},
		"a negative rate":     {Lines: []Line{{SKU: "A", Quantity: 1, Unit: 1}}, Promotions: []Promotion{{Kind: Percentage, Rate: -1}}},
	} {
		_, err := Price(r)
		require.ErrorIs(t, err, ErrInput, name)
	}
	got, err := share(math.MaxInt32, math.MaxInt32, 3, HalfUp)
	require.NoError(t, err)
	require.Equal(t, int64(1537228671377473536), got)
}
