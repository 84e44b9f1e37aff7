package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"tienda/demo"
	"tienda/internal/caller"
	"tienda/tests/customer"
	"tienda/tests/history"
)

// deliveries is how many orders one delivery takes: the benchmark's takes the
// oldest package of each of the first ten sellers, and this shop is one seller.
const deliveries = 10

// staff are who run the shop; nil where nobody has said who.
type staff struct{ manager, agent, admin *customer.Account }

// demoStaff are the demo accounts, each with the one role that it is for.
func demoStaff(w *web) staff {
	of := func(role caller.Role) *customer.Account {
		for _, a := range demo.Accounts {
			if a.Role == role {
				return &customer.Account{Web: w.Web, Email: a.Email, Password: a.Password}
			}
		}
		return nil
	}
	return staff{of(caller.CatalogManager), of(caller.SupportAgent), of(caller.Admin)}
}

// dashboard is the benchmark's seller dashboard: the sums, and the orders behind
// them that are not shipped.
func (m *market) dashboard(ctx context.Context) result {
	a := m.web.send(ctx, http.MethodGet, "/v1/orders/totals?by=status", nil, "Authorization", m.staff.agent.Bearer(ctx))
	if a.class() != OK {
		return one(a)
	}
	r := one(m.web.send(ctx, http.MethodGet, "/v1/orders?status=confirmed&limit=20", nil, "Authorization", m.staff.agent.Bearer(ctx)))
	r.sent = 2
	return r
}

// changePrice changes what a SKU costs in dollars. Buyers here pay in euros, so
// that each order can be held to the price that it must have.
func (m *market) changePrice(ctx context.Context) result {
	p := m.want(1)[0]
	line, err := json.Marshal(map[string]any{"sku": p.skus[0], "currency": "USD", "amount": 100 + m.dice(50_000)})
	if err != nil {
		return result{class: Wrong, detail: err.Error()}
	}
	a := m.web.send(ctx, http.MethodPost, "/v1/price-updates", append(line, '\n'), "Authorization", m.staff.manager.Bearer(ctx))
	var report struct{ Accepted int }
	a.Into(&report)
	r := one(a)
	if r.class == OK && report.Accepted != 1 {
		r.class, r.detail = Wrong, fmt.Sprintf("the price was not taken: %.200s", a.Body)
	}
	return r
}

// replaceProduct writes a product anew, with another description.
func (m *market) replaceProduct(ctx context.Context) result {
	p := m.want(1)[0]
	who := m.staff.manager.Bearer(ctx)
	var was map[string]any
	var parts struct {
		ID       string           `json:"id"` // a slug does for reading alone
		Variants []map[string]any `json:"variants"`
	}
	a := m.web.send(ctx, http.MethodGet, "/v1/products/"+p.id+"?translations=true", nil, "Authorization", who)
	a.Into(&was)
	if a.Into(&parts); a.class() != OK {
		return one(a)
	}
	input := pick(was, "slug", "language", "name", "translations", "category", "tax_class", "status", "images", "attributes", "options")
	input["description"] = fmt.Sprintf("Written anew %d.", m.dice(1_000_000))
	var variants []map[string]any
	for _, v := range parts.Variants {
		variants = append(variants, pick(v, "sku", "name", "barcode", "weight_grams", "images", "options", "prices"))
	}
	input["variants"] = variants
	r := one(m.web.send(ctx, http.MethodPut, "/v1/products/"+parts.ID, input, "Authorization", who, "If-Match", a.headerOf("ETag")))
	r.sent = 2
	return r
}

// pick gives some fields of an object, those that it has.
func pick(from map[string]any, names ...string) map[string]any {
	out := map[string]any{}
	for _, name := range names {
		if v, ok := from[name]; ok {
			out[name] = v
		}
	}
	return out
}

// deliver ships and delivers the orders that have waited longest. Where there are
// none it looks for some, as the benchmark's does.
func (m *market) deliver(ctx context.Context) result {
	m.mu.Lock()
	n := min(deliveries, len(m.waiting))
	ids := m.waiting[:n:n]
	m.waiting = m.waiting[n:]
	m.mu.Unlock()
	if n == 0 {
		return one(m.web.send(ctx, http.MethodGet, "/v1/orders?status=confirmed&limit=10", nil, "Authorization", m.staff.agent.Bearer(ctx)))
	}
	r := result{class: OK}
	for _, id := range ids {
		for _, step := range []history.Op{history.Ship, history.Deliver} {
			call := history.Call{Buyer: "staff", Op: step, Key: id, Order: id, Begin: m.record.Now()}
			var body any
			if step == history.Ship {
				body = map[string]string{"tracking": "LOAD"}
			}
			a := m.web.send(ctx, http.MethodPost, "/v1/orders/"+id+"/"+string(step), body, "Authorization", m.staff.agent.Bearer(ctx))
			r.sent++
			if a.class() == OK { // one that failed is not asked for again, and may have landed
				call.End, call.Outcome, call.Answer = m.record.Now(), history.Done, a.String()
				m.record.Add(call)
				continue
			}
			r.class, r.detail = a.class(), string(step)+": "+a.String()
			break
		}
	}
	r.answered = time.Now()
	return r
}
