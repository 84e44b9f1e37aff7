package shop_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"

	"tienda/monolith/shop"
)

// What is written of an order adds up, and has what the customer's row says.
func order(t *testing.T, c *client) {
	a, b := c.sku(4, 9), c.sku(5, 9)
	customer := c.number("SELECT min(customer_id) FROM addresses JOIN customers c ON c.id = customer_id WHERE NOT blocked")
	o := c.buy("order", customer, "CARD", shop.Line{SKU: a, Quantity: 2}, shop.Line{SKU: b, Quantity: 1})
	want := 2*c.number("SELECT price_cents FROM product_variants WHERE sku = $1", a) + c.number("SELECT price_cents FROM product_variants WHERE sku = $1", b)
	if want < 5000 {
		want += 495
	}
	require.Equal(t, want, o.Total.Amount)
	require.Equal(t, fmt.Sprintf("W%08d", o.ID), o.Number)
	require.EqualValues(t, 1, c.number(`SELECT count(*) FROM orders o JOIN customers c ON c.id = o.customer_id JOIN payments p ON p.order_id = o.id
		WHERE o.id = $1 AND c.id = $2 AND o.email = c.email AND ship_street IS NOT NULL AND net + o.tax = gross AND (gross * 100)::bigint = $3 AND goods + shipping = gross
		AND goods = (SELECT sum(line_total) FROM order_lines WHERE order_id = o.id) AND p.paid = gross AND p.state = 'PAID' AND p.method = 'CARD'`, o.ID, customer, want))

	try := func(in shop.NewOrder, status int, code string) {
		t.Helper()
		got, body := c.do(http.MethodPost, "/legacy/orders", in, "refused")
		require.Equal(t, status, got, "%s", body)
		require.Equal(t, code, codeOf(body))
	}
	one := []shop.Line{{SKU: a, Quantity: 1}}
	try(shop.NewOrder{CustomerID: 1 << 40, Lines: one, Method: "COD"}, 404, "not_found")
	try(shop.NewOrder{Email: "a@b", Lines: one, Method: "CHEQUE"}, 400, "invalid_request")
	try(shop.NewOrder{Email: "nobody", Lines: one, Method: "COD"}, 400, "invalid_request")
	try(shop.NewOrder{Email: "a@b", Lines: append(one, one...), Method: "COD"}, 400, "invalid_request")
	try(shop.NewOrder{Email: "a@b", Lines: []shop.Line{{SKU: a, Quantity: 0}}, Method: "COD"}, 400, "invalid_request")
	try(shop.NewOrder{Email: "a@b", Lines: []shop.Line{{SKU: "none", Quantity: 1}}, Method: "COD"}, 422, "unknown_sku")
	_, err := c.db.Exec(t.Context(), "UPDATE customers SET blocked = true WHERE id = $1", customer)
	require.NoError(t, err)
	try(shop.NewOrder{CustomerID: customer, Lines: one, Method: "COD"}, 403, "blocked")
	require.EqualValues(t, 7, c.stock(a))
}

func statuses(t *testing.T, c *client) {
	sku := c.sku(6, 10)
	sent := c.buy("sent", 0, "COD", shop.Line{SKU: sku, Quantity: 4})
	require.Equal(t, "confirmed", sent.Status)
	path := "/legacy/orders/" + sent.Number
	c.want(409, "wrong_status", http.MethodPost, path+"/deliver", nil)
	c.want(200, "", http.MethodPost, path+"/ship", nil)
	c.want(200, "", http.MethodPost, path+"/ship", nil) // again
	c.want(409, "wrong_status", http.MethodPost, path+"/cancel", nil)
	require.EqualValues(t, 1, c.number("SELECT count(*) FROM payments WHERE order_id = $1 AND state = 'DUE' AND paid = 0", sent.ID))
	c.want(200, "", http.MethodPost, path+"/deliver", nil)
	require.EqualValues(t, 1, c.number("SELECT count(*) FROM payments WHERE order_id = $1 AND state = 'PAID' AND paid = amount", sent.ID), "paid at the door")
	require.EqualValues(t, 1, c.number("SELECT count(*) FROM orders WHERE id = $1 AND status = 30 AND shipped_at IS NOT NULL AND delivered_at IS NOT NULL AND tracking <> ''", sent.ID))

	// Cancelled by many at once: the goods and the money come back once.
	gone := c.buy("gone", 0, "CARD", shop.Line{SKU: sku, Quantity: 5})
	require.EqualValues(t, 1, c.stock(sku))
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() { c.do(http.MethodPost, "/legacy/orders/"+gone.Number+"/cancel", nil, "") })
	}
	wg.Wait()
	require.EqualValues(t, 6, c.stock(sku))
	require.EqualValues(t, 1, c.number("SELECT count(*) FROM payments WHERE order_id = $1 AND state = 'REFUNDED' AND refunded = paid AND paid > 0", gone.ID))
	c.want(409, "wrong_status", http.MethodPost, "/legacy/orders/"+gone.Number+"/ship", nil)
	c.want(404, "not_found", http.MethodPost, "/legacy/orders/W0/ship", nil)
}

func people(t *testing.T, c *client) {
	in := shop.NewCustomer{Email: "Nueva@Example.com", FullName: "Nueva Cliente", Password: "una clave", Lang: "en"}
	var out struct{ ID int64 }
	require.NoError(t, json.Unmarshal(c.want(201, "", http.MethodPost, "/legacy/customers", in), &out))
	c.want(409, "email_taken", http.MethodPost, "/legacy/customers", in)
	var hash, lang string
	require.NoError(t, c.db.QueryRow(t.Context(), "SELECT pass_hash, lang FROM customers JOIN customer_preferences ON customer_id = id WHERE email = $1 AND pass_format = 'bcrypt'", in.Email).Scan(&hash, &lang))
	require.NoError(t, bcrypt.CompareHashAndPassword([]byte(hash), []byte(in.Password)))
	require.Equal(t, "en", lang)
	c.want(400, "invalid_request", http.MethodPost, "/legacy/customers", shop.NewCustomer{Email: "no", FullName: "x", Password: "x"})

	path := fmt.Sprintf("/legacy/customers/%d/address", out.ID)
	home := shop.Address{Recipient: "Nueva", Street: "Calle Mayor, 1", City: "Madrid", Zip: "28013", Country: "ES"}
	c.want(200, "", http.MethodPut, path, home)
	home.City = "Toledo"
	c.want(200, "", http.MethodPut, path, home)
	require.EqualValues(t, 1, c.number("SELECT count(*) FROM addresses WHERE customer_id = $1", out.ID))
	require.EqualValues(t, 1, c.number("SELECT count(*) FROM addresses WHERE customer_id = $1 AND city = 'Toledo' AND is_default", out.ID))
	home.City = ""
	c.want(400, "invalid_request", http.MethodPut, path, home)
	c.want(404, "not_found", http.MethodPut, "/legacy/customers/99999999/address", shop.Address{Recipient: "x", Street: "x", City: "x", Zip: "x", Country: "ES"})
}

func stock(t *testing.T, c *client) {
	sku := c.sku(7, 10)
	c.want(200, "", http.MethodPut, "/legacy/prices/"+sku, shop.NewPrice{Cents: 1234})
	require.EqualValues(t, 1234, c.number("SELECT price_cents FROM product_variants WHERE sku = $1", sku))
	o := c.buy("new price", 0, "COD", shop.Line{SKU: sku, Quantity: 1})
	require.EqualValues(t, 1234, o.Lines[0].UnitPrice.Amount)
	c.want(400, "invalid_request", http.MethodPut, "/legacy/prices/"+sku, shop.NewPrice{})
	c.want(404, "not_found", http.MethodPut, "/legacy/prices/none", shop.NewPrice{Cents: 1})

	var sold, unsold string
	require.NoError(t, c.db.QueryRow(t.Context(), "SELECT slug FROM products p WHERE EXISTS (SELECT FROM order_lines WHERE product_id = p.id) LIMIT 1").Scan(&sold))
	require.NoError(t, c.db.QueryRow(t.Context(), "SELECT slug FROM products p WHERE NOT EXISTS (SELECT FROM order_lines WHERE product_id = p.id) LIMIT 1").Scan(&unsold))
	c.want(409, "product_sold", http.MethodDelete, "/legacy/products/"+sold, nil)
	c.want(204, "", http.MethodDelete, "/legacy/products/"+unsold, nil)
	c.want(404, "not_found", http.MethodDelete, "/legacy/products/"+unsold, nil)
	require.Zero(t, c.number("SELECT count(*) FROM inventory i WHERE NOT EXISTS (SELECT FROM product_variants v WHERE v.id = i.variant_id)"))
}

func support(t *testing.T, c *client) {
	customer := c.number("SELECT min(id) FROM customers WHERE NOT blocked")
	sku := c.sku(8, 10)
	o := c.buy("support", customer, "CARD", shop.Line{SKU: sku, Quantity: 3})
	var ticket struct{ ID int64 }
	require.NoError(t, json.Unmarshal(c.want(201, "", http.MethodPost, "/legacy/tickets", shop.NewTicket{CustomerID: customer, Order: o.Number, Subject: "¿Y?", Topic: "pedido", Text: "Hola"}), &ticket))
	c.want(404, "not_found", http.MethodPost, "/legacy/tickets", shop.NewTicket{CustomerID: customer + 1, Order: o.Number, Subject: "x", Text: "x"})
	c.want(404, "not_found", http.MethodPost, "/legacy/tickets", shop.NewTicket{CustomerID: 1 << 40, Subject: "x", Text: "x"})
	c.want(400, "invalid_request", http.MethodPost, "/legacy/tickets", shop.NewTicket{CustomerID: customer, Text: "x"})

	path := fmt.Sprintf("/legacy/tickets/%d/messages", ticket.ID)
	state := func(want string) {
		t.Helper()
		require.EqualValues(t, 1, c.number("SELECT count(*) FROM tickets WHERE id = $1 AND state = $2", ticket.ID, want))
	}
	c.want(201, "", http.MethodPost, path, shop.NewMessage{StaffID: 3, Text: "Un momento", Internal: true})
	state("open")
	c.want(201, "", http.MethodPost, path, shop.NewMessage{StaffID: 3, Text: "Ya va"})
	state("answered")
	c.want(201, "", http.MethodPost, path, shop.NewMessage{Text: "Gracias"})
	state("open")
	require.EqualValues(t, 4, c.number("SELECT count(*) FROM ticket_messages WHERE ticket_id = $1", ticket.ID))
	c.want(404, "not_found", http.MethodPost, path, shop.NewMessage{StaffID: 99, Text: "x"})
	c.want(404, "not_found", http.MethodPost, "/legacy/tickets/99999999/messages", shop.NewMessage{Text: "x"})

	back := func(n int64, reason string) shop.NewReturn {
		return shop.NewReturn{Order: o.Number, Lines: []shop.ReturnLine{{Line: shop.Line{SKU: sku, Quantity: n}, Reason: reason}}}
	}
	c.want(409, "wrong_status", http.MethodPost, "/legacy/returns", back(1, "roto"))
	c.want(200, "", http.MethodPost, "/legacy/orders/"+o.Number+"/ship", nil)
	c.want(200, "", http.MethodPost, "/legacy/orders/"+o.Number+"/deliver", nil)
	c.want(422, "not_returnable", http.MethodPost, "/legacy/returns", back(4, "roto"))
	c.want(422, "not_returnable", http.MethodPost, "/legacy/returns", back(1, "porque sí"))
	// Five at once want to give back one of three.
	var wg sync.WaitGroup
	got := make([]int, 5)
	for i := range got {
		wg.Go(func() { got[i], _ = c.do(http.MethodPost, "/legacy/returns", back(1, "roto"), "") })
	}
	wg.Wait()
	require.ElementsMatch(t, []int{201, 201, 201, 422, 422}, got)
	require.EqualValues(t, 3, c.number("SELECT count(*) FROM returns WHERE order_id = $1", o.ID), "what is refused leaves nothing")

	guest := c.buy("guest", 0, "CARD", shop.Line{SKU: sku, Quantity: 1})
	c.want(200, "", http.MethodPost, "/legacy/orders/"+guest.Number+"/ship", nil)
	c.want(200, "", http.MethodPost, "/legacy/orders/"+guest.Number+"/deliver", nil)
	c.want(409, "guest_order", http.MethodPost, "/legacy/returns", shop.NewReturn{Order: guest.Number, Lines: []shop.ReturnLine{{Line: shop.Line{SKU: sku, Quantity: 1}, Reason: "roto"}}})
}
