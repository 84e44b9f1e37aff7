package api_test

import (
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
	"tienda/internal/contract/contracttest"
)

// TestBadInput: each bad request gets its status and a problem that names the
// field, and changes nothing.
func TestBadInput(t *testing.T) {
	s := newShop(t)
	o := s.bought(t, "key-of-ana", cash)
	s.ordered(t, s.step(t, asAgent, nil, o.ID, "ship", nil), 200)
	s.ordered(t, s.step(t, asAgent, nil, o.ID, "deliver", nil), 200)
	fresh := s.bought(t, "key-of-ana-2", cash)
	h := s.guest(t, coffee, 1)
	s.put(t, asAna, nil, coffee, 1)
	s.put(t, asBen, nil, coffee, 1)

	key := http.Header{"Idempotency-Key": {"some-key-1"}}
	guestKey := with(h, "Idempotency-Key", "some-key-1")
	item, refunds := "/v1/cart/items/"+coffee, "/internal/v1/orders/"+o.ID+"/refunds"
	refund := func(returnID, sku string, quantity int) map[string]any {
		return map[string]any{"return_id": returnID, "lines": []map[string]any{{"sku": sku, "quantity": quantity, "restock": true}}}
	}
	orderWith := func(k string, v any) map[string]any {
		return map[string]any{"payment_method": "invoice", k: v}
	}
	event := func(data any) map[string]any {
		return map[string]any{"specversion": "1.0", "id": "e", "source": "support", "type": "tienda.support.return_requested", "data": data}
	}
	noCountry := maps.Clone(home)
	noCountry["country"] = "ZZ"
	const none = "-"
	tests := []struct {
		name, method, path string
		as                 caller.Caller
		h                  http.Header
		body               any
		media              string
		noToken            bool
		status             int
		field              string
	}{
		{name: "malformed JSON", method: "PUT", path: item, as: asAna, body: `{"quantity":`, status: 400, field: ""},
		{name: "no body", method: "PUT", path: item, as: asAna, media: "application/json", status: 400, field: ""},
		{name: "unknown field", method: "PUT", path: item, as: asAna, body: `{"quantity":1,"price":1}`, status: 400, field: "/price"},
		{name: "wrong type", method: "PUT", path: item, as: asAna, body: `{"quantity":"1"}`, status: 400, field: "/quantity"},
		{name: "fraction", method: "PUT", path: item, as: asAna, body: `{"quantity":1.5}`, status: 400, field: "/quantity"},
		{name: "zero", method: "PUT", path: item, as: asAna, body: `{"quantity":0}`, status: 400, field: "/quantity"},
		{name: "negative", method: "PUT", path: item, as: asAna, body: `{"quantity":-1}`, status: 400, field: "/quantity"},
		{name: "huge", method: "PUT", path: item, as: asAna, body: `{"quantity":1e30}`, status: 400, field: "/quantity"},
		{name: "over the limit", method: "PUT", path: item, as: asAna, body: `{"quantity":1001}`, status: 400, field: "/quantity"},
		{name: "unknown SKU", method: "PUT", path: "/v1/cart/items/NOPE", as: asAna, body: `{"quantity":1}`, status: 422, field: "sku"},
		{name: "unknown SKU of a new guest", method: "PUT", path: "/v1/cart/items/NOPE", body: `{"quantity":1}`, status: 422, field: "sku"},
		{name: "ill-formed SKU", method: "PUT", path: "/v1/cart/items/a%20b", as: asAna, body: `{"quantity":1}`, status: 400, field: "sku"},
		{name: "no such currency", method: "PUT", path: item + "?currency=XQQ", as: asAna, body: `{"quantity":1}`, status: 422, field: "currency"},
		{name: "ill-formed currency", method: "GET", path: "/v1/cart?currency=euro", as: asAna, status: 400, field: "currency"},
		{name: "unknown parameter", method: "GET", path: "/v1/cart?curency=EUR", as: asAna, status: 400, field: "curency"},
		{name: "wrong content type", method: "PUT", path: item, as: asAna, body: `{"quantity":1}`, media: "text/plain", status: 415, field: none},
		{name: "oversized body", method: "PUT", path: item, as: asAna, body: `{"quantity":1` + strings.Repeat(" ", 70000) + `}`, status: 413, field: none},
		{name: "stale If-Match", method: "PUT", path: item, as: asAna, h: http.Header{"If-Match": {`"99"`}}, body: `{"quantity":2}`, status: 412, field: "If-Match"},
		{name: "stale If-Match on delete", method: "DELETE", path: "/v1/cart", as: asAna, h: http.Header{"If-Match": {`"99"`}}, status: 412, field: "If-Match"},
		{name: "nonsense If-Match", method: "DELETE", path: item, as: asAna, h: http.Header{"If-Match": {"x"}}, status: 412, field: "If-Match"},
		{name: "ill-formed guest token", method: "PUT", path: item, h: http.Header{"Cart-Token": {"short"}}, body: `{"quantity":1}`, status: 400, field: "Cart-Token"},

		{name: "no key", method: "POST", path: "/v1/orders", as: asAna, body: invoice, status: 400, field: "Idempotency-Key"},
		{name: "short key", method: "POST", path: "/v1/orders", as: asAna, h: http.Header{"Idempotency-Key": {"short"}}, body: invoice, status: 400, field: "Idempotency-Key"},
		{name: "key with a blank", method: "POST", path: "/v1/orders", as: asAna, h: http.Header{"Idempotency-Key": {"some key 1"}}, body: invoice, status: 400, field: "Idempotency-Key"},
		{name: "no payment method", method: "POST", path: "/v1/orders", as: asAna, h: key, body: `{}`, status: 400, field: "/payment_method"},
		{name: "unknown payment method", method: "POST", path: "/v1/orders", as: asAna, h: key, body: `{"payment_method":"gold"}`, status: 400, field: "/payment_method"},
		{name: "client sets the price", method: "POST", path: "/v1/orders", as: asAna, h: key, body: orderWith("total", 1), status: 400, field: "/total"},
		{name: "bad e-mail", method: "POST", path: "/v1/orders", as: asAna, h: key, body: orderWith("email", "nobody"), status: 400, field: "/email"},
		{name: "no such currency", method: "POST", path: "/v1/orders", as: asAna, h: key, body: orderWith("currency", "XQQ"), status: 422, field: "/currency"},
		{name: "long note", method: "POST", path: "/v1/orders", as: asAna, h: key, body: orderWith("note", strings.Repeat("x", 501)), status: 400, field: "/note"},
		{name: "half an address", method: "POST", path: "/v1/orders", as: asAna, h: key, body: orderWith("address", map[string]string{"name": "Ana"}), status: 400, field: "/address/line1"},
		{name: "no such country", method: "POST", path: "/v1/orders", as: asAna, h: key, body: orderWith("address", noCountry), status: 422, field: "/address/country"},
		{name: "no such country of a guest", method: "POST", path: "/v1/orders", h: guestKey, body: map[string]any{"payment_method": "invoice", "email": "guest@example.com", "address": noCountry}, status: 422, field: "/address/country"},
		{name: "two addresses", method: "POST", path: "/v1/orders", as: asAna, h: key, body: map[string]any{"payment_method": "invoice", "address": home, "address_id": anaHome}, status: 400, field: "/address_id"},
		{name: "unknown address", method: "POST", path: "/v1/orders", as: asAna, h: key, body: orderWith("address_id", nowhere), status: 422, field: "/address_id"},
		{name: "account without address", method: "POST", path: "/v1/orders", as: asBen, h: key, body: invoice, status: 422, field: "/address"},
		{name: "guest without e-mail", method: "POST", path: "/v1/orders", h: guestKey, body: orderWith("address", home), status: 400, field: "/email"},
		{name: "guest without address", method: "POST", path: "/v1/orders", h: guestKey, body: orderWith("email", "g@example.com"), status: 400, field: "/address"},
		{name: "guest with an address ID", method: "POST", path: "/v1/orders", h: guestKey, body: orderWith("address_id", anaHome), status: 400, field: "/address_id"},
		{name: "nobody", method: "POST", path: "/v1/orders", h: key, body: guestCash, status: 401, field: none},

		{name: "nobody lists", method: "GET", path: "/v1/orders", status: 401, field: none},
		{name: "bad limit", method: "GET", path: "/v1/orders?limit=101", as: asAna, status: 400, field: "limit"},
		{name: "bad cursor", method: "GET", path: "/v1/orders?cursor=%21", as: asAna, status: 400, field: "cursor"},
		{name: "ill-formed ID", method: "GET", path: "/v1/orders/1", as: asAna, status: 400, field: "id"},
		{name: "unknown order", method: "GET", path: "/v1/orders/" + nowhere, as: asAna, status: 404, field: none},
		{name: "someone else's order", method: "GET", path: "/v1/orders/" + o.ID, as: asBen, status: 404, field: none},
		{name: "a guest and someone's order", method: "GET", path: "/v1/orders/" + o.ID, h: h, status: 404, field: none},
		{name: "cancel someone else's", method: "POST", path: "/v1/orders/" + fresh.ID + "/cancel", as: asBen, status: 404, field: none},
		{name: "nobody cancels", method: "POST", path: "/v1/orders/" + fresh.ID + "/cancel", status: 401, field: none},
		{name: "cancel what is delivered", method: "POST", path: "/v1/orders/" + o.ID + "/cancel", as: asAna, status: 409, field: none},
		{name: "cancel with a stale version", method: "POST", path: "/v1/orders/" + fresh.ID + "/cancel", as: asAna, h: http.Header{"If-Match": {`"1"`}}, status: 412, field: "If-Match"},
		{name: "unknown field of cancel", method: "POST", path: "/v1/orders/" + fresh.ID + "/cancel", as: asAna, body: `{"why":"x"}`, status: 400, field: "/why"},
		{name: "customer ships", method: "POST", path: "/v1/orders/" + fresh.ID + "/ship", as: asAna, status: 403, field: none},
		{name: "nobody ships", method: "POST", path: "/v1/orders/" + fresh.ID + "/ship", status: 401, field: none},
		{name: "customer delivers", method: "POST", path: "/v1/orders/" + fresh.ID + "/deliver", as: asAna, status: 403, field: none},
		{name: "shipment without a key", method: "POST", path: "/v1/orders/" + fresh.ID + "/shipments", as: asAgent, status: 400, field: "Idempotency-Key"},
		{name: "shipment of nothing", method: "POST", path: "/v1/orders/" + fresh.ID + "/shipments", as: asAgent, h: key, body: `{"lines":[]}`, status: 400, field: "/lines"},
		{name: "shipment of no piece", method: "POST", path: "/v1/orders/" + fresh.ID + "/shipments", as: asAgent, h: key, body: `{"lines":[{"sku":"COFFEE","quantity":0}]}`, status: 400, field: "/lines/0/quantity"},
		{name: "shipment of another SKU", method: "POST", path: "/v1/orders/" + fresh.ID + "/shipments", as: asAgent, h: key, body: `{"lines":[{"sku":"SOFA","quantity":1}]}`, status: 422, field: "/lines/0/sku"},
		{name: "tracking that is no link", method: "POST", path: "/v1/orders/" + fresh.ID + "/shipments", as: asAgent, h: key, body: `{"tracking_url":"javascript:alert(1)"}`, status: 400, field: "/tracking_url"},
		{name: "delivery of no shipment", method: "POST", path: "/v1/orders/" + fresh.ID + "/shipments/" + nowhere + "/deliver", as: asAgent, status: 404, field: none},
		{name: "deliver what is not shipped", method: "POST", path: "/v1/orders/" + fresh.ID + "/deliver", as: asAgent, status: 409, field: none},

		{name: "refund by a user", method: "POST", path: refunds, as: asAgent, body: refund(returnB, coffee, 1), status: 403, field: none},
		{name: "refund by another app", method: "POST", path: refunds, as: caller.Caller{App: "gateway"}, body: refund(returnB, coffee, 1), status: 403, field: none},
		{name: "refund without the app token", method: "POST", path: refunds, as: support, body: refund(returnB, coffee, 1), noToken: true, status: 403, field: none},
		{name: "refund of too much", method: "POST", path: refunds, as: support, body: refund(returnB, coffee, 3), status: 422, field: "/lines/0/quantity"},
		{name: "refund of what was not bought", method: "POST", path: refunds, as: support, body: refund(returnB, plate, 1), status: 422, field: "/lines/0/sku"},
		{name: "refund of nothing", method: "POST", path: refunds, as: support, body: map[string]any{"return_id": returnB, "lines": []any{}}, status: 400, field: "/lines"},
		{name: "refund before delivery", method: "POST", path: "/internal/v1/orders/" + fresh.ID + "/refunds", as: support, body: refund(returnB, coffee, 1), status: 409, field: none},
		{name: "read by another app", method: "GET", path: "/internal/v1/orders/" + o.ID, as: caller.Caller{App: "catalog"}, status: 403, field: none},
		{name: "event without the app token", method: "POST", path: "/events/support", body: event(nil), media: "application/cloudevents+json", noToken: true, status: 403, field: none},
		{name: "event of users without its data", method: "POST", path: "/events/users", body: deleted(map[string]string{}), media: "application/cloudevents+json", status: 400, field: "/data"},
		{name: "event without its data", method: "POST", path: "/events/support", body: event(map[string]string{}), media: "application/cloudevents+json", status: 400, field: "/data"},
	}
	before := s.dump(t)
	told := len(s.events.Types())
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := s.Do(t, contracttest.Request{
				Method: tt.method, Path: tt.path, As: tt.as, Header: tt.h, Body: tt.body, ContentType: tt.media, NoToken: tt.noToken,
			})
			require.Equal(t, tt.status, a.Status, "%s", a.Body)
			_, fields := a.Problem(t)
			if tt.field == none {
				require.Empty(t, fields)
			} else {
				require.Contains(t, fields, tt.field)
			}
			require.Equal(t, before, s.dump(t), "nothing changed")
			require.Len(t, s.events.Types(), told)
		})
	}
}

// An event of an order that is not there is taken: it can never be applied.
func TestEventOfUnknownOrder(t *testing.T) {
	s := newShop(t)
	a := s.Do(t, contracttest.Request{Method: "POST", Path: "/events/support", ContentType: "application/cloudevents+json",
		Body: `{"specversion":"1.0","id":"e","source":"support","type":"tienda.support.return_requested","docversion":"1",
			"time":"2026-11-23T10:00:00Z","data":{"order_id":"` + nowhere + `","return_id":"` + returnA + `"}}`})
	require.Equal(t, 200, a.Status, "%s", a.Body)
	require.Empty(t, s.store.Keys(""))
}

func (s *shop) dump(t *testing.T) map[string]string {
	t.Helper()
	keys := s.store.Keys("")
	items, err := s.store.Get(t.Context(), keys...)
	require.NoError(t, err)
	out := map[string]string{}
	for _, it := range items {
		out[it.Key] = it.ETag
	}
	return out
}
