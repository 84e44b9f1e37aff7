package mapping_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/services/migration/internal/mapping"
	"tienda/services/migration/internal/source"
)

const nested = `
children:
  lines: {table: l, on: {t: id}, order_by: [n]}
  notes: {of: lines, table: o, on: {l: n}, order_by: [text]}
lookups:
  product: {of: lines, table: p, on: {id: pid}}
  maker: {of: product, table: m, on: {id: mid}}
  group: {table: g, on: {code: gcode}}
fields:
  group: group.title
  lines:
    embed:
      child: lines
      top: main
      fields:
        n: n
        name: product.name
        maker: {coalesce: [product.maker.name, {const: nobody}]}
        owner: root.owner
        notes: {embed: {child: notes, value: {column: text, omit_empty: true}}, omit_empty: true}
        count: {cel: "size(row.notes)"}
        of: {cel: "root.owner + (row.product == null ? '?' : row.product.name)"}
  names: {pairs: {child: lines, name: product.name, value: n}}
  sum: {cel: "int(sum(row.lines.map(l, l.n)))"}
  makers: {cel: "row.lines.filter(l, l.product != null && l.product.maker != null).map(l, l.product.maker.name)"}
`

func record() source.Record {
	line := func(n int64, pid any, main bool) source.Row {
		return source.Row{"n": n, "pid": pid, "main": main, "t": int64(1)}
	}
	return source.Record{
		Row: source.Row{"id": int64(1), "owner": "Ana", "gcode": "x"},
		Children: map[string][]source.Row{
			"lines": {line(1, int64(7), false), line(2, int64(8), true), line(3, nil, false)},
			"group": {{"code": "x", "title": "Best"}},
		},
		Nested: map[string][]source.NestedRow{
			"product": {{Parent: 0, Row: source.Row{"id": int64(7), "name": "seven", "mid": int64(1)}}, {Parent: 1, Row: source.Row{"id": int64(8), "name": "eight", "mid": nil}}},
			"maker":   {{Parent: 0, Row: source.Row{"id": int64(1), "name": "ACME"}}},
			"notes":   {{Parent: 2, Row: source.Row{"l": int64(3), "text": "a"}}, {Parent: 2, Row: source.Row{"l": int64(3), "text": ""}}, {Parent: 0, Row: source.Row{"l": int64(1), "text": "b"}}},
		},
	}
}

func TestChildren(t *testing.T) {
	k := load(t, users(nested)).Kinds()[0]
	doc, err := k.Document(record())
	require.NoError(t, err)
	require.Equal(t, `{"group":"Best","lines":[`+
		`{"count":0,"maker":"nobody","n":2,"name":"eight","of":"Anaeight","owner":"Ana"},`+
		`{"count":1,"maker":"ACME","n":1,"name":"seven","notes":["b"],"of":"Anaseven","owner":"Ana"},`+
		`{"count":2,"maker":"nobody","n":3,"notes":["a"],"of":"Ana?","owner":"Ana"}],`+
		`"makers":["ACME"],"names":{"eight":2,"seven":1},"sum":6}`, string(doc.JSON))
}

func TestLookupOfManyRows(t *testing.T) {
	k := load(t, users(nested)).Kinds()[0]
	rec := record()
	rec.Children["group"] = append(rec.Children["group"], rec.Children["group"][0])
	_, err := k.Document(rec)
	require.EqualError(t, err, "/group (from g.title): the lookup group finds more than one row")
	rec = record()
	rec.Nested["product"][1].Row["name"] = "seven"
	_, err = k.Document(rec)
	require.ErrorContains(t, err, "gives the same name twice")
}

func TestIdentity(t *testing.T) {
	one := load(t, users("fields: {a: id}")).Kinds()[0]
	id, err := one.Identity([]any{int64(10248)})
	require.NoError(t, err)
	require.Equal(t, mapping.Identity{Kind: "users", Key: "users:10248", ID: "b2fa2eff-366e-527c-ad19-741a5ceb1cea", Part: "102"}, id)
	for n, part := range map[int64]string{0: "0", 99: "0", 100: "1", -1: "-1", -100: "-1", -101: "-2"} {
		id, err = one.Identity([]any{n})
		require.NoError(t, err)
		require.Equal(t, part, id.Part, n)
	}
	id, err = one.Identity([]any{"ALFKI"})
	require.NoError(t, err)
	require.Equal(t, id.ID[:2], id.Part)
	_, err = one.Identity([]any{"a", "b"})
	require.ErrorContains(t, err, "has 1 columns, not 2")
	_, err = one.Identity([]any{1.5})
	require.Error(t, err)

	two := load(t, "version: 1\nname: x\nkinds: [{kind: users, name: u, table: t, key: [a, b], fields: {x: a, me: {id: {kind: u, key: [a, b]}}}}]").Kinds()[0]
	keys := map[string]bool{}
	for _, key := range [][]any{{"a:b", "c"}, {"a", "b:c"}, {"a%3Ab", "c"}, {"a", "b%3Ac"}} {
		id, err := two.Identity(key)
		require.NoError(t, err)
		require.False(t, keys[id.Key], id.Key)
		keys[id.Key] = true
		doc, err := two.Document(source.Record{Row: source.Row{"a": key[0], "b": key[1]}})
		require.NoError(t, err)
		require.Contains(t, string(doc.JSON), `"me":"`+id.ID+`"`, "a reference is the ID of what it refers to")
		require.Equal(t, id, doc.Identity)
	}
}

func TestCanonical(t *testing.T) {
	got, err := mapping.Canonical([]byte(` { "b" : [1, 10000000000000000001, 1.50], "a": "<é\u00e9>" }`))
	require.NoError(t, err)
	require.Equal(t, `{"a":"<éé>","b":[1,10000000000000000001,1.50]}`, string(got))
	for _, bad := range []string{"{", "{} {}", ""} {
		_, err := mapping.Canonical([]byte(bad))
		require.Error(t, err, bad)
	}
}

// The digest stands for the hash, which the owner does not give back.
func TestSeal(t *testing.T) {
	m := load(t, users("fields:\n  email: mail\n  password_hash: {password: {hash: h, salt: s, format: md5}}"))
	k := m.Kinds()[0]
	row := source.Row{"id": int64(1), "mail": "a@b", "h": "5f4dcc3b5aa765d61d8327deb882cf99", "s": "x"}
	doc, err := k.Document(source.Record{Row: row})
	require.NoError(t, err)
	require.NotContains(t, string(doc.JSON), "password_digest")
	m.Seal([]byte("a key"))
	digests := map[string]bool{}
	for _, change := range []func(){func() {}, func() { row["s"] = "y" }, func() { row["h"] = "0f4dcc3b5aa765d61d8327deb882cf99" }, func() { m.Seal([]byte("another")) }} {
		change()
		doc, err = k.Document(source.Record{Row: row})
		require.NoError(t, err)
		require.NotContains(t, string(doc.Held), "password_hash")
		require.Contains(t, string(doc.JSON), "password_hash")
		require.Regexp(t, `"password_digest":"[0-9a-f]{64}"`, string(doc.Held))
		require.False(t, digests[string(doc.Held)])
		digests[string(doc.Held)] = true
	}
	// Left out, the placement is before.
	var twice []string
	for _, op := range []string{"{hash: h, salt: s, format: md5}", "{hash: h, salt: s, format: md5, placement: before}", "{hash: h, salt: s, format: md5, placement: after}"} {
		other := load(t, users("fields:\n  email: mail\n  password_hash: {password: "+op+"}"))
		other.Seal([]byte("a key"))
		doc, err := other.Kinds()[0].Document(source.Record{Row: row})
		require.NoError(t, err)
		twice = append(twice, string(doc.Held))
	}
	require.Equal(t, twice[0], twice[1])
	require.NotEqual(t, twice[0], twice[2])
	row["h"] = nil
	doc, err = k.Document(source.Record{Row: row})
	require.NoError(t, err)
	require.Equal(t, `{"email":"a@b"}`, string(doc.JSON))
	require.Equal(t, doc.JSON, doc.Held)
}

func TestShown(t *testing.T) {
	k := load(t, users("fields:\n  email: mail\n  password_hash: {password: {hash: h, salt: s, format: md5}}")).Kinds()[0]
	require.Equal(t, map[string]string{"id": "1", "mail": "a@b"},
		k.Shown(source.Row{"id": int64(1), "mail": "a@b", "h": "5f4dcc3b5aa765d61d8327deb882cf99", "s": "x", "x": nil}))
}
