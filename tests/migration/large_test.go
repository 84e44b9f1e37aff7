package migration

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/monolith/generator"
	"tienda/monolith/local/localtest"
)

// Documents as large as the contracts allow: 40 tickets are more than any answer
// of a sidecar, and texts of < have six bytes for each that the monolith has. They are moved
// and compared all the same, also when they change and when they go; one that is larger than
// its owner takes at once is rejected by name.
func TestLargeDocuments(t *testing.T) {
	localtest.Needs(t)
	s := tell(t, generator.Options{Size: 30, Seed: 8})
	run := func(sql string) {
		t.Helper()
		_, err := s.owner.Exec(t.Context(), sql)
		require.NoError(t, err)
	}
	run(`INSERT INTO tickets (customer_id, subject, state, created_at, closed_at)
		SELECT 1, 'large ' || n, 'closed', '2024-01-01', '2024-01-02' FROM generate_series(1, 40) n`)
	run(`INSERT INTO ticket_messages (ticket_id, author, body, created_at)
		SELECT t.id, 'C', repeat(CASE WHEN t.id % 10 = 0 THEN '<' ELSE 'x' END, 20000), '2024-01-01'
		FROM tickets t, generate_series(1, 13) WHERE t.subject LIKE 'large %'`)
	run(`INSERT INTO tickets (customer_id, subject, state, created_at, closed_at) VALUES (1, 'too large', 'closed', '2024-01-01', '2024-01-02')`)
	run(`INSERT INTO ticket_messages (ticket_id, author, body, created_at)
		SELECT t.id, 'C', repeat('x', 20000), '2024-01-01' FROM tickets t, generate_series(1, 450) WHERE t.subject = 'too large'`)
	run(`INSERT INTO order_lines (order_id, line_no, product_id, variant_id, sku, title, qty, unit_price, line_total)
		SELECT o.id, 20 + n, v.product_id, v.id, v.sku, repeat('&', 200), 1, 0, 0
		FROM orders o, generate_series(1, 80) n, (SELECT * FROM product_variants ORDER BY id LIMIT 1) v`)
	run(`UPDATE orders SET note = repeat('ñ', 2000)`)
	s.start()
	s.becomes("following")
	s.rejected("document_too_large")
	s.countsWithout(s.equal(), map[string]int{"tickets": 1})

	run(`UPDATE tickets SET topic = 'pedido' WHERE subject LIKE 'large %'`)
	run(`UPDATE orders SET note = repeat('<', 2000)`)
	s.drained()
	s.equal()
	run(`DELETE FROM tickets WHERE subject LIKE 'large %' OR subject = 'too large'`)
	s.drained()
	s.countsAreSQLs(s.equal())
	var now status
	s.must(http.StatusOK, http.MethodGet, "/v1/migration", &now)
	require.Zero(t, now.Rejects, "the row is gone")
}

// rejected demands that what is rejected is one document, with a code.
func (s *story) rejected(code string) {
	s.t.Helper()
	var list struct {
		Items []struct{ Key, Code string } `json:"items"`
	}
	s.must(http.StatusOK, http.MethodGet, "/v1/migration/rejects?limit=100", &list)
	require.Len(s.t, list.Items, 1)
	require.Equal(s.t, code, list.Items[0].Code)
}
