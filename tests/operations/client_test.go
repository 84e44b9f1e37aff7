package operations

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tienda/demo"
	"tienda/internal/caller"
)

const answerLimit = 30 * time.Second // longer than any of the gateway's for what is asked here

// client sends each request once. A request without an answer and a 5xx have failed; so has
// any answer but the one that is expected, which a shop at rest gives.
type client struct {
	at             func() string // the base URL of a gateway
	token, refresh string
	cart           string
	sent           *atomic.Int64
	http           *http.Client
}

type answer struct {
	status int
	header http.Header
	body   []byte
}

// do sends a request; headers are pairs.
func (c *client) do(ctx context.Context, want int, method, path string, in, out any, headers ...string) error {
	ctx, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	var body io.Reader
	if in != nil {
		js, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(js)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.at()+path, body)
	if err != nil {
		return err
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	if c.cart != "" {
		req.Header.Set("Cart-Token", c.cart)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	if c.sent != nil {
		c.sent.Add(1)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	defer func() { _ = resp.Body.Close() }()
	a := answer{status: resp.StatusCode, header: resp.Header}
	if a.body, err = io.ReadAll(resp.Body); err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	if a.status != want {
		return fmt.Errorf("%s %s: %d, not %d: %.300s", method, path, a.status, want, a.body)
	}
	if token := a.header.Get("Cart-Token"); token != "" {
		c.cart = token
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(a.body, out)
}

type tokens struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
}

func (c *client) signIn(ctx context.Context, email, password string) error {
	return c.grant(ctx, map[string]string{"grant_type": "password", "email": email, "password": password})
}

// renew takes a new access token with the refresh token, which can be used once.
func (c *client) renew(ctx context.Context) error {
	return c.grant(ctx, map[string]string{"grant_type": "refresh_token", "refresh_token": c.refresh})
}

func (c *client) grant(ctx context.Context, body map[string]string) error {
	var t tokens
	bare := *c
	bare.token, bare.cart = "", ""
	if err := bare.do(ctx, http.StatusOK, http.MethodPost, "/v1/auth/token", body, &t); err != nil {
		return err
	}
	c.token, c.refresh = t.Access, t.Refresh
	return nil
}

// register makes an account and signs in.
func (c *client) register(ctx context.Context) (email string, err error) {
	email = "ops-" + uuid.NewString() + "@example.com"
	if err := c.do(ctx, http.StatusCreated, http.MethodPost, "/v1/users", map[string]string{"email": email, "password": password, "name": "Lucía"}, nil); err != nil {
		return "", err
	}
	return email, c.signIn(ctx, email, password)
}

const password = "a long password"

var madrid = map[string]string{"name": "Lucía Pérez", "line1": "Calle Mayor 1", "city": "Madrid", "postal_code": "28013", "country": "ES"}

func newClient(at func() string) *client {
	return &client{at: at, http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 4, IdleConnTimeout: 30 * time.Second}}}
}

// staff gives a signed-in client of a demo account with the role.
func staff(t *testing.T, at func() string, role caller.Role) *client {
	t.Helper()
	c := newClient(at)
	for _, a := range demo.Accounts {
		if a.Role == role {
			require.NoError(t, c.signIn(t.Context(), a.Email, a.Password))
		}
	}
	require.NotEmpty(t, c.token, "no demo account is a %s", role)
	return c
}

// goods puts SKUs on sale with so many pieces of each.
func goods(t *testing.T, at func() string, skus, pieces int) (out []string) {
	t.Helper()
	ctx, m := t.Context(), staff(t, at, caller.CatalogManager)
	var all struct {
		Items []struct {
			Slug string `json:"slug"`
		} `json:"items"`
	}
	require.Eventually(t, func() bool {
		return m.do(ctx, http.StatusOK, http.MethodGet, "/v1/categories", nil, &all) == nil && len(all.Items) > 0
	}, 30*time.Second, 50*time.Millisecond)
	for n := range skus {
		sku := fmt.Sprintf("OPS-%02d", n+1)
		require.NoError(t, m.do(ctx, http.StatusCreated, http.MethodPost, "/v1/products", map[string]any{
			"slug": fmt.Sprintf("ops-%02d", n+1), "name": "Taza de prueba", "description": "Para pruebas.", "category": all.Items[0].Slug, "status": "published",
			"variants": []map[string]any{{"sku": sku, "name": "única", "prices": []map[string]any{{"amount": 1000, "currency": "EUR"}}}},
		}, nil))
		require.NoError(t, m.do(ctx, http.StatusOK, http.MethodPatch, "/v1/inventory/"+sku, map[string]any{"delta": pieces, "reason": "first delivery"}, nil))
		out = append(out, sku)
	}
	return out
}

// stock is what staff sees of a SKU.
type stock struct {
	Available int `json:"available"`
	Reserved  int `json:"reserved"`
}

func stockOf(t *testing.T, m *client, sku string) (s stock) {
	t.Helper()
	require.NoError(t, m.do(t.Context(), http.StatusOK, http.MethodGet, "/v1/inventory/"+sku, nil, &s))
	return s
}

type order struct {
	ID     string `json:"id"`
	Status string `json:"status"`
	Lines  []struct {
		SKU      string `json:"sku"`
		Quantity int    `json:"quantity"`
	} `json:"lines"`
}

// orders lists all orders of a customer.
func (c *client) orders(ctx context.Context) (all []order, err error) {
	for path := "/v1/orders?limit=100"; path != ""; {
		var page struct {
			Items []order `json:"items"`
			Next  string  `json:"next_cursor"`
		}
		if err := c.do(ctx, http.StatusOK, http.MethodGet, path, nil, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Items...)
		if path = ""; page.Next != "" {
			path = "/v1/orders?limit=100&cursor=" + page.Next
		}
	}
	return all, nil
}
