package mappings_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/monolith/generator"
	"tienda/monolith/local/localtest"
	"tienda/monolith/schema"
	"tienda/services/migration/internal/mapping"
	"tienda/services/migration/internal/mapping/mappingtest"
)

// Every row of the sample monolith becomes a document that its owner takes, but for the
// odd ones. The amounts are those that SQL adds up, and no card number is among them.
func TestAllOfTheMonolith(t *testing.T) {
	localtest.Needs(t)
	conn := localtest.Connect(t, localtest.Open(t).OwnerDSN)
	report, err := generator.Fill(t.Context(), conn, generator.Options{Size: 200, Seed: 4, Odd: 2})
	require.NoError(t, err)
	m := load(t, "monolith")
	d, err := mappingtest.Read(t.Context(), conn)
	require.NoError(t, err)
	require.NoError(t, m.Check(d.Schema, owners(t)))
	require.ElementsMatch(t, schema.Mapped(), m.Tables())
	m.Seal([]byte("a key"))
	rejected := map[string]error{}
	docs := documents(t, m, d, rejected)
	oddRows(t, report, rejected)
	for kind, table := range map[string]string{"categories": "categories", "staff": "staff", "returns": "returns"} {
		require.Len(t, docs[kind], count(t, conn, table), kind)
	}
	for kind, table := range map[string]string{"products": "products", "stock": "inventory", "customers": "customers", "orders": "orders", "tickets": "tickets"} {
		require.Len(t, docs[kind], count(t, conn, table)-2, kind)
	}
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
	passwords(t, docs["customers"])
}

// oddRows holds what was rejected to what the monolith says cannot be moved. That
// another customer has an e-mail already is for users to find.
func oddRows(t *testing.T, report generator.Report, rejected map[string]error) {
	t.Helper()
	here := 0
	for _, r := range report.Rejected {
		name := r.Kind
		if name == "users" {
			name = "customers"
		}
		key := fmt.Sprintf("%s:%d", name, r.Key)
		if r.Why == "another customer has the e-mail in other letters" {
			require.NotContains(t, rejected, key)
			continue
		}
		require.Contains(t, rejected, key, r.Why)
		here++
	}
	require.Len(t, rejected, here, "%v", rejected)
}

// passwords finds hashes of all three formats, each with its digest.
func passwords(t *testing.T, docs []mapping.Document) {
	t.Helper()
	formats := map[string]bool{}
	for _, doc := range docs {
		var u struct {
			Hash   struct{ Format string } `json:"password_hash"`
			Digest string                  `json:"password_digest"`
		}
		require.NoError(t, json.Unmarshal(doc.JSON, &u))
		require.NotEmpty(t, u.Digest)
		require.NotContains(t, string(doc.Held), "password_hash")
		formats[u.Hash.Format] = true
	}
	require.Equal(t, map[string]bool{"bcrypt": true, "sha1": true, "md5": true}, formats)
}
