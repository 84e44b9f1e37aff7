package mappings_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/services/migration/internal/mapping"
	"tienda/services/migration/internal/mapping/mappingtest"
	"tienda/services/migration/internal/source"
	"tienda/services/migration/mappings"
)

func load(t *testing.T, name string) *mapping.Mapping {
	t.Helper()
	m, err := mappings.Load(name)
	require.NoError(t, err)
	return m
}

func fixture(t *testing.T, name string) *mappingtest.Data {
	t.Helper()
	sql, err := os.ReadFile(filepath.Join("testdata", name+".sql"))
	require.NoError(t, err)
	rows, err := os.ReadFile(filepath.Join("testdata", name+".rows.yaml"))
	require.NoError(t, err)
	d, err := mappingtest.Load(string(sql), string(rows))
	require.NoError(t, err)
	d.Where = map[string]func(source.Row) bool{"deleted = 'N'": func(r source.Row) bool { return r["deleted"] == "N" }}
	return d
}

// documents makes all of a mapping, by the names of what is made; a row of which
// none can be made fails the test, unless rejected is there to take it.
func documents(t *testing.T, m *mapping.Mapping, d *mappingtest.Data, rejected map[string]error) map[string][]mapping.Document {
	t.Helper()
	out := map[string][]mapping.Document{}
	seen := map[string]bool{}
	for _, k := range m.Kinds() {
		records, err := d.Records(k.Query())
		require.NoError(t, err)
		for _, rec := range records {
			doc, err := k.Document(rec)
			if err != nil && rejected != nil {
				rejected[doc.Key] = err
				continue
			}
			require.NoError(t, err, doc.Key)
			require.False(t, seen[doc.ID], "two documents have the ID of %s", doc.Key)
			seen[doc.ID] = true
			out[k.Name] = append(out[k.Name], doc)
			if len(out[k.Name])%20 != 1 {
				continue
			}
			again, err := k.Document(rec)
			require.NoError(t, err)
			require.Equal(t, string(doc.JSON), string(again.JSON), "the same record makes the same bytes")
		}
	}
	return out
}

func pretty(docs []mapping.Document) string {
	var b strings.Builder
	for _, d := range docs {
		b.WriteString(d.Key + " " + d.Part + " " + string(d.JSON) + "\n")
	}
	return b.String()
}

func TestNames(t *testing.T) {
	require.Equal(t, []string{"ds3", "example", "monolith", "northwind"}, mappings.Names())
	for _, name := range mappings.Names() {
		require.Equal(t, name, load(t, name).Name)
	}
	_, err := mappings.Load("other")
	require.ErrorContains(t, err, "ds3, example, monolith, northwind")
}

func TestExample(t *testing.T) {
	m, d := load(t, "example"), fixture(t, "example")
	require.NoError(t, m.Check(d.Schema, nil))
	require.Equal(t, []string{"items", "people", "purchases"}, m.Tables())
	docs := documents(t, m, d, nil)
	// The clock of Madrid is two hours ahead in summer and one in winter.
	require.Equal(t, `users:7 0 {"created_at":"2020-07-01T10:00:00Z","email":"ana@example.com","name":"Ana García"}`+"\n", pretty(docs["users"]))
	require.Equal(t, `orders:1042 10 {"created_at":"2024-01-31T17:05:00Z","currency":"EUR","customer_id":"`+docs["users"][0].ID+`","email":"ana@example.com",`+
		`"lines":[{"name":"Apple","quantity":2,"sku":"A-1","total":{"amount":1998,"currency":"EUR"},"unit_price":{"amount":999,"currency":"EUR"}},`+
		`{"name":"Bag","quantity":1,"sku":"B-2","total":{"amount":101,"currency":"EUR"},"unit_price":{"amount":101,"currency":"EUR"}}],`+
		`"number":"P-1042","payment":{"method":"invoice","paid":{"amount":2100,"currency":"EUR"},"refunded":{"amount":0,"currency":"EUR"},"status":"paid"},`+
		`"status":"shipped","totals":{"goods":{"amount":2100,"currency":"EUR"},"total":{"amount":2100,"currency":"EUR"}}}`+"\n", pretty(docs["orders"]))
}

func TestDS3(t *testing.T) {
	m, d := load(t, "ds3"), fixture(t, "ds3")
	require.NoError(t, m.Check(d.Schema, nil))
	docs := documents(t, m, d, nil)
	require.Equal(t, `categories:1 0 {"name":"Action","slug":"action"}`+"\n"+`categories:14 0 {"name":"Sci-Fi","slug":"sci-fi"}`+"\n", pretty(docs["categories"]))
	var order struct {
		CustomerID string `json:"customer_id"`
		Lines      []struct {
			SKU, Name string
			Total     struct{ Amount int64 }
		}
		Totals struct{ Total struct{ Amount int64 } }
	}
	require.NoError(t, json.Unmarshal(docs["orders"][0].JSON, &order))
	require.Equal(t, docs["users"][0].ID, order.CustomerID)
	require.Equal(t, int64(33908), order.Totals.Total.Amount, "carried over, not added up")
	require.Equal(t, "DVD-10 DVD-11", order.Lines[0].SKU+" "+order.Lines[1].SKU, "by the number of the line")
	require.Equal(t, int64(2850), order.Lines[1].Total.Amount)
	require.Contains(t, string(docs["users"][1].JSON), `"country":"ZA"`)
	require.Contains(t, string(docs["users"][0].JSON), `"postal_code":"02401"`, "the zero in front stays")
	noSecrets(t, docs, "4111111111111111", "plain-words")
}

// noSecrets looks for texts in everything that was made.
func noSecrets(t *testing.T, docs map[string][]mapping.Document, secrets ...string) {
	t.Helper()
	for _, all := range docs {
		for _, doc := range all {
			for _, s := range secrets {
				require.NotContains(t, string(doc.JSON), s)
			}
		}
	}
}
