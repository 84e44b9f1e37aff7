package contract

import (
	"encoding/json"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/contracts"
)

const quickDoc = `
openapi: 3.1.0
info: {title: Test, version: "1"}
paths: {}
components:
  schemas:
    Any: {}
    Text: {type: string, minLength: 2, maxLength: 4, pattern: '^[^x]*$'}
    ID: {type: string, format: uuid}
    Time: {type: string, format: date-time}
    Word: {enum: [one, two]}
    Whole: {type: integer, minimum: -5, maximum: 1000}
    Number: {type: number}
    Limited: {type: number, minimum: 0.5}
    Maybe: {type: [integer, 'null']}
    Beside: {$ref: '#/components/schemas/Text', pattern: 'b'}
    Closed:
      type: object
      additionalProperties: false
      required: [a]
      dependentRequired: {b: [c]}
      properties: {a: {type: boolean}, b: {type: string}, c: {$ref: '#/components/schemas/Closed'}}
    Required: {type: object, additionalProperties: false, required: [z], properties: {a: {}}}
    Open: {type: object, minProperties: 1, maxProperties: 2, propertyNames: {maxLength: 3}, additionalProperties: {type: integer}}
    List: {type: array, minItems: 1, maxItems: 3, items: {type: string}, uniqueItems: true}
    Choice: {oneOf: [{type: string}, {type: integer, maximum: 3}]}
    Within: {type: object, properties: {c: {$ref: '#/components/schemas/Choice'}}}
    Both: {allOf: [{type: object, required: [a]}, {properties: {a: {type: string}}}]}
`

// quickDocs are tried on each schema; what fits one fits few of the others.
var quickDocs = []string{
	``, ` `, `null`, `true`, `false`, `tru`, `nulls`, `0`, `-0`, `00`, `-5`, `-6`, `1000`, `1001`, `0.5`, `0.25`, `1.0`, `1.`, `.5`, `-`, `+1`, `1e2`, `1E999999`,
	`9223372036854775807`, `9223372036854775808`, strings.Repeat("9", 401), `"one"`, `"two"`, `"three"`, `"on\u0065"`, `"ab"`, `"abc"`, `"a"`, `"abcde"`, `"äöüß"`, `"äöüßé"`,
	`"xb"`, `"\u0078b"`, `"\ud800b"`, "\"\xff\xffb\"", "\"a\nb\"", `"a\qb"`, `"\"b"`, `"ab`, `"ab" `, ` "ab"`, `"ab"x`, `"ab" "ab"`,
	`"e3b0c442-98fc-4c14-9afb-f4c8996fb924"`, `"e3b0c442-98fc-4c14-9afb"`, `"2026-01-02T03:04:05Z"`, `"2026-13-02T03:04:05Z"`,
	`{}`, `{`, `{"a"}`, `{"a":}`, `{"a":true}`, `{"a":true,}`, `{"a":true,"d":1}`, `{"a":true,"b":"x"}`, `{"a":true,"b":"x","c":{"a":false}}`, `{"a":true,"c":{"a":1}}`,
	`{"\u0061":true}`, `{"a":true,"a":1}`, `{"a":1,"a":true}`, `{"a":1}`, `{"a":1,"b":2}`, `{"a":1,"a":2,"b":3}`, `{"a":1,"b":2,"c":3}`, `{"abcd":1}`, `{"z":1}`, `{"a":"x"}`,
	`{"c":"x"}`, `{"c":3}`, `{"c":4}`, `{"c":1e999999}`, `{ "a" : true , "b" : "x" , "c" : { "a" : true } }`,
	`[]`, `[`, `[1]`, `["a"]`, `["a",]`, `["a","b"]`, `["a","a"]`, `["a","\u0061"]`, `["a","b","c"]`, `["a","b","c","d"]`, `["\ud800","\ud801"]`, `[[[1]]]`,
	strings.Repeat("[", 65) + strings.Repeat("]", 65), strings.Repeat(`{"a":true,"c":`, 70) + `{"a":true}` + strings.Repeat("}", 70),
}

func quickSchemas(t testing.TB) map[string]*Schema {
	c, err := parse([]byte(quickDoc), "quick.yaml")
	require.NoError(t, err)
	out := map[string]*Schema{}
	for name := range c.doc.at("components", "schemas") {
		out[name], err = c.Schema(name)
		require.NoError(t, err)
	}
	return out
}

// What the quick way takes, the library takes; and what it takes, the quick way takes, but
// for what is rare.
func TestQuickIsTheLibrary(t *testing.T) {
	rare := []string{ // that fits some, and is left to the library
		`1e2`, `["a","\u0061"]`, `{"a":1,"a":2,"b":3}`, `{"a":1,"a":true}`, `{"a":true,"a":1}`,
		quickDocs[len(quickDocs)-2], quickDocs[len(quickDocs)-1], // nested deeply
	}
	fitting := 0
	for name, s := range quickSchemas(t) {
		for _, doc := range quickDocs {
			fits, quick := len(s.failures([]byte(doc))) == 0, s.quick.fits([]byte(doc))
			if quick {
				fitting++
				require.True(t, fits, "%s takes %s, and must not", name, doc)
			} else if fits {
				require.Contains(t, rare, doc, "%s leaves %s to the library", name, doc)
			}
		}
	}
	require.Greater(t, fitting, 100)
}

// FuzzQuick looks for a document that the quick way takes and the library does not.
func FuzzQuick(f *testing.F) {
	schemas := quickSchemas(f)
	names := slices.Sorted(maps.Keys(schemas))
	for _, doc := range quickDocs {
		f.Add([]byte(doc))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		for _, name := range names {
			if schemas[name].quick.fits(doc) {
				require.Empty(t, schemas[name].failures(doc), name)
			}
		}
	})
}

// The documents of a move go the quick way but for schemas with conditions.
func TestWhatIsMovedIsCheckedQuickly(t *testing.T) {
	slow := map[string]bool{"SyncTicket": true, "SyncReturn": true}
	files, err := fs.Glob(contracts.FS, "openapi/*.yaml")
	require.NoError(t, err)
	found := 0
	for _, file := range files {
		c, err := Load(contracts.FS, strings.TrimSuffix(strings.TrimPrefix(file, "openapi/"), ".yaml"))
		require.NoError(t, err)
		for name := range c.doc.at("components", "schemas") {
			if !strings.HasPrefix(name, "Sync") {
				continue
			}
			s, err := c.Schema(name)
			require.NoError(t, err)
			found++
			require.Equal(t, slow[name], s.quick.whole != nil, "%s of %s", name, file)
		}
	}
	require.Greater(t, found, 10)
}

func BenchmarkCheck(b *testing.B) {
	c, err := Load(contracts.FS, "orders")
	require.NoError(b, err)
	s, err := c.Schema("SyncOrder")
	require.NoError(b, err)
	money := map[string]any{"amount": 1250, "currency": "EUR"}
	line := map[string]any{"sku": "GREEN-TEA-100", "name": "Green tea", "quantity": 2, "unit_price": money, "total": money}
	doc, err := json.Marshal(map[string]any{
		"number": "10248", "currency": "EUR", "status": "shipped", "created_at": "2026-01-02T03:04:05Z",
		"customer_id": "e3b0c442-98fc-4c14-9afb-f4c8996fb924", "email": "a@tienda.example", "lines": []any{line, line, line},
		"totals":  map[string]any{"goods": money, "total": money},
		"payment": map[string]any{"method": "invoice", "status": "paid", "paid": money, "refunded": money},
	})
	require.NoError(b, err)
	require.Empty(b, s.Check(doc), string(doc))
	b.SetBytes(int64(len(doc)))
	b.Run("quick", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			s.quick.fits(doc)
		}
	})
	b.Run("library", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			s.failures(doc)
		}
	})
}
