package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"
)

const (
	dir    = "../openapi"
	routes = "../../services/gateway/routes.yaml"
)

func TestThePublicContractIsUpToDate(t *testing.T) {
	want, err := generate(dir, routes)
	require.NoError(t, err)
	got, err := os.ReadFile(dir + "/public.yaml")
	require.NoError(t, err)
	require.Equal(t, string(want), string(got), "run: go run ./contracts/gen")
}

func TestTheAccessControlListsAreUpToDate(t *testing.T) {
	want, err := access(dir, routes)
	require.NoError(t, err)
	require.Len(t, want, 6)
	for app, list := range want {
		got, err := os.ReadFile(filepath.Join("../../k8s", accessFile(app)))
		require.NoError(t, err)
		require.Equal(t, string(list), string(got), "run: go run ./contracts/gen")
	}
}

func TestOperations(t *testing.T) {
	got := operations(map[string][]string{
		"/users/{id}/contact":   {"GET"},
		"/users/{user}":         {"PUT", "GET"},
		"/users/{a}/sessions":   {"GET"},
		"/users/totals":         {"GET"},
		"/carts":                {"GET"},
		"/carts/{id}":           {"PUT"},
		"/carts/{id}/items/{n}": {"PUT", "DELETE"},
	})
	require.Equal(t, []operation{
		{"/carts", []string{"DELETE", "GET", "PUT"}}, // stands for all beneath it
		{"/users/totals", []string{"GET"}},
		{"/users/*", []string{"GET", "PUT"}}, // before "***", or that would take its place
		{"/users/***/contact", []string{"GET"}},
		{"/users/***/sessions", []string{"GET"}},
	}, got)
}

func TestEveryContractIsValidOpenAPI(t *testing.T) {
	files, err := filepath.Glob(dir + "/*.yaml")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(files), 6)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			doc, err := openapi3.NewLoader().LoadFromFile(file)
			require.NoError(t, err)
			require.True(t, doc.IsOpenAPI31OrLater())
			require.NoError(t, doc.Validate(t.Context(), openapi3.DisableExamplesValidation()))
			require.Equal(t, "3.1.0", doc.OpenAPI)
		})
	}
}

func TestThePublicContractHoldsNothingElse(t *testing.T) {
	doc, err := openapi3.NewLoader().LoadFromFile(dir + "/public.yaml")
	require.NoError(t, err)
	for path, item := range doc.Paths.Map() {
		require.False(t, strings.HasPrefix(path, "/internal") || strings.HasPrefix(path, "/events"), path)
		for method, op := range item.Operations() {
			if op.Tags[0] == "gateway" || op.Tags[0] == "health" {
				continue
			}
			require.NotNil(t, op.Extensions["x-access"], "%s %s", method, path)
			require.NotNil(t, op.Security, "%s %s", method, path)
			for _, status := range []string{"401", "429", "503", "504"} {
				require.NotNil(t, op.Responses.Value(status), "%s %s %s", method, path, status)
			}
		}
	}
}

func TestComponentsAreMergedByWhatTheyMean(t *testing.T) {
	tmp := t.TempDir()
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(tmp, name), []byte(text), 0o600))
	}
	contract := func(path, schemas string) string {
		return `{openapi: 3.1.0, info: {title: x, version: '1'}, paths: {` + path + `: {get: {operationId: get_` + path[1:] + `,
  responses: {'200': {description: d, content: {application/json: {schema: {$ref: '#/components/schemas/Thing'}}}}}}}},
  components: {schemas: ` + schemas + `, responses: {Forbidden: {description: n}, TooMany: {description: m}, SignIn: {description: s}, Failed: {description: f}, Unavailable: {description: u}, BadRequest: {description: b}, TimedOut: {description: t}}}}`
	}
	write("gateway.yaml", contract("/own", `{Thing: {type: boolean}}`))
	write("a.yaml", contract("/a", `{Thing: {type: object, required: [x, y], properties: {x: {$ref: '#/components/schemas/Part'}}}, Part: {type: string}, Unused: {type: string}}`))
	// The same thing, said in another way.
	write("b.yaml", contract("/b", `{Thing: {description: other words, properties: {x: {type: string}}, type: object, required: [y, x]}}`))
	write("c.yaml", contract("/c", `{Thing: {type: object, required: [x], properties: {x: {$ref: '#/components/schemas/Part'}}}, Part: {type: integer}}`))
	write("routes.yaml", `routes:
  - {path: /a, methods: [GET], app: a, access: public}
  - {path: /b, methods: [GET], app: b, access: user}
  - {path: /c, methods: [GET], app: c, access: [admin]}`)
	raw, err := generate(tmp, filepath.Join(tmp, "routes.yaml"))
	require.NoError(t, err)
	doc, err := openapi3.NewLoader().LoadFromData(raw)
	require.NoError(t, err)
	names := map[string]string{}
	for path, item := range doc.Paths.Map() {
		names[path] = strings.TrimPrefix(item.Get.Responses.Value("200").Value.Content["application/json"].Schema.Ref, "#/components/schemas/")
	}
	require.Equal(t, map[string]string{"/own": "Thing", "/a": "AThing", "/b": "AThing", "/c": "CThing"}, names)
	require.NotContains(t, doc.Components.Schemas, "Unused")
	require.Equal(t, "#/components/schemas/CPart", doc.Components.Schemas["CThing"].Value.Properties["x"].Ref)

	write("routes.yaml", `routes: [{path: /gone, methods: [GET], app: a, access: public}]`)
	_, err = generate(tmp, filepath.Join(tmp, "routes.yaml"))
	require.ErrorContains(t, err, "a GET /gone is in no contract")
}
