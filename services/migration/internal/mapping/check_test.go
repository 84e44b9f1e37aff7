package mapping_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/fault"
	"tienda/services/migration/internal/mapping"
	"tienda/services/migration/internal/mapping/mappingtest"
	"tienda/services/migration/internal/source"
)

func schema(t *testing.T, sql string) source.Schema {
	t.Helper()
	s, err := mappingtest.Parse(sql)
	require.NoError(t, err)
	return s
}

const tables = `
CREATE TABLE t (
    id      bigint PRIMARY KEY,
    mail    varchar(200) NOT NULL,
    since   timestamp NOT NULL,
    seen    timestamptz,
    price   numeric(10,2),
    pic     bytea,
    pass    varchar(20),
    password varchar(100),
    creditcard varchar(20),
    nothing text
);
CREATE TABLE l (
    id      bigint PRIMARY KEY,
    t       bigint NOT NULL,
    n       integer NOT NULL,
    code    text
);
CREATE TABLE logs (
    at timestamp,
    what text
);
`

// Every column of every table is mapped or dropped: each that is neither is named.
func TestSilenceIsAnError(t *testing.T) {
	m := load(t, users("fields:\n  email: mail\n  created_at: {time: since}")+
		"drop:\n  columns:\n    t: {creditcard: cards stay, password: no, pass: no}\n    l: {n: no}\n")
	require.Equal(t, []string{
		"l.id: is neither mapped nor dropped", "l.t: is neither mapped nor dropped", "l.code: is neither mapped nor dropped",
		"logs: the table is neither mapped nor dropped",
		"t.seen: is neither mapped nor dropped", "t.price: is neither mapped nor dropped", "t.pic: is neither mapped nor dropped",
		"t.nothing: is neither mapped nor dropped",
	}, problems(t, m.Check(schema(t, tables), nil)))
}

const quiet = "drop:\n  columns: {t: {seen: x, price: x, pic: x, pass: x, password: x, creditcard: x, nothing: x, since: x}}\n  tables: {l: x, logs: x}\n"

func TestCheckOfTheDatabase(t *testing.T) {
	s := schema(t, tables)
	require.NoError(t, load(t, users("fields: {email: mail}")+quiet).Check(s, nil))
	for _, c := range []struct{ fields, drop, want string }{
		{"fields: {a: mial}", "", "line 8: t.mial: the database has no such column"},
		{"fields: {a: mail, b: price}", "price: x, ", "line 8: t.price: numeric(10,2) cannot be taken for a value of a document as it is; say as, time or money"},
		{"fields: {a: mail, b: {column: pic, as: string}}", "pic: x, ", "line 8: t.pic: bytea cannot be taken for a text"},
		{"fields: {a: mail, b: {money: since}}", ", since: x", "line 8: t.since: timestamp cannot be taken for an amount"},
		{"fields: {a: mail, b: {time: seen}}", "seen: x, ", "line 8: t.seen: timestamp with time zone has its zone; say instant: true"},
		{"fields: {a: mail, b: {time: {column: since, instant: true}}}", ", since: x", "line 8: t.since: timestamp has no zone; say which"},
		{"fields: {a: mail, b: {cel: row.creditcard}}", "creditcard: x, ", "line 8: t.creditcard: can only be dropped: by its name it holds card numbers or their codes"},
		{"fields: {a: mail, b: password}", "password: x, ", "line 8: t.password: can only be dropped: by its name it holds passwords"},
		{"fields: {a: mail, b: {template: '{password}'}}", "password: x, ", "line 8: t.password: can only be dropped: by its name it holds passwords"},
		{"lookups: {c: {table: l, on: {t: id}}}\nfields: {a: mail, b: c.code}", "l: x, ", "line 8: users.c: is a lookup, but id of the key of l is not in on; say unique: true where the columns are unique all the same"},
		{"children: {c: {table: l, on: {t: id}, order_by: n}}\nfields: {a: mail, b: {embed: {child: c, value: code}}}", "l: x, ", "line 8: users.c: order_by leaves rows without an order: id of the key of l is missing"},
		{"lookups: {c: {table: l, on: {id: mail}}}\nfields: {a: mail, b: c.code}", "l: x, ", "line 8: c: l.id (bigint) and t.mail (varchar(200)) cannot be equal"},
	} {
		m := load(t, users(c.fields)+strings.Replace(quiet, c.drop, "", 1))
		found := problems(t, m.Check(s, nil))
		require.Contains(t, found, c.want)
	}
	// The hash of a password may come from a column of that name.
	require.NoError(t, load(t, users("fields: {email: mail, h: {password: {hash: password, format: bcrypt}}}")+strings.Replace(quiet, "password: x, ", "", 1)).Check(s, nil))
}

func TestCheckOfKeysAndDrops(t *testing.T) {
	s := schema(t, tables)
	key := strings.Replace(users("fields: {email: mail}"), "[id]", "[mail]", 1)
	require.Contains(t, problems(t, load(t, key+quiet).Check(s, nil)), "line 5: users: key does not name one row of t: id of its primary key is missing")
	logs := "version: 1\nname: x\nkinds: [{kind: users, table: logs, key: at, fields: {a: what}}]\ndrop: {tables: {t: x, l: x, u: x, w: {reason: x, optional: true}}, columns: {t: {no: x}}}"
	found := problems(t, load(t, logs).Check(s, nil))
	require.Subset(t, found, []string{
		"line 3: users: logs has no primary key, so its rows have no name", "line 3: users: logs.at of its key can be null",
		"line 4: u: is dropped, but the database has no such table; say optional: true where it may be missing",
		"line 4: t.no: is dropped, but the database has no such column",
	})
	require.Len(t, found, 4)
}

// small is a contract of two fields and a list.
type small struct{}

func (small) Check(doc []byte) (bad []fault.Field) {
	var v map[string]any
	if err := json.Unmarshal(doc, &v); err != nil {
		return []fault.Field{{Reason: err.Error()}}
	}
	if _, ok := v["email"]; !ok {
		bad = append(bad, fault.Field{Name: "/email", Reason: "is required"})
	}
	for name, value := range v {
		switch {
		case !slices.Contains([]string{"email", "status", "name"}, name):
			bad = append(bad, fault.Field{Name: "/" + name, Reason: "is not a known field"})
		case name == "status" && value != nil && value != "active":
			bad = append(bad, fault.Field{Name: "/status", Reason: "value must be 'active'"})
		case name == "name" && value != nil && len(value.(string)) > 3:
			bad = append(bad, fault.Field{Name: "/name", Reason: "'" + value.(string) + "' is too long: got " + value.(string) + ", want at most 3"})
		}
	}
	return bad
}

func contracts(string) (mapping.Schema, error) { return small{}, nil }

// The fields are those that the owner knows and needs, and so are constants and the
// values of enums.
func TestCheckOfTheContract(t *testing.T) {
	s := schema(t, tables)
	m := load(t, users(`
fields:
  emial: mail
  status: {enum: {column: id, values: {1: active, 2: asleep}, otherwise: gone}}
  name: {const: longer}`)+quiet)
	require.Equal(t, []string{
		"line 9: users: /email is required by the contract of users, and not mapped",
		"line 9: users: the contract of users has no field /emial",
		"line 10: users: asleep is no value of /status: value must be 'active'",
		"line 10: users: gone is no value of /status: value must be 'active'",
		"line 11: users: longer is no value of /name: 'longer' is too long: got longer, want at most 3",
	}, problems(t, m.Check(s, contracts)))
	require.NoError(t, load(t, users("fields: {email: mail, status: {const: active}}")+quiet).Check(s, contracts))
	err := load(t, users("fields: {email: mail}")+quiet).Check(s, func(string) (mapping.Schema, error) { return nil, errors.New("no such file") })
	require.Equal(t, []string{"line 5: users: its contract cannot be read: no such file"}, problems(t, err))
}

// A document that the owner would refuse is none; what is said of it names the
// column, and no value.
func TestDocumentsAreHeldToTheContract(t *testing.T) {
	m := load(t, users("fields: {email: mail, name: {column: first, omit_empty: true}}"))
	require.NoError(t, m.Use(contracts))
	k := m.Kinds()[0]
	row := source.Row{"id": int64(1), "mail": "a@b", "first": "Ana García"}
	doc, err := k.Document(source.Record{Row: row})
	require.EqualError(t, err, "/name (from t.first): '…' is too long, want at most 3")
	require.Nil(t, doc.JSON)
	require.Equal(t, "users:1", doc.Key)
	row["first"], row["mail"] = "Ana", nil
	_, err = k.Document(source.Record{Row: row})
	require.EqualError(t, err, "/email (from t.mail): is required")
	row["mail"] = "a@b"
	_, err = k.Document(source.Record{Row: row})
	require.NoError(t, err)
	require.ErrorContains(t, m.Use(func(string) (mapping.Schema, error) { return nil, errors.New("gone") }), "schema of users: gone")
}

func TestSecretNames(t *testing.T) {
	for _, name := range []string{"creditcard", "credit_card", "card_number", "cardno", "CreditCardNumber", "cc", "cc_num", "cvv", "cvv2", "card_cvc", "pan", "password", "passwd", "user_password", "pwd", "secret", "pin"} {
		m := load(t, users("fields: {a: "+name+"}"))
		s := source.Schema{"t": {Key: []string{"id"}, Columns: []source.Column{{Name: "id", Type: "bigint", NotNull: true}, {Name: name, Type: "text"}}}}
		require.ErrorContains(t, m.Check(s, nil), "can only be dropped", name)
	}
	for _, name := range []string{"creditcardtype", "card_expiry", "card_last4", "card_holder", "discard", "company", "span", "password_changed_at", "shipping", "pinned", "cardigan"} {
		m := load(t, users("fields: {a: "+name+"}"))
		s := source.Schema{"t": {Key: []string{"id"}, Columns: []source.Column{{Name: "id", Type: "bigint", NotNull: true}, {Name: name, Type: "text"}}}}
		require.NoError(t, m.Check(s, nil), name)
	}
}

// Card numbers are found under harmless names too.
func TestCheckValues(t *testing.T) {
	m := load(t, users("fields: {a: memo, b: ean}"))
	rows := []source.Row{{"id": int64(1), "memo": "4111 1111 1111 1111", "ean": "4006381333931"}, {"id": int64(2), "memo": "5555-5555-5555-4444", "ean": "5901234123457"}, {"id": int64(3), "memo": nil, "ean": nil}}
	var asked []string
	sample := func(_ context.Context, table string, columns []string) ([]source.Row, error) {
		asked = append([]string{table}, columns...)
		return rows, nil
	}
	require.EqualError(t, m.CheckValues(t.Context(), sample), "line 8: t.memo: can only be dropped: its values are card numbers")
	require.Equal(t, []string{"t", "ean", "id", "memo"}, asked)
	rows[0]["memo"], rows[1]["memo"] = "call back", int64(4111111111111111)
	require.NoError(t, m.CheckValues(t.Context(), sample), "one of two is none of most")
	rows[0]["memo"] = nil
	require.Error(t, m.CheckValues(t.Context(), sample))
	lost := errors.New("lost")
	require.ErrorIs(t, m.CheckValues(t.Context(), func(context.Context, string, []string) ([]source.Row, error) { return nil, lost }), lost)
}
