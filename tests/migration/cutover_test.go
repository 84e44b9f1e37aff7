package migration

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/monolith/generator"
	"tienda/monolith/local/localtest"
	legacy "tienda/monolith/shop"
	"tienda/monolith/traffic"
	"tienda/tests/shop"
)

// legacyRoutes are the addresses of the sample monolith that the shop does not have.
const legacyRoutes = `
  - {path: '/legacy/customers', methods: [POST], app: users, legacy: true, access: public}
  - {path: '/legacy/customers/{id}/address', methods: [PUT], app: users, legacy: true, access: public}
  - {path: '/legacy/orders', methods: [POST], app: orders, legacy: true, access: public}
  - {path: '/legacy/orders/{number}/ship', methods: [POST], app: orders, legacy: true, access: public}
  - {path: '/legacy/orders/{number}/deliver', methods: [POST], app: orders, legacy: true, access: public}
  - {path: '/legacy/orders/{number}/cancel', methods: [POST], app: orders, legacy: true, access: public}
  - {path: '/legacy/prices/{sku}', methods: [PUT], app: catalog, legacy: true, access: public}
  - {path: '/legacy/products/{slug}', methods: [DELETE], app: catalog, legacy: true, access: public}
  - {path: '/legacy/tickets', methods: [POST], app: support, legacy: true, access: public}
  - {path: '/legacy/tickets/{id}/messages', methods: [POST], app: support, legacy: true, access: public}
  - {path: '/legacy/returns', methods: [POST], app: support, legacy: true, access: public}
`

// tellBehind is tell with the monolith behind the shop's gateway, and a role by which it
// is written back to.
func tellBehind(t *testing.T, o generator.Options, env ...string) *story {
	t.Helper()
	return tellBehindOn(t, o, nil, env...)
}

// tellBehindOn is tellBehind with something else than usual about the shop.
func tellBehindOn(t *testing.T, o generator.Options, unusual func(*shop.Options), env ...string) *story {
	t.Helper()
	s := &story{t: t, source: localtest.Open(t), size: o.Size, ledger: traffic.NewLedger(run)}
	s.owner = localtest.Pool(t, s.source.OwnerDSN)
	report, err := generator.Fill(t.Context(), localtest.Connect(t, s.source.OwnerDSN), o)
	require.NoError(t, err)
	s.report = report
	s.legacy = httptest.NewServer(legacy.New(legacy.Options{DB: s.owner, Log: slog.New(slog.DiscardHandler)}))
	t.Cleanup(s.legacy.Close)
	root, err := shop.Root()
	require.NoError(t, err)
	table, err := os.ReadFile(filepath.Join(root, "services", "gateway", "routes.yaml"))
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "routes.yaml")
	require.NoError(t, os.WriteFile(file, append(table, legacyRoutes...), 0o600))
	s.shop, s.token = openOn(t, "monolith", map[string]string{"monolith-dsn": s.source.MigrationDSN, "monolith-write-dsn": s.source.ReverseDSN}, unusual,
		append([]string{"TIENDA_REVERSE=1", "GATEWAY_MIGRATION=1", "GATEWAY_LEGACY=" + s.legacy.URL, "GATEWAY_ROUTES=" + file}, env...)...)
	return s
}

// cut is how far the cut-over of a service is.
type cut struct {
	Service string  `json:"service"`
	Stage   string  `json:"stage"`
	Reason  string  `json:"reason"`
	Pause   float64 `json:"pause_seconds"`
	Tries   int     `json:"tries"`
}

func (s *story) cutover(service string) (found cut, ok bool) {
	var out struct {
		Services []cut `json:"services"`
	}
	if _, ok := s.ask(http.MethodGet, "/v1/migration/cutover", &out); !ok {
		return cut{}, false
	}
	for _, c := range out.Services {
		if c.Service == service {
			return c, true
		}
	}
	return cut{}, false
}

// does asks for a step of a cut-over, and gives the problem's code where it is refused.
func (s *story) does(service, what string) (status int, body string) {
	s.t.Helper()
	in, err := json.Marshal(map[string]string{"do": what})
	require.NoError(s.t, err)
	s.until("an answer to "+what, 30*time.Second, func() bool {
		require.NoError(s.t, s.shop.Reload())
		at := fmt.Sprintf("http://127.0.0.1:%d/v1/migration/cutover/%s", s.shop.Of("migration")[0].Port, service)
		req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, at, bytes.NewReader(in))
		require.NoError(s.t, err)
		req.Header.Set("dapr-api-token", s.token)
		req.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return false
		}
		defer func() { _ = resp.Body.Close() }()
		b, err := io.ReadAll(resp.Body)
		status, body = resp.StatusCode, string(b)
		return err == nil && status < 500
	})
	return status, body
}

// changes has a service change hands, and tries again where it was given up.
func (s *story) changes(service, what, stage string) cut {
	s.t.Helper()
	var now cut
	for range 5 {
		status, body := s.does(service, what)
		require.Equal(s.t, http.StatusAccepted, status, body)
		s.until(service+" at an end", 2*time.Minute, func() bool {
			s.forgets()
			c, ok := s.cutover(service)
			now = c
			return ok && (c.Stage == "monolith" || c.Stage == "shop" || c.Stage == "finished")
		})
		if now.Stage == stage {
			s.t.Logf("%s %s: writes were held for %.3f s, try %d", service, what, now.Pause, now.Tries)
			return now
		}
		s.t.Logf("%s %s: %s", service, what, now.Reason)
	}
	s.t.Fatalf("%s %s: %+v", service, what, now)
	return now
}

// manager signs somebody in who may write the catalog, past the gateway: until users is
// cut over, that sends whoever signs in to the monolith.
func (s *story) manager() string {
	s.t.Helper()
	var id int64
	var email string
	require.NoError(s.t, s.owner.QueryRow(s.t.Context(), "SELECT id, email FROM staff WHERE role = 'catalogue' AND active ORDER BY id LIMIT 1").Scan(&id, &email))
	in, err := json.Marshal(map[string]string{"grant_type": "password", "email": email, "password": generator.Password(id)})
	require.NoError(s.t, err)
	require.NoError(s.t, s.shop.Reload())
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, fmt.Sprintf("http://127.0.0.1:%d/v1/auth/token", s.shop.Of("users")[0].Port), bytes.NewReader(in))
	require.NoError(s.t, err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("dapr-api-token", s.token)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(s.t, err)
	defer func() { _ = resp.Body.Close() }()
	var out struct {
		AccessToken string `json:"access_token"`
	}
	b, err := io.ReadAll(resp.Body)
	require.NoError(s.t, err)
	require.Equal(s.t, http.StatusOK, resp.StatusCode, "%s", b)
	require.NoError(s.t, json.Unmarshal(b, &out))
	return out.AccessToken
}

// The catalog is cut over while both shops sell, rolled back, cut over again and finished:
// nothing that was acknowledged is lost or there twice, on either side.
func TestTheCatalogChangesHands(t *testing.T) {
	localtest.Needs(t)
	s := tellBehind(t, generator.Options{Size: 30, Seed: 5})
	status, body := s.does("catalog", "begin")
	require.Equal(t, http.StatusConflict, status)
	require.Contains(t, body, "not_following")
	s.start()
	s.becomes("following")
	status, body = s.does("orders", "begin")
	require.Equal(t, http.StatusConflict, status)
	require.Contains(t, body, "cutover_order")

	s.sellAt(s.shop.Gateway, 8)
	m := s.merchant()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var trading sync.WaitGroup
	trading.Go(func() { m.trade(ctx) })

	s.changes("catalog", "begin", "shop")
	s.until("something made in the shop", 30*time.Second, func() bool {
		m.mu.Lock()
		defer m.mu.Unlock()
		return len(m.prices) == 7
	})
	time.Sleep(time.Second) // some prices
	s.changes("catalog", "rollback", "monolith")
	m.inTheMonolith()
	time.Sleep(500 * time.Millisecond)
	s.changes("catalog", "begin", "shop")
	m.inTheShop()
	time.Sleep(time.Second)
	stop()
	trading.Wait()
	s.quiet()
	s.bothHave(m)
	s.equal()
	status, body = s.does("catalog", "finish")
	require.Equal(t, http.StatusAccepted, status, body)
	status, body = s.does("catalog", "rollback")
	require.Equal(t, http.StatusConflict, status)
	require.Contains(t, body, "cutover_stage")
}

// Whenever the migration dies while the catalog changes hands, it is in somebody's hands
// afterwards, and nothing that was acknowledged is lost or there twice.
func TestTheMigrationDiesWhileTheCatalogChangesHands(t *testing.T) {
	localtest.Needs(t)
	s := tellBehind(t, generator.Options{Size: 30, Seed: 9})
	s.start()
	s.becomes("following")
	s.sellAt(s.shop.Gateway, 8)
	m := s.merchant()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var trading sync.WaitGroup
	trading.Go(func() { m.trade(ctx) })
	for _, step := range []struct{ what, from, stage, to string }{
		{"begin", "monolith", "preparing", "shop"},
		{"begin", "monolith", "fenced", "shop"},
		{"begin", "monolith", "checked", "shop"},
		{"begin", "monolith", "flipping", "shop"},
		{"rollback", "shop", "returning", "monolith"},
		{"rollback", "shop", "unflipping", "monolith"},
	} {
		if now := s.settles("catalog"); now.Stage != step.from {
			back := map[string]string{"shop": "begin", "monolith": "rollback"}[step.from]
			s.changes("catalog", back, step.from)
		}
		status, body := s.does("catalog", step.what)
		require.Equal(t, http.StatusAccepted, status, body)
		seen := s.killAt("catalog", step.stage, step.to)
		t.Logf("killed at %s, to be %s: then %+v", seen, step.stage, s.settles("catalog"))
	}
	if now := s.settles("catalog"); now.Stage == "monolith" {
		s.changes("catalog", "begin", "shop")
	}
	time.Sleep(time.Second)
	stop()
	trading.Wait()
	s.quiet()
	s.changes("catalog", "rollback", "monolith")
	m.inTheMonolith()
	m.inTheShop()
	differences, err := traffic.Check(t.Context(), s.owner, s.entries())
	require.NoError(t, err)
	require.Empty(t, differences)
	s.drained()
	s.equal()

	s.changes("catalog", "begin", "shop")
	status, body := s.does("catalog", "finish")
	require.Equal(t, http.StatusAccepted, status, body)
	require.Equal(t, "finished", s.killAt("catalog", "finished", "finished"))
	status, body = s.does("catalog", "rollback")
	require.Equal(t, http.StatusConflict, status, "there is no way back, nor for the one that was started anew")
	require.Contains(t, body, "cutover_stage")
	c, ok := s.cutover("catalog")
	require.True(t, ok)
	require.Equal(t, "finished", c.Stage)
	m.inTheShop()
}

// bothHave makes sure that what the merchant and the customers were told is in both shops, when
// nobody writes any more and the catalog is in the shop.
func (s *story) bothHave(m *merchant) {
	s.t.Helper()
	m.inTheShop()
	// An event whose delivery was cut off, as by a sidecar that took its app for dead, comes again
	// after the 20 s that the broker waits for an answer.
	s.until("what was written last in the monolith", time.Minute, m.written)
	m.inTheMonolith()
	differences, err := traffic.Check(s.t.Context(), s.owner, s.entries())
	require.NoError(s.t, err)
	require.Empty(s.t, differences, "the monolith, where others' writes still go")
}

// settles waits until a service is in somebody's hands.
func (s *story) settles(service string) (now cut) {
	s.t.Helper()
	s.until(service+" in somebody's hands", time.Minute, func() bool {
		s.forgets()
		c, ok := s.cutover(service)
		now = c
		return ok && (c.Stage == "monolith" || c.Stage == "shop")
	})
	return now
}

// forgets has gateways forgotten that have died, as a person does who sees them silent.
func (s *story) forgets() {
	s.t.Helper()
	var now routed
	if code, ok := s.ask(http.MethodGet, "/v1/migration/routing", &now); !ok || code != http.StatusOK {
		return
	}
	for _, r := range now.Replicas {
		if r.Silent {
			s.ask(http.MethodDelete, "/v1/migration/routing/replicas/"+r.ID, nil)
		}
	}
}

// killAt kills the migration as soon as a stage is seen, or the end is, and gives what was seen.
func (s *story) killAt(service, stage, end string) (seen string) {
	s.t.Helper()
	for limit := time.Now().Add(time.Minute); ; {
		c, ok := s.cutover(service)
		if seen = c.Stage; ok && (seen == stage || seen == end) || time.Now().After(limit) {
			s.kill("migration", false)
			return seen
		}
	}
}

func (s *story) merchant() *merchant {
	s.t.Helper()
	var category string
	require.NoError(s.t, s.owner.QueryRow(s.t.Context(), "SELECT slug FROM categories ORDER BY id LIMIT 1").Scan(&category))
	return &merchant{story: s, token: s.manager(), category: category, prices: map[string]int64{}, maybe: map[string]map[int64]bool{}}
}

// All services are cut over, one after the other, while customers go on buying at whatever
// is still the monolith's, and what is written in the shop gets to the monolith.
func TestAllServicesChangeHands(t *testing.T) {
	localtest.Needs(t)
	s := tellBehind(t, generator.Options{Size: 30, Seed: 6})
	s.start()
	s.becomes("following")
	s.sellAt(s.shop.Gateway, 20)
	time.Sleep(3 * time.Second) // some orders
	for _, service := range []string{"catalog", "users", "orders", "support"} {
		s.changes(service, "begin", "shop")
	}
	s.quiet()
	differences, err := traffic.Check(t.Context(), s.owner, s.entries())
	require.NoError(t, err)
	require.Empty(t, differences, "what the monolith has acknowledged while it could")
	s.hasAllThatWasAcknowledged()

	var email string
	require.NoError(t, s.owner.QueryRow(t.Context(), "SELECT email FROM customers WHERE id = 1").Scan(&email))
	token := s.signIn(email, generator.Password(1))
	require.NotEmpty(t, token)
	require.Equal(t, http.StatusOK, s.public(http.MethodPut, "/v1/me/preferences", token, map[string]any{"currency": "EUR", "language": "ca", "marketing_mail": true}, nil))
	s.inMonolith("SELECT count(*) FROM customer_preferences WHERE customer_id = 1 AND lang = 'ca'", 1)

	s.changes("support", "rollback", "monolith")
	s.changes("support", "begin", "shop")
	require.Equal(t, http.StatusCreated, s.public(http.MethodPost, "/v1/tickets", token, map[string]any{"subject": "Escrito en la tienda nueva", "message": "Hola"}, nil))
	s.inMonolith("SELECT count(*) FROM tickets WHERE customer_id = 1 AND subject = 'Escrito en la tienda nueva'", 1)
	s.changes("support", "rollback", "monolith")
	s.changes("support", "begin", "shop")
	s.inMonolith("SELECT count(*) FROM tickets WHERE customer_id = 1 AND subject = 'Escrito en la tienda nueva'", 1)
	for _, service := range []string{"catalog", "users", "orders", "support"} {
		status, body := s.does(service, "finish")
		require.Equal(t, http.StatusAccepted, status, body)
	}
	require.Equal(t, http.StatusOK, s.public(http.MethodPut, "/v1/me/preferences", token, map[string]any{"currency": "EUR", "language": "en", "marketing_mail": true}, nil))
	time.Sleep(time.Second) // it would have been written by then
	s.inMonolith("SELECT count(*) FROM customer_preferences WHERE customer_id = 1 AND lang = 'ca'", 1)
}

// inMonolith waits for what was written back.
func (s *story) inMonolith(sql string, want int) {
	s.t.Helper()
	s.until(sql, 20*time.Second, func() bool {
		var n int
		require.NoError(s.t, s.owner.QueryRow(s.t.Context(), sql).Scan(&n))
		return n == want
	})
}
