package mapping_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/services/migration/internal/mapping"
	"tienda/services/migration/internal/source"
)

func TestOperations(t *testing.T) {
	summer := time.Date(2024, 7, 1, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		op   string
		a    any
		want string // the value of v; "": it is left out
		bad  string // why there is no document
	}{
		{op: "a", a: "x", want: `"x"`},
		{op: "a", a: nil},
		{op: "a", a: "", want: `""`},
		{op: "a", a: "<&>", want: `"<&>"`},
		{op: "a", a: 1.5, bad: "needs an operation of its own"},
		{op: "a", a: summer, bad: "needs an operation of its own"},
		{op: "{column: a, omit_empty: true}", a: " "},
		{op: "{column: a, omit_empty: true}", a: int64(0)},
		{op: "{column: a, default: none}", a: nil, want: `"none"`},
		{op: "{column: a, trim: true, lower: true}", a: " Ab ", want: `"ab"`},
		{op: "{column: a, as: string}", a: int64(7), want: `"7"`},
		{op: "{column: a, as: int}", a: "12.00", want: `12`},
		{op: "{column: a, as: int}", a: "12.5", bad: "is not a whole number"},
		{op: "{column: a, as: int}", a: "99999999999999999999", bad: "64 bits"},
		{op: "{column: a, as: bool}", a: "Y", want: `true`},
		{op: "{column: a, as: bool}", a: int64(2), bad: "neither true nor false"},
		{op: "{column: a, as: json}", a: `{"b":[1,true],"a":null}`, want: `{"b":[1,true]}`},
		{op: "{column: a, as: json}", a: `{"b":1.5}`, bad: "not whole"},
		{op: "{column: a, as: json}", a: `{`, bad: "not well-formed"},
		{op: "{const: {x: [1, true, y]}}", want: `{"x":[1,true,"y"]}`},
		{op: "{const: 5, when: row.a == 1}", a: int64(1), want: `5`},
		{op: "{const: 5, when: row.a == 1}", a: int64(2)},
		{op: "{enum: {column: a, values: {1: one, 2: two}}}", a: int64(2), want: `"two"`},
		{op: "{enum: {column: a, values: {1: one}}}", a: int64(3), bad: "does not list"},
		{op: "{enum: {column: a, values: {1: one}, otherwise: many}}", a: int64(3), want: `"many"`},
		{op: "{enum: {column: a, values: {\"true\": yes, \"false\": no}}}", a: true, want: `"yes"`},
		{op: "{enum: {column: a, values: {A: one}, ignore_case: true}}", a: "a ", want: `"one"`},
		{op: `{template: "x-{a}/{id}"}`, a: "q", want: `"x-q/1"`},
		{op: `{template: "x-{a}"}`, a: nil},
		{op: "{join: {columns: [a, b, id], by: '/'}}", a: " ", want: `"1"`},
		{op: "{split: {column: a, by: ' ', part: first}}", a: " Ana  María Gil", want: `"Ana"`},
		{op: "{split: {column: a, by: ' ', part: rest}}", a: "Ana María Gil", want: `"María Gil"`},
		{op: "{split: {column: a, by: ' ', part: last}}", a: "Ana María Gil", want: `"Gil"`},
		{op: "{split: {column: a, by: ' ', part: but_last}}", a: "Ana"},
		{op: "{split: {column: a}}", a: "x, y,", want: `["x","y"]`},
		{op: "{slug: a}", a: "Ünïcode & Øl's  ß!", want: `"unicode-ols-ss"`},
		{op: "{slug: {column: a, key: [id]}}", a: "A b", want: `"a-b-1"`},
		{op: "{slug: a}", a: "!?", bad: "neither letters nor digits"},
		{op: "{money: a}", a: "19.9", want: `{"amount":1990,"currency":"EUR"}`},
		{op: "{money: a}", a: "-0.01", want: `{"amount":-1,"currency":"EUR"}`},
		{op: "{money: a}", a: "19.999", bad: "more decimals"},
		{op: "{money: a}", a: "NaN", bad: "not a decimal"},
		{op: "{money: a}", a: "1e3", bad: "not a decimal"},
		{op: "{money: a}", a: "99999999999999999999", bad: "out of range"},
		{op: "{money: {column: a, round: half_up}}", a: "0.125", want: `{"amount":13,"currency":"EUR"}`},
		{op: "{money: {column: a, round: half_up}}", a: "-0.125", want: `{"amount":-13,"currency":"EUR"}`},
		{op: "{money: {column: a, currency: JPY}}", a: "500", want: `{"amount":500,"currency":"JPY"}`},
		{op: "{money: {column: a, currency: JPY}}", a: "500.5", bad: "more decimals"},
		{op: "{money: {column: a, minor: true}}", a: int64(1999), want: `{"amount":1999,"currency":"EUR"}`},
		{op: "{money: {column: a, negate: true}}", a: int64(2), want: `{"amount":-200,"currency":"EUR"}`},
		{op: "{money: a}", a: float64(float32(32.38)), want: `{"amount":3238,"currency":"EUR"}`},
		{op: "{money: a}", a: 123456792.0, want: `{"amount":12345679200,"currency":"EUR"}`},
		{op: "{time: a}", a: summer, want: `"2024-07-01T10:00:00Z"`},
		{op: "{time: a}", a: summer.In(time.FixedZone("", 3600)), want: `"2024-07-01T10:00:00Z"`},
		{op: "{time: {column: a, instant: true}}", a: summer, want: `"2024-07-01T12:00:00Z"`},
		{op: "{time: {column: a, zone: America/New_York}}", a: summer, want: `"2024-07-01T16:00:00Z"`},
		{op: "{time: {column: a, unix: s}}", a: int64(86400), want: `"1970-01-02T00:00:00Z"`},
		{op: "{time: {column: a, unix: ms}}", a: int64(1500), want: `"1970-01-01T00:00:01.5Z"`},
		{op: "{time: {column: a, layout: 02/01/2006}}", a: "31/01/2024", want: `"2024-01-30T23:00:00Z"`},
		{op: "{time: {column: a, layout: 02/01/2006}}", a: "2024-01-31", bad: "not a time of the layout"},
		{op: "{coalesce: [a, {const: other}]}", a: "", want: `"other"`},
		{op: "{list: [a, {const: 1}]}", a: nil, want: `[1]`},
		{op: "{object: {x: {column: a, omit_empty: true}}, omit_empty: true}", a: ""},
		{op: "{cel: 'int(row.a) + 1'}", a: "4", want: `5`},
		{op: "{cel: 'add(row.a, mul(2, 0.25))'}", a: "1.5", want: `"2"`},
		{op: "{cel: 'round(row.a, 2)'}", a: "2.345", want: `"2.35"`},
		{op: "{cel: 'compare(row.a, 2) > 0'}", a: "10", want: `true`},
		{op: "{cel: 'row.a * 2.0'}", a: 1.5, bad: "double"},
		{op: "{cel: 'int(row.a)'}", a: "secret-words", bad: "not what it is taken for"},
		{op: "{cel: '{\"x\": row.a, \"y\": null}'}", a: "q", want: `{"x":"q"}`},
	} {
		got, err := made(t, c.op, source.Row{"a": c.a, "b": nil})
		if c.bad != "" {
			require.ErrorContains(t, err, c.bad, c.op)
			var fields mapping.FieldErrors
			require.ErrorAs(t, err, &fields, c.op)
			require.Equal(t, "/v", fields[0].Field)
			continue
		}
		require.NoError(t, err, c.op)
		want := `{"v":` + c.want + `}`
		if c.want == "" {
			want = `{}`
		}
		require.Equal(t, want, got, c.op)
	}
}

func TestMoneyInTheCurrencyOfAColumn(t *testing.T) {
	op := "{money: {column: a, currency_column: b}}"
	got, err := made(t, op, source.Row{"a": "5", "b": "usd "})
	require.NoError(t, err)
	require.Equal(t, `{"v":{"amount":500,"currency":"USD"}}`, got)
	got, err = made(t, op, source.Row{"a": "5", "b": nil})
	require.NoError(t, err)
	require.Equal(t, `{"v":{"amount":500,"currency":"EUR"}}`, got)
	_, err = made(t, op, source.Row{"a": "5", "b": "QQQ"})
	require.EqualError(t, err, "/v (from t.b): is not a code of ISO 4217")
}

func TestPassword(t *testing.T) {
	op := "{password: {hash: h, salt: s, placement: after, format: {enum: {column: f, values: {m: md5, b: bcrypt}}}}}"
	sum := "5f4dcc3b5aa765d61d8327deb882cf99"
	got, err := made(t, op, source.Row{"h": sum, "s": "x", "f": "m"})
	require.NoError(t, err)
	require.Equal(t, `{"v":{"format":"md5","hash":"`+sum+`","salt":"x","salt_placement":"after"}}`, got)
	got, err = made(t, op, source.Row{"h": "$2a$10$SFSkSbkE8BFu8IcN4Kui0uInKPvTR3QkTym6TSMMustw1IrGuANJ.", "s": nil, "f": "b"})
	require.NoError(t, err)
	require.Contains(t, got, `"format":"bcrypt"`)
	require.NotContains(t, got, "salt")
	for _, plain := range []string{"hunter2", sum[1:], "$2a$31$" + sum} {
		for _, f := range []string{"m", "b"} {
			_, err = made(t, op, source.Row{"h": plain, "s": nil, "f": f})
			require.ErrorContains(t, err, "is not a hash of the format")
			require.NotContains(t, err.Error(), plain)
		}
	}
}

// What is wrong with a row is told without what it says.
func TestErrorsTellNoValues(t *testing.T) {
	secret := "Ana García, 4111111111111111"
	for _, op := range []string{
		"{column: a, as: int}", "{column: a, as: bool}", "{column: a, as: json}", "{enum: {column: a, values: {x: y}}}", "{money: a}",
		"{time: a}", "{time: {column: a, layout: 2006}}", "{time: {column: a, unix: s}}", "{cel: int(row.a)}", "{cel: 'row.a[5]'}",
		"{cel: 'add(row.a, 1)'}", "{const: 1, when: int(row.a) == 1}", "{password: {hash: a, format: md5}}", "{money: {column: b, currency_column: a}}",
	} {
		_, err := made(t, op, source.Row{"a": secret, "b": "1"})
		require.Error(t, err, op)
		require.NotContains(t, err.Error(), "Ana", op)
		require.NotContains(t, err.Error(), "4111", op)
	}
}

func TestDocumentNamesEveryBadField(t *testing.T) {
	k := load(t, users("fields:\n  a: {column: x, as: int}\n  b: {object: {c/d: {column: x, as: bool}}}\n  e: id")).Kinds()[0]
	doc, err := k.Document(source.Record{Row: source.Row{"id": int64(1), "x": "no number"}})
	require.EqualError(t, err, "/a (from t.x): is not a whole number; /b/c~1d (from t.x): is neither true nor false, nor a usual word for one of them")
	require.Equal(t, "users:1", doc.Key)
	_, err = k.Document(source.Record{Row: source.Row{"id": nil, "x": "1"}})
	require.ErrorContains(t, err, "t.id): is null, and part of the key")
	var fields mapping.FieldErrors
	require.True(t, errors.As(err, &fields))
}
