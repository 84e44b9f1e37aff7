// Package eventtest holds the events that a service makes to their contract:
// the JSON Schema of the type and its golden example.
package eventtest

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"tienda/contracts"
	"tienda/internal/event"
)

// RequireContract holds each event to its schema and, its ID, time and version
// apart, to its example. The events, made just now, have to be of every type
// that the app has a schema for.
func RequireContract(t testing.TB, app string, made ...event.Event) {
	t.Helper()
	missing := map[string]bool{}
	schemas, err := fs.Glob(contracts.FS, "events/tienda."+app+".*.schema.json")
	require.NoError(t, err)
	for _, name := range schemas {
		missing[strings.TrimSuffix(strings.TrimPrefix(name, "events/"), ".schema.json")] = true
	}
	for _, e := range made {
		delete(missing, e.Type)
		RequireSchema(t, e)
		requireExample(t, e)
	}
	require.Empty(t, missing, "types with a schema of which no event was made")
}

// RequireSchema holds the data of an event to the schema of its type.
func RequireSchema(t testing.TB, e event.Event) {
	t.Helper()
	raw, err := fs.ReadFile(contracts.FS, "events/"+e.Type+".schema.json")
	require.NoError(t, err)
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	require.NoError(t, c.AddResource(e.Type, parsed(t, raw)))
	s, err := c.Compile(e.Type)
	require.NoError(t, err)
	data, err := json.Marshal(e.Data)
	require.NoError(t, err)
	require.NoError(t, s.Validate(parsed(t, data)), "%s: %s", e.Type, data)
}

func requireExample(t testing.TB, e event.Event) {
	t.Helper()
	golden, err := fs.ReadFile(contracts.FS, "examples/events/"+e.Type+".json")
	require.NoError(t, err)
	var want event.Received
	require.NoError(t, json.Unmarshal(golden, &want))
	require.NotEmpty(t, e.ID, e.Type)
	require.WithinDuration(t, time.Now(), e.Time, time.Minute, e.Type)
	e.ID, e.Time, e.Version = want.ID, want.Time, want.Version
	got, err := json.Marshal(e)
	require.NoError(t, err)
	require.JSONEq(t, string(golden), string(got), e.Type)
}

func parsed(t testing.TB, raw []byte) any {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	require.NoError(t, err)
	return v
}
