package settings

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/fault"
	"tienda/services/orders/internal/pricing"
)

func to[T any](v T) *T { return &v }

var two = Shipping{Methods: []Method{
	{ID: "post", Name: "Post", Zones: []Zone{
		{Areas: []Area{{Country: "ES"}, {Country: "PT"}}, Prices: []Price{{Currency: "EUR", FreeAbove: to[int64](5000), Steps: []Step{
			{UpToWeight: to[int64](1000), Price: 490}, {UpToWeight: to[int64](5000), UpToAmount: to[int64](2000), Price: 790}, {UpToWeight: to[int64](5000), Price: 690},
		}}}},
		{Areas: []Area{{Country: "ES", Region: "Canarias"}}, Prices: []Price{{Currency: "EUR", Steps: []Step{{Price: 1490}}}}},
	}},
	{ID: "courier", Name: "Courier", Zones: []Zone{
		{Areas: []Area{{Country: "ES"}}, Prices: []Price{{Currency: "EUR", Steps: []Step{{Price: 690}}}, {Currency: "USD", Steps: []Step{{Price: 750}}}}},
	}},
}}

func TestOffers(t *testing.T) {
	type price struct {
		method string
		price  int64
	}
	tests := []struct {
		name          string
		to            pricing.Destination
		currency      string
		amount, grams int64
		want          []price
	}{
		{"a light one", pricing.Destination{Country: "ES"}, "EUR", 1000, 1000, []price{{"post", 490}, {"courier", 690}}},
		{"a heavy one of little worth", pricing.Destination{Country: "ES"}, "EUR", 2000, 1001, []price{{"courier", 690}, {"post", 790}}},
		{"a heavy one, equal prices by ID", pricing.Destination{Country: "ES"}, "EUR", 2001, 1001, []price{{"courier", 690}, {"post", 690}}},
		{"too heavy for the post", pricing.Destination{Country: "ES"}, "EUR", 2001, 5001, []price{{"courier", 690}}},
		{"free, whatever it weighs", pricing.Destination{Country: "ES"}, "EUR", 5000, 9999, []price{{"post", 0}, {"courier", 690}}},
		{"a region of its own, however it is written", pricing.Destination{Country: "ES", Region: "CANARIAS"}, "EUR", 9000, 1, []price{{"courier", 690}, {"post", 1490}}},
		{"one goes there", pricing.Destination{Country: "PT"}, "EUR", 1000, 1, []price{{"post", 490}}},
		{"another currency", pricing.Destination{Country: "ES"}, "USD", 1000, 1, []price{{"courier", 750}}},
		{"nowhere", pricing.Destination{Country: "FR"}, "EUR", 1000, 1, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []price
			for _, d := range two.Offers(tt.to, tt.currency, tt.amount, tt.grams) {
				got = append(got, price{d.Method, d.Price})
			}
			require.Equal(t, tt.want, got)
		})
	}
}

func TestContradictions(t *testing.T) {
	require.NoError(t, two.check())
	names := func(err error) (out []string) {
		var f *fault.Error
		require.ErrorAs(t, err, &f)
		for _, one := range f.Fields {
			out = append(out, one.Name)
		}
		return out
	}
	m := Method{ID: "m", Zones: []Zone{
		{Areas: []Area{{Country: "ES", Region: "A"}, {Country: "XX"}}, Prices: []Price{{Currency: "EUR"}, {Currency: "EUR"}, {Currency: "EUX"}}},
		{Areas: []Area{{Country: "ES", Region: "a"}}},
	}}
	require.Equal(t, []string{
		"/methods/0/zones/0/areas/1/country", "/methods/0/zones/0/prices/1/currency", "/methods/0/zones/0/prices/2/currency",
		"/methods/0/zones/1/areas/0", "/methods/1/id",
	}, names(Shipping{Methods: []Method{m, {ID: "m"}}}.check()))
	require.Equal(t, []string{"/prices_include_tax/0", "/rates/1", "/rates/2/country"}, names(Tax{Included: []string{"eur"}, Rates: []pricing.Rate{
		{Country: "ES", Class: "standard", Rate: 1}, {Country: "ES", Class: "standard", Rate: 2}, {Country: "ZZ", Class: "standard"},
	}}.check()))
}
