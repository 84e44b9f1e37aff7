package e2e

import (
	"net/http"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
)

// One of two pieces is cancelled by its buyer: the card is charged for the other, which
// alone is sold; and the buyer is written of it.
func TestCancelledLines(t *testing.T) {
	_, sku := ownProduct(t, 10)
	c, u := newCustomer(t)
	put(t, c, sku, 2)
	agent := staff(t, caller.SupportAgent)
	o := must[order](t, c, http.StatusCreated, "POST", "/v1/orders", payBy("sandbox_approves"), "Idempotency-Key", uuid.NewString())
	path, one := "/v1/orders/"+o.ID+"/cancellations", map[string]any{"lines": []map[string]any{{"sku": sku, "quantity": 1}}, "reason": "too many"}
	mine := uuid.NewString()
	for range 2 {
		o = must[order](t, c, http.StatusOK, "POST", path, one, "Idempotency-Key", mine)
		require.Len(t, o.Cancellations, 1, "a repeat cancels nothing more")
	}
	require.Equal(t, "confirmed", o.Status)
	left := cardTotal - o.Cancellations[0].Amount.Amount
	require.Positive(t, left)
	require.Equal(t, left, o.Payment.Due.Amount)
	eventually(t, "its stock is free", func() bool { return stockOf(t, sku) == stock{SKU: sku, OnHand: 10, Reserved: 1, Available: 9} })

	must[order](t, agent, http.StatusOK, "POST", "/v1/orders/"+o.ID+"/ship", nil)
	eventually(t, "the other is paid for and sold", func() bool {
		return ledger(t, o.ID).taken == left && stockOf(t, sku) == stock{SKU: sku, OnHand: 9, Available: 9, Sold: 1}
	})
	require.Equal(t, "order_is_shipped", c.refused(t, http.StatusConflict, "POST", path, one, "Idempotency-Key", uuid.NewString()).Code)
	requireEvents(t, o.ID, "tienda.orders.confirmed", "tienda.orders.lines_cancelled", "tienda.orders.shipped")
	require.ElementsMatch(t, []string{"Your order " + o.Number, "A part of your order " + o.Number + " was cancelled", "Your order " + o.Number + " is on its way"},
		subjectsAbout(t, u.Email, o.Number, 3))
}
