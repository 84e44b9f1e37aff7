package mapping_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/services/migration/internal/mapping"
	"tienda/services/migration/internal/source"
)

// All that is wrong is told at once, each with its line.
func TestLoadTellsEveryProblem(t *testing.T) {
	_, err := mapping.Load(strings.NewReader(`version: 2
name: test
surprise: 1
kinds:
  - kind: user
    table: t
    key: [id]
    children:
      lines: {table: l, on: {t: id}}
      loop: {table: l, on: {t: id}, order_by: [n], of: loop}
    lookups:
      one: {table: o, on: {id: o}, order_by: [n]}
    fields:
      a: {column: x, const: 1}
      a: b
      c: {colunm: x}
      d: one.two.three
      e: lines.n
      f: {const: 1.5}
      g: {money: x}
      h: {embed: {child: one, value: x}}
      i: {cel: "row.x +"}
      j: {cel: "row"}
      k: {id: {kind: nobody, key: [x]}}
      l: {password: x}
      m: {password: {hash: x, format: crypt}}
      n: {time: {column: x, zone: Mars}}
      o: {money: {column: x, currency: EURO}}
      p: {cel: "row.lines.n"}
      q: {template: "{x"}
      r: {cel: "row[row.x]"}
      s: {enum: {column: x}}
      t: {join: {columns: []}}
      u: {split: {column: x, part: middle}}
drop:
  tables: {gone: "", t: all of it}
  columns: {t: {x: not needed}}
`))
	found := problems(t, err)
	for _, want := range []string{
		"line 1: version: must be 1",
		"line 3: the file: surprise is not known here",
		"line 5: kind: user is none of categories, products, stock, users, orders, tickets, returns",
		"line 9: lines: order_by is missing: without it the same rows would make different documents",
		"line 10: loop: of: there is no child loop that is not of it again",
		"line 12: one: order_by is not known here",
		"line 14: a: has two operations; the second is const",
		"line 15: a: is given twice, first on line 14",
		"line 16: c: has no operation; there are cel, coalesce, column, const, embed, enum, id, join, list, money, object, pairs, password, slug, split, template, time",
		"line 17: one.two.three: there is no lookup two",
		"line 18: lines.n: lines has many rows: only embed and cel can read them",
		"line 19: a constant is a text, a whole number, true or false, or a list or mapping of these",
		"line 20: money: in which currency? Give currency, currency_column, or a default for the file",
		"line 21: embed: one is a lookup, of one row: read its columns as one.column",
		"line 23: cel: a row is used as a whole; read its columns by name",
		"line 24: id: nothing of the name nobody is made",
		"line 25: password: must be a mapping of names to values",
		"line 26: password: format crypt is none that users can take over",
		"line 27: zone: Mars is not a zone of the IANA database, as Europe/Berlin is",
		"line 28: currency: EURO is not a code of ISO 4217",
		"line 29: cel: n: lines has many rows",
		"line 30: template: has a brace without its other half",
		"line 31: cel: the name of a column must be a literal text",
		"line 32: enum: values is missing",
		"line 33: columns: must be a list of columns",
		"line 34: part: must be one of [all first last rest but_last]",
		"line 36: gone: say why it is dropped",
		"line 36: t: is dropped here, and read on line 6",
		"line 37: t.x: is dropped here, and read on line 14",
	} {
		require.Contains(t, found, want)
	}
	require.True(t, contains(found, "line 22: cel: "), "%v", found)
	require.Len(t, found, 30, "%s", strings.Join(found, "\n"))
}

func contains(all []string, start string) bool {
	for _, one := range all {
		if strings.HasPrefix(one, start) {
			return true
		}
	}
	return false
}

func TestLoadOfNoMapping(t *testing.T) {
	for text, want := range map[string]string{
		"":           "the file is empty",
		"a: [":       "yaml",
		"[1]":        "line 1: the file: must be a mapping",
		"version: 1": "kinds: must be a list",
		users("fields: {a: id}") + "- kind: users\n  table: u\n  key: id\n  fields: {a: id}\n": "line 9: users: there is one on line 5 already",
		users("key: x\nfields: {a: id}"):                       "is given twice",
		users("where: x = 1\nfields: {}"):                      "where: must be a mapping",
		users("where: {sql: x}\nfields: {}"):                   "where: reason is missing",
		users("fields: {a: {money: {column: x, cel: '1'}}}"):   "money: has either column or cel",
		users("fields: {a: {money: {currency: EUR}}}"):         "money: has either column or cel",
		users("fields: {a: {id: {kind: users, key: [x, y]}}}"): "the key of users has 1 columns, not 2",
	} {
		_, err := mapping.Load(strings.NewReader(text))
		require.ErrorContains(t, err, want, text)
	}
}

func TestLoadFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.yaml")
	_, err := mapping.LoadFile(path)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, os.WriteFile(path, []byte("version: 3"), 0o600))
	_, err = mapping.LoadFile(path)
	require.ErrorContains(t, err, path)
	var found mapping.Problems
	require.ErrorAs(t, err, &found)
	require.NoError(t, os.WriteFile(path, []byte(users("fields: {a: id}")), 0o600))
	m, err := mapping.LoadFile(path)
	require.NoError(t, err)
	require.Equal(t, "test", m.Name)
}

// Kinds come in the order in which they can refer to each other, several of one kind
// as in the file.
func TestOrderOfKinds(t *testing.T) {
	var b strings.Builder
	b.WriteString("version: 1\nname: test\nkinds:\n")
	for _, kind := range []string{"returns", "orders", "users", "stock", "tickets", "products", "categories"} {
		b.WriteString("- {kind: " + kind + ", table: " + kind + ", key: id, fields: {a: id}}\n")
	}
	b.WriteString("- {kind: users, name: staff, table: s, key: id, fields: {a: id}}\n")
	var names []string
	for _, k := range load(t, b.String()).Kinds() {
		names = append(names, k.Name)
		require.NotEmpty(t, mapping.Owners()[k.Kind])
		require.True(t, strings.HasPrefix(mapping.SchemaName(k.Kind), "Sync"))
	}
	require.Equal(t, []string{"categories", "products", "stock", "users", "staff", "orders", "tickets", "returns"}, names)
}

// A query reads the columns that are mapped, and those that rows are found by.
func TestQuery(t *testing.T) {
	m := load(t, users(`
where: {sql: gone = 0, reason: closed}
children:
  lines: {table: l, on: {t: link}, order_by: [n], distinct: true}
lookups:
  product: {of: lines, table: p, on: {id: pid}}
  group: {table: g, on: {code: gcode}, unique: true}
fields:
  a: {embed: {child: lines, fields: {x: product.name, y: root.top}}}
  b: {cel: "row.lines.filter(l, l.ok).map(l, l.product.price)"}
  c: group.title
  d: {cel: "row.group != null && children.lines.exists(l, l.e == row['f g'])"}
  e: {cel: "size(row.lines)"}
`))
	k := m.Kinds()[0]
	require.Equal(t, source.Query{
		Table: "t", Columns: []string{"f g", "gcode", "id", "link", "top"}, Key: []string{"id"}, Where: "gone = 0",
		Children: []source.Child{
			{Name: "lines", Table: "l", Columns: []string{"e", "n", "ok", "pid", "t"}, On: []source.On{{Child: "t", Parent: "link"}}, OrderBy: []string{"n"}, Distinct: true},
			{Name: "product", Table: "p", Of: "lines", Columns: []string{"id", "name", "price"}, On: []source.On{{Child: "id", Parent: "pid"}}},
			{Name: "group", Table: "g", Columns: []string{"code", "title"}, On: []source.On{{Child: "code", Parent: "gcode"}}},
		},
	}, k.Query())
	require.Equal(t, []string{"t", "l", "p", "g"}, k.Tables())
	require.Equal(t, "closed", k.Reason)
	require.Equal(t, []string{"g", "l", "p", "t"}, m.Tables())
}

// What an expression reads of a whole row cannot be known: no way of it passes.
func TestRowsAsAWhole(t *testing.T) {
	for _, expr := range []string{
		"row", "[row]", "{'a': row}", "row.lines", "row.lines.map(l, l)", "row.lines.filter(l, true)", "row.lines[0]", "row.p",
		"row.map(c, c)", "row.lines.map(l, [l, 1])", "root", "children", "sum(row.lines)", "row == row", "row.lines.map(l, {'x': l})",
		"true ? row.p : null", "row.lines + row.lines", "size(row)", "dyn(row)",
	} {
		_, err := mapping.Load(strings.NewReader(users(`
children:
  lines: {table: l, on: {t: id}, order_by: [n]}
lookups:
  p: {table: p, on: {id: pid}}
fields:
  a: {cel: "` + expr + `"}`)))
		require.ErrorContains(t, err, "used as a whole", expr)
	}
}

func TestDropped(t *testing.T) {
	m := load(t, users("fields: {a: id}")+"drop:\n  tables: {z: nobody reads it}\n  columns: {t: {x: {reason: cards, secret: true}, b: old}}\n")
	require.Equal(t, []mapping.Dropped{
		{Table: "t", Column: "b", Reason: "old"}, {Table: "t", Column: "x", Reason: "cards", Secret: true}, {Table: "z", Reason: "nobody reads it"},
	}, m.Dropped())
}
