package mappings_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/monolith/generator"
	"tienda/monolith/local/localtest"
	"tienda/monolith/schema"
	"tienda/services/migration/internal/mapping/mappingtest"
)

// Every row of the sample monolith becomes a document, but for the odd orders, whose
// status nobody knows: the other odd rows are for the owners to refuse. The amounts are
// those that SQL adds up, and no card number is among them.
func TestAllOfTheMonolith(t *testing.T) {
	if !localtest.Wanted() {
		return
	}
	conn := localtest.Connect(t, localtest.Open(t).OwnerDSN)
	report, err := generator.Fill(t.Context(), conn, generator.Options{Size: 100, Seed: 4, Odd: 2})
	require.NoError(t, err)
	m := load(t, "monolith")
	d, err := mappingtest.Read(t.Context(), conn)
	require.NoError(t, err)
	require.NoError(t, m.Check(d.Schema, nil))
	require.ElementsMatch(t, schema.Mapped(), m.Tables())
	rejected := map[string]error{}
	docs := documents(t, m, d, rejected)
	for _, r := range report.Rejected {
		if r.Kind == "orders" {
			key := fmt.Sprintf("orders:%d", r.Key)
			require.Error(t, rejected[key], key)
			delete(rejected, key)
		}
	}
	require.Empty(t, rejected)
	for kind, table := range map[string]string{
		"categories": "categories", "products": "products", "stock": "inventory", "customers": "customers",
		"staff": "staff", "tickets": "tickets", "returns": "returns",
	} {
		require.Len(t, docs[kind], count(t, conn, table), kind)
	}
	require.Len(t, docs["orders"], count(t, conn, "orders")-2)
	lines, pieces, lineTotal, totals := sums(t, docs["orders"])
	require.Equal(t, count(t, conn, "order_lines")-2, lines)
	known := " FROM orders WHERE status <> 77"
	of := " FROM order_lines l JOIN orders o ON o.id = l.order_id WHERE o.status <> 77"
	require.Equal(t, cents(t, conn, "SELECT sum(qty)"+of), 100*pieces)
	require.Equal(t, cents(t, conn, "SELECT sum(line_total)"+of), lineTotal)
	for field, column := range map[string]string{"goods": "goods", "discount": "discount", "shipping": "shipping", "tax": "tax", "total": "gross"} {
		require.Equal(t, cents(t, conn, "SELECT sum("+column+")"+known), totals[field], field)
	}
	var cards []string
	for _, row := range d.Rows["payments"] {
		if card, ok := row["card_number"].(string); ok {
			cards = append(cards, card)
		}
	}
	require.NotEmpty(t, cards)
	noSecrets(t, docs, slices.Concat(cards, []string{generator.Password(1)})...)
}
