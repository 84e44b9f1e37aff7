package operations

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
	"tienda/tests/shop"
)

// issuer of the tokens: that of a local shop has a port, which is another one at each start.
const issuer = "TIENDA_ISSUER=http://shop.test"

const pieces = 500 // of each SKU

// used is a shop that was in use, and what was seen of it.
type used struct {
	gateway   string
	skus      []string
	customers []*client
	guest     *client
	seen      map[string]any
}

func (u *used) at() string { return u.gateway }

// use has customers buy, cancel, ask, and leave carts.
func use(t *testing.T, s *shop.Shop) *used {
	t.Helper()
	u := &used{gateway: s.Gateway}
	u.skus = goods(t, u.at, 3, pieces)
	ctx := t.Context()
	for range 3 {
		c := newClient(u.at)
		_, err := c.register(ctx)
		require.NoError(t, err)
		require.NoError(t, c.do(ctx, http.StatusCreated, http.MethodPost, "/v1/me/addresses", madrid, nil))
		for _, sku := range u.skus {
			require.NoError(t, buy(ctx, c, sku))
		}
		require.NoError(t, c.do(ctx, http.StatusCreated, http.MethodPost, "/v1/tickets", map[string]any{"subject": "S", "message": "M"}, nil))
		require.NoError(t, c.do(ctx, http.StatusOK, http.MethodPut, "/v1/cart/items/"+u.skus[1], map[string]int{"quantity": 2}, nil))
		u.customers = append(u.customers, c)
	}
	u.guest = newClient(u.at)
	require.NoError(t, u.guest.do(ctx, http.StatusOK, http.MethodPut, "/v1/cart/items/"+u.skus[2], map[string]int{"quantity": 3}, nil))
	all, err := u.customers[0].orders(ctx)
	require.NoError(t, err)
	require.NoError(t, u.customers[0].do(ctx, http.StatusOK, http.MethodPost, "/v1/orders/"+all[0].ID+"/cancel", map[string]string{"reason": "changed my mind"}, nil))
	m := staff(t, u.at, caller.CatalogManager)
	require.Eventually(t, func() bool { // catalog has heard of it: nothing is on its way any more
		free := 0
		for _, sku := range u.skus {
			free += stockOf(t, m, sku).Available
		}
		return free == 3*pieces-8
	}, 30*time.Second, 100*time.Millisecond)
	u.seen = u.look(t)
	return u
}

func buy(ctx context.Context, c *client, sku string) error {
	if err := c.do(ctx, http.StatusOK, http.MethodPut, "/v1/cart/items/"+sku, map[string]int{"quantity": 1}, nil); err != nil {
		return err
	}
	return submit(ctx, c)
}

func submit(ctx context.Context, c *client) error {
	body := map[string]any{"payment_method": "invoice", "email": "buyer@example.com", "currency": "EUR", "address": madrid}
	return c.do(ctx, http.StatusCreated, http.MethodPost, "/v1/orders", body, nil, "Idempotency-Key", uuid.NewString())
}

// look reads what customers, a guest and staff see.
func (u *used) look(t *testing.T) map[string]any {
	t.Helper()
	out := map[string]any{}
	see := func(name string, c *client, path string) {
		var raw json.RawMessage
		require.NoError(t, c.do(t.Context(), http.StatusOK, http.MethodGet, path, nil, &raw), "%s: %s", name, path)
		var v any
		require.NoError(t, json.Unmarshal(raw, &v))
		out[name+" "+path] = v
	}
	for i, c := range u.customers {
		for _, path := range []string{"/v1/me", "/v1/me/addresses", "/v1/cart", "/v1/orders?limit=100", "/v1/tickets?limit=100"} {
			see(string(rune('A'+i)), c, path)
		}
	}
	see("guest", u.guest, "/v1/cart")
	m := staff(t, u.at, caller.CatalogManager)
	for _, sku := range u.skus {
		see("staff", m, "/v1/inventory/"+sku)
	}
	see("staff", m, "/v1/products?q=taza&limit=100")
	return out
}

// requireSame looks again in a shop that was started anew, with the sessions that there were,
// and goes on buying in it.
func (u *used) requireSame(t *testing.T, s *shop.Shop) {
	t.Helper()
	u.gateway = s.Gateway
	ctx := t.Context()
	now := u.look(t)
	require.Equal(t, u.seen, now)
	for _, c := range u.customers {
		require.NoError(t, c.renew(ctx))
		require.NoError(t, submit(ctx, c), "the cart that was left can be bought")
		require.NoError(t, buy(ctx, c, u.skus[0]))
	}
	require.NoError(t, submit(ctx, u.guest))
	m := staff(t, u.at, caller.CatalogManager)
	free := 0
	for _, sku := range u.skus {
		free += stockOf(t, m, sku).Available
	}
	require.Equal(t, 3*pieces-8-3*(2+1)-3, free)
}
