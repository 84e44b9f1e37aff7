package e2e

import (
	"net/http"
	"os"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tienda/tests/shop"
)

// One of two replicas of orders is killed with a backlog: the broker stands
// still while 40 orders are cancelled. The other replica, or the killed one's
// next life, announces every one of them, and their stock comes back, within
// 10 s of the kill.
func TestBacklogOfAKilledReplica(t *testing.T) {
	t.Parallel() // it has a shop of its own
	const buyers = 40
	s, err := shop.Start(t.Context(), shop.Options{Bin: bin, Dir: t.TempDir(), Profile: os.Getenv("PROFILE"), Replicas: []string{"orders=2"}, Log: verbose()})
	require.NoError(t, err)
	defer s.Stop()
	r, err := record(s.State)
	require.NoError(t, err)
	defer r.close()
	sku := anySKU(t, s.Gateway)

	clients, ids := make([]*client, buyers), make([]string, buyers)
	for i := range clients {
		clients[i] = &client{base: s.Gateway}
		put(t, clients[i], sku, 1)
		ids[i] = must[order](t, clients[i], http.StatusCreated, "POST", "/v1/orders",
			map[string]any{"payment_method": "invoice", "email": "g@example.com", "address": madrid}, "Idempotency-Key", uuid.NewString()).ID
	}
	resume := func() {}
	for _, b := range s.Of("broker") { // a Redis that stands still would hold up the cancelling, too
		require.NoError(t, syscall.Kill(b.PID, syscall.SIGSTOP))
		resume = sync.OnceFunc(func() { _ = syscall.Kill(b.PID, syscall.SIGCONT) })
	}
	defer func() { resume() }()
	var wg sync.WaitGroup
	for i, c := range clients {
		wg.Go(func() {
			if a := c.call(t, "POST", "/v1/orders/"+ids[i]+"/cancel", nil); a.status != http.StatusOK {
				t.Errorf("cancel: %d %s", a.status, a.body)
			}
		})
	}
	wg.Wait()
	require.NoError(t, syscall.Kill(s.Of("orders")[1].PID, syscall.SIGKILL))
	killed := time.Now()
	resume()
	within(t, 10*time.Second, "every cancelled order is announced", func() bool {
		return !slices.ContainsFunc(ids, func(id string) bool { return !slices.Contains(r.about(id), "tienda.orders.cancelled") })
	})
	t.Logf("all %d events were out %.1f s after the kill", buyers, time.Since(killed).Seconds())
	for _, id := range ids {
		require.Equal(t, []string{"tienda.orders.confirmed", "tienda.orders.cancelled"}, r.about(id), "in their order, once each in effect")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	require.Empty(t, r.bad, "events that do not fit their schema")
}

// anySKU gives a SKU with plenty in stock.
func anySKU(t testing.TB, gateway string) string {
	t.Helper()
	c := &client{base: gateway}
	l := must[list[product]](t, c, http.StatusOK, "GET", "/v1/products?in_stock=true&limit=1", nil)
	require.NotEmpty(t, l.Items)
	return must[product](t, c, http.StatusOK, "GET", "/v1/products/"+l.Items[0].ID, nil).Variants[0].SKU
}
