//go:build alerts

package alerts

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tienda/demo"
	"tienda/internal/caller"
	"tienda/tests/customer"
	"tienda/tests/history"
	"tienda/tests/shop"
)

const (
	atRest  = 5                      // scrapes before the damage
	steady  = 8                      // scrapes that are repeated: 24 s
	longest = 22 * time.Minute       // how long they are: 15 minutes of a for, and a window of 5
	limit   = 4 * time.Minute        // for the alerts to fire
	most    = 60                     // requests of the customers without an answer
	answer  = 20 * time.Second       // that they wait for one
	often   = 250 * time.Millisecond // between two customers who look or buy
)

var madrid = map[string]string{"name": "Lucía Pérez", "line1": "Calle Mayor 1", "city": "Madrid", "postal_code": "28013", "country": "ES"}

// scene is a shop that is scraped, with goods and customers.
type scene struct {
	*shop.Shop
	dir     string // of the test
	web     *customer.Web
	manager *customer.Account
	agent   *customer.Account
	sku     string
	cards   []string // orders that were paid by card
	figures *recorder
	damaged int // how many scrapes there were when the damage began
}

// open starts a shop, and has it scraped until the test ends.
func open(t *testing.T, dir string, o shop.Options) *scene {
	t.Helper()
	o.Bin, o.Dir, o.Profile = bin, filepath.Join(dir, "shop"), "local"
	s, err := shop.Start(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(s.Stop)
	c := &scene{Shop: s, dir: dir, web: &customer.Web{Base: s.Gateway, Limit: answer, HTTP: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: most}}}}
	c.manager, c.agent = c.staff(caller.CatalogManager), c.staff(caller.SupportAgent)
	c.sku = "ALERT-1"
	var categories customer.List[struct {
		Slug string `json:"slug"`
	}]
	require.Eventually(t, func() bool {
		a := c.web.Send(t.Context(), http.MethodGet, "/v1/categories", nil)
		a.Into(&categories)
		return a.Outcome() == history.Done && len(categories.Items) > 0
	}, time.Minute, 50*time.Millisecond)
	c.must(t, c.manager, http.MethodPost, "/v1/products", map[string]any{
		"slug": "alert-1", "name": "Taza de prueba", "description": "Para pruebas.", "category": categories.Items[0].Slug, "status": "published",
		"variants": []map[string]any{{"sku": c.sku, "name": "única", "prices": []map[string]any{{"amount": 1250, "currency": "EUR"}}}},
	})
	c.must(t, c.manager, http.MethodPatch, "/v1/inventory/"+c.sku, map[string]any{"delta": 1_000_000, "reason": "first delivery"})
	ctx, stop := context.WithCancel(t.Context())
	c.figures, err = watch(ctx, s)
	require.NoError(t, err)
	t.Cleanup(func() {
		stop()
		c.figures.ended.Wait()
	})
	return c
}

// staff gives a demo account with a role.
func (c *scene) staff(role caller.Role) *customer.Account {
	i := slices.IndexFunc(demo.Accounts, func(a demo.Account) bool { return a.Role == role })
	return &customer.Account{Web: c.web, Email: demo.Accounts[i].Email, Password: demo.Accounts[i].Password}
}

// must sends a request of somebody that is to go well; nil: a guest's.
func (c *scene) must(t *testing.T, who *customer.Account, method, path string, body any, headers ...string) customer.Answer {
	t.Helper()
	a := c.web.Send(t.Context(), method, path, body, append(headers, "Authorization", who.Bearer(t.Context()))...)
	require.Equal(t, history.Done, a.Outcome(), "%s %s: %s: %.300s", method, path, a, a.Body)
	return a
}

// buy fills a guest's cart and checks out by invoice, or by a card.
func (c *scene) buy(ctx context.Context, card string) customer.Answer {
	a := c.web.Send(ctx, http.MethodPut, "/v1/cart/items/"+c.sku, map[string]int{"quantity": 1})
	if a.Outcome() != history.Done {
		return a
	}
	how := map[string]any{"payment_method": "invoice", "email": "alert-" + uuid.NewString() + "@example.com", "address": madrid}
	if card != "" {
		how["payment_method"], how["payment_token"] = "card", card
	}
	return c.web.Send(ctx, http.MethodPost, "/v1/orders", how, "Cart-Token", a.Got("Cart-Token"), "Idempotency-Key", uuid.NewString())
}

// bought gives the order of a purchase that is to go well.
func (c *scene) bought(t *testing.T, card string) string {
	t.Helper()
	a := c.buy(t.Context(), card)
	require.Equal(t, http.StatusCreated, a.Status, "%s: %.300s", a, a.Body)
	var o customer.Order
	a.Into(&o)
	return o.ID
}

// crowd has customers look, buy and see their account until ctx ends. They come whether the
// ones before have got their answers or not, and whatever these are.
func (c *scene) crowd(ctx context.Context) (ended func()) {
	var all sync.WaitGroup
	here := make(chan struct{}, most)
	come := func(every time.Duration, do func(context.Context)) {
		all.Go(func() {
			t := time.NewTicker(every)
			defer t.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case <-t.C:
				}
				select {
				case here <- struct{}{}:
					all.Go(func() {
						defer func() { <-here }()
						do(ctx)
					})
				default:
				}
			}
		})
	}
	come(often, func(ctx context.Context) { c.web.Send(ctx, http.MethodGet, "/v1/products/alert-1", nil) })
	come(often, func(ctx context.Context) { c.buy(ctx, "") })
	token := c.agent.Bearer(ctx)
	come(often, func(ctx context.Context) { c.web.Send(ctx, http.MethodGet, "/v1/me", nil, "Authorization", token) })
	return all.Wait
}

// waits until there are so many scrapes.
func (c *scene) waits(t *testing.T, scrapes int) {
	t.Helper()
	require.Eventually(t, func() bool { return c.figures.scrapes() >= scrapes }, limit, interval/10)
}

// fires waits until each of the alerts fires and keeps firing, and nothing else but what the
// damage may set off as well.
func (c *scene) fires(t *testing.T, alerts, also []string) {
	t.Helper()
	var fired map[string]alert
	var missing []string
	n := c.damaged + steady
	for until := time.Now().Add(limit); time.Now().Before(until); {
		c.waits(t, n+1)
		n = c.figures.scrapes()
		long := c.figures.until(n, steady, longest)
		v := judge(t, long)
		fired, missing = v.fired(), nil
		for _, name := range alerts {
			scrapes := len(long.Times)
			if v.Rules[name] <= recorded {
				scrapes = n
			}
			if !v.holds(name, scrapes) {
				missing = append(missing, name)
			}
		}
		if len(missing) == 0 {
			break
		}
		n += 2
	}
	for _, name := range slices.Sorted(maps.Keys(fired)) {
		a := fired[name]
		how := "in the record"
		if a.Scrape >= n {
			how = "behind it"
		}
		t.Logf("%s fires at scrape %d, %s (%d): %s %s", name, a.Scrape, how, n, a.Labels, a.Summary)
	}
	require.Empty(t, missing, "these do not fire: %s\n%s", strings.Join(missing, ", "), c.said())
	for name, a := range fired {
		require.GreaterOrEqual(t, a.Scrape, c.damaged, "%s fires before there was any damage", name)
		require.True(t, slices.Contains(alerts, name) || slices.Contains(also, name), "%s fires, too: %s", name, a.Summary)
	}
}

// said gives the last values of the figures that are not 0, requests at the apps left out.
func (c *scene) said() string {
	var out strings.Builder
	c.figures.mu.Lock()
	defer c.figures.mu.Unlock()
	for _, s := range c.figures.record.Series {
		name := s.Labels["__name__"]
		if strings.HasSuffix(name, "_bucket") || strings.HasSuffix(name, "_sum") || strings.HasPrefix(name, "tienda_http_") {
			continue
		}
		if last := s.Values[max(0, len(s.Values)-2*steady):]; slices.ContainsFunc(last, func(f figure) bool { return f != 0 }) {
			fmt.Fprintln(&out, s.Labels, last)
		}
	}
	return out.String()
}

// pause stops a process until the test ends.
func pause(t *testing.T, pid int) {
	t.Helper()
	require.NotZero(t, pid)
	require.NoError(t, syscall.Kill(pid, syscall.SIGSTOP))
	t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGCONT) })
}

// store is the file of an app's state.
func (c *scene) store(app string) string { return filepath.Join(c.DataDir, "local", app+".db") }

// keepOn does something again and again until the test ends, with a pause between.
func (c *scene) keepOn(t *testing.T, pause time.Duration, do func(context.Context)) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	var ended sync.WaitGroup
	ended.Go(func() {
		for ctx.Err() == nil {
			do(ctx)
			select {
			case <-ctx.Done():
			case <-time.After(pause):
			}
		}
	})
	t.Cleanup(func() {
		stop()
		ended.Wait()
	})
}
