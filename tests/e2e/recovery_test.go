package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tienda/demo"
	"tienda/internal/caller"
	"tienda/internal/daprd"
	"tienda/tests/shop"
)

// buy makes a guest's purchase against a shop and says whether it worked.
func buy(base, sku string) error {
	c := &client{base: base}
	a, err := c.try("PUT", "/v1/cart/items/"+sku, map[string]int{"quantity": 1})
	if err != nil {
		return err
	}
	if a.status != http.StatusOK {
		return fmt.Errorf("cart: %d %s", a.status, a.body)
	}
	a, err = c.try("POST", "/v1/orders", map[string]any{"payment_method": "invoice", "email": "g@example.com", "address": madrid}, "Idempotency-Key", uuid.NewString())
	if err != nil {
		return err
	}
	if a.status != http.StatusCreated {
		return fmt.Errorf("checkout: %d %s", a.status, a.body)
	}
	return nil
}

// allReady waits until every service is, after one was killed.
func allReady(t testing.TB) {
	t.Helper()
	eventually(t, "all services are ready", func() bool {
		if the.Reload() != nil {
			return false
		}
		for _, a := range the.Apps {
			if a.Port != 0 && !daprd.Healthy(t.Context(), fmt.Sprintf("http://127.0.0.1:%d/readyz", a.Port)) && a.SidecarPID != 0 {
				return false
			}
		}
		return true
	})
}

func alive(pid int) bool { return syscall.Kill(pid, 0) == nil }

// A killed service or sidecar is brought back, and the next purchase works.
func TestKilledPartsComeBack(t *testing.T) {
	_, sku := ownProduct(t, 1000)
	require.NoError(t, buy(the.Gateway, sku))
	for _, app := range []string{"users", "catalog", "orders", "support", "gateway"} {
		for _, what := range []string{"service", "sidecar"} {
			t.Run(app+" "+what, func(t *testing.T) {
				require.NoError(t, the.Reload())
				a := the.Of(app)[0]
				pid := a.PID
				if what == "sidecar" {
					pid = a.SidecarPID
				}
				require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
				eventually(t, "another process takes its place", func() bool {
					if the.Reload() != nil {
						return false
					}
					b := the.Of(app)[0]
					if what == "sidecar" {
						return b.SidecarPID != pid && b.SidecarPID != 0
					}
					return b.PID != pid && b.PID != 0
				})
				var last error
				eventually(t, "a purchase works again", func() bool { last = buy(the.Gateway, sku); return last == nil })
				allReady(t)
			})
		}
	}
}

// The broker stands still while an order is cancelled, and orders is killed
// before it could announce that: the stock is released all the same.
func TestKilledBeforePublishing(t *testing.T) {
	_, sku := ownProduct(t, 5)
	c := guest()
	put(t, c, sku, 5)
	o := must[order](t, c, http.StatusCreated, "POST", "/v1/orders",
		map[string]any{"payment_method": "invoice", "email": "g@example.com", "address": madrid}, "Idempotency-Key", uuid.NewString())
	requireEvents(t, o.ID, "tienda.orders.confirmed")
	require.NoError(t, the.Reload())
	orders := the.Of("orders")[0].PID
	resume := func() {}
	for _, b := range the.Of("broker") { // a Redis that stands still would hold up the cancelling, too
		require.NoError(t, syscall.Kill(b.PID, syscall.SIGSTOP))
		resume = sync.OnceFunc(func() { _ = syscall.Kill(b.PID, syscall.SIGCONT) })
	}
	defer func() { resume() }()
	must[order](t, c, http.StatusOK, "POST", "/v1/orders/"+o.ID+"/cancel", nil)
	require.NoError(t, syscall.Kill(orders, syscall.SIGKILL))
	resume()
	allReady(t)
	eventually(t, "the stock is released", func() bool { return stockOf(t, sku).Available == 5 })
	requireEvents(t, o.ID, "tienda.orders.confirmed", "tienda.orders.cancelled")
}

// orders is killed in the middle of a checkout. Nobody repeats the request: the
// order is found in the dead process's journal and ends confirmed.
func TestKilledMidCheckout(t *testing.T) {
	_, sku := ownProduct(t, 5)
	c := guest()
	put(t, c, sku, 2)
	require.NoError(t, the.Reload())
	catalog, orders := the.Of("catalog")[0].PID, the.Of("orders")[0].PID
	require.NoError(t, syscall.Kill(catalog, syscall.SIGSTOP)) // the reservation hangs
	resume := sync.OnceFunc(func() { _ = syscall.Kill(catalog, syscall.SIGCONT) })
	defer resume()
	mine, asked := *c, make(chan struct{})
	go func() {
		defer close(asked)
		_, _ = mine.try("POST", "/v1/orders", map[string]any{"payment_method": "invoice", "email": "g@example.com", "address": madrid}, "Idempotency-Key", uuid.NewString())
	}()
	eventually(t, "the order is pending", func() bool {
		l := must[list[order]](t, c, http.StatusOK, "GET", "/v1/orders", nil)
		return len(l.Items) == 1 && l.Items[0].Status == "pending"
	})
	require.NoError(t, syscall.Kill(orders, syscall.SIGKILL))
	resume()
	<-asked
	allReady(t)
	var got list[order]
	within(t, 30*time.Second, "the order is confirmed", func() bool {
		a, err := c.try("GET", "/v1/orders", nil)
		return err == nil && a.status == http.StatusOK && json.Unmarshal(a.body, &got) == nil && len(got.Items) == 1 && got.Items[0].Status == "confirmed"
	})
	eventually(t, "its stock is reserved once", func() bool { return stockOf(t, sku).Reserved == 2 })
	require.Empty(t, must[cart](t, c, http.StatusOK, "GET", "/v1/cart", nil).Lines)
}

// A consumer that is away for longer than any retry misses nothing: its sidecar
// holds the events back until it answers again.
func TestEventsWaitForTheirConsumer(t *testing.T) {
	agent := staff(t, caller.SupportAgent)
	_, sku := ownProduct(t, 5)
	c := guest()
	put(t, c, sku, 2)
	o := must[order](t, c, http.StatusCreated, "POST", "/v1/orders",
		map[string]any{"payment_method": "invoice", "email": "g@example.com", "address": madrid}, "Idempotency-Key", uuid.NewString())
	require.NoError(t, the.Reload())
	catalog := the.Of("catalog")[0]
	require.NoError(t, syscall.Kill(catalog.PID, syscall.SIGSTOP))
	resume := sync.OnceFunc(func() { _ = syscall.Kill(catalog.PID, syscall.SIGCONT) })
	defer resume()
	stopped := time.Now() // two probes, 1 s apart, tell the sidecar
	eventually(t, "the sidecar knows that its app is away", func() bool { return time.Since(stopped) > 4*time.Second })
	must[order](t, agent, http.StatusOK, "POST", "/v1/orders/"+o.ID+"/ship", nil)
	away := time.Now()
	within(t, 30*time.Second, "the time of all retries", func() bool { return time.Since(away) > 18*time.Second })
	resume()
	within(t, 30*time.Second, "the shipment leaves the stock", func() bool {
		a, err := staff(t, caller.CatalogManager).try("GET", "/v1/inventory/"+sku, nil)
		var s stock
		return err == nil && a.status == http.StatusOK && json.Unmarshal(a.body, &s) == nil && s.Sold == 2
	})
}

// While a service is away, its own routes answer 503 with Retry-After, and the
// others go on.
func TestDeadServiceIs503(t *testing.T) {
	c, _ := newCustomer(t)
	ticket := map[string]any{"subject": "S", "message": "M"}
	seen := false
	for range 10 { // the runner may have it back before the request comes
		require.NoError(t, the.Reload())
		require.NoError(t, syscall.Kill(the.Of("support")[0].PID, syscall.SIGKILL))
		got := c.call(t, "POST", "/v1/tickets", ticket)
		must[user](t, c, http.StatusOK, "GET", "/v1/me", nil) // users goes on
		pid := the.Of("support")[0].PID
		eventually(t, "support is back", func() bool {
			return the.Reload() == nil && the.Of("support")[0].PID != pid && c.call(t, "GET", "/v1/tickets", nil).status == http.StatusOK
		})
		if got.status != http.StatusServiceUnavailable {
			continue
		}
		require.NotEmpty(t, got.header.Get("Retry-After"))
		require.Contains(t, string(got.body), "support_unavailable")
		seen = true
		break
	}
	require.True(t, seen, "no request met the dead service")
}

// Two replicas of catalog both get traffic; one is killed under load, and no
// read is lost.
func TestReplicas(t *testing.T) {
	t.Parallel() // it has a shop of its own
	s, err := shop.Start(t.Context(), shop.Options{Bin: bin, Dir: t.TempDir(), Profile: os.Getenv("PROFILE"), Replicas: []string{"catalog=2"}, Log: verbose()})
	require.NoError(t, err)
	defer s.Stop()
	replicas := s.Of("catalog")
	require.Len(t, replicas, 2)
	// Signed in, so that every read goes through to a replica: guests share the
	// gateway's cache.
	c := &client{base: s.Gateway}
	for _, a := range demo.Accounts {
		if a.Role == caller.Customer {
			c.login(t, a.Email, a.Password)
		}
	}
	var id string
	inARow := 0 // both replicas have read the demo data, which one of them loaded
	eventually(t, "both replicas list the products", func() bool {
		a, err := c.try("GET", "/v1/products?limit=1", nil)
		if err != nil || a.status != http.StatusOK || !strings.Contains(string(a.body), `"id":"`) {
			inARow = 0
			return false
		}
		id = strings.Split(strings.SplitN(string(a.body), `"id":"`, 2)[1], `"`)[0]
		inARow++
		return inARow == 20
	})

	before := []float64{cpuSeconds(t, replicas[0].PID), cpuSeconds(t, replicas[1].PID)}
	ctx, stop := context.WithTimeout(t.Context(), 8*time.Second)
	defer stop()
	var reads, lost atomic.Int64
	var first atomic.Value
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for ctx.Err() == nil {
				a, err := c.try("GET", "/v1/products/"+id, nil)
				reads.Add(1)
				if err != nil || a.status != http.StatusOK {
					lost.Add(1)
					first.CompareAndSwap(nil, fmt.Sprintf("%d %s %v", a.status, a.body, err))
				}
			}
		})
	}
	eventually(t, "both replicas work", func() bool {
		return cpuSeconds(t, replicas[0].PID) > before[0]+0.02 && cpuSeconds(t, replicas[1].PID) > before[1]+0.02
	})
	require.NoError(t, syscall.Kill(replicas[1].PID, syscall.SIGKILL))
	require.NoError(t, syscall.Kill(replicas[1].SidecarPID, syscall.SIGKILL))
	wg.Wait()
	require.Greater(t, reads.Load(), int64(100))
	require.Zero(t, lost.Load(), "of %d reads; the first: %v", reads.Load(), first.Load())
}

// cpuSeconds reads the CPU time that a process has used.
func cpuSeconds(t testing.TB, pid int) float64 {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	require.NoError(t, err)
	f := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	var user, system float64
	_, err = fmt.Sscan(f[11], &user)
	require.NoError(t, err)
	_, err = fmt.Sscan(f[12], &system)
	require.NoError(t, err)
	return (user + system) / 100
}

// A second run in the same folder has the data of the first; a run that is
// killed with -9 leaves no process, and its data are still there.
func TestRunsKeepDataAndLeaveNothing(t *testing.T) {
	t.Parallel() // it has a shop of its own
	dir := t.TempDir()
	s, err := shop.Start(t.Context(), shop.Options{Bin: bin, Dir: dir, Profile: os.Getenv("PROFILE"), Log: verbose()})
	require.NoError(t, err)
	c := &client{base: s.Gateway}
	a, err := c.try("GET", "/v1/products?in_stock=true&limit=1", nil)
	require.NoError(t, err)
	slug := strings.Split(strings.SplitN(string(a.body), `"slug":"`, 2)[1], `"`)[0]
	p, err := c.try("GET", "/v1/products/"+slug, nil)
	require.NoError(t, err)
	sku := strings.Split(strings.SplitN(string(p.body), `"sku":"`, 2)[1], `"`)[0]
	a, err = c.try("PUT", "/v1/cart/items/"+sku, map[string]int{"quantity": 2})
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, a.status, "%s", a.body)

	for _, end := range []string{"SIGTERM", "SIGKILL"} {
		pids := s.PIDs()
		require.GreaterOrEqual(t, len(pids), 12, "runner, broker, five apps, five sidecars")
		if end == "SIGTERM" {
			s.Stop()
		} else {
			s.Kill()
		}
		eventually(t, "nothing is left after "+end, func() bool {
			for _, pid := range pids {
				if alive(pid) && !zombie(pid) {
					return false
				}
			}
			return true
		})
		s, err = shop.Start(t.Context(), shop.Options{Bin: bin, Dir: dir, Profile: os.Getenv("PROFILE"), Log: verbose()})
		require.NoError(t, err, "after %s", end)
		c.base = s.Gateway
		a, err = c.try("GET", "/v1/cart", nil)
		require.NoError(t, err)
		require.Contains(t, string(a.body), sku, "the cart is kept after %s", end)
	}
	require.NotEmpty(t, storedKeys(t, s.State, "orders"))
	s.Stop()
}

func zombie(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && strings.Contains(string(b), ") Z ")
}
