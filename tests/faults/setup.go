package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"

	"tienda/demo"
	"tienda/internal/caller"
	"tienda/tests/history"
)

const (
	plenty = 20 // SKUs that do not run out
	scarce = 5  // SKUs that do
)

// staff gives a demo account that has a role.
func staff(w *web, role caller.Role) *session {
	for _, a := range demo.Accounts {
		if a.Role == role {
			return &session{web: w, email: a.Email, password: a.Password}
		}
	}
	return nil
}

// stockUp puts goods on sale and says what it has put there.
func stockUp(ctx context.Context, w *web) ([]history.Good, error) {
	manager := []string{"Authorization", staff(w, caller.CatalogManager).bearer(ctx)}
	category, err := anyCategory(ctx, w, manager)
	if err != nil {
		return nil, err
	}
	var goods []history.Good
	for n := range plenty + scarce {
		g := history.Good{SKU: fmt.Sprintf("FAULT-%02d", n+1), Initial: 5000, Price: int64(1000 + 37*n)}
		if n >= plenty {
			g.Initial = 40
		}
		a := w.send(ctx, http.MethodPost, "/v1/products", map[string]any{
			"slug": fmt.Sprintf("fault-%02d", n+1), "name": "Taza de prueba", "description": "Para pruebas.",
			"category": category, "status": "published",
			"variants": []map[string]any{{"sku": g.SKU, "name": "única", "prices": []map[string]any{{"amount": g.Price, "currency": "EUR"}}}},
		}, manager...)
		if a.outcome() != history.Done {
			return nil, fmt.Errorf("product: %s: %s", a, a.body)
		}
		a = w.send(ctx, http.MethodPatch, "/v1/inventory/"+g.SKU, map[string]any{"delta": g.Initial, "reason": "first delivery"}, manager...)
		if a.outcome() != history.Done {
			return nil, fmt.Errorf("stock: %s: %s", a, a.body)
		}
		goods = append(goods, g)
	}
	return goods, nil
}

// anyCategory waits until both replicas of catalog have read the demo data. With
// a token it passes the gateway's cache by.
func anyCategory(ctx context.Context, w *web, who []string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	inARow := 0
	for {
		var all list[struct {
			Slug string `json:"slug"`
		}]
		a := w.send(ctx, http.MethodGet, "/v1/categories", nil, who...)
		inARow++
		if a.into(&all); a.outcome() != history.Done || len(all.Items) == 0 {
			inARow = 0
		} else if inARow == 10 {
			return all.Items[0].Slug, nil
		}
		if sleep(ctx, 20*time.Millisecond) != nil {
			return "", fmt.Errorf("categories: %s", a)
		}
	}
}

// register makes a customer with a cart that has a version.
func register(ctx context.Context, w, through *web, sku string) (*session, error) {
	s := &session{web: through, email: "buyer-" + uuid.NewString() + "@example.com", password: "a long password"}
	a := w.send(ctx, http.MethodPost, "/v1/users", map[string]string{"email": s.email, "password": s.password, "name": "Lucía"})
	if a.outcome() != history.Done {
		return nil, fmt.Errorf("customer: %s: %s", a, a.body)
	}
	who := []string{"Authorization", s.bearer(ctx)}
	a = w.send(ctx, http.MethodPut, "/v1/cart/items/"+sku, map[string]int{"quantity": 1}, who...)
	if a.outcome() == history.Done {
		a = w.send(ctx, http.MethodDelete, "/v1/cart", nil, who...)
	}
	if a.outcome() != history.Done {
		return nil, fmt.Errorf("cart: %s: %s", a, a.body)
	}
	return s, nil
}

// readStock reads the stock of one SKU after the other until ctx ends.
func (m *market) readStock(ctx context.Context, w *web, manager *session) {
	for n := 0; sleep(ctx, 150*time.Millisecond) == nil; n++ {
		c := history.Call{Buyer: "manager", Op: history.ReadStock, Begin: m.record.now()}
		try, cancel := context.WithTimeout(ctx, answerLimit)
		a := w.send(try, http.MethodGet, "/v1/inventory/"+m.goods[n%len(m.goods)].SKU, nil, "Authorization", manager.bearer(try))
		cancel()
		var s history.Stock
		if a.into(&s); a.outcome() == history.Done {
			c.Stock = &s
		}
		c.End, c.Outcome, c.Answer = m.record.now(), a.outcome(), a.String()
		m.record.add(c)
	}
}
