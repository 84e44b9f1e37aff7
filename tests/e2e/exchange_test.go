package e2e

import (
	"net/http"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
)

// swapReturn is a return as far as exchanges go.
type swapReturn struct {
	ID        string `json:"id"`
	Status    string `json:"status"`
	Automatic bool   `json:"approved_automatically"`
	Refund    *money `json:"refund"`
	Lines     []struct {
		Exchange string `json:"exchange_sku"`
	} `json:"lines"`
	Receipts []struct {
		RefundID string `json:"refund_id"`
		Refund   *money `json:"refund"`
		Exchange *struct {
			OrderID string `json:"order_id"`
			Status  string `json:"status"`
			Refund  *money `json:"refund"`
		} `json:"exchange"`
	} `json:"receipts"`
}

// swapOrder is an order as far as exchanges go.
type swapOrder struct {
	order
	Replaces string `json:"replaces"`
}

// A customer sends three pieces back for another SKU of which there is one: the first
// is exchanged, the second comes worn and is refunded less the deduction, the third
// cannot be had any more and is refunded. The replacement is an order like any other.
func TestExchangeFlow(t *testing.T) {
	c, u := newCustomer(t)
	must[any](t, c, http.StatusOK, "PUT", "/v1/me/preferences", map[string]any{"currency": "EUR", "language": "es", "marketing_mail": false})
	agent := staff(t, caller.SupportAgent)
	_, sku := ownProduct(t, 10)
	_, other := ownProduct(t, 1)
	put(t, c, sku, 3)
	o := must[order](t, c, http.StatusCreated, "POST", "/v1/orders", map[string]any{"payment_method": "invoice", "address": madrid}, "Idempotency-Key", uuid.NewString())
	must[order](t, agent, http.StatusOK, "POST", "/v1/orders/"+o.ID+"/ship", nil)
	must[order](t, agent, http.StatusOK, "POST", "/v1/orders/"+o.ID+"/deliver", nil)
	eventually(t, "the shipment leaves the stock", func() bool { return stockOf(t, sku).OnHand == 7 })
	price := o.Totals.Total.Amount / 3

	ask := func(want string) map[string]any {
		return map[string]any{"order_id": o.ID, "lines": []map[string]any{{"sku": sku, "quantity": 3, "reason": "damaged", "exchange_sku": want}}}
	}
	bad := c.refused(t, http.StatusUnprocessableEntity, "POST", "/v1/returns", ask("NOBODY-SELLS-IT"))
	require.Equal(t, "exchange_unknown", bad.Code)
	r := must[swapReturn](t, c, http.StatusCreated, "POST", "/v1/returns", ask(other))
	require.Equal(t, "requested", r.Status, "an agent looks at every exchange")
	require.Equal(t, other, r.Lines[0].Exchange)
	path := "/v1/returns/" + r.ID
	must[swapReturn](t, agent, http.StatusOK, "POST", path+"/approve", nil)

	// The first is exchanged; the repeat of the receipt exchanges nothing more.
	first := path + "/receipts/" + uuid.NewString()
	for range 2 {
		r = must[swapReturn](t, agent, http.StatusOK, "PUT", first, map[string]any{"lines": []map[string]any{{"sku": sku, "quantity": 1}}})
	}
	require.Equal(t, int64(0), r.Refund.Amount)
	eventually(t, "the replacement is placed", func() bool {
		r = must[swapReturn](t, c, http.StatusOK, "GET", path, nil)
		return r.Receipts[0].Exchange != nil && r.Receipts[0].Exchange.Status == "placed"
	})
	to := must[swapOrder](t, c, http.StatusOK, "GET", "/v1/orders/"+r.Receipts[0].Exchange.OrderID, nil)
	require.Equal(t, o.ID, to.Replaces)
	require.Equal(t, "confirmed", to.Status)
	require.Equal(t, other, to.Lines[0].SKU)
	require.Equal(t, money{price, "EUR"}, to.Totals.Total)
	require.Equal(t, "paid", to.Payment.Status)
	require.Equal(t, int64(1), stockOf(t, other).Reserved)

	// The second is worn, the third wants what is not there.
	worn := []map[string]any{{"sku": sku, "quantity": 1, "restock": false, "deduction_percent": 10, "deduction_reason": "usada"}}
	must[swapReturn](t, agent, http.StatusOK, "PUT", path+"/receipts/"+uuid.NewString(), map[string]any{"lines": worn})
	must[swapReturn](t, agent, http.StatusOK, "POST", path+"/receive", map[string]any{})
	eventually(t, "all is settled", func() bool {
		r = must[swapReturn](t, c, http.StatusOK, "GET", path, nil)
		return r.Status == "refunded"
	})
	require.Nil(t, r.Receipts[1].Exchange)
	less := price - price/10
	require.Equal(t, &money{less, "EUR"}, r.Receipts[1].Refund)
	require.Equal(t, "refused", r.Receipts[2].Exchange.Status)
	require.Equal(t, &money{price, "EUR"}, r.Receipts[2].Exchange.Refund)
	require.Equal(t, &money{price + less, "EUR"}, r.Refund)
	seen := must[order](t, c, http.StatusOK, "GET", "/v1/orders/"+o.ID, nil)
	require.Equal(t, money{price + less, "EUR"}, seen.Payment.Refunded)
	require.Len(t, must[list[order]](t, c, http.StatusOK, "GET", "/v1/orders", nil).Items, 2, "what could not be had is no order")

	// The replacement goes its way, and so do the letters.
	must[order](t, agent, http.StatusOK, "POST", "/v1/orders/"+to.ID+"/ship", nil)
	eventually(t, "the replacement leaves the stock, the fit pieces are back", func() bool {
		return stockOf(t, other).OnHand == 0 && stockOf(t, sku).OnHand == 9
	})
	requireEvents(t, to.ID, "tienda.orders.confirmed", "tienda.orders.shipped")
	requireEvents(t, o.ID, "tienda.orders.confirmed", "tienda.orders.shipped", "tienda.orders.delivered",
		"tienda.orders.refunded", "tienda.orders.exchanged", "tienda.orders.refunded", "tienda.orders.refunded", "tienda.orders.exchanged")
	eventually(t, "the letters", func() bool {
		n := map[string]int{}
		for _, l := range lettersTo(t, u.Email) {
			n[l.Subject]++
		}
		return n["Tu pedido "+to.Number] == 1 && n["Un reembolso de tu pedido "+o.Number] == 2
	})
}
