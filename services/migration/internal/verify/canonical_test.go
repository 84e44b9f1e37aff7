package verify

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// The canonical form is what encoding/json makes of the decoded document, and what that does
// not read is none.
func FuzzCanonical(f *testing.F) {
	for _, doc := range []string{
		`{"b":1,"a":{"d":[1,2,{"z":"é","y":null}],"c":true}}`, ` { "b" : [ ] , "a" : { } } `, `[]`, `"x"`, `-0`, `-1`, `01`, `-`, `1.5`, `1e3`, `10000000000000000001`,
		`{"a":1,"a":2}`, `{"b":1,"a":1,"b":2}`, `{"a":"\u00e9\/\n\"<&>"}`, `{"\u0061":1}`, `{"<":1}`, "{\"a\":\"\u2028€\"}", "{\"a\":\"\xff\"}", "{\"a\":\"\x01\"}",
		`{`, `{"a"}`, `{"a":}`, `{"a":1,}`, `[1,]`, `[,]`, `[1 2]`, `{"a":1}}`, `tru`, `nulll`, ``, `{"a":"\ud800"}`, `{"a":"x`, `{"a":"\"}`, `[1]2`,
	} {
		f.Add([]byte(doc))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		want, wantErr := decoded(doc)
		got, err := canonical(doc)
		require.Equal(t, wantErr, err)
		require.Equal(t, string(want), string(got))
	})
}

func BenchmarkCanonical(b *testing.B) {
	doc := []byte(`{"number":"A-1","lines":[{"sku":"A","quantity":1,"total":{"currency":"EUR","amount":5}},{"sku":"B","quantity":2,"total":{"currency":"EUR","amount":7}}],"email":"ana@old-shop.example"}`)
	for name, f := range map[string]func([]byte) ([]byte, error){"put": canonical, "decoded": decoded} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, err := f(doc)
				require.NoError(b, err)
			}
		})
	}
}
