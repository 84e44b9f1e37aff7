package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"

	"tienda/demo"
	"tienda/internal/caller"
	"tienda/tests/customer"
	"tienda/tests/history"
)

const (
	plenty = 20 // SKUs that do not run out
	scarce = 5  // SKUs that do
)

// staff gives a demo account that has a role.
func staff(w *customer.Web, role caller.Role) *customer.Account {
	for _, a := range demo.Accounts {
		if a.Role == role {
			return account(w, a.Email, a.Password)
		}
	}
	return nil
}

// stockUp puts goods on sale and says what it has put there.
func stockUp(ctx context.Context, w *customer.Web) ([]history.Good, error) {
	manager := []string{"Authorization", staff(w, caller.CatalogManager).Bearer(ctx)}
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
		a := w.Send(ctx, http.MethodPost, "/v1/products", map[string]any{
			"slug": fmt.Sprintf("fault-%02d", n+1), "name": "Taza de prueba", "description": "Para pruebas.",
			"category": category, "status": "published",
			"variants": []map[string]any{{"sku": g.SKU, "name": "única", "prices": []map[string]any{{"amount": g.Price, "currency": "EUR"}}}},
		}, manager...)
		if a.Outcome() != history.Done {
			return nil, fmt.Errorf("product: %s: %s", a, a.Body)
		}
		a = w.Send(ctx, http.MethodPatch, "/v1/inventory/"+g.SKU, map[string]any{"delta": g.Initial, "reason": "first delivery"}, manager...)
		if a.Outcome() != history.Done {
			return nil, fmt.Errorf("stock: %s: %s", a, a.Body)
		}
		goods = append(goods, g)
	}
	return goods, nil
}

// anyCategory waits until both replicas of catalog have read the demo data. With
// a token it passes the gateway's cache by.
func anyCategory(ctx context.Context, w *customer.Web, who []string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	inARow := 0
	for {
		var all customer.List[struct {
			Slug string `json:"slug"`
		}]
		a := w.Send(ctx, http.MethodGet, "/v1/categories", nil, who...)
		inARow++
		if a.Into(&all); a.Outcome() != history.Done || len(all.Items) == 0 {
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
func register(ctx context.Context, w, through *customer.Web, sku string) (*customer.Account, error) {
	s := account(through, "buyer-"+uuid.NewString()+"@example.com", "a long password")
	a := w.Send(ctx, http.MethodPost, "/v1/users", map[string]string{"email": s.Email, "password": s.Password, "name": "Lucía"})
	if a.Outcome() != history.Done {
		return nil, fmt.Errorf("customer: %s: %s", a, a.Body)
	}
	who := []string{"Authorization", s.Bearer(ctx)}
	a = w.Send(ctx, http.MethodPut, "/v1/cart/items/"+sku, map[string]int{"quantity": 1}, who...)
	if a.Outcome() == history.Done {
		a = w.Send(ctx, http.MethodDelete, "/v1/cart", nil, who...)
	}
	if a.Outcome() != history.Done {
		return nil, fmt.Errorf("cart: %s: %s", a, a.Body)
	}
	return s, nil
}

// readStock reads the stock of one SKU after the other until ctx ends.
func (m *market) readStock(ctx context.Context, w *customer.Web, manager *customer.Account) {
	for n := 0; sleep(ctx, 150*time.Millisecond) == nil; n++ {
		c := history.Call{Buyer: "manager", Op: history.ReadStock, Begin: m.record.Now()}
		try, cancel := context.WithTimeout(ctx, answerLimit)
		a := w.Send(try, http.MethodGet, "/v1/inventory/"+m.goods[n%len(m.goods)].SKU, nil, "Authorization", manager.Bearer(try))
		cancel()
		var s history.Stock
		if a.Into(&s); a.Outcome() == history.Done {
			c.Stock = &s
		}
		c.End, c.Outcome, c.Answer = m.record.Now(), a.Outcome(), a.String()
		m.record.Add(c)
	}
}
