package api_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
	"tienda/internal/contract/contracttest"
	"tienda/internal/origin/intake/intaketest"
	"tienda/services/orders/internal/payment"
)

// followed opens a shop that announces every change of an order.
func followed(t *testing.T) *shop {
	t.Helper()
	s := newShop(t)
	s.follows = true
	return s.restarted(t)
}

func TestWhatIsTold(t *testing.T) {
	for _, on := range []bool{true, false} {
		s := newShop(t)
		s.follows = on
		s = s.restarted(t)
		c := intaketest.New(t, s.Server, "orders")
		changed, twice := []string{"orders"}, []string{"orders", "orders"}
		var o orderDoc
		var card cardDoc
		bought := func(key string, body any) func() { return func() { o = s.bought(t, key, body) } }
		step := func(as caller.Caller, what string, body any) func() {
			return func() { s.ordered(t, s.step(t, as, nil, o.ID, what, body), 200) }
		}
		sees := func(field string, want any) { require.Equal(t, want, c.Document(t, "orders", o.ID)[field]) }
		tried := map[string]bool{}
		for _, x := range []struct {
			route, what string
			do          func()
			want        []string
			then        func()
		}{
			{"POST /v1/orders", "what is not bought yet is not told of", bought("key-number-1", cash), changed, func() { sees("status", "confirmed") }},
			{"POST /v1/orders", "again", func() { s.submit(t, asAna, nil, "key-number-1", cash) }, nil, nil},
			{"POST /v1/orders", "refused", func() {
				s.put(t, asBen, nil, plate, 4)
				require.Equal(t, 422, s.submit(t, asBen, nil, "key-of-ben", cash).Status)
			}, nil, nil},
			{"PUT /v1/orders/{id}/address", "another", func() {
				to := map[string]any{"name": "Eva", "line1": "1", "city": "C", "postal_code": "28013", "country": "ES"}
				s.ordered(t, s.Do(t, request("PUT", "/v1/orders/"+o.ID+"/address", asAna, to)), 200)
			}, changed, nil},
			{"POST /v1/orders/{id}/cancellations", "a part", func() { s.cancelLines(t, asAna, o.ID, "less-of-it", pieces(coffee, 1), 200) }, changed, nil},
			{"POST /v1/orders/{id}/shipments", "a part", func() { s.dispatch(t, o.ID, "shipment-1", parcel(coffee, 1), 200) }, changed, func() { sees("status", "confirmed") }},
			{"POST /v1/orders/{id}/shipments", "the rest", func() { s.dispatch(t, o.ID, "shipment-2", nil, 200) }, changed, func() { sees("status", "shipped") }},
			{"POST /v1/orders/{id}/shipments/{shipment}/deliver", "both", func() {
				sent := s.ordered(t, s.Do(t, request("GET", "/v1/orders/"+o.ID, asAna, nil)), 200)
				require.Equal(t, "shipped", sent.Status)
				for _, id := range s.parcels(t, o.ID) {
					require.Equal(t, 200, s.step(t, asAgent, nil, o.ID, "shipments/"+id+"/deliver", nil).Status)
				}
			}, changed, func() { sees("status", "delivered") }},
			{"POST /internal/v1/orders/{id}/refunds", "for a return", func() {
				s.ok(t, 200, request("POST", "/internal/v1/orders/"+o.ID+"/refunds", support, map[string]any{
					"return_id": returnA, "lines": []map[string]any{{"sku": coffee, "quantity": 1, "restock": true}}}), nil)
			}, changed, nil},
			{"POST /events/support", "how a return is", func() {
				a := s.Do(t, contracttest.Request{Method: "POST", Path: "/events/support", ContentType: "application/cloudevents+json", Body: map[string]any{
					"specversion": "1.0", "id": "e", "source": "support", "type": "tienda.support.return_approved", "docversion": 9,
					"time": "2026-11-23T10:00:00Z", "data": map[string]string{"order_id": o.ID, "return_id": returnA}}})
				require.Equal(t, 200, a.Status)
			}, nil, nil},
			{"POST /v1/orders", "another", bought("key-number-2", invoice), changed, nil},
			{"POST /v1/orders/{id}/cancel", "", step(asAna, "cancel", map[string]string{"reason": "late"}), changed, func() { sees("cancel_reason", "late") }},
			{"POST /v1/orders", "a third", bought("key-number-3", cash), changed, nil},
			{"POST /v1/orders/{id}/ship", "", step(asAgent, "ship", map[string]string{"tracking": "ES-1"}), changed, func() { sees("tracking", "ES-1") }},
			{"POST /v1/orders/{id}/deliver", "", step(asAgent, "deliver", nil), changed, nil},
			{"POST /v1/orders", "by card", func() {
				s.put(t, asAna, nil, tea, 1)
				card = s.card(t, s.submit(t, asAna, nil, "card-of-ana", byCard("sandbox_approves")), 201)
				o.ID = card.ID
			}, changed, func() {
				require.Equal(t, "due", c.Document(t, "orders", o.ID)["payment"].(map[string]any)["status"])
			}},
			{"POST /v1/payments/callbacks/{provider}", "what is known", func() {
				body := told(t, "evt-1", card.Payment.Card.Attempts[0].Key, "approved", 500)
				require.Equal(t, 204, s.Do(t, callbackRequest("sandbox", body, payment.Sign([]byte("secret"), body, time.Now()))).Status)
			}, nil, nil},
			{"POST /v1/orders/{id}/ship", "a card that does not pay", func() { card = s.declined(t) }, twice, nil},
			{"POST /v1/orders/{id}/payment/capture", "it pays", func() {
				s.card(t, s.step(t, asAgent, nil, card.ID, "payment/capture", nil), 200)
				s.paid(t, card.ID)
			}, changed, nil},
			{"POST /events/users", "a buyer is forgotten", func() {
				s.hearUsers(t, deleted(map[string]string{"user_id": ana}))
				require.NoError(t, s.erasures.Run(t.Context()))
			}, []string{"orders", "orders", "orders"}, func() {
				known := 0
				for _, id := range c.IDs("orders") {
					known += strings.Count(fmt.Sprint(c.Document(t, "orders", id)), anaEmail)
				}
				require.Equal(t, 2, known, "orders that are not at their end go on")
			}},
		} {
			x.do()
			got := c.Hear(t, s.events.Events())
			if !on {
				require.Empty(t, got)
				continue
			}
			require.Equal(t, x.want, got, "%s: %s", x.route, x.what)
			c.RequireEqual(t)
			if x.then != nil {
				x.then()
			}
			tried[x.route] = true
		}
		for _, r := range s.routes {
			path := strings.TrimPrefix(r.Path, "/v1/")
			here, _, _ := strings.Cut(path, "/") // what another system does not get
			silent := here == "cart" || here == "saved-carts" || here == "promotions" || here == "settings" || path == "/internal/v1/order-states"
			require.True(t, !on || silent || r.Method == http.MethodGet || tried[r.Method+" "+r.Path], "%s %s: nobody says what is told of it", r.Method, r.Path)
		}
	}
}

// parcels gives the IDs of the shipments of an order.
func (s *shop) parcels(t *testing.T, id string) (ids []string) {
	t.Helper()
	var got struct{ Shipments []struct{ ID string } }
	s.ok(t, 200, request("GET", "/v1/orders/"+id, asAna, nil), &got)
	for _, x := range got.Shipments {
		ids = append(ids, x.ID)
	}
	return ids
}

// What was made here has the amounts that another system adds up.
func TestAnOrderOfHereAbroad(t *testing.T) {
	s := followed(t)
	o := s.bought(t, "key-number-1", cash)
	c := intaketest.New(t, s.Server, "orders")
	require.Equal(t, []string{o.ID}, c.IDs("orders"))
	d := c.Document(t, "orders", o.ID)
	raw := d["lines"].([]any)
	require.Len(t, raw, 2)
	sum := 0.0
	for _, l := range raw {
		sum += l.(map[string]any)["total"].(map[string]any)["amount"].(float64)
	}
	require.InDelta(t, 2*1249+500, sum, 0)
	require.Equal(t, ana, d["customer_id"])
	require.NotEmpty(t, d["number"])
	payment := d["payment"].(map[string]any)
	require.Equal(t, []any{"cash_on_delivery", "due"}, []any{payment["method"], payment["status"]})
	b, err := json.Marshal(d)
	require.NoError(t, err)
	require.Empty(t, syncSchema(t).Check(b), "as the schema has it: %s", b)
}

func TestWhatIsToldOfMoved(t *testing.T) {
	s := followed(t)
	c := intaketest.New(t, s.Server, "orders")
	s.moved(t, sent(1, 5, old(1, "2019-04-01T10:00:00Z", doc{"status": "confirmed"})), sent(2, 5, old(2, "2019-04-01T10:00:00Z", nil)))
	s.moved(t, sent(2, 6, nil))
	require.Empty(t, c.Hear(t, s.events.Events()))
	c.Forget(t, s.events.Events())
	require.Equal(t, []string{oldID(1)}, c.IDs("orders"))
	s.ordered(t, s.step(t, asAgent, nil, oldID(1), "ship", nil), 200)
	require.Equal(t, []string{"orders"}, c.Hear(t, s.events.Events()))
	require.Equal(t, "shipped", c.Document(t, "orders", oldID(1))["status"])
	c.RequireEqual(t)
}

// Who only hears of changes and reads ends with what a full reading gives, also where there is
// more than a page of it.
func TestAWalkThatIsFollowed(t *testing.T) {
	for seed := range uint64(3) {
		rnd := rand.New(rand.NewPCG(seed, 11))
		s := followed(t)
		other := s.restarted(t)
		s.catalog.set(func(c *fakeCatalog) { c.stock[tea] = 10_000 })
		c := intaketest.New(t, s.Server, "orders")
		for n := range 250 {
			on := []*shop{s, other}[rnd.IntN(2)]
			id := c.Any(rnd.IntN, "orders", nowhere)
			switch rnd.IntN(8) {
			case 0, 1, 2, 3:
				on.put(t, asAna, nil, tea, 1+rnd.IntN(3))
				on.submit(t, asAna, nil, fmt.Sprint("key-of-", n), []any{cash, invoice}[rnd.IntN(2)])
			case 4:
				on.step(t, asAgent, nil, id, []string{"ship", "deliver"}[rnd.IntN(2)], nil)
			case 5:
				on.step(t, asAna, nil, id, "cancel", nil)
			case 6:
				on.Do(t, request("PUT", "/v1/orders/"+id+"/address", asAna, home))
			case 7:
				on.Do(t, request("POST", "/internal/v1/orders/"+id+"/refunds", support, map[string]any{
					"return_id": returnA, "lines": []map[string]any{{"sku": tea, "quantity": 1, "restock": true}}}))
			}
			c.Hear(t, s.events.Events())
		}
		c.RequireEqual(t)
		require.Greater(t, len(c.IDs("orders")), 64, "more than a page of a day")
	}
}
