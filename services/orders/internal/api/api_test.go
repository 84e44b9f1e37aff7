package api_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
	"tienda/internal/contract/contracttest"
	"tienda/internal/money"
)

// TestLifeOfAnOrder walks every operation of the contract once, with success.
func TestLifeOfAnOrder(t *testing.T) {
	s := newShop(t)
	s.put(t, asAna, nil, plate, 1)
	require.Equal(t, 204, s.Do(t, contracttest.Request{Method: "DELETE", Path: "/v1/cart/items/" + plate, As: asAna}).Status)
	s.put(t, asAna, nil, plate, 1)
	require.Equal(t, 204, s.Do(t, contracttest.Request{Method: "DELETE", Path: "/v1/cart", As: asAna}).Status)
	require.Empty(t, s.cart(t, asAna, nil).Lines)

	o := s.bought(t, "key-of-ana-1", cash)
	require.Equal(t, "confirmed", o.Status)
	require.Equal(t, int64(2*1249+500), o.Totals.Total.Amount)
	require.Equal(t, anaEmail, o.Email)
	require.Empty(t, s.cart(t, asAna, nil).Lines)

	o = s.ordered(t, s.step(t, asAgent, nil, o.ID, "ship", map[string]string{"tracking": "ES-1"}), 200)
	require.Equal(t, "shipped", o.Status)
	o = s.ordered(t, s.step(t, asAgent, nil, o.ID, "deliver", nil), 200)
	require.Equal(t, "paid", o.Payment.Status)

	refund := contracttest.Request{Method: "POST", Path: "/internal/v1/orders/" + o.ID + "/refunds", As: support, Body: map[string]any{
		"return_id": returnA, "lines": []map[string]any{{"sku": coffee, "quantity": 1, "restock": true}}}}
	var done struct {
		Refund struct{ Amount struct{ Amount int64 } }
		Order  orderDoc
	}
	for range 2 { // the second is a repeat
		a := s.Do(t, refund)
		require.Equal(t, 200, a.Status, "%s", a.Body)
		a.JSON(t, &done)
		require.Equal(t, int64(1249), done.Refund.Amount.Amount)
		require.Equal(t, int64(1249), done.Order.Payment.Refunded.Amount)
		require.Equal(t, "partially_refunded", done.Order.Payment.Status)
	}

	for i, what := range []string{"return_approved", "return_requested", "unheard_of"} { // the first is the newest
		a := s.Do(t, contracttest.Request{Method: "POST", Path: "/events/support", ContentType: "application/cloudevents+json", Body: map[string]any{
			"specversion": "1.0", "id": "e", "source": "support", "type": "tienda.support." + what, "docversion": 9 - i,
			"time": "2026-11-23T10:00:00Z", "data": map[string]string{"order_id": o.ID, "return_id": returnA}}})
		require.Equal(t, 200, a.Status, "%s", a.Body)
	}
	s.hearUsers(t, deleted(map[string]string{"user_id": nowhere}))
	o = s.ordered(t, s.Do(t, contracttest.Request{Method: "GET", Path: "/v1/orders/" + o.ID, As: asAna}), 200)
	require.Len(t, o.Returns, 1)
	require.Equal(t, "approved", o.Returns[0].Status)
	s.ordered(t, s.Do(t, contracttest.Request{Method: "GET", Path: "/internal/v1/orders/" + o.ID, As: support}), 200)
	states := contracttest.Request{Method: "POST", Path: "/internal/v1/order-states", As: caller.Caller{App: "catalog"}, Body: map[string]any{"ids": []string{nowhere, o.ID}}}
	a := s.Do(t, states)
	require.JSONEq(t, `{"items":[{"id":"`+o.ID+`","status":"`+o.Status+`"}]}`, string(a.Body))
	states.As = support
	require.Equal(t, 403, s.Do(t, states).Status)

	other := s.bought(t, "key-of-ana-2", invoice)
	other = s.ordered(t, s.Do(t, request("PUT", "/v1/orders/"+other.ID+"/address", asAna, home)), 200)
	require.Equal(t, 404, s.Do(t, request("PUT", "/v1/orders/"+other.ID+"/address", asBen, home)).Status)
	require.Equal(t, 409, s.Do(t, request("PUT", "/v1/orders/"+o.ID+"/address", asAgent, home)).Status)
	other = s.ordered(t, s.step(t, asAna, nil, other.ID, "cancel", map[string]string{"reason": "too late"}), 200)
	require.Equal(t, "void", other.Payment.Status)

	for _, r := range []contracttest.Request{
		{Method: "GET", Path: "/v1/orders?limit=1", As: asAna},
		{Method: "GET", Path: "/internal/v1/users/" + ana + "/orders?limit=1", As: support},
	} {
		var list struct {
			Items      []orderDoc `json:"items"`
			NextCursor string     `json:"next_cursor"`
		}
		path := r.Path
		a := s.Do(t, r)
		a.JSON(t, &list)
		require.Equal(t, other.ID, list.Items[0].ID, "newest first")
		r.Path = path + "&cursor=" + list.NextCursor
		a = s.Do(t, r)
		a.JSON(t, &list)
		require.Equal(t, o.ID, list.Items[0].ID)
	}
	require.Equal(t, []string{
		"tienda.orders.confirmed", "tienda.orders.shipped", "tienda.orders.delivered", "tienda.orders.refunded",
		"tienda.orders.confirmed", "tienda.orders.cancelled",
	}, s.events.Types())
	require.Equal(t, o.Version-2, s.events.Events()[2].Version, "an event carries the version of its order")
	for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
		require.Equal(t, 200, s.Do(t, contracttest.Request{Method: "GET", Path: path, NoToken: true}).Status)
	}
	s.ok(t, 200, request("GET", "/v1/orders/totals?by=status", asAgent, nil), nil)
	s.put(t, asAna, nil, tea, 1)
	s.ok(t, 200, request("PUT", "/v1/saved-carts/"+savedID, asAna, map[string]string{"name": "Weekly"}), nil)
	require.Len(t, s.saved(t, asAna), 1)
	s.ok(t, 200, request("POST", "/v1/saved-carts/"+savedID+"/restore", asAna, nil), nil)
	s.ok(t, 204, request("DELETE", "/v1/saved-carts/"+savedID, asAna, nil), nil)
	s.tryTerms(t)
	s.tryCard(t)
	s.tryShipments(t)
	s.tryCancellations(t)
	s.trySync(t)
	s.TryDeadLetters(t, "orders", "support", "tienda.support.return_approved")
	s.RequireAllTried(t)
}

func TestRepeatedSteps(t *testing.T) {
	s := newShop(t)
	o := s.bought(t, "key-of-ana", invoice)
	require.Equal(t, 409, s.step(t, asAgent, nil, o.ID, "deliver", nil).Status)
	require.Equal(t, 412, s.step(t, asAgent, http.Header{"If-Match": {`"77"`}}, o.ID, "ship", nil).Status)
	read := http.Header{"If-Match": {`"2"`}}
	first := s.step(t, asAgent, read, o.ID, "ship", map[string]string{"tracking": "ES-1"})
	require.Equal(t, 200, first.Status)
	again := s.step(t, asAgent, read, o.ID, "ship", map[string]string{"tracking": "ES-2"})
	require.Equal(t, 200, again.Status)
	require.Equal(t, string(first.Body), string(again.Body))
	require.Equal(t, 409, s.step(t, asAna, nil, o.ID, "cancel", nil).Status)
	o = s.ordered(t, s.step(t, asAgent, nil, o.ID, "deliver", nil), 200)
	require.Equal(t, "due", o.Payment.Status, "an invoice is not paid by delivery")
	require.Len(t, s.events.Types(), 3)
}

// A guest's cart joins the account, once, and the cookie is gone.
func TestGuestCartJoins(t *testing.T) {
	s := newShop(t)
	h := s.guest(t, coffee, 600)
	s.put(t, asAna, nil, coffee, 500)
	s.put(t, asAna, nil, tea, 1)
	a := s.Do(t, contracttest.Request{Method: "GET", Path: "/v1/cart", As: asAna, Header: h})
	require.Contains(t, a.Header.Get("Set-Cookie"), "tienda_cart=; Path=/; Max-Age=0")
	for range 2 {
		c := s.cart(t, asAna, h)
		require.Equal(t, 1000, c.Lines[0].Quantity, "capped")
		require.Equal(t, 1001, c.Totals.Quantity)
	}
	require.Empty(t, s.cart(t, caller.Caller{}, h).Lines)
}

func TestGuestCookie(t *testing.T) {
	s := newShop(t)
	a := s.put(t, caller.Caller{}, http.Header{"X-Forwarded-Proto": {"https"}}, coffee, 1)
	cookie := a.Header.Get("Set-Cookie")
	for _, want := range []string{"tienda_cart=" + a.Header.Get("Cart-Token"), "HttpOnly", "SameSite=Lax", "Max-Age=2592000", "Secure", "Path=/"} {
		require.Contains(t, cookie, want)
	}
	byCookie := http.Header{"Cookie": {"tienda_cart=" + a.Header.Get("Cart-Token")}}
	require.Len(t, s.cart(t, caller.Caller{}, byCookie).Lines, 1)
	a = s.put(t, caller.Caller{}, byCookie, tea, 1)
	require.Empty(t, a.Header.Get("Cart-Token"), "only a new guest is told")
	require.NotContains(t, a.Header.Get("Set-Cookie"), "Secure")

	a = s.Do(t, contracttest.Request{Method: "GET", Path: "/v1/cart", Header: http.Header{"Cookie": {"tienda_cart=nonsense"}}})
	require.Equal(t, 400, a.Status)
	_, fields := a.Problem(t)
	require.Equal(t, []string{"Cart-Token"}, fields)
	require.Contains(t, a.Header.Get("Set-Cookie"), "Max-Age=0", "a browser gets rid of it")
}

func TestCartShowsWhatCannotBeBought(t *testing.T) {
	s := newShop(t)
	s.put(t, asAna, nil, coffee, 1)
	s.put(t, asAna, nil, plate, 1)
	s.catalog.set(func(c *fakeCatalog) { c.stock[plate] = 0 })
	a := s.Do(t, contracttest.Request{Method: "GET", Path: "/v1/cart?currency=USD", As: asAna})
	var c cartDoc
	a.JSON(t, &c)
	require.Equal(t, "no_price_in_currency", c.Lines[0].Notice)
	require.Equal(t, int64(0), c.Totals.Subtotal.Amount)
	require.Equal(t, 422, s.Do(t, contracttest.Request{Method: "GET", Path: "/v1/cart?currency=XQQ", As: asAna}).Status)
}

// What has changed since the cart was last shown is said once.
func TestCartSaysWhatHasChanged(t *testing.T) {
	s := newShop(t)
	s.put(t, asAna, nil, coffee, 1)
	s.put(t, asAna, nil, plate, 1)
	look := func(at *shop, query string) (notices [2]string, was int64) {
		var c struct {
			Lines []struct {
				Notice   string
				Previous money.Money `json:"previous_unit_price"`
			}
		}
		at.Do(t, request("GET", "/v1/cart"+query, asAna, nil)).JSON(t, &c)
		return [2]string{c.Lines[0].Notice, c.Lines[1].Notice}, c.Lines[0].Previous.Amount
	}
	notices, _ := look(s, "")
	require.Equal(t, [2]string{}, notices)
	s.catalog.set(func(c *fakeCatalog) { c.price[coffee], c.stock[plate] = 1399, 0 })
	s = s.restarted(t) // its quotes are new
	notices, _ = look(s, "?currency=USD")
	require.Equal(t, [2]string{"no_price_in_currency", "no_price_in_currency"}, notices)
	notices, was := look(s, "")
	require.Equal(t, [2]string{"price_changed", "out_of_stock"}, notices)
	require.Equal(t, int64(1249), was)
	notices, was = look(s, "")
	require.Equal(t, [2]string{"", "out_of_stock"}, notices, "said once; that it cannot be bought is said as long as it is so")
	require.Zero(t, was)
	s.catalog.set(func(c *fakeCatalog) { c.stock[plate] = 2 })
	s = s.restarted(t)
	notices, _ = look(s, "")
	require.Equal(t, [2]string{"", "back_in_stock"}, notices)
	notices, _ = look(s, "")
	require.Equal(t, [2]string{}, notices)
}

// The number of calls is part of the design: checkout is dear.
func TestQuotesAreAskedForOnce(t *testing.T) {
	s := newShop(t)
	h := s.guest(t, coffee, 1)
	for n := 2; n < 12; n++ {
		s.put(t, caller.Caller{}, h, coffee, n)
	}
	require.Equal(t, 1, s.catalog.asked)
	s.ordered(t, s.submit(t, caller.Caller{}, h, "guest-key", guestCash), 201)
	require.Zero(t, s.users.asked, "a guest's checkout does not ask users")
}
