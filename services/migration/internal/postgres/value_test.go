package postgres_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/services/migration/internal/postgres/postgrestest"
	"tienda/services/migration/internal/source"
)

// Every type gives the same value from the snapshot, by its key and through the stream,
// under whatever settings the database has.
func TestTypes(t *testing.T) {
	at := func(y int, m time.Month, d, h, mi, s, ns int) time.Time {
		return time.Date(y, m, d, h, mi, s, ns, time.UTC)
	}
	columns := []struct {
		kind, literal string
		want          any
	}{
		{"bool", "true", true},
		{"smallint", "-5", int64(-5)},
		{"int", "7", int64(7)},
		{"bigint", "9223372036854775807", int64(math.MaxInt64)},
		{"oid", "4000000000", int64(4_000_000_000)},
		{"numeric", "12345678901234567890.1234567890", "12345678901234567890.1234567890"},
		{"numeric(10,2)", "1.5", "1.50"},
		{"numeric", "'NaN'", "NaN"},
		{"real", "0.1", 0.1},
		{"float8", "'0.30000000000000004'", 0.30000000000000004},
		{"float8", "'-Infinity'", math.Inf(-1)},
		{"money", "'1234.50'", "$1,234.50"},
		{"text", "'Ünïcode ''q'' \\ {}'", `Ünïcode 'q' \ {}`},
		{"varchar(9)", "'v'", "v"},
		{"char(4)", "'c'", "c   "},
		{`"char"`, "'x'", "x"},
		{"uuid", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"},
		{"json", `'{"b": 1,  "a":2}'`, `{"b": 1,  "a":2}`},
		{"jsonb", `'{"b":1, "a":2}'`, `{"a": 2, "b": 1}`},
		{"xml", `'<a/>'`, `<a/>`},
		{"bytea", `'\x00ff'`, []byte{0, 255}},
		{"bytea", `''`, []byte{}},
		{"date", "'2024-02-29'", at(2024, 2, 29, 0, 0, 0, 0)},
		{"date", "'0044-03-15 BC'", at(-43, 3, 15, 0, 0, 0, 0)},
		{"date", "'infinity'", "infinity"},
		{"timestamp", "'2024-01-02 03:04:05.678901'", at(2024, 1, 2, 3, 4, 5, 678901000)},
		{"timestamp", "'12024-01-02 03:04:05'", at(12024, 1, 2, 3, 4, 5, 0)},
		{"timestamptz", "'2024-07-01 12:00:00+02'", at(2024, 7, 1, 10, 0, 0, 0)},
		{"timestamptz", "'-infinity'", "-infinity"},
		{"time", "'03:04:05.5'", "03:04:05.5"},
		{"timetz", "'03:04:05+02'", "03:04:05+02"},
		{"interval", "'1 day 2 hours'", "1 day 02:00:00"},
		{"inet", "'10.0.0.1/8'", "10.0.0.1/8"},
		{"int4range", "'[1,5)'", "[1,5)"},
		{"point", "'(1,2)'", "(1,2)"},
		{"mood", "'so so'", "so so"},
		{"price", "'3.10'", "3.10"},
		{"pair", "'(1,x)'", "(1,x)"},
		{"int[]", "'{1,NULL,3}'", []any{int64(1), nil, int64(3)}},
		{"int[]", "'[2:3]={1,2}'", []any{int64(1), int64(2)}},
		{"int[]", "'{{1,2},{3,4}}'", []any{[]any{int64(1), int64(2)}, []any{int64(3), int64(4)}}},
		{"text[]", `ARRAY['a,b', 'q"\', 'NULL', '', NULL, '{x}']`, []any{"a,b", `q"\`, "NULL", "", nil, "{x}"}},
		{"text[]", "'{}'", []any{}},
		{"mood[]", `'{"so so",good}'`, []any{"so so", "good"}},
		{"price[]", "'{1,2.5}'", []any{"1.00", "2.50"}},
		{"box[]", "'{(1,1),(0,0);(2,2),(1,1)}'", []any{"(1,1),(0,0)", "(2,2),(1,1)"}},
		{"timestamptz[]", "'{2024-07-01 12:00:00+02}'", []any{at(2024, 7, 1, 10, 0, 0, 0)}},
		{"int", "NULL", nil},
	}
	create, insert := "CREATE TABLE kinds (id int PRIMARY KEY", "INSERT INTO kinds VALUES (1"
	want := source.Row{"id": int64(1)}
	q := source.Query{Table: "kinds", Key: []string{"id"}}
	for n, c := range columns {
		name := "c" + string(rune('a'+n/26)) + string(rune('a'+n%26))
		create += ", " + name + " " + c.kind
		insert += ", " + c.literal
		want[name] = c.want
		q.Columns = append(q.Columns, name)
	}
	db := postgrestest.New(t, "CREATE TYPE mood AS ENUM ('so so', 'good')", "CREATE DOMAIN price AS numeric(9,2)", "CREATE TYPE pair AS (a int, b text)", create+")")
	for _, set := range []string{"DateStyle = 'German'", "TimeZone = 'Asia/Tokyo'", "bytea_output = 'escape'", "extra_float_digits = -5", "IntervalStyle = 'iso_8601'", "lc_monetary = 'C'"} {
		db.Exec("ALTER ROLE " + db.Role + " SET " + set)
	}
	s := db.Open()
	from := follow(t, s, "kinds")
	db.Exec("SET lc_monetary = 'C'")
	db.Exec(insert + ")")
	all, _ := changes(t, s, from, 1)
	require.Equal(t, want, all[0].New)
	read, _, err := s.Read(t.Context(), q, [][]any{{1}})
	require.NoError(t, err)
	require.Equal(t, want, read[0].Row)
	snap, err := s.Now(t.Context())
	require.NoError(t, err)
	defer snap.Close()
	require.Equal(t, read, everything(t, snap, q, 10))
}
