package ops

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/contracts"
	"tienda/internal/caller"
	"tienda/internal/contract"
	"tienda/internal/fault"
	"tienda/internal/httpapi"
	"tienda/internal/sidecar"
)

// shop answers for two apps; a third is away.
type shop map[string]string

func (s shop) Invoke(_ context.Context, c sidecar.Call) error {
	body, ok := s[c.App+" "+c.Path]
	if !ok {
		return fault.New(fault.Unavailable, c.App+"_unavailable", "away")
	}
	return json.Unmarshal([]byte(body), c.Out)
}

func letter(id, app, last string) string {
	return fmt.Sprintf(`{"id":%q,"app":%q,"state":"waiting","event_id":"e","type":"t","source":"s","topic":"orders","pubsub":"p",
		"arrivals":1,"first_at":%q,"last_at":%q,"replays":0}`, id, app, last, last)
}

const (
	a = "0198d2a0-0000-7000-8000-00000000000a"
	b = "0198d2a0-0000-7000-8000-00000000000b"
	c = "0198d2a0-0000-7000-8000-00000000000c"
)

func handler(t *testing.T) http.Handler {
	t.Helper()
	doc, err := contract.Load(contracts.FS, "gateway")
	require.NoError(t, err)
	query := "?state=waiting&limit=2"
	apps := shop{
		"catalog /v1/ops/dead-letters/catalog" + query: `{"items":[` + letter(a, "catalog", "2026-11-25T10:00:00Z") + `,` +
			letter(b, "catalog", "2026-11-25T08:00:00Z") + `],"counts":{"waiting":2,"replayed":1,"discarded":0}}`,
		"orders /v1/ops/dead-letters/orders" + query: `{"items":[` + letter(c, "orders", "2026-11-25T09:00:00Z") +
			`],"counts":{"waiting":1,"replayed":0,"discarded":4}}`,
	}
	route := DeadLetters(apps, func() []string { return []string{"catalog", "orders", "support"} })
	var routes []httpapi.Route
	for _, op := range doc.Operations() { // the rest of the gateway's contract is not of interest here
		if op.Path == route.Path {
			routes = append(routes, route)
			continue
		}
		routes = append(routes, httpapi.Route{Method: op.Method, Path: op.Path, Who: httpapi.Anyone})
	}
	h, err := httpapi.New(httpapi.Options{Contract: doc, Routes: routes, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	return h
}

func get(t *testing.T, target string, who caller.Caller) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, target, nil)
	who.SetHeader(r.Header)
	w := httptest.NewRecorder()
	handler(t).ServeHTTP(w, r)
	return w
}

func TestTheNewestOfAllApps(t *testing.T) {
	w := get(t, overview+"?state=waiting&limit=2", caller.Caller{UserID: a, Roles: []caller.Role{caller.Admin}})
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	var got struct {
		Items []struct{ ID string }
		Apps  json.RawMessage
	}
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &got))
	require.Equal(t, []struct{ ID string }{{a}, {c}}, got.Items, "b is older, and one too many")
	require.JSONEq(t, `[{"app":"catalog","counts":{"waiting":2,"replayed":1,"discarded":0}},
		{"app":"orders","counts":{"waiting":1,"replayed":0,"discarded":4}},{"app":"support"}]`, string(got.Apps))
}

func TestOnlyAdmins(t *testing.T) {
	require.Equal(t, http.StatusUnauthorized, get(t, overview, caller.Caller{}).Code)
	require.Equal(t, http.StatusForbidden, get(t, overview, caller.Caller{UserID: a, Roles: []caller.Role{caller.SupportAgent}}).Code)
	admin := caller.Caller{UserID: a, Roles: []caller.Role{caller.Admin}}
	require.Equal(t, http.StatusBadRequest, get(t, overview+"?state=lost", admin).Code)
	require.Equal(t, http.StatusBadRequest, get(t, overview+"?limit=101", admin).Code)
}
