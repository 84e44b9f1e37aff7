package migration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tienda/monolith/generator"
	"tienda/monolith/local/localtest"
)

// bought is an order that was placed in the shop.
type bought struct{ ID, Number string }

// buys places an order of one piece through the gateway.
func (s *story) buys(token, sku string) (o bought) {
	s.t.Helper()
	require.Equal(s.t, http.StatusOK, s.public(http.MethodPut, "/v1/cart/items/"+sku, token, map[string]int{"quantity": 1}, nil))
	in, err := json.Marshal(map[string]any{"payment_method": "invoice", "address": map[string]string{
		"name": "Ana", "line1": "Calle Mayor, 1", "city": "Madrid", "postal_code": "28013", "country": "ES"}})
	require.NoError(s.t, err)
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.shop.Gateway+"/v1/orders", bytes.NewReader(in))
	require.NoError(s.t, err)
	for name, value := range map[string]string{"Content-Type": "application/json", "Authorization": "Bearer " + token, "Idempotency-Key": uuid.NewString()} {
		req.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(s.t, err)
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	require.NoError(s.t, err)
	require.Equal(s.t, http.StatusCreated, resp.StatusCode, "%s", b)
	require.NoError(s.t, json.Unmarshal(b, &o))
	return o
}

// inShop gives the status of an order as the shop has it, moved in or, with all, made there; "": there is none.
func (s *story) inShop(o bought, all bool) string {
	s.t.Helper()
	require.NoError(s.t, s.shop.Reload())
	var out struct {
		Documents []struct{ Document struct{ Status string } }
	}
	s.asks(http.MethodPost, "orders", "/internal/v1/sync/orders/read", map[string]any{"ids": []string{o.ID}, "all": all}, &out)
	if len(out.Documents) == 0 {
		return ""
	}
	return out.Documents[0].Document.Status
}

func (s *story) rows(o bought, status int) {
	s.t.Helper()
	s.inMonolith(fmt.Sprintf("SELECT count(*) FROM orders WHERE number = '%s' AND status = %d", o.Number, status), 1)
	s.inMonolith(fmt.Sprintf("SELECT count(*) FROM orders WHERE number LIKE '%s%%'", o.Number), 1)
}

func (s *story) onHand(sku string) (n int) {
	s.t.Helper()
	require.NoError(s.t, s.owner.QueryRow(s.t.Context(), "SELECT quantity FROM inventory JOIN product_variants ON id = variant_id WHERE sku = $1", sku).Scan(&n))
	return n
}

// Orders that are placed in the shop are the monolith's after a rollback, and the shop's after
// the next cut-over: each once, with the goods off the count once, wherever it was changed.
func TestOrdersThatWereMadeInTheShopChangeHands(t *testing.T) {
	localtest.Needs(t)
	s := tellBehind(t, generator.Options{Size: 20, Seed: 11})
	s.start()
	s.becomes("following")
	for _, service := range []string{"catalog", "users", "orders"} {
		s.changes(service, "begin", "shop")
	}
	var email, sku string
	var before int
	require.NoError(t, s.owner.QueryRow(t.Context(), "SELECT email FROM customers WHERE id = 1").Scan(&email))
	require.NoError(t, s.owner.QueryRow(t.Context(), `SELECT v.sku, i.quantity FROM inventory i JOIN product_variants v ON v.id = i.variant_id
		JOIN products p ON p.id = v.product_id WHERE i.quantity > 20 AND v.price > 0 AND p.active ORDER BY v.id LIMIT 1`).Scan(&sku, &before))
	token := s.signIn(email, generator.Password(1))
	require.NotEmpty(t, token)
	shipped, cancelled, deleted := s.buys(token, sku), s.buys(token, sku), s.buys(token, sku)

	s.changes("orders", "rollback", "monolith")
	for _, o := range []bought{shipped, cancelled, deleted} {
		s.rows(o, 10)
	}
	require.Equal(t, before-3, s.onHand(sku))
	for _, table := range []string{"order_lines", "payments", "orders"} { // before it is adopted, if that is slow
		column := map[string]string{"orders": "id"}[table]
		if column == "" {
			column = "order_id"
		}
		_, err := s.owner.Exec(t.Context(), "DELETE FROM "+table+" WHERE "+column+" = (SELECT id FROM orders WHERE number = $1)", deleted.Number)
		require.NoError(t, err)
	}
	require.Equal(t, http.StatusOK, s.public(http.MethodPost, "/legacy/orders/"+shipped.Number+"/ship", "", nil, nil))
	require.Equal(t, http.StatusOK, s.public(http.MethodPost, "/legacy/orders/"+cancelled.Number+"/cancel", "", nil, nil))
	s.until("what the monolith did, in the shop", 30*time.Second, func() bool {
		return s.inShop(shipped, false) == "shipped" && s.inShop(cancelled, false) == "cancelled" && s.inShop(deleted, true) == ""
	})
	require.Equal(t, before-2, s.onHand(sku))
	s.drained()
	s.equal()

	s.changes("orders", "begin", "shop")
	further := s.buys(token, sku)
	require.Equal(t, "shipped", s.inShop(shipped, true))
	s.rows(further, 10)
	s.changes("orders", "rollback", "monolith")
	s.rows(further, 10)
	s.rows(shipped, 20)
	s.rows(cancelled, 90)
	require.Equal(t, before-3, s.onHand(sku))
	require.Equal(t, http.StatusOK, s.public(http.MethodPost, "/legacy/orders/"+shipped.Number+"/deliver", "", nil, nil))
	s.until("both in the shop", 30*time.Second, func() bool {
		return s.inShop(further, false) == "confirmed" && s.inShop(shipped, false) == "delivered"
	})
	s.drained()
	s.equal()
}
