package reverse_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/monolith/local/localtest"
)

// What the monolith has no other word for comes back as the nearest one that it has.
func TestWhatComesBackAsSomethingElse(t *testing.T) {
	localtest.Needs(t)
	w := open(t, 20)
	for _, c := range []struct{ kind, field, is, back string }{
		{"products", "status", "draft", "archived"},
		{"tickets", "status", "on_hold", "open"},
		{"tickets", "status", "resolved", "answered"},
		{"returns", "status", "partially_received", "approved"},
		{"products", "language", "es-MX", "es"},
	} {
		id := w.owners.ids(c.kind)[0]
		doc, sourceKey := w.document(c.kind, id)
		delete(doc, "closed_at")
		doc[c.field] = c.is
		w.fits(c.kind, doc)
		w.owners.put(t, c.kind, id, sourceKey, doc)
		require.NoError(t, w.writer.Again(t.Context(), c.kind, id))
		doc[c.field] = c.back
		w.owners.put(t, c.kind, id, sourceKey, doc)
		w.back(c.kind, id)
	}
	id := w.owners.ids("orders")[0]
	doc, sourceKey := w.document("orders", id)
	payment, ok := doc["payment"].(map[string]any)
	require.True(t, ok)
	for is, back := range map[string]string{"partially_refunded": "paid", "void": "due"} {
		payment["status"] = is
		w.owners.put(t, "orders", id, sourceKey, doc)
		require.NoError(t, w.writer.Again(t.Context(), "orders", id))
		payment["status"] = back
		w.owners.put(t, "orders", id, sourceKey, doc)
		w.back("orders", id)
	}
}

// The old password lets nobody in any more once another one was set in the shop, and
// stays where it was not.
func TestAChangedPasswordIsNotLeftBehind(t *testing.T) {
	localtest.Needs(t)
	w := open(t, 5)
	hash := func(id string) (s string) {
		k, key := w.row("users", id)
		require.NoError(t, w.conn.QueryRow(t.Context(), "SELECT pass_hash FROM "+k.Query().Table+" WHERE id = $1", key[0]).Scan(&s))
		return s
	}
	for _, id := range w.owners.ids("users") {
		doc, sourceKey := w.document("users", id)
		w.apply("users", id, 1)
		require.NotEmpty(t, hash(id))
		delete(doc, "password_digest") // as users has it once a password was set
		w.owners.put(t, "users", id, sourceKey, doc)
		w.apply("users", id, 2)
		require.Empty(t, hash(id))
		w.back("users", id)
	}
}

// Two orders of one number, which the shop may have and the monolith may not.
func TestOrdersOfOneNumber(t *testing.T) {
	localtest.Needs(t)
	w := open(t, 5)
	c := &chance{Rand: rand.New(rand.NewPCG(9, 9)), w: w}
	for i := range 2 {
		id, doc := newID(), map[string]any{"number": "T-0123-4567", "created_at": c.time(), "currency": "EUR", "customer_id": c.customer()}
		doc["lines"] = []any{c.line(money)}
		c.order(doc)
		w.fits("orders", doc)
		w.owners.put(t, "orders", id, "", doc)
		w.apply("orders", id, 1)
		w.apply("orders", id, 2)
		if i > 0 {
			doc["number"] = "T-0123-4567-" + id[len(id)-6:]
			w.owners.put(t, "orders", id, "", doc)
		}
		w.back("orders", id)
	}
}
