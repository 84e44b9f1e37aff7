package contract

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"tienda/internal/fault"
)

const doc = `
openapi: 3.1.0
info: {title: Test, version: "1"}
paths:
  /v1/things/{id}:
    parameters:
      - {name: id, in: path, required: true, schema: {type: string, format: uuid}}
    put:
      operationId: putThing
      x-max-body-bytes: 1000
      parameters:
        - {name: limit, in: query, schema: {type: integer, minimum: 1, maximum: 100}}
        - $ref: '#/components/parameters/Key'
      requestBody:
        required: true
        content: {application/json: {schema: {$ref: '#/components/schemas/Thing'}}}
      responses:
        "200": {description: ok, content: {application/json: {schema: {$ref: '#/components/schemas/Thing'}}}}
        "204": {description: gone}
        "400": {$ref: '#/components/responses/Problem'}
  /v1/stream:
    post:
      operationId: stream
      requestBody: {required: true, content: {application/x-ndjson: {schema: {type: string}}}}
      responses: {"204": {description: done}}
components:
  parameters:
    Key: {name: Idempotency-Key, in: header, required: true, schema: {type: string, minLength: 8}}
  responses:
    Problem: {description: no, content: {application/problem+json: {schema: {type: object}}}}
  schemas:
    Thing:
      type: object
      additionalProperties: false
      required: [name, lines]
      properties:
        name: {type: string, minLength: 1, maxLength: 5}
        stock: {type: [integer, 'null']}
        lines:
          type: array
          items:
            type: object
            additionalProperties: false
            required: [quantity]
            properties: {quantity: {type: integer, minimum: 1, maximum: 1000}}
`

func load(t *testing.T) *Contract {
	t.Helper()
	c, err := Load(fstest.MapFS{"openapi/test.yaml": {Data: []byte(doc)}}, "test")
	require.NoError(t, err)
	return c
}

func TestOperations(t *testing.T) {
	c := load(t)
	require.Len(t, c.Operations(), 2)
	op, ok := c.Operation(http.MethodPut, "/v1/things/{id}")
	require.True(t, ok)
	require.Equal(t, int64(1000), op.MaxBody)
	require.Equal(t, []int{200, 204, 400}, op.Statuses())
	stream, _ := c.Operation(http.MethodPost, "/v1/stream")
	require.True(t, stream.Streams())
	require.Equal(t, int64(DefaultMaxBody), stream.MaxBody)
}

func TestCheckNamesEveryBadField(t *testing.T) {
	const id = "018f0000-0000-7000-8000-000000000000"
	tests := []struct {
		name, id, query, body string
		noKey                 bool
		want                  []string
	}{
		{name: "good", body: `{"name":"a","lines":[{"quantity":1}]}`},
		{name: "malformed", body: `{"name":`, want: []string{""}},
		{name: "trailing", body: `{"name":"a","lines":[]} x`, want: []string{""}},
		{name: "unknown field", body: `{"name":"a","lines":[],"x":1}`, want: []string{"/x"}},
		{name: "missing", body: `{}`, want: []string{"/name", "/lines"}},
		{name: "wrong type", body: `{"name":1,"lines":[]}`, want: []string{"/name"}},
		{name: "deep", body: `{"name":"a","lines":[{"quantity":1},{"quantity":-1}]}`, want: []string{"/lines/1/quantity"}},
		{name: "huge", body: `{"name":"a","lines":[{"quantity":1e99}]}`, want: []string{"/lines/0/quantity"}},
		{name: "fraction", body: `{"name":"a","lines":[{"quantity":1.5}]}`, want: []string{"/lines/0/quantity"}},
		{name: "whole number with a point", body: `{"name":"a","lines":[{"quantity":1.0}]}`, want: []string{"/lines/0/quantity"}},
		{name: "whole number with an exponent", body: `{"name":"a","lines":[{"quantity":1},{"quantity":1e2}]}`, want: []string{"/lines/1/quantity"}},
		{name: "over 64 bits", body: `{"name":"a","stock":9223372036854775808,"lines":[]}`, want: []string{"/stock"}},
		{name: "64 bits", body: `{"name":"a","stock":9223372036854775807,"lines":[]}`},
		{name: "null or integer", body: `{"name":"a","stock":null,"lines":[]}`},
		{name: "exponent past all bounds", body: `{"name":"a","lines":[{"quantity":1E9999999}]}`, want: []string{"/lines/0/quantity"}},
		{name: "exponent below all bounds", body: `{"name":"a","stock":1e-9999999,"lines":[]}`, want: []string{"/stock"}},
		{name: "exponent that is no integer itself", body: `{"name":"a","stock":1e99999999999999999999,"lines":[]}`, want: []string{"/stock"}},
		{name: "too many digits", body: `{"name":"a","stock":` + strings.Repeat("9", 500) + `,"lines":[]}`, want: []string{"/stock"}},
		{name: "too long", body: `{"name":"abcdef","lines":[]}`, want: []string{"/name"}},
		{name: "bad path", id: "x", body: `{"name":"a","lines":[]}`, want: []string{"id"}},
		{name: "bad query", query: "limit=0", body: `{"name":"a","lines":[]}`, want: []string{"limit"}},
		{name: "not a number", query: "limit=ten", body: `{"name":"a","lines":[]}`, want: []string{"limit"}},
		{name: "unknown query", query: "x=1", body: `{"name":"a","lines":[]}`, want: []string{"x"}},
		{name: "twice", query: "limit=1&limit=2", body: `{"name":"a","lines":[]}`, want: []string{"limit"}},
		{name: "no header", noKey: true, body: `{"name":"a","lines":[]}`, want: []string{"Idempotency-Key"}},
		{name: "no body", want: []string{""}},
		{name: "query and body", query: "limit=1000", body: `{"name":"","lines":[]}`, want: []string{"limit", "/name"}},
	}
	op, _ := load(t).Operation(http.MethodPut, "/v1/things/{id}")
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.id == "" {
				tt.id = id
			}
			r := httptest.NewRequest(http.MethodPut, "/v1/things/x?"+tt.query, strings.NewReader(tt.body))
			r.Header.Set("Content-Type", "application/json")
			if !tt.noKey {
				r.Header.Set("Idempotency-Key", "12345678")
			}
			err := op.Check(r, map[string]string{"id": tt.id}, []byte(tt.body))
			if tt.want == nil {
				require.NoError(t, err)
				return
			}
			var e *fault.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, fault.Invalid, e.Kind)
			var names []string
			for _, f := range e.Fields {
				names = append(names, f.Name)
				require.NotEmpty(t, f.Reason)
			}
			require.ElementsMatch(t, tt.want, names, "%v", err)
		})
	}
}

// The lines of a stream and the data of events are held to the same numbers.
func TestSchemaTakesWholeNumbersInDigitsOnly(t *testing.T) {
	s, err := load(t).Schema("Thing")
	require.NoError(t, err)
	require.Empty(t, s.Check([]byte(`{"name":"a","lines":[{"quantity":7}]}`)))
	bad := s.Check([]byte(`{"name":"a","lines":[{"quantity":7.0}]}`))
	require.Equal(t, []fault.Field{{Name: "/lines/0/quantity", Reason: "is not a whole number of 64 bits, written in digits"}}, bad)
}

// A number that is dear to work with is refused before anything does.
func TestDearNumbersAreNotLookedAt(t *testing.T) {
	s, err := load(t).Schema("Thing")
	require.NoError(t, err)
	for _, n := range []string{"1e999999", "1.5E+999999", "1e-999999", "-1e401", "1e99999999999999999999", strings.Repeat("9", 401)} {
		bad := s.Check([]byte(`{"name":"a","lines":[{"quantity":1},{"quantity":` + n + `}]}`))
		require.Equal(t, []fault.Field{{Name: "/lines/1/quantity", Reason: "is not a number of a size that can be taken"}}, bad, n)
	}
}

func TestCheckResponse(t *testing.T) {
	op, _ := load(t).Operation(http.MethodPut, "/v1/things/{id}")
	require.NoError(t, op.CheckResponse(200, "application/json", []byte(`{"name":"a","lines":[]}`)))
	require.NoError(t, op.CheckResponse(204, "", nil))
	require.Error(t, op.CheckResponse(204, "", []byte("x")), "a body where none is documented")
	require.Error(t, op.CheckResponse(200, "application/json", []byte(`{"name":"a"}`)), "a missing field")
	require.Error(t, op.CheckResponse(200, "text/plain", []byte(`{"name":"a","lines":[]}`)), "another content type")
	require.Error(t, op.CheckResponse(500, "application/problem+json", []byte(`{}`)), "an undocumented status")
}

func TestUnsupportedMedia(t *testing.T) {
	op, _ := load(t).Operation(http.MethodPut, "/v1/things/{id}")
	r := httptest.NewRequest(http.MethodPut, "/", strings.NewReader("x"))
	r.Header.Set("Content-Type", "text/plain")
	r.Header.Set("Idempotency-Key", "12345678")
	require.Equal(t, fault.UnsupportedMedia, fault.KindOf(op.Check(r, map[string]string{"id": "018f0000-0000-7000-8000-000000000000"}, []byte("x"))))
}
