package mappings_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/services/migration/internal/mapping"
	"tienda/services/migration/internal/source"
)

var (
	block  = regexp.MustCompile("(?s)\n```(yaml|json)\n(.*?)```")
	result = regexp.MustCompile(`(?m)^(\w+): .*#=> (.*)$`)
)

const around = `version: 1
name: page
defaults: {currency: EUR, zone: Europe/Madrid}
kinds:
- kind: users
  table: people
  key: [id]
  children:
    lines: {table: lines, on: {owner: id}, order_by: [code]}
  fields:
`

// The page's examples load, and each operation gives what the page says.
func TestThePageIsTrue(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "mapping.md"))
	require.NoError(t, err)
	var row source.Row
	var held json.RawMessage // once the page is at reverse
	operations, whole := map[string]bool{}, 0
	for _, m := range block.FindAllStringSubmatch(string(page), -1) {
		lang, text := m[1], m[2]
		switch {
		case lang == "json" && strings.Contains(text, `"document": true`):
			held = json.RawMessage(text)
		case lang == "json":
			row = exampleRow(t, text)
		case strings.HasPrefix(text, "version:"):
			_, err := mapping.Load(strings.NewReader(text))
			require.NoError(t, err, text)
			whole++
		default:
			results := result.FindAllStringSubmatch(text, -1)
			require.Len(t, results, strings.Count(text, "\n"), "every line says what comes out:\n%s", text)
			for _, r := range results {
				if held != nil {
					taken(t, held, r[0], r[2])
				} else {
					example(t, row, r[0], r[2])
				}
			}
			for _, op := range regexp.MustCompile(`\{(\w+): `).FindAllStringSubmatch(text, -1) {
				operations[op[1]] = true
			}
		}
	}
	require.Equal(t, 4, whole)
	for _, word := range []string{"count", "decimal", "enum", "json", "key", "local", "money", "present", "text"} {
		require.True(t, operations[word], "the page has no example of %s", word)
	}
	for _, op := range []string{"column", "const", "enum", "template", "id", "money", "time", "split", "join", "slug", "password", "object", "list", "embed", "coalesce", "pairs", "cel"} {
		require.True(t, operations[op], "the page has no example of %s", op)
	}
}

func exampleRow(t *testing.T, text string) source.Row {
	t.Helper()
	var row source.Row
	require.NoError(t, json.Unmarshal([]byte(text), &row))
	for name, v := range row {
		if f, ok := v.(float64); ok && f == float64(int64(f)) {
			row[name] = int64(f)
		}
	}
	placed, ok := row["placed"].(string)
	require.True(t, ok)
	at, err := time.Parse(time.RFC3339, placed)
	require.NoError(t, err)
	row["placed"] = at
	return row
}

func example(t *testing.T, row source.Row, line, want string) {
	t.Helper()
	m, err := mapping.Load(strings.NewReader(around + "    " + line))
	require.NoError(t, err, line)
	doc, err := m.Kinds()[0].Document(source.Record{Row: row, Children: map[string][]source.Row{"lines": {
		{"code": "A-1", "qty": int64(2), "price": "9.99", "main": false}, {"code": "B-2", "qty": int64(1), "price": "1.01", "main": true},
	}}})
	if bad, ok := strings.CutPrefix(want, "error: "); ok {
		require.ErrorContains(t, err, bad, line)
		return
	}
	require.NoError(t, err, line)
	var got map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(doc.JSON, &got))
	name, _, _ := strings.Cut(line, ":")
	if want == "(left out)" {
		require.Empty(t, got, line)
		return
	}
	require.Equal(t, want, string(got[name]), line)
}

const aroundBack = `version: 1
name: page
defaults: {currency: EUR, zone: Europe/Madrid}
kinds:
- kind: users
  table: people
  key: [id]
  fields: {email: {const: a@b}}
  reverse:
    write: [UPDATE people SET v = :%[1]s]
    values:
      %[2]s
`

// taken holds what a value of reverse gives to what the page says.
func taken(t *testing.T, doc json.RawMessage, line, want string) {
	t.Helper()
	name, _, _ := strings.Cut(line, ":")
	m, err := mapping.Load(strings.NewReader(fmt.Sprintf(aroundBack, name, line)))
	require.NoError(t, err, line)
	keys := map[string]mapping.Key{"29af067d-24c1-5951-a14e-bef33b0eb00b": {Name: "users", Values: []any{int64(3)}}}
	w, err := m.Kinds()[0].Reverse().Writing("", doc, keys)
	if bad, ok := strings.CutPrefix(want, "error: "); ok {
		require.ErrorContains(t, err, bad, line)
		return
	}
	require.NoError(t, err, line)
	got := w.Write[0].Values[name]
	if want == "NULL" {
		require.Nil(t, got, line)
		return
	}
	require.NotNil(t, got, line)
	require.Equal(t, want, "'"+*got+"'", line)
}
