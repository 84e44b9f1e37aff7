package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/contracts"
	"tienda/internal/contract"
	"tienda/internal/contract/contracttest"
	"tienda/services/gateway/internal/strangler"
)

// move plays the app migration, the apps, and the monolith that is moved in.
type move struct {
	*shop
	mu      sync.Mutex
	plan    strangler.Plan
	reports []strangler.Report
	old     []*http.Request // that the monolith got
}

// moving starts a gateway that a monolith is moved in behind. Each side says its name.
func moving(t *testing.T, routes []byte, env map[string]string) *move {
	t.Helper()
	m := &move{plan: strangler.Plan{Version: 1, Services: map[string]strangler.Service{"catalog": {To: strangler.Monolith}, "orders": {To: strangler.Monolith}}}}
	monolith := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.mu.Lock()
		m.old = append(m.old, r)
		m.mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"items":[],"of":"monolith"}`)
	}))
	t.Cleanup(monolith.Close)
	file := t.TempDir() + "/routes.yaml"
	writeFile(t, file, routes)
	with := map[string]string{"GATEWAY_MIGRATION": "1", "GATEWAY_LEGACY": monolith.URL + "/old", "GATEWAY_ROUTES": file}
	for name, value := range env {
		with[name] = value
	}
	m.shop = start(t, m.apps(t), with)
	return m
}

func (m *move) apps(t *testing.T) http.HandlerFunc {
	c, err := contract.Load(contracts.FS, "migration")
	require.NoError(t, err)
	op := contracttest.Find(c, http.MethodPost, "/internal/v1/routing")
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.Header.Get("Dapr-App-Id") != "migration" {
			if r.URL.Path == "/v1/orders/0198b4a2-7d7b-7c6e-9f57-0d6f1f3b8a11" {
				w.WriteHeader(http.StatusNotFound)
			}
			_, _ = io.WriteString(w, `{"items":[],"of":"shop"}`)
			return
		}
		var report strangler.Report
		body, err := io.ReadAll(r.Body)
		err = errors.Join(err, op.Check(r, nil, body), json.Unmarshal(body, &report))
		if err != nil || r.Method+r.URL.Path != op.Method+op.Path {
			t.Errorf("%s: %v", body, err)
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		m.reports = append(m.reports, report)
		if err := json.NewEncoder(w).Encode(m.plan); err != nil {
			t.Error(err)
		}
	}
}

// set changes the plan of the catalog, and waits until that is applied.
func (m *move) set(t *testing.T, s strangler.Service) {
	t.Helper()
	m.mu.Lock()
	m.plan = strangler.Plan{Version: m.plan.Version + 1, Services: map[string]strangler.Service{"catalog": s, "orders": s}}
	version := m.plan.Version
	m.mu.Unlock()
	require.Eventually(t, func() bool {
		m.mu.Lock()
		defer m.mu.Unlock()
		return m.reports[len(m.reports)-1].Applied == version
	}, 5*time.Second, 5*time.Millisecond)
}

func (m *move) requests() []*http.Request {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.old
}

// asked makes a call without the contract, which the answers of these sides are not in.
func (m *move) asked(method, path string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	m.handler.ServeHTTP(w, r)
	return w
}

func of(w *httptest.ResponseRecorder) string {
	var body struct{ Of string }
	_ = json.Unmarshal(w.Body.Bytes(), &body) // "": it says nothing
	return body.Of
}

func TestServicesMoveBehindTheDoor(t *testing.T) {
	legacy := bytes.Replace(defaultRoutes, []byte("\nroutes:\n"), []byte("\nroutes:\n  - {path: '/legacy/orders/{number}/ship', methods: [POST], app: orders, access: public, legacy: true, with: [catalog]}\n"), 1)
	m := moving(t, legacy, nil)
	manager := m.token(t, "catalog_manager")
	guest := func() string { return of(m.asked("GET", "/v1/categories")) }
	require.Equal(t, "monolith", guest())
	require.Equal(t, "monolith", of(m.asked("DELETE", "/v1/products/x", "Authorization", manager, "Dapr-Api-Token", "x", "Cookie", "a=b")))
	last := m.requests()[len(m.requests())-1]
	require.Equal(t, "/old/v1/products/x", last.URL.Path)
	for _, name := range []string{"Authorization", "Cookie", "Tienda-User", "Tienda-Roles", "Dapr-App-Id", "Dapr-Api-Token"} {
		require.Empty(t, last.Header.Get(name))
	}
	require.Equal(t, "shop", of(m.asked("GET", "/v1/ops/dead-letters/catalog", "Authorization", m.token(t, "admin"))), "which the monolith never had")
	require.Equal(t, "shop", of(m.asked("GET", "/v1/me", "Authorization", manager)), "of a service that the plan does not name")
	require.Equal(t, http.StatusForbidden, m.asked("DELETE", "/v1/products/x", "Authorization", m.token(t, "customer")).Code, "who may call is the same")
	require.Equal(t, "monolith", of(m.asked("POST", "/legacy/orders/7/ship")))

	// An answer is kept a second, but not over a switch.
	m.set(t, strangler.Service{To: strangler.Shop})
	require.Equal(t, "shop", guest())
	m.set(t, strangler.Service{To: strangler.Monolith})
	require.Equal(t, "monolith", guest())
	m.set(t, strangler.Service{To: strangler.Shop})
	require.Equal(t, "shop", guest())
	w := m.asked("POST", "/legacy/orders/7/ship")
	require.Equal(t, http.StatusGone, w.Code)
	require.Contains(t, w.Body.String(), `"moved"`)

	// A fenced write waits, and is told to try again; do holds it to the contract.
	m.set(t, strangler.Service{To: strangler.Shop, Fenced: true})
	before := len(m.requests())
	began := time.Now()
	w = m.do(t, "DELETE", "/v1/products/x", "", "Authorization", manager)
	require.GreaterOrEqual(t, time.Since(began), strangler.LongestHold)
	require.Equal(t, http.StatusServiceUnavailable, w.Code)
	require.Contains(t, w.Body.String(), `"moving"`)
	require.NotEmpty(t, w.Header().Get("Retry-After"))
	require.Equal(t, "shop", guest())
	require.Len(t, m.requests(), before)
}

// Shadow reads reach the shop with the user's own words, and their outcome the migration.
func TestShadowReadsBehindTheDoor(t *testing.T) {
	m := moving(t, defaultRoutes, map[string]string{"GATEWAY_LEGACY_IDENTITY": "1"})
	m.set(t, strangler.Service{To: strangler.Monolith, Shadow: 1})
	require.Equal(t, "monolith", of(m.asked("GET", "/v1/orders", "Authorization", m.token(t, "customer"))))
	require.Equal(t, "customer", m.requests()[0].Header.Get("Tienda-Roles"), "the monolith is told who asks where the operator says so")
	require.Equal(t, "monolith", of(m.asked("GET", "/v1/orders/0198b4a2-7d7b-7c6e-9f57-0d6f1f3b8a11")))
	found := map[string]string{}
	require.Eventually(t, func() bool {
		m.mu.Lock()
		defer m.mu.Unlock()
		for _, r := range m.reports {
			for _, c := range r.Shadow {
				found[c.Route] = fmt.Sprint(c.Differ, c.Differences[0].Shop, c.Differences[0].Pointers)
			}
		}
		return len(found) == 2
	}, 5*time.Second, 5*time.Millisecond)
	require.Equal(t, map[string]string{"GET /v1/orders": "1 200 [/of]", "GET /v1/orders/{id}": "1 404 []"}, found)
}

// Without GATEWAY_MIGRATION nobody is asked, wherever the monolith is.
func TestNoMonolithIsMovedIn(t *testing.T) {
	s := start(t, func(w http.ResponseWriter, r *http.Request) {
		require.NotEqual(t, "migration", r.Header.Get("Dapr-App-Id"))
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"items":[]}`)
	}, map[string]string{"GATEWAY_LEGACY": "http://127.0.0.1:1"})
	require.Equal(t, http.StatusOK, s.do(t, "GET", "/v1/categories", "").Code)
	for _, r := range s.table.Table().Routes() {
		require.Nil(t, r.Monolith)
	}
}

// What the monolith never had stays; the rest has a twin there, whose answers are not shared.
func TestTheTableOfAMove(t *testing.T) {
	m := moving(t, defaultRoutes, nil)
	for _, r := range m.table.Table().Routes() {
		ours := r.App == "gateway" || strings.HasPrefix(r.Path, "/v1/ops/") || strings.HasPrefix(r.Path, "/.well-known/")
		require.Equal(t, ours, r.Monolith == nil, r.Path)
		if !ours {
			require.Zero(t, r.Monolith.Cache)
			require.Equal(t, "legacy", r.Monolith.Upstream.Name)
		}
	}
}
