package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"tienda/tests/customer"
	"tienda/tests/history"
	"tienda/tests/shop"
	"tienda/tests/tap"
)

const (
	lookers  = 8                // requests at a time of a look
	lookTime = 15 * time.Second // of one request, with its repeats
)

// judge looks at everything that there is in a shop of its own and holds it to
// what customers were told, as the faults test does: again until nothing is
// wrong, or the time is over in which everything has to end.
func (m *market) judge(ctx context.Context, s shop.State, all []history.Good, r *Report) ([]history.Violation, error) {
	var mu sync.Mutex
	var events []history.Event
	size := 0
	stop, err := tap.Listen(s, []string{"orders"}, func(raw []byte) {
		var e history.Event
		if err := json.Unmarshal(raw, &e); err != nil {
			e.Type = "no event: " + err.Error()
		}
		mu.Lock()
		defer mu.Unlock()
		events, size = append(events, e), size+len(raw)
	})
	if err != nil {
		return nil, err
	}
	defer stop()
	run := history.Run{Calls: m.record.All(), LastFault: m.record.Now()}
	run.Goods = touched(all, run.Calls)
	for {
		run.Final = history.Final{At: m.record.Now()}
		if run.Final.Stock, err = m.stock(ctx, run.Goods); err != nil {
			return nil, err
		}
		mu.Lock()
		heard := slices.Clone(events)
		mu.Unlock()
		if run.Final.Orders, err = m.orders(ctx, run.Calls, heard); err != nil {
			return nil, err
		}
		mu.Lock()
		run.Final.Events = slices.Clone(events)
		r.Orders, r.Events, r.EventBytes = len(run.Final.Orders), len(events), size
		mu.Unlock()
		found := history.Check(run)
		if len(found) == 0 || m.record.Now() > run.LastFault+history.SettleLimit {
			return found, nil
		}
		if err := sleep(ctx, time.Second); err != nil {
			return nil, err
		}
	}
}

// touched are the goods that somebody has tried to buy: the others are not looked
// at, since a catalog may have hundreds of thousands.
func touched(all []history.Good, calls []history.Call) []history.Good {
	wanted := map[string]bool{}
	for _, c := range calls {
		for _, l := range c.Lines {
			wanted[l.SKU] = true
		}
	}
	var out []history.Good
	for _, g := range all {
		if wanted[g.SKU] {
			out = append(out, g)
		}
	}
	return out
}

// get reads something, again while the shop is at fault; false: it is not there.
func (m *market) get(ctx context.Context, path string, v any, headers ...string) (bool, error) {
	for deadline := time.Now().Add(lookTime); ; {
		a := m.web.send(ctx, http.MethodGet, path, nil, headers...)
		a.Into(v)
		switch {
		case a.class() == OK:
			return true, nil
		case a.Status == http.StatusNotFound:
			return false, nil
		case time.Now().After(deadline):
			return false, fmt.Errorf("GET %s: %s", path, a)
		}
		if err := sleep(ctx, 100*time.Millisecond); err != nil {
			return false, err
		}
	}
}

// each does something for all, a few at a time.
func each[T any](ctx context.Context, all []T, do func(context.Context, T) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(lookers)
	for _, one := range all {
		g.Go(func() error { return do(ctx, one) })
	}
	return g.Wait()
}

func (m *market) stock(ctx context.Context, goods []history.Good) ([]history.Stock, error) {
	var mu sync.Mutex
	var out []history.Stock
	err := each(ctx, goods, func(ctx context.Context, g history.Good) error {
		var s history.Stock
		there, err := m.get(ctx, "/v1/inventory/"+g.SKU, &s, "Authorization", m.staff.manager.Bearer(ctx))
		if there {
			mu.Lock()
			defer mu.Unlock()
			out = append(out, s)
		}
		return err
	})
	return out, err
}

// orders reads every order that was acknowledged, those that are in the lists of
// their buyers, and those that events are about: a checkout that was refused is in
// no list.
func (m *market) orders(ctx context.Context, calls []history.Call, heard []history.Event) ([]history.Order, error) {
	owners, err := m.lists(ctx)
	if err != nil {
		return nil, err
	}
	if m.staff.agent != nil {
		for _, c := range calls {
			if c.Got != nil {
				owners[c.Got.ID] = &visitor{account: m.staff.agent}
			}
		}
		for _, e := range heard {
			owners[e.Subject] = &visitor{account: m.staff.agent}
		}
	}
	var mu sync.Mutex
	var out []history.Order
	err = each(ctx, slices.Collect(maps.Keys(owners)), func(ctx context.Context, id string) error {
		var v customer.Order
		there, err := m.get(ctx, "/v1/orders/"+id, &v, owners[id].headers(ctx)...)
		if there {
			mu.Lock()
			defer mu.Unlock()
			out = append(out, v.History())
		}
		return err
	})
	return out, err
}

// lists reads the own orders of every buyer, which is where one of which nobody
// was told would be: whose each is, by its ID.
func (m *market) lists(ctx context.Context) (map[string]*visitor, error) {
	m.mu.Lock()
	buyers := slices.Collect(maps.Values(m.bought))
	m.mu.Unlock()
	var mu sync.Mutex
	out := map[string]*visitor{}
	err := each(ctx, buyers, func(ctx context.Context, c *visitor) error {
		for cursor := ""; ; {
			var page customer.List[struct {
				ID string `json:"id"`
			}]
			if _, err := m.get(ctx, "/v1/orders?limit=100&cursor="+cursor, &page, c.headers(ctx)...); err != nil {
				return err
			}
			mu.Lock()
			for _, o := range page.Items {
				out[o.ID] = c
			}
			mu.Unlock()
			if cursor = page.NextCursor; cursor == "" {
				return nil
			}
		}
	})
	return out, err
}

// judgeOwn is what can be judged of a shop whose staff one is not: each checkout
// that was acknowledged is one order in its buyer's list, with the lines of its
// cart and the total that was told. What was oversold does not show there.
func (m *market) judgeOwn(ctx context.Context) ([]history.Violation, error) {
	calls := m.record.All()
	there, err := m.orders(ctx, calls, nil)
	if err != nil {
		return nil, err
	}
	return ownOrders(calls, there), nil
}

// ownOrders holds the orders that buyers see to what they were told.
func ownOrders(calls []history.Call, there []history.Order) []history.Violation {
	byKey := map[string][]history.Order{}
	for _, o := range there {
		byKey[o.Key] = append(byKey[o.Key], o)
	}
	var found []history.Violation
	for _, c := range calls {
		if c.Op != history.Checkout || c.Got == nil {
			continue
		}
		switch orders := byKey[c.Key]; {
		case len(orders) == 0:
			found = append(found, history.Violation{Kind: history.OrderLost, What: "order " + c.Got.ID + " is not in its buyer's list"})
		case len(orders) > 1:
			found = append(found, history.Violation{Kind: history.OrderTwice, What: fmt.Sprintf("%d orders have the key %s", len(orders), c.Key)})
		case orders[0].Total != c.Got.Total || !same(orders[0].Lines, c.Lines):
			found = append(found, history.Violation{Kind: history.OrderDiffers, What: "order " + c.Got.ID + " is not its cart"})
		}
	}
	return found
}

// same says whether an order's lines are those of a cart.
func same(lines []history.Line, cart []history.Item) bool {
	got := map[string]int{}
	for _, l := range lines {
		got[l.SKU] += l.Quantity
	}
	for _, l := range cart {
		got[l.SKU] -= l.Quantity
	}
	for _, n := range got {
		if n != 0 {
			return false
		}
	}
	return true
}

// summary says what was found, shortly.
func summary(found []history.Violation) string {
	var lines []string
	for _, v := range found[:min(10, len(found))] {
		lines = append(lines, "  "+v.String())
	}
	return strings.Join(append(lines, fmt.Sprintf("violations: %d", len(found))), "\n")
}
