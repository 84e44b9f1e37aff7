package mapping_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/services/migration/internal/mapping"
	"tienda/services/migration/internal/source"
)

// back makes a mapping of users with a reverse section, which begins on line 12.
func back(section string) string {
	return users("fields:\n  email: mail\n  name: title\nreverse:\n" + indent(section))
}

const goodBack = `
values: {mail: /email, title: /name}
insert: INSERT INTO t (mail, title) VALUES (:mail, :title) RETURNING id
write:
  - |
    UPDATE t SET mail = :mail,
      title = :title
    WHERE id = :id
`

// What is wrong with a reverse section is told with its line, all at once.
func TestFaultsOfReverse(t *testing.T) {
	load(t, back(goodBack))
	for section, want := range map[string]string{
		"values: {mail: /email}\nwrite: [UPDATE t SET mail = :mail WHERE id = :id]":                                "line 10: users: /name is neither written back nor named in lost",
		"values: {mail: /email, title: /name}\nwrite: [UPDATE t SET mail = :mail]":                                 "line 12: values: nothing uses title",
		"values: {mail: email, title: /name}\nwrite: [\"UPDATE t SET mail = :mail, x = :title\"]":                  "line 12: mail: email is no JSON pointer, as /lines is",
		"values: {mail: /email, title: /name}":                                                                     "line 12: reverse: write is missing",
		"write: [DROP TABLE t]\nlost: {/email: a, /name: b}":                                                       "line 12: SQL: only INSERT, UPDATE, DELETE, and WITH before one of them, write back",
		"write:\n  - |\n    UPDATE t\n    SET a = :nobody\nlost: {/email: a, /name: b}":                            "line 14: SQL: nothing gives :nobody here",
		"write: [UPDATE t SET a = 'x]\nlost: {/email: a, /name: b}":                                                "line 12: SQL: a quote, a comment or a dollar quote is not closed",
		"write: []\ninsert: INSERT INTO t VALUES (1)\nlost: {/email: a, /name: b}":                                 "line 13: insert: ends with RETURNING and the columns of key",
		"write: []\ninsert: INSERT INTO t VALUES (:id) RETURNING id\nlost: {/email: a, /name: b}":                  "line 13: SQL: nothing gives :id here",
		"write: []\nwhen: {absent: /roles}\nlost: {/email: a, /name: b}":                                           "line 13: when: chooses where there is an insert",
		"write: []\nlost: {/email: a, name: b}":                                                                    "line 13: lost: name is no JSON pointer, as /lines/*/note is",
		"write: []\ndelete: [{each: /x, do: []}]\nlost: {/email: a, /name: b}":                                     "line 13: a statement is a text, or has one, or, in write alone, each",
		"values: {mail: {money: /email, enum: /x, values: {}}}\nwrite: [UPDATE t SET a = :mail]\nlost: {/name: b}": "line 12: mail: has two ways to be taken; the second is enum",
		"values: {mail: {key: /email, of: nobody}}\nwrite: [UPDATE t SET a = :mail]\nlost: {/name: b}":             "line 12: key: nothing of the name nobody is made",
		"values: {mail: {key: /email, of: users, part: 1}}\nwrite: [UPDATE t SET a = :mail]\nlost: {/name: b}":     "line 12: key: the key of users has 1 columns",
		"values: {mail: {local: /email, zone: Mars}}\nwrite: [UPDATE t SET a = :mail]\nlost: {/name: b}":           "line 12: zone: Mars is not a zone of the IANA database, as Europe/Berlin is",
		"values: {place: /email}\nwrite: [UPDATE t SET a = :place]\nlost: {/name: b}":                              "line 12: values: place is no name of a value, or one that has a meaning",
		"values: {id: /email}\nwrite: [UPDATE t SET a = :id]\nlost: {/name: b}":                                    "line 12: values: id is a column of key",
		"write: []\nnonsense: 1\nlost: {/email: a, /name: b}":                                                      "line 13: reverse: nonsense is not known here",
	} {
		_, err := mapping.Load(strings.NewReader(back(section)))
		require.Error(t, err, section)
		require.Contains(t, problems(t, err), want, section)
	}
}

// Parameters are found where SQL has them, and nowhere else.
func TestNamedParameters(t *testing.T) {
	k := load(t, back(`
values: {a: /email, b: /name}
write:
  - |
    UPDATE t SET x = :a::text || ':b' -- :c
      , y = ":d" /* :e */ , z = $$:f$$ || :b, w = :a
`)).Kinds()[0]
	s := k.Reverse().Statements()[0]
	require.Equal(t, "UPDATE t SET x = $1::text || ':b' -- :c\n  , y = \":d\" /* :e */ , z = $$:f$$ || $2, w = $3\n", s.SQL)
	require.Equal(t, []string{"a", "b", "a"}, s.Names)
	require.Equal(t, s.Line, s.LineAt(3))
	require.Equal(t, s.Line+1, s.LineAt(len(s.SQL)-3))
}

// What the database says of a statement is told with the line that it is about.
func TestCheckReverse(t *testing.T) {
	m := load(t, back(goodBack))
	require.Empty(t, m.ReversesAll())
	explain := func(returns []string, bad error) mapping.Explain {
		return func(_ context.Context, sql string) ([]string, error) {
			if strings.HasPrefix(sql, "INSERT") {
				return returns, nil
			}
			return nil, bad
		}
	}
	require.NoError(t, m.CheckReverse(t.Context(), explain([]string{"id"}, nil)))
	err := m.CheckReverse(t.Context(), explain([]string{"id"}, fmt.Errorf("x: %w", &source.StatementError{Code: "42703", Position: 30, Reason: "no such column"})))
	require.Equal(t, []string{"line 17: users: no such column"}, problems(t, err))
	err = m.CheckReverse(t.Context(), explain([]string{"mail"}, nil))
	require.Equal(t, []string{"line 13: users: insert returns mail, not the columns of key: id"}, problems(t, err))
	away := errors.New("away")
	require.ErrorIs(t, m.CheckReverse(t.Context(), explain(nil, away)), away)
	require.Equal(t, []string{"users"}, load(t, users("fields: {email: mail}")).ReversesAll())
}

func TestKeptAndTakes(t *testing.T) {
	r := load(t, back("values: {mail: /email}\nwhen: {absent: /roles}\ninsert: INSERT INTO t VALUES (:mail) RETURNING id\nwrite: []\nlost: {/name: a, /lines/*/x: b, /o/p: c}")).Kinds()[0].Reverse()
	kept, err := r.Kept([]byte(`{"email":"e","name":"n","lines":[{"x":1,"y":2},{"y":3}],"o":{"p":1}}`))
	require.NoError(t, err)
	require.JSONEq(t, `{"email":"e","lines":[{"y":2},{"y":3}]}`, string(kept))
	require.Equal(t, map[string]string{"/name": "a", "/lines/*/x": "b", "/o/p": "c"}, r.Lost())
	for doc, want := range map[string]bool{`{}`: true, `{"roles":[]}`: true, `{"roles":["admin"]}`: false} {
		yes, err := r.Takes(json.RawMessage(doc))
		require.NoError(t, err)
		require.Equal(t, want, yes, doc)
	}
}

// A row of a document that was made in the shop has that document's ID, also where another
// one refers to it.
func TestMadeKeepsItsID(t *testing.T) {
	m := load(t, users("fields:\n  email: mail\n  other: {id: {kind: users, key: [friend]}}"))
	m.Made().Add("users:7", "made-here")
	k := m.Kinds()[0]
	is, err := k.Identity([]any{int64(7)})
	require.NoError(t, err)
	require.Equal(t, mapping.Identity{Kind: "users", Key: "users:7", ID: "made-here", Part: "0"}, is)
	doc, err := k.Document(source.Record{Row: source.Row{"id": int64(8), "mail": "m", "friend": int64(7)}})
	require.NoError(t, err)
	require.Contains(t, string(doc.JSON), `"other":"made-here"`)
	require.NotEqual(t, "made-here", doc.ID)
	key, ok := m.KeyOf("users:7")
	require.True(t, ok)
	require.Equal(t, mapping.Key{Name: "users", Values: []any{int64(7)}}, key)
	for _, bad := range []string{"users", "nobody:7", "users:7:8"} {
		_, ok := m.KeyOf(bad)
		require.False(t, ok && bad != "users", bad)
	}
}
