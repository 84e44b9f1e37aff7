package history

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/money"
	"tienda/services/orders/internal/order"
)

// What was cancelled of an order is not sold; one that is cancelled as a whole is counted
// with all that it was.
func TestRowOfCancelledLines(t *testing.T) {
	price := money.New(100, "EUR")
	o := &order.Order{
		Status: order.Delivered, Currency: "EUR", Total: 350,
		Lines:         []order.Line{{SKU: "A", Quantity: 3, Cancelled: 2, UnitPrice: &price}, {SKU: "B", Quantity: 1, Cancelled: 1, UnitPrice: &price}},
		Cancellations: []order.Cancellation{{Amount: 250}},
		Refunds:       []order.Refund{{Amount: 100, Lines: []order.RefundLine{{SKU: "A", Quantity: 1}}}},
	}
	r := RowOf(o)
	require.Equal(t, []int64{100, 100}, []int64{r.Total, r.Refunded})
	require.Equal(t, []RowLine{{SKU: "A", Quantity: 1, Returned: 1, Total: 100}, {SKU: "B"}}, r.Lines)
	o.Status, o.Refunds = order.Cancelled, nil
	r = RowOf(o)
	require.Equal(t, int64(350), r.Total)
	require.Equal(t, []RowLine{{SKU: "A", Quantity: 3, Total: 300}, {SKU: "B", Quantity: 1, Total: 100}}, r.Lines)
}
