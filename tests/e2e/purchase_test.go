package e2e

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
)

var madrid = address{Name: "Lucía Pérez", Line1: "Calle Mayor 1", City: "Madrid", PostalCode: "28013", Country: "ES"}

// newCustomer registers and signs in a customer of its own.
func newCustomer(t testing.TB) (*client, user) {
	t.Helper()
	c := guest()
	email := "c" + uuid.NewString() + "@example.com"
	u := must[user](t, c, http.StatusCreated, "POST", "/v1/users", map[string]string{"email": email, "password": "a long password", "name": "Lucía"})
	c.login(t, email, "a long password")
	return c, u
}

// inStock gives products with a variant that is in stock and priced in EUR.
func inStock(t testing.TB, n int) []product {
	t.Helper()
	l := must[list[product]](t, guest(), http.StatusOK, "GET", "/v1/products?in_stock=true&limit=100", nil)
	require.GreaterOrEqual(t, len(l.Items), n)
	var out []product
	for _, p := range l.Items[:n] {
		out = append(out, must[product](t, guest(), http.StatusOK, "GET", "/v1/products/"+p.ID, nil))
	}
	return out
}

// ownProduct makes a product of this test alone, with so much of one SKU.
func ownProduct(t testing.TB, available int) (product, string) {
	t.Helper()
	m := staff(t, caller.CatalogManager)
	sku := "E2E-" + uuid.NewString()[:8]
	p := must[product](t, m, http.StatusCreated, "POST", "/v1/products", map[string]any{
		"slug": "e2e-" + uuid.NewString()[:8], "name": "Taza de prueba", "description": "Para pruebas.", "category": anyCategory(t),
		"status":   "published",
		"variants": []map[string]any{{"sku": sku, "name": "única", "prices": []money{{1250, "EUR"}, {1390, "USD"}}}},
	})
	if available > 0 {
		must[stock](t, m, http.StatusOK, "PATCH", "/v1/inventory/"+sku, map[string]any{"delta": available, "reason": "first delivery"})
	}
	return p, sku
}

func anyCategory(t testing.TB) string {
	t.Helper()
	l := must[list[struct {
		Slug string `json:"slug"`
	}]](t, guest(), http.StatusOK, "GET", "/v1/categories", nil)
	require.NotEmpty(t, l.Items)
	return l.Items[0].Slug
}

func stockOf(t testing.TB, sku string) stock {
	t.Helper()
	return must[stock](t, staff(t, caller.CatalogManager), http.StatusOK, "GET", "/v1/inventory/"+sku, nil)
}

func put(t testing.TB, c *client, sku string, quantity int) cart {
	t.Helper()
	return must[cart](t, c, http.StatusOK, "PUT", "/v1/cart/items/"+sku, map[string]int{"quantity": quantity})
}

// The whole life of an order, from registration to the restocked return.
func TestFromRegistrationToReturn(t *testing.T) {
	agent := staff(t, caller.SupportAgent)
	_, sku := ownProduct(t, 10)
	require.Equal(t, int64(10), stockOf(t, sku).Available)

	// Browse and fill a cart as a guest; it becomes the user's at login.
	c := guest()
	got := put(t, c, sku, 2)
	require.NotEmpty(t, c.cartToken)
	require.Equal(t, money{2500, "EUR"}, got.Totals.Subtotal)
	signedIn, u := newCustomer(t)
	signedIn.cartToken = c.cartToken
	merged := must[cart](t, signedIn, http.StatusOK, "GET", "/v1/cart", nil)
	require.Len(t, merged.Lines, 1)
	require.Equal(t, 2, merged.Lines[0].Quantity)
	require.Empty(t, must[cart](t, c, http.StatusOK, "GET", "/v1/cart", nil).Lines, "the guest's cart is empty after the merge")
	c = signedIn
	c.cartToken = ""

	// Profile: an address and preferences that the checkout uses.
	saved := must[address](t, c, http.StatusCreated, "POST", "/v1/me/addresses", madrid)
	must[any](t, c, http.StatusOK, "PUT", "/v1/me/preferences", map[string]any{
		"currency": "USD", "language": "es", "marketing_mail": false, "default_address_id": saved.ID})

	put(t, c, sku, 3)
	key := uuid.NewString()
	checkout := map[string]any{"payment_method": "cash_on_delivery"}
	o := must[order](t, c, http.StatusCreated, "POST", "/v1/orders", checkout, "Idempotency-Key", key)
	require.Equal(t, "confirmed", o.Status)
	require.Equal(t, u.ID, o.UserID)
	require.Equal(t, money{3 * 1390, "USD"}, o.Totals.Total, "the currency of the preferences")
	require.Equal(t, "Madrid", o.Address.City)
	again := c.call(t, "POST", "/v1/orders", checkout, "Idempotency-Key", key)
	require.Equal(t, http.StatusCreated, again.status)
	require.Equal(t, "true", again.header.Get("Idempotency-Replayed"))
	require.Contains(t, string(again.body), o.ID)
	require.Equal(t, stock{SKU: sku, OnHand: 10, Reserved: 3, Available: 7}, stockOf(t, sku))
	require.Empty(t, must[cart](t, c, http.StatusOK, "GET", "/v1/cart", nil).Lines)

	// Too early for a return; then shipped and delivered.
	early := map[string]any{"order_id": o.ID, "lines": []map[string]any{{"sku": sku, "quantity": 1, "reason": "unwanted"}}}
	require.Equal(t, "order_not_delivered", c.refused(t, http.StatusConflict, "POST", "/v1/returns", early).Code)
	o = must[order](t, agent, http.StatusOK, "POST", "/v1/orders/"+o.ID+"/ship", map[string]string{"tracking": "ES123"})
	require.Equal(t, "shipped", o.Status)
	o = must[order](t, agent, http.StatusOK, "POST", "/v1/orders/"+o.ID+"/deliver", nil)
	require.Equal(t, "delivered", o.Status)
	require.Equal(t, "paid", o.Payment.Status)
	eventually(t, "the shipment leaves the stock", func() bool {
		return stockOf(t, sku) == stock{SKU: sku, OnHand: 7, Reserved: 0, Available: 7, Sold: 3}
	})

	// A ticket, with an agent who sees the customer's history.
	tk := must[ticket](t, c, http.StatusCreated, "POST", "/v1/tickets", map[string]any{"subject": "Rota", "message": "Una taza llegó rota.", "order_id": o.ID})
	must[ticket](t, agent, http.StatusOK, "POST", "/v1/tickets/"+tk.ID+"/assign", map[string]any{})
	must[any](t, agent, http.StatusCreated, "POST", "/v1/tickets/"+tk.ID+"/messages", map[string]any{"text": "Looks like a packing fault.", "internal": true})
	must[any](t, agent, http.StatusCreated, "POST", "/v1/tickets/"+tk.ID+"/messages", map[string]any{"text": "Lo sentimos. Puede devolverla."})
	messages := must[list[struct {
		Text string `json:"text"`
	}]](t, c, http.StatusOK, "GET", "/v1/tickets/"+tk.ID+"/messages", nil)
	require.Len(t, messages.Items, 2, "the internal note is not shown")
	history := must[struct {
		Profile *user   `json:"profile"`
		Orders  []order `json:"orders"`
	}](t, agent, http.StatusOK, "GET", "/v1/tickets/"+tk.ID+"/customer", nil)
	require.Equal(t, u.ID, history.Profile.ID)
	require.Equal(t, o.ID, history.Orders[0].ID)

	// The return: asked for, approved, received, refunded, restocked.
	tooMany := map[string]any{"order_id": o.ID, "lines": []map[string]any{{"sku": sku, "quantity": 4, "reason": "damaged"}}}
	require.Equal(t, []string{"/lines/0/quantity"}, c.refused(t, http.StatusUnprocessableEntity, "POST", "/v1/returns", tooMany).names())
	r := must[returned](t, c, http.StatusCreated, "POST", "/v1/returns", map[string]any{
		"order_id": o.ID, "ticket_id": tk.ID, "lines": []map[string]any{{"sku": sku, "quantity": 2, "reason": "damaged"}}})
	require.Equal(t, "requested", r.Status)
	must[returned](t, agent, http.StatusOK, "POST", "/v1/returns/"+r.ID+"/approve", nil)
	for range 2 { // a repeat refunds and restocks nothing more
		r = must[returned](t, agent, http.StatusOK, "POST", "/v1/returns/"+r.ID+"/receive", map[string]any{})
		require.Equal(t, "refunded", r.Status)
		require.Equal(t, &money{2 * 1390, "USD"}, r.Refund)
	}
	eventually(t, "the pieces are back in stock", func() bool { return stockOf(t, sku).OnHand == 9 })
	var final order
	eventually(t, "the order shows its return", func() bool {
		final = must[order](t, c, http.StatusOK, "GET", "/v1/orders/"+o.ID, nil)
		return len(final.Returns) == 1 && final.Returns[0].Status == "refunded"
	})
	require.Equal(t, "partially_refunded", final.Payment.Status)
	require.Equal(t, money{2 * 1390, "USD"}, final.Payment.Refunded)
	must[ticket](t, agent, http.StatusOK, "POST", "/v1/tickets/"+tk.ID+"/close", nil)

	// Everything was announced, once, in the form of its schema.
	requireEvents(t, o.ID, "tienda.orders.confirmed", "tienda.orders.shipped", "tienda.orders.delivered", "tienda.orders.refunded")
	requireEvents(t, r.ID, "tienda.support.return_requested", "tienda.support.return_approved", "tienda.support.return_received", "tienda.support.return_refunded")
	requireEvents(t, tk.ID, "tienda.support.ticket_opened", "tienda.support.ticket_assigned", "tienda.support.ticket_answered", "tienda.support.ticket_closed")
	requireEvents(t, u.ID, "tienda.users.registered", "tienda.users.profile_changed", "tienda.users.profile_changed")
	require.Equal(t, int64(9), stockOf(t, sku).OnHand, "restocked once")

	// The buyer was written at each step, in the language of the account.
	require.ElementsMatch(t, []string{
		"Tu pedido " + o.Number, "Tu pedido " + o.Number + " está en camino", "Tu pedido " + o.Number + " se ha entregado",
		"Tu devolución del pedido " + o.Number + " está aprobada", "Tu devolución del pedido " + o.Number + " ha llegado",
		"Un reembolso de tu pedido " + o.Number,
	}, subjectsAbout(t, u.Email, o.Number, 6))
}

// subjectsAbout waits for n letters to an address about an order.
func subjectsAbout(t *testing.T, email, number string, n int) []string {
	t.Helper()
	var out []string
	eventually(t, "letters about the order", func() bool {
		out = nil
		for _, l := range lettersTo(t, email) {
			if strings.Contains(l.Subject, number) {
				out = append(out, l.Subject)
			}
		}
		return len(out) >= n
	})
	return out
}

// A guest buys without an account, sees the order with the cart's token, and
// cancels it, which gives the stock back.
func TestGuestBuysAndCancels(t *testing.T) {
	_, sku := ownProduct(t, 5)
	c := guest()
	put(t, c, sku, 5)
	o := must[order](t, c, http.StatusCreated, "POST", "/v1/orders",
		map[string]any{"payment_method": "invoice", "email": "invitada@example.com", "address": madrid},
		"Idempotency-Key", uuid.NewString(), "Accept-Language", "es-MX,es;q=0.9")
	require.True(t, o.Guest)
	require.Equal(t, "due", o.Payment.Status)
	require.Equal(t, o.ID, must[order](t, c, http.StatusOK, "GET", "/v1/orders/"+o.ID, nil).ID)
	require.Equal(t, o.ID, must[list[order]](t, c, http.StatusOK, "GET", "/v1/orders", nil).Items[0].ID)
	require.Equal(t, int64(0), stockOf(t, sku).Available)

	other := guest()
	put(t, other, sku, 1)
	p := other.refused(t, http.StatusUnprocessableEntity, "POST", "/v1/orders",
		map[string]any{"payment_method": "invoice", "email": "guest@example.com", "address": madrid}, "Idempotency-Key", uuid.NewString())
	require.Equal(t, "out_of_stock", p.Code)
	require.Len(t, must[cart](t, other, http.StatusOK, "GET", "/v1/cart", nil).Lines, 1, "the lines are back in the cart")

	cancelled := must[order](t, c, http.StatusOK, "POST", "/v1/orders/"+o.ID+"/cancel", map[string]string{"reason": "changed my mind"})
	require.Equal(t, "cancelled", cancelled.Status)
	eventually(t, "the stock is released", func() bool { return stockOf(t, sku).Available == 5 })
	requireEvents(t, o.ID, "tienda.orders.confirmed", "tienda.orders.cancelled")
	require.ElementsMatch(t, []string{"Tu pedido " + o.Number, "Tu pedido " + o.Number + " se ha cancelado"},
		subjectsAbout(t, "invitada@example.com", o.Number, 2), "in the language of her browser; none about the refused one")
}

// One cart submitted many times at once becomes one order, whatever the keys.
func TestOneCartOneOrder(t *testing.T) {
	for _, keys := range []string{"the same key", "different keys"} {
		t.Run(keys, func(t *testing.T) {
			_, sku := ownProduct(t, 50)
			c := guest()
			put(t, c, sku, 1)
			key := uuid.NewString()
			const n = 8
			results := make(chan answer, n)
			for range n {
				k := key
				if keys == "different keys" {
					k = uuid.NewString()
				}
				mine := *c
				go func() {
					a, _ := mine.try("POST", "/v1/orders", map[string]any{"payment_method": "invoice", "email": "g@example.com", "address": madrid}, "Idempotency-Key", k)
					results <- a
				}()
			}
			created := 0
			for range n {
				switch a := <-results; a.status {
				case http.StatusCreated:
					created++
				case http.StatusConflict:
				default:
					t.Errorf("status %d: %s", a.status, a.body)
				}
			}
			require.GreaterOrEqual(t, created, 1)
			if keys == "different keys" {
				require.Equal(t, 1, created)
			}
			require.Len(t, must[list[order]](t, c, http.StatusOK, "GET", "/v1/orders", nil).Items, 1)
			require.Equal(t, int64(1), stockOf(t, sku).Reserved)
		})
	}
}

// Twenty buyers of the last five: five orders, fifteen clean refusals.
func TestNothingIsSoldTwice(t *testing.T) {
	_, sku := ownProduct(t, 5)
	const buyers = 20
	results := make(chan answer, buyers)
	for range buyers {
		c := guest()
		put(t, c, sku, 1)
		go func() {
			a, _ := c.try("POST", "/v1/orders", map[string]any{"payment_method": "invoice", "email": "g@example.com", "address": madrid}, "Idempotency-Key", uuid.NewString())
			results <- a
		}()
	}
	count := map[int]int{}
	for range buyers {
		a := <-results
		count[a.status]++
		if a.status != http.StatusCreated {
			require.Contains(t, string(a.body), "out_of_stock", strconv.Itoa(a.status))
		}
	}
	require.Equal(t, map[int]int{http.StatusCreated: 5, http.StatusUnprocessableEntity: 15}, count)
	require.Equal(t, stock{SKU: sku, OnHand: 5, Reserved: 5}, stockOf(t, sku))
}

// Orders made from one listing page to the next, and every product found.
func TestBrowse(t *testing.T) {
	seen := map[string]bool{}
	cursor := ""
	for {
		l := must[list[product]](t, guest(), http.StatusOK, "GET", "/v1/products?sort=name&limit=50&cursor="+cursor, nil)
		for _, p := range l.Items {
			require.False(t, seen[p.ID], "%s is listed twice", p.Slug)
			seen[p.ID] = true
		}
		if cursor = l.NextCursor; cursor == "" {
			break
		}
	}
	require.GreaterOrEqual(t, len(seen), 200)
	p := inStock(t, 1)[0]
	require.Equal(t, p, must[product](t, guest(), http.StatusOK, "GET", "/v1/products/"+p.Slug, nil))
	for _, q := range []string{"q=" + p.Variants[0].SKU, "category=" + p.Category + "&limit=100", "min_price=1&max_price=100000000&limit=100"} {
		l := must[list[product]](t, guest(), http.StatusOK, "GET", "/v1/products?"+q, nil)
		require.NotEmpty(t, l.Items, q)
	}
	require.Empty(t, must[list[product]](t, guest(), http.StatusOK, "GET", "/v1/products?q=zzzznothing", nil).Items)
}

// eventually polls until ok, for what follows an event.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	within(t, patience, what, ok)
}

// patience is how long the shop may take for what it does by itself.
var patience = 15 * time.Second

func within(t testing.TB, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	withinEvery(t, limit, 20*time.Millisecond, what, ok)
}

// withinEvery is within for what has a quota: it asks once each pause.
func withinEvery(t testing.TB, limit, pause time.Duration, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(limit)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", limit, what)
		}
		time.Sleep(pause)
	}
}
