package migration

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tienda/demo"
	"tienda/internal/caller"
	"tienda/monolith/generator"
	"tienda/monolith/local/localtest"
	legacy "tienda/monolith/shop"
	"tienda/tests/shop"
)

// strangled is a shop behind whose door the sample monolith's shop still is.
type strangled struct {
	*story
	manager  string
	category string // of the shop's

	mu    sync.Mutex
	pause time.Duration // the longest that a write took
}

// written is a way to make products that the sample lacks: it notes their slugs, in a table
// that is not moved.
func written(db *pgxpool.Pool, rest http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.URL.Path != "/v1/products" {
			rest.ServeHTTP(w, r)
			return
		}
		var in struct{ Slug string }
		err := json.NewDecoder(r.Body).Decode(&in)
		if err == nil {
			_, err = db.Exec(r.Context(), "INSERT INTO audit_log (action, actor) VALUES ('made', $1)", in.Slug)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		_, _ = fmt.Fprintf(w, `{"slug":%q}`, in.Slug)
	})
}

// strangle starts a monolith's shop, and the whole shop with its demo data before it.
func strangle(t *testing.T) *strangled {
	t.Helper()
	s := &strangled{story: &story{t: t, source: localtest.Open(t), size: 30}}
	_, err := generator.Fill(t.Context(), localtest.Connect(t, s.source.OwnerDSN), generator.Options{Size: s.size, Seed: 1})
	require.NoError(t, err)
	s.owner = localtest.Pool(t, s.source.OwnerDSN)
	s.legacy = httptest.NewServer(written(s.owner, legacy.New(legacy.Options{DB: s.owner, Log: slog.New(slog.DiscardHandler)})))
	t.Cleanup(s.legacy.Close)

	root, err := shop.Root()
	require.NoError(t, err)
	table, err := os.ReadFile(filepath.Join(root, "services", "gateway", "routes.yaml"))
	require.NoError(t, err)
	table = bytes.Replace(table, []byte("\nroutes:\n"), []byte("\nroutes:\n  - {path: '/legacy/prices/{sku}', methods: [PUT], app: catalog, access: public, legacy: true}\n"), 1)
	// The old shop lists the options of a product by its variants; what is moved of them is
	// at the variants alone.
	const product = "path: '/v1/products/{id}', methods: [GET], app: catalog,"
	require.Contains(t, string(table), product)
	table = bytes.Replace(table, []byte(product), []byte(product+" shadow_ignore: [/options],"), 1)
	dir := t.TempDir()
	routes := filepath.Join(dir, "routes.yaml")
	require.NoError(t, os.WriteFile(routes, table, 0o600))
	data := filepath.Join(dir, "shop", ".data")
	require.NoError(t, os.MkdirAll(data, 0o700))
	secrets, err := json.Marshal(map[string]string{"monolith-dsn": s.source.MigrationDSN})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(data, "migration-secrets.json"), secrets, 0o600))
	s.shop, err = shop.Start(t.Context(), shop.Options{
		Bin: bin, Dir: filepath.Join(dir, "shop"), Profile: os.Getenv("PROFILE"), With: []string{"dapr/migration/dapr.yaml"},
		Env: []string{"MIGRATION_MAPPING=monolith", "GATEWAY_MIGRATION=1", "GATEWAY_LEGACY=" + s.legacy.URL, "GATEWAY_ROUTES=" + routes},
	})
	require.NoError(t, err)
	t.Cleanup(s.shop.Stop)
	tokens, err := s.shop.Tokens()
	require.NoError(t, err)
	s.token = tokens["APP_API_TOKEN"]
	for _, service := range []string{"users", "orders", "support"} {
		s.send(service, "shop", false, 0)
	}
	s.send("catalog", "shop", false, 0)
	for _, a := range demo.Accounts {
		if a.Role == caller.CatalogManager {
			s.manager = s.signIn(a.Email, a.Password)
		}
	}
	require.NotEmpty(t, s.manager)
	var categories struct{ Items []struct{ Slug string } }
	require.Equal(t, http.StatusOK, s.public(http.MethodGet, "/v1/categories", "", nil, &categories))
	s.category = categories.Items[0].Slug
	s.send("catalog", "monolith", false, 0)
	return s
}

type routed struct {
	Version  int64
	Replicas []struct {
		ID      string
		Applied int64
		Silent  bool
	}
}

// direct calls the migration, which may be starting.
func (s *strangled) direct(code int, method, path string, in, out any) {
	s.t.Helper()
	var b []byte
	if in != nil {
		var err error
		b, err = json.Marshal(in)
		require.NoError(s.t, err)
	}
	s.until("an answer of "+path, time.Minute, func() bool {
		require.NoError(s.t, s.shop.Reload())
		req, err := http.NewRequestWithContext(s.t.Context(), method, fmt.Sprintf("http://127.0.0.1:%d/v1/migration/routing%s", s.shop.Of("migration")[0].Port, path), bytes.NewReader(b))
		require.NoError(s.t, err)
		req.Header.Set("dapr-api-token", s.token)
		if in != nil {
			req.Header.Set("Content-Type", "application/json")
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return false
		}
		defer func() { _ = resp.Body.Close() }()
		body, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode >= http.StatusInternalServerError {
			return false
		}
		require.Equal(s.t, code, resp.StatusCode, "%s", body)
		if out != nil {
			require.NoError(s.t, json.Unmarshal(body, out))
		}
		return true
	})
}

// send has the requests of a service sent somewhere, and waits until the gateway does.
func (s *strangled) send(service, to string, fenced bool, shadow float64) {
	s.t.Helper()
	var set routed
	s.direct(http.StatusOK, http.MethodPut, "/"+service, map[string]any{"to": to, "fenced": fenced, "shadow": shadow}, &set)
	end := time.Now().Add(20 * time.Second)
	for {
		var now routed
		s.direct(http.StatusOK, http.MethodGet, "", nil, &now)
		if len(now.Replicas) == 1 && now.Replicas[0].Applied >= set.Version {
			return
		}
		require.True(s.t, time.Now().Before(end), "not applied: %+v", now)
		time.Sleep(5 * time.Millisecond)
	}
}

// write makes a product through the door, and says the status.
func (s *strangled) write(slug string) (int, error) {
	body, err := json.Marshal(map[string]any{
		"slug": slug, "name": slug, "category": s.category, "status": "published",
		"variants": []any{map[string]any{"sku": "SKU-" + slug, "name": "x", "prices": []any{map[string]any{"amount": 100, "currency": "EUR"}}}},
	})
	if err != nil {
		return 0, err
	}
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.shop.Gateway+"/v1/products", bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+s.manager)
	began := time.Now()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	s.slowest(time.Since(began))
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, errors.Join(err, resp.Body.Close())
}

func (s *strangled) slowest(took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pause = max(s.pause, took)
}

// read asks for something that has to be there.
func (s *strangled) read(path string) error {
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.shop.Gateway+path, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", path, resp.Status)
	}
	return errors.Join(err, resp.Body.Close())
}

// places counts where a product was written: at the monolith, and in the shop.
func (s *strangled) places(slug string) (monolith, there int) {
	s.t.Helper()
	require.NoError(s.t, s.owner.QueryRow(s.t.Context(), "SELECT count(*) FROM audit_log WHERE action = 'made' AND actor = $1", slug).Scan(&monolith))
	if s.public(http.MethodGet, "/v1/products/"+slug, s.manager, nil, nil) == http.StatusOK {
		there = 1
	}
	return monolith, there
}

// The catalog goes to the shop and back while people write and read: by a fence that
// every gateway has applied, no write is lost, none is done twice, and nobody is refused.
func TestTheCatalogIsSwitchedUnderLoad(t *testing.T) {
	localtest.Needs(t)
	s := strangle(t)
	var stop atomic.Bool
	var clients sync.WaitGroup
	sent := make([][]string, 10)
	for c := range sent {
		clients.Go(func() {
			for i := 0; !stop.Load(); i++ {
				slug := fmt.Sprintf("w%d-%d", c, i)
				if code, err := s.write(slug); err != nil || code != http.StatusCreated {
					t.Errorf("%s: %d, %v", slug, code, err)
				}
				sent[c] = append(sent[c], slug)
				time.Sleep(20 * time.Millisecond)
			}
		})
	}
	for range 2 {
		clients.Go(func() {
			for !stop.Load() {
				if err := s.read("/v1/products?limit=5"); err != nil {
					t.Error(err)
				}
				time.Sleep(20 * time.Millisecond)
			}
		})
	}
	to, from := "shop", "monolith"
	var pauses []time.Duration
	for range 4 {
		time.Sleep(500 * time.Millisecond)
		began := time.Now()
		s.send("catalog", from, true, 0)
		s.send("catalog", to, false, 0)
		pauses = append(pauses, time.Since(began))
		to, from = from, to
	}
	time.Sleep(500 * time.Millisecond)
	stop.Store(true)
	clients.Wait()
	s.send("catalog", "shop", false, 0) // where the products are looked for
	counts := map[string]int{}
	total := 0
	for _, slugs := range sent {
		total += len(slugs)
		for _, slug := range slugs {
			monolith, there := s.places(slug)
			require.Equal(t, 1, monolith+there, "%s: %d at the monolith, %d in the shop", slug, monolith, there)
			counts["monolith"] += monolith
			counts["shop"] += there
		}
	}
	require.Greater(t, counts["monolith"], 20)
	require.Greater(t, counts["shop"], 20)
	t.Logf("%d writes, %v; writes were held for %v; the slowest took %s", total, counts, pauses, s.pause)
	for _, p := range pauses {
		require.Less(t, p, 2*time.Second)
	}
}

// What is fenced stays so while the migration or the gateway dies and comes back, and
// then goes where it was said; a gateway that died is not taken for one that is done.
func TestTheFenceHoldsOverDeaths(t *testing.T) {
	localtest.Needs(t)
	s := strangle(t)
	require.Equal(t, http.StatusOK, s.public(http.MethodPut, "/legacy/prices/"+s.sku(), "", map[string]int{"cents": 4321}, nil))
	s.send("catalog", "monolith", true, 0)
	s.kill("migration", false)
	code, err := s.write("while-away")
	require.NoError(t, err)
	require.Equal(t, http.StatusServiceUnavailable, code, "it is fenced, whoever is away")
	require.Equal(t, http.StatusOK, s.public(http.MethodGet, "/v1/products?limit=1", "", nil, nil), "reads go on")

	var before, now routed
	s.direct(http.StatusOK, http.MethodGet, "", nil, &before)
	s.kill("gateway", false)
	s.until("another gateway", time.Minute, func() bool {
		now = routed{}
		s.direct(http.StatusOK, http.MethodGet, "", nil, &now)
		return len(now.Replicas) == 2
	})
	s.until("the old one silent", time.Minute, func() bool {
		now = routed{}
		s.direct(http.StatusOK, http.MethodGet, "", nil, &now)
		for _, r := range now.Replicas {
			if r.ID == before.Replicas[0].ID {
				return r.Silent
			}
		}
		return false
	})
	s.direct(http.StatusNoContent, http.MethodDelete, "/replicas/"+before.Replicas[0].ID, nil, nil)
	s.send("catalog", "shop", false, 0)
	code, err = s.write("after-all")
	require.NoError(t, err)
	require.Equal(t, http.StatusCreated, code)
	for slug, want := range map[string]int{"while-away": 0, "after-all": 1} {
		monolith, there := s.places(slug)
		require.Zero(t, monolith, slug)
		require.Equal(t, want, there, slug)
	}
	require.Equal(t, http.StatusGone, s.public(http.MethodPut, "/legacy/prices/"+s.sku(), "", map[string]int{"cents": 1}, nil))
}

// found is what shadow reads of a route have found.
type found struct {
	Route                            string
	Same, Different, Failed, Dropped int
	Differences                      []struct {
		MonolithStatus int `json:"monolith_status"`
		ShopStatus     int `json:"shop_status"`
		Pointers       []string
	}
}

// shadowed reads products as a guest, and gives what was found once each is counted.
func (s *strangled) shadowed(slugs []string) (one found) {
	s.t.Helper()
	s.direct(http.StatusNoContent, http.MethodDelete, "/differences", nil, nil)
	for _, slug := range slugs {
		require.Equal(s.t, http.StatusOK, s.public(http.MethodGet, "/v1/products/"+slug, "", nil, nil))
	}
	s.until("as many reads", 30*time.Second, func() bool {
		var all struct{ Routes []found }
		s.direct(http.StatusOK, http.MethodGet, "/differences", nil, &all)
		if len(all.Routes) != 1 {
			return false
		}
		one = all.Routes[0]
		return one.Same+one.Different+one.Failed+one.Dropped == len(slugs)
	})
	require.Equal(s.t, "GET /v1/products/{id}", one.Route)
	return one
}

// Reads of the monolith are compared with what the shop would say, beside the answer:
// before the move it has nothing, after it the same.
func TestShadowReadsOfTheMonolith(t *testing.T) {
	localtest.Needs(t)
	s := strangle(t)
	s.send("catalog", "monolith", false, 1)
	rows, err := s.owner.Query(t.Context(), "SELECT slug FROM products WHERE active ORDER BY id LIMIT 10")
	require.NoError(t, err)
	slugs, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.Len(t, slugs, 10)
	before := s.shadowed(slugs)
	require.Zero(t, before.Same)
	require.Positive(t, before.Different)
	require.Equal(t, http.StatusOK, before.Differences[0].MonolithStatus)
	require.Equal(t, http.StatusNotFound, before.Differences[0].ShopStatus)

	s.start()
	s.becomes("following")
	s.drained()
	s.until("what the shop shows of it", 20*time.Second, func() bool {
		after := s.shadowed(slugs)
		return after.Same > 0 || len(after.Differences) > 0 && after.Differences[0].ShopStatus == http.StatusOK
	})
	after := s.shadowed(slugs)
	require.Equal(t, len(slugs), after.Same, "%+v", after)
}

func (s *strangled) sku() (sku string) {
	s.t.Helper()
	require.NoError(s.t, s.owner.QueryRow(s.t.Context(), "SELECT min(sku) FROM product_variants").Scan(&sku))
	return sku
}
