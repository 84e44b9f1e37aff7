package api_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
	"tienda/internal/contract/contracttest"
)

// abroad gives the document of an order as another system has it: without what that has no
// word for.
func (s *shop) abroad(t *testing.T, id string) doc {
	t.Helper()
	var got struct{ Documents []struct{ Document doc } }
	s.ok(t, 200, request("POST", "/internal/v1/sync/orders/read", asMigration, doc{"ids": []string{id}, "all": true}), &got)
	require.Len(t, got.Documents, 1)
	d := got.Documents[0].Document
	delete(d, "cancel_reason")
	for _, l := range d["lines"].([]any) {
		delete(l.(map[string]any), "tax")
	}
	totals, pay := d["totals"].(map[string]any), d["payment"].(map[string]any)
	for _, name := range []string{"discount", "shipping", "tax"} {
		if totals[name] == nil {
			totals[name] = euros(0)
		}
	}
	if pay["status"] == "partially_refunded" {
		pay["status"] = "paid"
	}
	if pay["status"] == "void" {
		pay["status"] = "due"
	}
	return d
}

// adopts has an order be one that was moved in, at a position, and gives its document.
func (s *shop) adopts(t *testing.T, id string, position int, change func(d doc)) doc {
	t.Helper()
	d := s.abroad(t, id)
	if change != nil {
		change(d)
	}
	s.says(t, id, position, d)
	return d
}

// says sends what the other system says of an order that was made here: it is given back so.
func (s *shop) says(t *testing.T, id string, position int, d doc) {
	t.Helper()
	for range 2 { // what comes again changes nothing
		r := s.take(t, "0", doc{"id": id, "source": doc{"key": "orders:9", "position": position}, "adopt": true, "document": d})[0]
		require.Equal(t, "stored", r.Outcome, "%v", r)
		require.JSONEq(t, text(t, d), string(s.kept(t, id)[id]))
	}
}

func text(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	require.NoError(t, err)
	return string(b)
}

// set gives a change of a document.
func set(name string, value any) func(doc) { return func(d doc) { d[name] = value } }

func pay(paid, refunded int, status string) func(doc) {
	return func(d doc) {
		p := d["payment"].(map[string]any)
		p["paid"], p["refunded"], p["status"] = euros(paid), euros(refunded), status
	}
}

func all(changes ...func(doc)) func(doc) {
	return func(d doc) {
		for _, c := range changes {
			c(d)
		}
	}
}

// handedOver counts how often it was announced that another system has the goods of an
// order off its count.
func (s *shop) handedOver(t *testing.T, id string) (n int) {
	t.Helper()
	for _, e := range s.events.Events() {
		if e.Type == "tienda.orders.handed_over" && e.Subject == id {
			n++
		}
	}
	return n
}

// An order that was made here is one that was moved in, once, wherever it is looked for.
func TestAnOrderIsAdopted(t *testing.T) {
	s := newShop(t)
	first := s.bought(t, "key-number-1", invoice)
	o := s.bought(t, "key-number-2", invoice)
	d := s.abroad(t, o.ID)
	r := s.take(t, "0", doc{"id": o.ID, "source": doc{"key": "orders:9", "position": 5}, "document": d})[0]
	require.Equal(t, []string{"rejected", "order_made_here"}, []string{r.Outcome, r.Problem.Code})
	s.moved(t, sent(1, 5, old(1, "2019-04-01T10:00:00Z", nil)))

	s.says(t, o.ID, 5, d)
	require.Equal(t, 1, s.handedOver(t, o.ID))
	ids := func() (ids []string) {
		for _, o := range s.listed(t, asAna) {
			ids = append(ids, o.ID)
		}
		return ids
	}
	require.Equal(t, []string{o.ID, first.ID, oldID(1)}, ids())
	require.ElementsMatch(t, []string{o.ID, first.ID}, s.found(t, asAgent, "&customer=all"))
	var list struct{ IDs []string }
	s.ok(t, 200, request("GET", "/internal/v1/sync/orders", asMigration, nil), &list)
	require.ElementsMatch(t, []string{o.ID, oldID(1)}, list.IDs)
	again := s.ordered(t, s.submit(t, asAna, nil, "key-number-2", invoice), 201)
	require.Equal(t, o.ID, again.ID, "its request is known still")

	d["status"], d["shipped_at"], d["tracking"] = "shipped", "2026-11-27T10:00:00Z", "ES-9"
	s.says(t, o.ID, 6, d)
	require.Equal(t, "stale", s.take(t, "0", doc{"id": o.ID, "source": doc{"key": "orders:9", "position": 5}, "adopt": true, "document": d})[0].Outcome)
	d["customer_id"] = ben
	s.says(t, o.ID, 7, d)
	require.Equal(t, []string{first.ID, oldID(1)}, ids())
	require.Len(t, s.listed(t, asBen), 1)
	d["customer_id"] = ana
	s.says(t, o.ID, 8, d)
	require.Equal(t, []string{o.ID, first.ID, oldID(1)}, ids())
	require.Empty(t, s.listed(t, asBen))
	gone := doc{"id": o.ID, "source": doc{"key": "orders:9", "position": 9}, "deleted": true}
	require.Equal(t, "stored", s.take(t, "0", gone)[0].Outcome)
	require.Equal(t, []string{first.ID, oldID(1)}, ids())
	require.Equal(t, []string{first.ID}, s.found(t, asAgent, "&customer=all"))
	s.says(t, o.ID, 10, d)
	require.Equal(t, []string{o.ID, first.ID, oldID(1)}, ids())
	require.Equal(t, 1, s.handedOver(t, o.ID))
}

// A guest sees the order still, and so does somebody of the staff, of whom the other system
// knows no orders.
func TestWhoHasAnAdoptedOrder(t *testing.T) {
	s := newShop(t)
	h := s.guest(t, tea, 1)
	o := s.ordered(t, s.submit(t, caller.Caller{}, h, "key-of-guest", guestCash), 201)
	s.adopts(t, o.ID, 5, nil)
	s.ordered(t, s.Do(t, contracttest.Request{Method: "GET", Path: "/v1/orders/" + o.ID, Header: h}), 200)
	mine := s.bought(t, "key-number-1", cash)
	s.adopts(t, mine.ID, 5, func(d doc) { delete(d, "customer_id") })
	require.Len(t, s.listed(t, asAna), 1)
}

// Whatever has become of an order here before: it is given back as it came, and what the
// other system has no word for stays.
func TestWhatStaysOfAnAdoptedOrder(t *testing.T) {
	s := newShop(t)
	refund := func(id, sku string) {
		s.ok(t, 200, request("POST", "/internal/v1/orders/"+id+"/refunds", support, doc{"return_id": returnA, "lines": []doc{{"sku": sku, "quantity": 1, "restock": true}}}), nil)
	}
	for name, c := range map[string]struct {
		do       func(o orderDoc)
		reserved int
		then     func(o orderDoc)
	}{
		"nothing": {func(orderDoc) {}, 1, func(orderDoc) {}},
		"a part was shipped": {func(o orderDoc) { s.dispatch(t, o.ID, "shipment-1", parcel(coffee, 1), 200) }, 1, func(o orderDoc) {
			require.Len(t, s.parcels(t, o.ID), 1)
			require.Equal(t, "partially_shipped", s.ordered(t, s.Do(t, request("GET", "/v1/orders/"+o.ID, asAgent, nil)), 200).Status)
		}},
		"lines were cancelled": {func(o orderDoc) {
			s.cancelLines(t, asAna, o.ID, "less-of-it", pieces(coffee, 1), 200)
			s.cancelLines(t, asAna, o.ID, "none-of-it", pieces(tea, 1), 200)
		}, 1, func(o orderDoc) {
			s.step(t, asAgent, nil, o.ID, "ship", nil)
			s.step(t, asAgent, nil, o.ID, "deliver", nil)
			refund(o.ID, coffee)
		}},
		"cancelled": {func(o orderDoc) { s.step(t, asAna, nil, o.ID, "cancel", doc{"reason": "late"}) }, 0, func(orderDoc) {}},
		"delivered and refunded": {func(o orderDoc) {
			s.step(t, asAgent, nil, o.ID, "ship", nil)
			s.step(t, asAgent, nil, o.ID, "deliver", nil)
			refund(o.ID, tea)
		}, 0, func(o orderDoc) {
			refund(o.ID, tea) // that return is known
			a := s.Do(t, request("POST", "/internal/v1/orders/"+o.ID+"/refunds", support, doc{"return_id": returnB, "lines": []doc{{"sku": tea, "quantity": 1, "restock": true}}}))
			require.Equal(t, 422, a.Status, "%s", a.Body)
			s.ok(t, 200, request("POST", "/internal/v1/orders/"+o.ID+"/refunds", support, doc{"return_id": returnB, "lines": []doc{{"sku": coffee, "quantity": 2, "restock": true}}}), nil)
		}},
	} {
		for _, by := range []doc{invoice, cash} {
			t.Run(name, func(t *testing.T) {
				o := s.bought(t, strings.ReplaceAll(name, " ", "-")+by["payment_method"].(string), by)
				c.do(o)
				s.adopts(t, o.ID, 5, nil)
				require.Equal(t, c.reserved, s.handedOver(t, o.ID))
				c.then(o)
				s.adopts(t, o.ID, 6, nil) // what was done here since has gone there, and comes back
			})
		}
	}
}

// Of a card: what is held is taken once the other system has shipped the order, and freed
// once that has cancelled it or was paid in another way. Nothing is taken twice, and nothing
// that it knows of is given back by us.
func TestTheCardOfAnAdoptedOrder(t *testing.T) {
	type sums [3]int64 // held, taken, back
	ship := func(s *shop, t *testing.T, id string) {
		s.card(t, s.step(t, asAgent, nil, id, "ship", nil), 200)
		s.paid(t, id)
	}
	shipped, delivered, cancelled := set("status", "shipped"), set("status", "delivered"), set("status", "cancelled")
	for name, c := range map[string]struct {
		token  string
		before func(s *shop, t *testing.T, id string)
		says   []func(doc)
		want   sums
		status string
		// deleted: the last word is that the order is gone.
		deleted bool
	}{
		"it is not shipped yet":      {says: []func(doc){nil}, want: sums{500, 0, 0}, status: "authorised"},
		"shipped there":              {says: []func(doc){nil, shipped, delivered}, want: sums{500, 500, 0}, status: "paid"},
		"shipped at once":            {says: []func(doc){delivered}, want: sums{500, 500, 0}, status: "paid"},
		"cancelled there":            {says: []func(doc){nil, cancelled}, want: sums{0, 0, 0}, status: "void"},
		"deleted there":              {says: []func(doc){nil, nil}, deleted: true},
		"shipped, then deleted":      {says: []func(doc){shipped, nil}, deleted: true, want: sums{500, 500, 500}},
		"taken here, then deleted":   {before: ship, says: []func(doc){nil, nil}, deleted: true, want: sums{500, 500, 0}},
		"paid there":                 {says: []func(doc){nil, all(shipped, pay(500, 0, "paid"))}, want: sums{0, 0, 0}, status: "paid"},
		"shipped, then marked paid":  {says: []func(doc){shipped, all(delivered, pay(500, 0, "paid"))}, want: sums{500, 500, 0}, status: "paid"},
		"shipped, then cancelled":    {says: []func(doc){shipped, cancelled}, want: sums{500, 500, 500}, status: "refunded"},
		"shipped here":               {before: ship, says: []func(doc){nil, delivered}, want: sums{500, 500, 0}, status: "paid"},
		"shipped here, given back":   {before: ship, says: []func(doc){nil, all(cancelled, pay(500, 500, "refunded"))}, want: sums{500, 500, 0}, status: "refunded"},
		"the card does not pay":      {token: "sandbox_declines_first_capture", says: []func(doc){shipped, delivered}, want: sums{500, 0, 0}, status: "due"},
		"does not pay, paid by hand": {token: "sandbox_declines_first_capture", says: []func(doc){shipped, all(delivered, pay(500, 0, "paid"))}, want: sums{0, 0, 0}, status: "paid"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t)
			s.put(t, asAna, nil, tea, 1)
			if c.token == "" {
				c.token = "sandbox_approves"
			}
			o := s.card(t, s.submit(t, asAna, nil, "card-of-ana", byCard(c.token)), 201)
			if c.before != nil {
				c.before(s, t, o.ID)
			}
			d := s.abroad(t, o.ID)
			require.NotEmpty(t, d["payment"].(map[string]any)["reference"], "who has charge finds the payment")
			for n, change := range c.says {
				if c.deleted && n == len(c.says)-1 {
					r := s.take(t, "0", doc{"id": o.ID, "source": doc{"key": "orders:9", "position": 5 + n}, "deleted": true})[0]
					require.Equal(t, "stored", r.Outcome)
					require.NoError(t, s.checkouts.Recover(t.Context()))
					require.Empty(t, s.kept(t, o.ID))
					require.Equal(t, 404, s.Do(t, request("GET", "/v1/orders/"+o.ID, asAgent, nil)).Status)
					break
				}
				if change != nil {
					change(d)
				}
				s.says(t, o.ID, 5+n, d)
				require.NoError(t, s.checkouts.Recover(t.Context()))
				require.JSONEq(t, text(t, d), string(s.kept(t, o.ID)[o.ID]), "what the card gave is no difference")
			}
			require.NotContains(t, s.unsettled(t), o.ID)
			held, taken, back := s.provider.Sums(o.ID)
			require.Equal(t, c.want, sums{held, taken, back})
			if c.deleted {
				return
			}
			require.Equal(t, c.status, s.paid(t, o.ID).Payment.Status)
			// Once the shop is in charge again, it tells what the card gave.
			told := s.abroad(t, o.ID)["payment"].(map[string]any)["paid"].(map[string]any)["amount"]
			require.GreaterOrEqual(t, told, float64(taken))
		})
	}
}
