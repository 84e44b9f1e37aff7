package main

import (
	"context"
	"fmt"
	"net/http"

	"github.com/google/uuid"

	"tienda/tests/customer"
)

// register makes a customer, who signs in at once.
func register(ctx context.Context, w *web) (*customer.Account, error) {
	s := &customer.Account{Web: w.Web, Email: "load-" + uuid.NewString() + "@example.com", Password: "a long password"}
	a := w.send(ctx, http.MethodPost, "/v1/users", map[string]string{"email": s.Email, "password": s.Password, "name": "Lucía"})
	if a.class() != OK {
		return nil, fmt.Errorf("a new customer: %s: %.200s", a, a.Body)
	}
	if s.Bearer(ctx) == "" {
		return nil, fmt.Errorf("a new customer cannot sign in")
	}
	return s, nil
}
