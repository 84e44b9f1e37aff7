package mapping_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/services/migration/internal/mapping"
	"tienda/services/migration/internal/source"
)

func TestAffected(t *testing.T) {
	k := load(t, users(`
children:
  lines: {table: l, on: {t: id}, order_by: [n]}
  tags: {table: g, on: {owner: mail}, order_by: [n]}
lookups:
  product: {of: lines, table: p, on: {id: pid}}
  boss: {table: t, on: {id: boss}}
fields:
  a: {embed: {child: lines, value: product.name}}
  b: {embed: {child: tags, value: n}}
  c: boss.name
`)).Kinds()[0]
	id := func(n int64) source.Row { return source.Row{"id": n} }
	for name, c := range map[string]struct {
		change source.Change
		want   mapping.Affected
	}{
		"a root, and what looks it up": {
			source.Change{Table: "t", New: id(1)}, mapping.Affected{Keys: [][]any{{int64(1)}}, Ask: []mapping.Ask{{Child: "boss", Rows: []source.Row{id(1)}}}},
		},
		"a root whose key changed": {
			source.Change{Table: "t", Old: id(1), New: id(2)},
			mapping.Affected{Keys: [][]any{{int64(1)}, {int64(2)}}, Ask: []mapping.Ask{{Child: "boss", Rows: []source.Row{id(1), id(2)}}}},
		},
		"a child has its root's key": {source.Change{Table: "l", New: source.Row{"t": int64(5), "n": int64(1)}}, mapping.Affected{Keys: [][]any{{int64(5)}}}},
		"a child that was moved": {
			source.Change{Table: "l", Old: source.Row{"t": int64(5)}, New: source.Row{"t": int64(6)}}, mapping.Affected{Keys: [][]any{{int64(5)}, {int64(6)}}},
		},
		"a child that is gone":            {source.Change{Table: "l", Old: source.Row{"t": int64(5)}}, mapping.Affected{Keys: [][]any{{int64(5)}}}},
		"a child of nobody":               {source.Change{Table: "l", New: source.Row{"t": nil}}, mapping.Affected{}},
		"an old row with its key alone":   {source.Change{Table: "l", Old: source.Row{"n": int64(1)}, New: source.Row{"t": int64(6)}}, mapping.Affected{Keys: [][]any{{int64(6)}}}},
		"a child by another column":       {source.Change{Table: "g", New: source.Row{"owner": "a@b"}}, mapping.Affected{Ask: []mapping.Ask{{Child: "tags", Rows: []source.Row{{"owner": "a@b"}}}}}},
		"a child of a child":              {source.Change{Table: "p", New: id(7)}, mapping.Affected{Ask: []mapping.Ask{{Child: "product", Rows: []source.Row{id(7)}}}}},
		"a table that was emptied":        {source.Change{Table: "l", Truncate: true}, mapping.Affected{All: true}},
		"the roots' table that was":       {source.Change{Table: "t", Truncate: true}, mapping.Affected{All: true}},
		"a table that nothing is made of": {source.Change{Table: "x", New: id(1)}, mapping.Affected{}},
	} {
		got := k.Affected(c.change)
		require.Equal(t, c.want, got, name)
		require.Equal(t, got.All || len(got.Keys)+len(got.Ask) > 0, got.Any(), name)
	}
}

func TestAnEmptiedRoot(t *testing.T) {
	k := load(t, users("fields: {a: id}")).Kinds()[0]
	require.Equal(t, mapping.Affected{All: true}, k.Affected(source.Change{Table: "t", Truncate: true}))
}
