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
	lookers  = 12                     // requests at a time of a look
	lookTime = 10 * time.Second       // of one request, with its repeats
	quiet    = 300 * time.Millisecond // without an event means that all are heard
)

// observer looks at what is there, past the links that are disturbed.
type observer struct {
	market  *market
	web     *customer.Web
	agent   *customer.Account
	manager *customer.Account
	admin   *customer.Account
	// provider is the sandbox, whose ledger is looked at.
	provider *customer.Web

	mu     sync.Mutex
	events []history.Event
	heard  time.Time
	orders map[string]history.Order // as they were last seen
}

// listen hears every event from the first one on.
func (o *observer) listen(s shop.State) (stop func(), err error) {
	o.heard = time.Now()
	return tap.Listen(s, []string{"orders", "support"}, func(raw []byte) {
		var e struct {
			history.Event
			Data returnData `json:"data"`
		}
		if err := json.Unmarshal(raw, &e); err != nil {
			e.Type = "no event: " + err.Error()
		}
		e.Return = e.Data.of(e.Type)
		o.mu.Lock()
		defer o.mu.Unlock()
		o.events, o.heard = append(o.events, e.Event), time.Now()
	})
}

// look gives what is there now. Orders that can change no more are not read
// again.
func (o *observer) look(ctx context.Context, calls []history.Call, at time.Duration) (history.Final, error) {
	f := history.Final{At: at}
	if err := o.waitForQuiet(ctx); err != nil {
		return f, err
	}
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) { f.Stock, err = o.stock(gctx); return err })
	g.Go(func() (err error) { f.Returns, err = o.returns(gctx); return err })
	g.Go(func() (err error) { f.DeadLetters, err = o.deadLetters(gctx); return err })
	if err := g.Wait(); err != nil {
		return f, err
	}
	var err error
	if f.Orders, err = o.allOrders(ctx, calls, f.Returns); err != nil {
		return f, err
	}
	f.Ledger = true
	f.Operations, err = o.operations(ctx)
	o.mu.Lock()
	defer o.mu.Unlock()
	f.Events = slices.Clone(o.events)
	return f, err
}

func (o *observer) waitForQuiet(ctx context.Context) error {
	for deadline := time.Now().Add(lookTime); time.Now().Before(deadline); {
		o.mu.Lock()
		since := time.Since(o.heard)
		o.mu.Unlock()
		if since > quiet {
			return nil
		}
		if err := sleep(ctx, quiet/4); err != nil {
			return err
		}
	}
	return nil
}

// get reads something, again while it does not answer; false: it is not there.
func (o *observer) get(ctx context.Context, path string, v any, headers ...string) (bool, error) {
	return getFrom(ctx, o.web, path, v, headers...)
}

func getFrom(ctx context.Context, w *customer.Web, path string, v any, headers ...string) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	for {
		a := w.Send(ctx, http.MethodGet, path, nil, headers...)
		a.Into(v)
		switch {
		case a.Outcome() == history.Done:
			return true, nil
		case a.Status == http.StatusNotFound:
			return false, nil
		case a.Outcome() == history.Refused:
			return false, fmt.Errorf("GET %s: %s", path, a)
		}
		if sleep(ctx, 100*time.Millisecond) != nil {
			return false, fmt.Errorf("GET %s: %s", path, a)
		}
	}
}

func (o *observer) stock(ctx context.Context) ([]history.Stock, error) {
	var out []history.Stock
	for _, g := range o.market.goods {
		var s history.Stock
		there, err := o.get(ctx, "/v1/inventory/"+g.SKU, &s, "Authorization", o.manager.Bearer(ctx))
		if err != nil {
			return nil, err
		}
		if there {
			if s.Booked, err = o.booked(ctx, g.SKU); err != nil {
				return nil, err
			}
			out = append(out, s)
		}
	}
	return out, nil
}

// booked adds up the ledger of a SKU.
func (o *observer) booked(ctx context.Context, sku string) (*history.Booked, error) {
	var b history.Booked
	for cursor := ""; ; {
		var page customer.List[struct {
			Kind  string `json:"kind"`
			Delta int    `json:"delta"`
		}]
		if _, err := o.get(ctx, "/v1/inventory/"+sku+"/ledger?limit=100&cursor="+cursor, &page, "Authorization", o.manager.Bearer(ctx)); err != nil {
			return nil, err
		}
		for _, e := range page.Items {
			b.All += e.Delta
			if e.Kind == "sale" {
				b.Sold -= e.Delta
			}
		}
		if cursor = page.NextCursor; cursor == "" {
			return &b, nil
		}
	}
}

func (o *observer) returns(ctx context.Context) ([]history.Return, error) {
	var out []history.Return
	for cursor := ""; ; {
		var page customer.List[returnView]
		if _, err := o.get(ctx, "/v1/returns?limit=100&cursor="+cursor, &page, "Authorization", o.agent.Bearer(ctx)); err != nil {
			return nil, err
		}
		for _, r := range page.Items {
			out = append(out, r.history())
		}
		if cursor = page.NextCursor; cursor == "" {
			return out, nil
		}
	}
}

// deadLetters are the events that an app has refused for good.
func (o *observer) deadLetters(ctx context.Context) ([]history.DeadLetter, error) {
	var out []history.DeadLetter
	for _, app := range []string{"catalog", "orders", "support"} {
		path := "/v1/ops/dead-letters/" + app
		for cursor := ""; ; {
			var page customer.List[letterView]
			if _, err := o.get(ctx, path+"?state=waiting&limit=100&cursor="+cursor, &page, "Authorization", o.admin.Bearer(ctx)); err != nil {
				return nil, err
			}
			for _, l := range page.Items {
				if _, err := o.get(ctx, path+"/"+l.ID, &l, "Authorization", o.admin.Bearer(ctx)); err != nil {
					return nil, err
				}
				out = append(out, history.DeadLetter{App: app, Event: l.history()})
			}
			if cursor = page.NextCursor; cursor == "" {
				break
			}
		}
	}
	return out, nil
}

// allOrders reads every order that an answer, an event, a return or a list of
// an unsure buyer names.
func (o *observer) allOrders(ctx context.Context, calls []history.Call, returns []history.Return) ([]history.Order, error) {
	ids, err := o.listed(ctx, calls)
	if err != nil {
		return nil, err
	}
	for _, c := range calls {
		if c.Got != nil {
			ids[c.Got.ID] = true
		}
	}
	o.mu.Lock()
	for _, e := range o.events {
		if strings.HasPrefix(e.Type, "tienda.orders.") {
			ids[e.Subject] = true
		}
	}
	o.mu.Unlock()
	status := map[string]history.ReturnStatus{}
	for _, r := range returns {
		ids[r.Order] = true
		status[r.ID] = r.Status
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(lookers)
	for id := range ids {
		if seen, ok := o.seen(id); ok && settled(seen, status) {
			continue
		}
		g.Go(func() error {
			var v customer.Order
			there, err := o.get(ctx, "/v1/orders/"+id, &v, "Authorization", o.agent.Bearer(ctx))
			if err == nil && there {
				o.mu.Lock()
				defer o.mu.Unlock()
				o.orders[id] = v.History()
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	out := make([]history.Order, 0, len(ids))
	for _, id := range slices.Sorted(maps.Keys(o.orders)) {
		out = append(out, o.orders[id])
	}
	return out, nil
}

func (o *observer) seen(id string) (history.Order, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	seen, ok := o.orders[id]
	return seen, ok
}

// settled says that nothing is left to happen to an order when nobody asks.
func settled(o history.Order, status map[string]history.ReturnStatus) bool {
	for _, f := range o.Refunds {
		if f.Exchange != nil && f.Exchange.Status == history.ExchangeOwed {
			return false
		}
	}
	if o.Card != nil && len(o.Card.Open) > 0 {
		return false
	}
	for _, r := range o.Returns {
		if r.Status != status[r.Return] || r.Status == history.ReturnReceived {
			return false
		}
	}
	return o.Status != history.Pending
}

// listed asks for the orders of every cart whose buyer did not get an answer at
// once: these are where an order could be that nobody knows of.
func (o *observer) listed(ctx context.Context, calls []history.Call) (map[string]bool, error) {
	unsure := map[string]bool{}
	for _, c := range calls {
		if c.Op == history.Checkout && c.Outcome != history.Done {
			unsure[c.Cart] = true
		}
	}
	owners := map[shopper]bool{}
	o.market.mu.Lock()
	for cart := range unsure {
		owners[o.market.carts[cart]] = true
	}
	o.market.mu.Unlock()
	ids := map[string]bool{}
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(lookers)
	for who := range owners {
		g.Go(func() error {
			for cursor := ""; ; {
				var page customer.List[customer.Order]
				if _, err := o.get(ctx, "/v1/orders?limit=100&cursor="+cursor, &page, "Authorization", who.account.Bearer(ctx), "Cart-Token", who.token); err != nil {
					return err
				}
				mu.Lock()
				for _, v := range page.Items {
					ids[v.ID] = true
				}
				mu.Unlock()
				if cursor = page.NextCursor; cursor == "" {
					return nil
				}
			}
		})
	}
	return ids, g.Wait()
}
