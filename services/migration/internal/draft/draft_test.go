package draft_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/fault"
	"tienda/services/migration/internal/draft"
	"tienda/services/migration/internal/mapping"
	"tienda/services/migration/internal/mapping/mappingtest"
	"tienda/services/migration/internal/source"
)

func shipped(t *testing.T, name string) source.Schema {
	t.Helper()
	sql, err := os.ReadFile(filepath.Join("..", "..", "mappings", "testdata", name+".sql"))
	require.NoError(t, err)
	schema, err := mappingtest.Parse(string(sql))
	require.NoError(t, err)
	return schema
}

func loaded(t *testing.T, text string) *mapping.Mapping {
	t.Helper()
	m, err := mapping.Load(strings.NewReader(text))
	require.NoError(t, err, text)
	return m
}

// A draft is a mapping in which no column is silent, of whatever it is made.
func TestDraftsLoad(t *testing.T) {
	sql, err := os.ReadFile(filepath.Join("..", "..", "..", "..", "monolith", "schema", "schema.sql"))
	require.NoError(t, err)
	monolith, err := mappingtest.Parse(string(sql))
	require.NoError(t, err)
	for name, schema := range map[string]source.Schema{"example": shipped(t, "example"), "ds3": shipped(t, "ds3"), "monolith": monolith} {
		m := loaded(t, draft.Write(name, schema, nil))
		require.Equal(t, name, m.Name)
		require.NoError(t, m.Check(schema, nil), name)
	}
}

func TestDraftOfTheExample(t *testing.T) {
	schema := shipped(t, "example")
	text := draft.Write("example", schema, nil)
	for _, want := range []string{
		"  - kind: users\n    table: people\n    key: [id]\n    fields:\n",
		"      email: {column: mail, trim: true, lower: true}\n",
		"      name: {join: {columns: [first, last]}}\n",
		"      created_at: {time: since}\n",
		"      lines: {table: items, on: {purchase: id}, order_by: [line]}\n",
		"      customer_id: {id: {kind: users, key: [person]}}\n",
		"            quantity: pieces\n            unit_price: {money: price}\n",
		"      pass: not placed by the draft # decide: varchar(50)\n",
		"    visits: not placed by the draft # decide: about 0 rows\n",
	} {
		require.Contains(t, text, want)
	}
}

func TestSecretsAreDroppedByADraft(t *testing.T) {
	text := draft.Write("x", shipped(t, "ds3"), nil)
	require.Contains(t, text, `creditcard: {reason: "by its name it holds card numbers or their codes", secret: true}`)
	require.Contains(t, text, `password: {reason: "by its name it holds passwords", secret: true}`)
	require.Contains(t, text, "category: {slug: category.categoryname}", "found by the foreign key")
}

func TestOddNames(t *testing.T) {
	schema := source.Schema{
		"Customers":   {Key: []string{"no"}, Columns: []source.Column{{Name: "no", Type: "integer", NotNull: true}, {Name: "e-mail: x", Type: "text"}, {Name: "on", Type: "text"}}},
		"odd # table": {Columns: []source.Column{{Name: "a", Type: "text"}}},
	}
	m := loaded(t, draft.Write("it's #1", schema, nil))
	require.Equal(t, "it's #1", m.Name)
	require.NoError(t, m.Check(schema, nil))
}

type required struct{}

func (required) Check([]byte) []fault.Field {
	return []fault.Field{{Name: "/email", Reason: "is required"}, {Name: "/shoe_size", Reason: "is required"}}
}

// What the owner needs and the draft did not find is said.
func TestMissingFields(t *testing.T) {
	text := draft.Write("x", shipped(t, "example"), func(string) (mapping.Schema, error) { return required{}, nil })
	loaded(t, text)
	require.Contains(t, text, "# decide: shoe_size is required, and no column was found for it")
	ofUsers, _, _ := strings.Cut(text, "kind: orders")
	require.NotContains(t, ofUsers, "email is required")
	text = draft.Write("x", shipped(t, "example"), func(string) (mapping.Schema, error) { return nil, errors.New("gone") })
	require.Contains(t, text, "the contract of users cannot be read")
}
