package mappings_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/profile/profiletest"
	"tienda/monolith/generator"
	"tienda/monolith/schema"
	"tienda/services/migration/internal/mapping/mappingtest"
)

// Every row of the sample monolith becomes a document, but for those that it says
// cannot, and the amounts are those that SQL adds up.
func TestAllOfTheMonolith(t *testing.T) {
	if !profiletest.Has("postgres") {
		return
	}
	conn := database(t)
	require.NoError(t, schema.Create(t.Context(), conn))
	report, err := generator.Fill(t.Context(), conn, generator.Options{Size: 500, Seed: 1, Odd: 2})
	require.NoError(t, err)
	m := load(t, "monolith")
	d, err := mappingtest.Read(t.Context(), conn)
	require.NoError(t, err)
	require.NoError(t, m.Check(d.Schema, owners(t)))
	require.Subset(t, schema.Mapped(), m.Tables())
	m.Seal([]byte("a key"))
	rejected := map[string]error{}
	docs := documents(t, m, d, rejected)
	// What is wrong with one row alone is found here; that another customer has an e-mail
	// already, users finds.
	names := map[string]string{"users": "customers", "products": "products", "stock": "stock", "orders": "orders", "tickets": "tickets"}
	here := 0
	for _, r := range report.Rejected {
		key := fmt.Sprintf("%s:%d", names[r.Kind], r.Key)
		if r.Kind == "users" && r.Why != "the e-mail has no @" {
			require.NotContains(t, rejected, key)
			continue
		}
		require.Contains(t, rejected, key, r.Why)
		here++
	}
	require.Len(t, rejected, here, "%v", rejected)
	for name, table := range map[string]string{"categories": "categories", "staff": "staff", "returns": "returns"} {
		require.Len(t, docs[name], count(t, conn, table), name)
	}
	_, _, lineTotal, totals := sums(t, docs["orders"])
	ok := " FROM orders WHERE status <> 77"
	for name, column := range map[string]string{"goods": "goods", "discount": "discount", "shipping": "shipping", "tax": "tax", "total": "gross"} {
		require.Equal(t, cents(t, conn, "SELECT sum("+column+")"+ok), totals[name], name)
	}
	require.Equal(t, cents(t, conn, "SELECT sum(line_total) FROM order_lines WHERE order_id IN (SELECT id"+ok+")"), lineTotal)
	secrets := map[string]bool{}
	for _, row := range d.Rows["payments"] {
		if card, ok := row["card_number"].(string); ok {
			secrets[card] = true
		}
	}
	require.NotEmpty(t, secrets)
	for _, order := range docs["orders"] {
		for s := range secrets {
			require.NotContains(t, string(order.JSON), s, order.Key)
		}
	}
	formats := map[string]int{}
	for _, user := range docs["customers"] {
		var u struct {
			Hash   struct{ Format string } `json:"password_hash"`
			Digest string                  `json:"password_digest"`
		}
		require.NoError(t, json.Unmarshal(user.JSON, &u))
		require.NotEmpty(t, u.Digest)
		formats[u.Hash.Format]++
	}
	require.Len(t, formats, 3, "%v", formats)
}
