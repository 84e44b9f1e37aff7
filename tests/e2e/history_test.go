package e2e

import (
	"net/http"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
)

type orderTotal struct {
	ProductID string `json:"product_id"`
	Orders    int    `json:"orders"`
	Quantity  int    `json:"quantity"`
	Total     money  `json:"total"`
}

// A customer and the shop's staff find an order by what is in it, and the dashboard
// counts it with its product, whichever replica it was bought and shipped at.
func TestOrdersAreFoundAndCounted(t *testing.T) {
	customer, u := newCustomer(t)
	p, sku := ownProduct(t, 10)
	agent := staff(t, caller.SupportAgent)
	var ids []string
	for _, n := range []int{1, 3} {
		put(t, customer, sku, n)
		ids = append(ids, must[order](t, customer, http.StatusCreated, "POST", "/v1/orders",
			map[string]any{"payment_method": "invoice", "address": madrid}, "Idempotency-Key", uuid.NewString()).ID)
	}
	must[order](t, agent, http.StatusOK, "POST", "/v1/orders/"+ids[0]+"/ship", nil)

	found := func(c *client, query string) (got []string) {
		for _, o := range must[list[order]](t, c, http.StatusOK, "GET", "/v1/orders?q="+sku+query, nil).Items {
			got = append(got, o.ID)
		}
		return got
	}
	require.Equal(t, []string{ids[1], ids[0]}, found(customer, ""))
	require.Equal(t, ids[:1], found(customer, "&status=shipped"))
	require.Equal(t, ids[1:], found(agent, "&status=confirmed&customer="+u.ID))
	eventually(t, "the rows of both are there", func() bool {
		return len(found(agent, "&customer=all&status=shipped")) == 1 && len(found(agent, "&customer=all&status=confirmed")) == 1
	})
	require.Equal(t, []string{ids[1], ids[0]}, found(agent, "&customer=all"))
	require.Empty(t, found(agent, "&customer=all&payment_method=cash_on_delivery"))

	for cursor, more := "", true; more; {
		page := must[list[orderTotal]](t, agent, http.StatusOK, "GET", "/v1/orders/totals?by=product&limit=100&cursor="+cursor, nil)
		for _, sum := range page.Items {
			if sum.ProductID == p.ID {
				require.Equal(t, orderTotal{ProductID: p.ID, Orders: 2, Quantity: 4, Total: money{4 * 1250, "EUR"}}, sum)
				return
			}
		}
		cursor, more = page.NextCursor, page.NextCursor != ""
	}
	require.Fail(t, "the product is in no total")
}
