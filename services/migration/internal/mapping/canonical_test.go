package mapping

import (
	"bytes"
	"encoding/json"
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// encoded is what encoding/json makes of a value.
func encoded(t *testing.T, v any) string {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	require.NoError(t, e.Encode(v))
	return strings.TrimRight(b.String(), "\n")
}

// The canonical form is that of encoding/json, whatever stands in a text.
func FuzzCanonicalText(f *testing.F) {
	for _, t := range []string{
		"", "plain", "Café Olé", `a "quote"`, `C:\temp`, "tab\tand\nline\b\f\r\x00\x1f\x7f", "<a href='x'>&</a>", "3 €", "\u2028 and \u2029",
		"\xe2", "\xe2\x80", "\xe2\x80\xa8", "a\xffb", "\xed\xa0\x80", "日本", "🙂", "\ufeff",
	} {
		f.Add(t)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := canonical(members{{text, text}})
		require.NoError(t, err)
		require.Equal(t, encoded(t, map[string]any{text: text}), string(got))
	})
}

func TestCanonicalValues(t *testing.T) {
	plain := map[string]any{
		"a": map[string]any{"amount": int64(-5), "currency": "EUR"}, "b": []any{"x", int64(1), true, map[string]any{}}, "c": []any{},
		"d": map[string]any{"z": nil, "y": json.Number("1.50")},
	}
	got, err := canonical(members{{"a", minor{-5, "EUR"}}, {"b", []any{"x", int64(1), true, members{}}}, {"c", []any{}}, {"d", plain["d"]}})
	require.NoError(t, err)
	require.Equal(t, encoded(t, plain), string(got))
	_, err = canonical(members{{"a", 1.5}})
	require.Error(t, err)
}

// An amount that is read digit by digit is the one that exact arithmetic gives.
func FuzzPlainAmounts(f *testing.F) {
	for _, t := range []string{"19.90", "-0.01", "0", "1000", "1.", ".5", "", "-", "1.234", "999999999999999999", "9999999999999999.99", "1e3", "+1", " 1", "--1", "1.2.3", "00.10"} {
		f.Add(t, "EUR", false)
		f.Add(t, "JPY", true)
		f.Add(t, "KWD", false)
	}
	f.Fuzz(func(t *testing.T, text, code string, negate bool) {
		got, ok := amount{negate: negate}.plain(text, code)
		if !ok {
			return
		}
		r, err := decimal(text)
		require.NoError(t, err)
		r.Mul(r, new(big.Rat).SetInt(pow10(decimals(code))))
		if negate {
			r.Neg(r)
		}
		require.True(t, r.IsInt())
		require.Equal(t, r.Num().String(), big.NewInt(got).String())
	})
}

// The canonical form is what encoding/json makes of the decoded document, and what that does
// not read is none.
func FuzzCanonicalDocument(f *testing.F) {
	for _, doc := range []string{
		`{"b":1,"a":{"d":[1,2,{"z":"é","y":null}],"c":true}}`, ` { "b" : [ ] , "a" : { } } `, `[]`, `"x"`, `-0`, `-1`, `01`, `-`, `1.5`, `1e3`, `10000000000000000001`,
		`{"a":1,"a":2}`, `{"b":1,"a":1,"b":2}`, `{"a":"\u00e9\/\n\"<&>"}`, `{"\u0061":1}`, `{"<":1}`, "{\"a\":\"\u2028€\"}", "{\"a\":\"\xff\"}", "{\"a\":\"\x01\"}",
		`{`, `{"a"}`, `{"a":}`, `{"a":1,}`, `[1,]`, `[,]`, `[1 2]`, `{"a":1}}`, `tru`, `nulll`, ``, `{"a":"\ud800"}`, `{"a":"x`, `{"a":"\"}`, `[1]2`,
	} {
		f.Add([]byte(doc))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		want, wantErr := decoded(doc)
		got, err := Canonical(doc)
		require.Equal(t, wantErr, err)
		require.Equal(t, string(want), string(got))
	})
}

func BenchmarkCanonical(b *testing.B) {
	doc := []byte(`{"number":"A-1","lines":[{"sku":"A","quantity":1,"total":{"currency":"EUR","amount":5}},{"sku":"B","quantity":2,"total":{"currency":"EUR","amount":7}}],"email":"ana@old-shop.example"}`)
	for name, f := range map[string]func([]byte) ([]byte, error){"put": Canonical, "decoded": decoded} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, err := f(doc)
				require.NoError(b, err)
			}
		})
	}
}
