package history

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// What is promised and not there counts as held.
func TestBackorderedRun(t *testing.T) {
	r := good()
	r.Goods[0].Backorder = 2
	kept := r.order("kept")
	*kept = order("kept", Confirmed, 19)
	c := r.call(Checkout, "key-kept")
	c.Got.Lines, c.Got.Total = kept.Lines, kept.Total
	r.Final.Stock[0] = Stock{SKU: "a", OnHand: 17, Reserved: 17, Waiting: 2, Sold: 5, Held: map[string]int{"kept": 19}, Booked: &Booked{All: 17, Sold: 5}}
	var found []Kind
	for _, v := range Check(r) {
		if v.Kind == Promised || v.Kind == Reserved || v.Kind == Ledger || v.Kind == StockRead {
			found = append(found, v.Kind)
		}
	}
	require.Empty(t, found)
	r.Final.Stock[0].Waiting = 1
	require.Contains(t, kinds(Check(r)), Reserved)
	r.Final.Stock[0].Waiting, r.Goods[0].Backorder = 2, 1
	require.Contains(t, kinds(Check(r)), Promised)
}
