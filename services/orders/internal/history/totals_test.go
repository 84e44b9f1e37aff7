package history

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/services/orders/internal/order"
)

// What replaces pieces counts as pieces that were sold, and brings nothing: it was paid
// with the first order.
func TestAReplacementBringsNothing(t *testing.T) {
	day := time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC)
	row := func(id string, method order.PaymentMethod) Row {
		return Row{ID: id, Status: order.Delivered, Method: method, At: day, Currency: "EUR", Total: 1000,
			Lines: []RowLine{{SKU: "TEA-100", Product: "tea", Quantity: 2, Total: 1000}}}
	}
	bought, swapped := row("1", order.Invoice), row("2", order.ByExchange)
	bought.Lines[0].Returned = 2
	for _, by := range []By{ByDay, ByProduct, ByStatus} {
		s := NewSums(by)
		s.Add(bought)
		s.Add(swapped)
		all := s.List()
		require.Len(t, all, 1)
		require.Equal(t, []int64{2, 4, 2, 1000}, []int64{int64(all[0].Orders), int64(all[0].Quantity), int64(all[0].Returned), all[0].Total}, by)
	}
	require.EqualValues(t, 1000, swapped.Lines[0].Total, "the row itself stays what it was")
}

// SKUs of orders that were moved in may be of no product here: each has a sum of its own.
func TestSKUsOfNoProduct(t *testing.T) {
	s := NewSums(ByProduct)
	row := Row{ID: "1", Status: order.Delivered, At: time.Date(2019, 4, 1, 9, 0, 0, 0, time.UTC), Currency: "EUR", Lines: []RowLine{
		{SKU: "OLD-1", Name: "Lamp", Quantity: 1, Total: 500}, {SKU: "OLD-2", Name: "Rug", Quantity: 2, Total: 500},
		{SKU: "A", Product: "p", Quantity: 1, Total: 100}, {SKU: "B", Product: "p", Quantity: 1, Total: 100},
	}}
	s.Add(row)
	s.Add(row)
	all := s.List()
	require.Len(t, all, 3)
	require.Equal(t, []string{"Lamp", "Rug", ""}, []string{all[0].Name, all[1].Name, all[2].Name})
	require.Equal(t, []int{2, 2, 2}, []int{all[0].Orders, all[1].Orders, all[2].Orders})
	require.Positive(t, all[1].sorted().compare(all[0].sorted()), "a page can end between them")
	require.Empty(t, all[0].Product)
}
