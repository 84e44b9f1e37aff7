package eventtest

import (
	"encoding/json"
	"io/fs"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/contracts"
	"tienda/internal/event"
)

// trial is a test that may fail.
type trial struct {
	testing.TB
	failed bool
}

func (r *trial) Helper()               {}
func (r *trial) Name() string          { return "trial" }
func (r *trial) Errorf(string, ...any) { r.failed = true }
func (r *trial) FailNow()              { r.failed = true; runtime.Goexit() }

func fails(f func(t testing.TB)) bool {
	r, done := &trial{}, make(chan struct{})
	go func() {
		defer close(done)
		f(r)
	}()
	<-done
	return r.failed
}

// examples gives the golden examples of users as if they were made now.
func examples(t *testing.T) []event.Event {
	t.Helper()
	files, err := fs.Glob(contracts.FS, "examples/events/tienda.users.*.json")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	var out []event.Event
	for _, name := range files {
		raw, err := fs.ReadFile(contracts.FS, name)
		require.NoError(t, err)
		var r event.Received
		require.NoError(t, json.Unmarshal(raw, &r))
		var data map[string]any
		require.NoError(t, r.Decode(&data))
		r.ID, r.Time, r.Version, r.Data = "another", time.Now(), 7, data
		out = append(out, r.Event)
	}
	return out
}

func TestRequireContract(t *testing.T) {
	RequireContract(t, "users", examples(t)...)
	tests := map[string]func(e *event.Event){
		"no schema":      func(e *event.Event) { e.Type = "tienda.users.forgotten" },
		"another source": func(e *event.Event) { e.Source = "orders" },
		"no subject":     func(e *event.Event) { e.Subject = "" },
		"no ID":          func(e *event.Event) { e.ID = "" },
		"old":            func(e *event.Event) { e.Time = e.Time.Add(-time.Hour) },
		"unknown member": func(e *event.Event) { e.Data.(map[string]any)["email"] = "ana@example.com" },
		"other value": func(e *event.Event) {
			e.Data.(map[string]any)["user_id"] = "0198d2a4-7b1c-7f00-8a00-000000000000"
		},
		"no data": func(e *event.Event) { e.Data = nil },
		"no JSON": func(e *event.Event) { e.Data = func() {} },
	}
	for name, spoil := range tests {
		t.Run(name, func(t *testing.T) {
			// One event more: all types are there, so only the spoilt one can fail.
			made := append(examples(t), examples(t)[0])
			spoil(&made[len(made)-1])
			require.True(t, fails(func(t testing.TB) { RequireContract(t, "users", made...) }))
		})
	}
	require.True(t, fails(func(t2 testing.TB) { RequireContract(t2, "users", examples(t)[1:]...) }), "a type is missing")
}

func TestRequireSchema(t *testing.T) {
	e := examples(t)[0]
	data := e.Data.(map[string]any)
	data["user_id"] = "0198d2a4-7b1c-7f00-8a00-000000000000"
	RequireSchema(t, e)
	data["user_id"] = "7"
	require.True(t, fails(func(t testing.TB) { RequireSchema(t, e) }), "not in the stated format")
}
