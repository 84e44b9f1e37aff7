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
