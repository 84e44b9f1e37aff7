package api_test

import (
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
	"tienda/internal/contract/contracttest"
	"tienda/internal/state"
	"tienda/internal/state/statetest"
	"tienda/services/migration/internal/api"
	"tienda/services/migration/internal/events"
	"tienda/services/migration/internal/progress/progresstest"
	"tienda/services/migration/internal/routing"
	"tienda/services/migration/internal/statestore"
)

const replica = "0198b4a2-7d7b-7c6e-9f57-0d6f1f3b8a11"

func desk() *routing.Desk {
	return routing.New(statestore.NewRouting(state.Open(statetest.NewMemory(), nil, slog.New(slog.DiscardHandler))), time.Now)
}

var gateway = caller.Caller{App: "gateway"}

type object = map[string]any

func tryRouting(t *testing.T, s *contracttest.Server) {
	t.Helper()
	shadow := object{"route": "GET /v1/products", "service": "catalog", "same": 3, "different": 1, "failed": 0, "dropped": 2,
		"differences": []object{{"at": "2026-01-02T03:04:05Z", "monolith_status": 200, "shop_status": 200, "pointers": []string{"/items/0/name"}}}}
	var plan routing.Plan
	a := s.Do(t, contracttest.Request{Method: "POST", Path: "/internal/v1/routing", As: gateway, Body: object{"replica": replica, "applied": 1, "shadow": []object{shadow}}})
	require.Equal(t, http.StatusOK, a.Status, "%s", a.Body)
	a.JSON(t, &plan)
	require.Equal(t, routing.Initial(), plan)

	var is routing.State
	a = call(t, s, "GET", "/v1/migration/routing")
	a.JSON(t, &is)
	require.Equal(t, `"1"`, a.Header.Get("ETag"))
	require.Len(t, is.Replicas, 1)
	require.True(t, is.AppliedByAll(1))

	put := func(version string, service string, body any) contracttest.Answer {
		return s.Do(t, contracttest.Request{Method: "PUT", Path: "/v1/migration/routing/" + service, Header: http.Header{"If-Match": {version}}, Body: body})
	}
	fenced := object{"to": "monolith", "fenced": true, "shadow": 0.05}
	a = put(`"1"`, "catalog", fenced)
	require.Equal(t, http.StatusOK, a.Status, "%s", a.Body)
	require.Equal(t, `"2"`, a.Header.Get("ETag"))
	a.JSON(t, &is)
	require.Equal(t, routing.Service{To: routing.Monolith, Fenced: true, Shadow: 0.05}, is.Services["catalog"])
	require.False(t, is.AppliedByAll(2))
	require.Equal(t, http.StatusPreconditionFailed, put(`"1"`, "catalog", object{"to": "shop", "fenced": false, "shadow": 0}).Status)
	require.Equal(t, http.StatusNotFound, put(`"2"`, "warehouse", fenced).Status)
	for _, bad := range []object{{"to": "moon", "fenced": true, "shadow": 0}, {"to": "shop", "fenced": true, "shadow": 1.5}, {"to": "shop"}} {
		require.Equal(t, http.StatusBadRequest, put("*", "catalog", bad).Status, "%v", bad)
	}

	a = call(t, s, "GET", "/v1/migration/routing/differences")
	require.Contains(t, string(a.Body), "/items/0/name")
	require.Equal(t, http.StatusNoContent, call(t, s, "DELETE", "/v1/migration/routing/differences").Status)
	require.Contains(t, string(call(t, s, "GET", "/v1/migration/routing/differences").Body), `"routes":[]`)

	path := "/v1/migration/routing/replicas/" + replica
	require.Equal(t, http.StatusNoContent, call(t, s, "DELETE", path).Status)
	require.Equal(t, http.StatusNotFound, call(t, s, "DELETE", path).Status)
}

// How requests are sent is told to the gateway alone, and set by nobody but whoever
// runs the app.
func TestWhoIsTold(t *testing.T) {
	s := contracttest.New(t, api.App, api.Routes(progresstest.Midway(now), desk(), events.Nobody{}))
	poll := contracttest.Request{Method: "POST", Path: "/internal/v1/routing", Body: object{"replica": replica, "applied": 0}}
	for _, as := range []caller.Caller{{}, {App: "orders"}, {App: api.App}} {
		poll.As = as
		require.Equal(t, http.StatusForbidden, s.Do(t, poll).Status, "%+v", as)
	}
	poll.As, poll.NoToken = gateway, true
	require.Equal(t, http.StatusForbidden, s.Do(t, poll).Status)
	poll.NoToken = false
	require.Equal(t, http.StatusOK, s.Do(t, poll).Status)
	set := contracttest.Request{Method: "PUT", Path: "/v1/migration/routing/catalog", As: gateway, Body: object{"to": "shop", "fenced": false, "shadow": 0}}
	require.Equal(t, http.StatusForbidden, s.Do(t, set).Status, "the gateway does not set it")
	for name, body := range map[string]any{
		"no ID": object{"replica": "a", "applied": 0}, "a negative version": object{"replica": replica, "applied": -1}, "nothing": object{},
	} {
		poll.Body = body
		require.Equal(t, http.StatusBadRequest, s.Do(t, poll).Status, name)
	}
}
