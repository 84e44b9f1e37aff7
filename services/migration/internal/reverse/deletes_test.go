package reverse_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/monolith/local/localtest"
)

// What is gone in the shop is gone from the monolith, moved or made, unless something of
// it has to stay; a repeat does nothing.
func TestDeletes(t *testing.T) {
	localtest.Needs(t)
	w := open(t, 20)
	c := &chance{Rand: rand.New(rand.NewPCG(5, 6)), w: w}
	for _, kind := range []string{"categories", "products", "stock", "users", "tickets", "returns"} {
		made, doc := newID(), map[string]any{}
		c.change(kind, doc)
		w.owners.put(t, kind, made, "", doc)
		w.apply(kind, made, 1)
		k, key := w.row(kind, made)
		w.owners.drop(kind, made)
		for range 2 {
			w.apply(kind, made, 2)
		}
		_, there := w.forward(k, key)
		require.False(t, there, kind)
	}
	for _, kind := range []string{"stock", "tickets", "returns"} { // of which nothing is known here yet
		id := w.owners.ids(kind)[0]
		_, sourceKey := w.document(kind, id)
		key, ok := w.mapping.KeyOf(sourceKey)
		require.True(t, ok)
		w.owners.drop(kind, id)
		w.apply(kind, id, 1)
		_, there := w.forward(w.kind(key.Name), key.Values)
		require.False(t, there, kind)
	}
	// Of a made and gone document whose news all came late nothing is written.
	before := w.count("orders")
	w.apply("orders", newID(), 4)
	require.Equal(t, before, w.count("orders"))
	// It comes again, under the ID that it had.
	id := w.owners.ids("stock")[0]
	doc, _ := w.document("stock", id)
	w.apply("stock", id, 5)
	w.owners.drop("stock", id)
	w.apply("stock", id, 6)
	w.owners.put(t, "stock", id, "", doc)
	w.apply("stock", id, 1)
	w.back("stock", id)
}

// Who has bought something stays as somebody without a name, who is let in no more; the
// orders stay whose they are.
func TestWhoHasBoughtStaysWithoutAName(t *testing.T) {
	localtest.Needs(t)
	w := open(t, 20)
	var order, user string
	for _, id := range w.owners.ids("orders") {
		if doc, _ := w.document("orders", id); doc["customer_id"] != nil {
			order = id
			user, _ = doc["customer_id"].(string)
			break
		}
	}
	before, _, err := w.owners.Document(t.Context(), "orders", order)
	require.NoError(t, err)
	_, sourceKey := w.document("users", user)
	w.owners.drop("users", user)
	w.apply("users", user, 1)
	key, _ := w.mapping.KeyOf(sourceKey)
	doc, there := w.forward(w.kind(key.Name), key.Values)
	require.True(t, there)
	require.Contains(t, string(doc), `"name":"-"`)
	require.Contains(t, string(doc), `"status":"disabled"`)
	require.NotContains(t, string(doc), "password")
	w.apply("orders", order, 1)
	k, row := w.row("orders", order)
	now, _ := w.forward(k, row)
	require.JSONEq(t, string(before.JSON), string(now))
}

// A return of an order of a customer, all made in the shop, of which the return is heard
// of first: what it needs is written before it.
func TestWhatADocumentRefersToIsWrittenFirst(t *testing.T) {
	localtest.Needs(t)
	w := open(t, 10)
	c := &chance{Rand: rand.New(rand.NewPCG(7, 8)), w: w}
	user, order, ticket, back := newID(), newID(), newID(), newID()
	doc := map[string]any{}
	c.user(doc)
	w.owners.put(t, "users", user, "", doc)
	doc = map[string]any{}
	c.order(doc)
	doc["customer_id"] = user
	w.owners.put(t, "orders", order, "", doc)
	lines, _ := doc["lines"].([]any)
	first, _ := lines[0].(map[string]any)
	doc = map[string]any{}
	c.ticket(doc)
	doc["customer_id"], doc["order_id"] = user, order
	messages, _ := doc["messages"].([]any)
	for _, m := range messages {
		if m, _ := m.(map[string]any); m["author"] == "customer" {
			m["author_id"] = user
		}
	}
	w.owners.put(t, "tickets", ticket, "", doc)
	doc = map[string]any{"order_id": order, "customer_id": user, "ticket_id": ticket, "status": "requested", "created_at": "2024-05-05T05:05:05Z",
		"lines": []any{map[string]any{"sku": first["sku"], "quantity": 1, "reason": "damaged"}}}
	w.fits("returns", doc)
	w.owners.put(t, "returns", back, "", doc)
	w.apply("returns", back, 1)
	for kind, id := range map[string]string{"users": user, "orders": order, "tickets": ticket, "returns": back} {
		w.back(kind, id)
	}
	// Another process learns whose rows they are.
	other := w.again()
	require.NoError(t, other.writer.Learn(t.Context()))
	require.Equal(t, 4, other.mapping.Made().Count())
	other.back("orders", order)
}
