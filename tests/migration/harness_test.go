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
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tienda/monolith/generator"
	"tienda/monolith/local"
	"tienda/monolith/local/localtest"
	legacy "tienda/monolith/shop"
	"tienda/monolith/traffic"
	"tienda/tests/shop"
)

// story is a monolith that sells, and a shop that it is to be moved to.
type story struct {
	t      *testing.T
	source *local.Database
	owner  *pgxpool.Pool
	size   int
	legacy *httptest.Server
	ledger *traffic.Ledger
	report generator.Report

	shop  *shop.Shop
	token string // of the apps
	door  string // where the shop's clients call; "": the first gateway

	writing sync.WaitGroup
	hush    context.CancelFunc // ends the traffic
}

// run names the writes of a test's traffic; each database has one run.
const run = "t"

// tell starts a monolith of a size and an empty shop with the migration beside it.
func tell(t *testing.T, o generator.Options, env ...string) *story {
	t.Helper()
	return tellOn(t, o, nil, env...)
}

// tellOn is tell with something else than usual about the shop.
func tellOn(t *testing.T, o generator.Options, unusual func(*shop.Options), env ...string) *story {
	t.Helper()
	s := &story{t: t, source: localtest.Open(t), size: o.Size, ledger: traffic.NewLedger(run)}
	s.owner = localtest.Pool(t, s.source.OwnerDSN)
	report, err := generator.Fill(t.Context(), localtest.Connect(t, s.source.OwnerDSN), o)
	require.NoError(t, err)
	s.report = report
	s.legacy = httptest.NewServer(legacy.New(legacy.Options{DB: s.owner, Log: slog.New(slog.DiscardHandler)}))
	t.Cleanup(s.legacy.Close)
	s.shop, s.token = openOn(t, "monolith", map[string]string{"monolith-dsn": s.source.MigrationDSN}, unusual, env...)
	return s
}

// open starts an empty shop with the migration of a mapping beside it.
func open(t *testing.T, mapping, dsn string, env ...string) (opened *shop.Shop, token string) {
	t.Helper()
	return openOn(t, mapping, map[string]string{"monolith-dsn": dsn}, nil, env...)
}

// openOn is open with any secrets, and with something else than usual about the shop.
func openOn(t *testing.T, mapping string, with map[string]string, unusual func(*shop.Options), env ...string) (opened *shop.Shop, token string) {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, ".data"), 0o700))
	secrets, err := json.Marshal(with)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".data", "migration-secrets.json"), secrets, 0o600))
	options := shop.Options{
		Bin: bin, Dir: dir, Profile: os.Getenv("PROFILE"), NoSeed: true, With: []string{"dapr/migration/dapr.yaml"},
		Env: append([]string{"MIGRATION_MAPPING=" + mapping}, env...),
	}
	if unusual != nil {
		unusual(&options)
	}
	opened, err = shop.Start(t.Context(), options)
	require.NoError(t, err)
	t.Cleanup(func() {
		if t.Failed() {
			logs, _ := filepath.Glob(filepath.Join(opened.DataDir, "logs", "migration*.log"))
			for _, name := range logs {
				b, _ := os.ReadFile(name)
				t.Logf("%s:\n%s", filepath.Base(name), b[max(0, len(b)-8000):])
			}
		}
		opened.Stop()
	})
	tokens, err := opened.Tokens()
	require.NoError(t, err)
	return opened, tokens["APP_API_TOKEN"]
}

// sell has customers write to the monolith at a rate until quiet.
func (s *story) sell(rate float64) { s.sellAt(s.legacy.URL, rate) }

// sellAt is sell at an address.
func (s *story) sellAt(address string, rate float64) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(s.t.Context()))
	s.hush = cancel
	s.writing.Go(func() {
		err := traffic.Run(ctx, traffic.Options{URL: address, Rate: rate, Seed: 1, Run: run, Customers: int64(s.size)}, s.ledger)
		if err != nil && ctx.Err() == nil {
			s.t.Errorf("traffic: %v", err)
		}
	})
	s.t.Cleanup(s.quiet)
}

// quiet ends the traffic, and waits for its last answers.
func (s *story) quiet() {
	s.hush()
	s.writing.Wait()
}

// status is the part of the migration's status that the tests read.
type status struct {
	Phase    string  `json:"phase"`
	Reason   string  `json:"reason"`
	Waiting  string  `json:"waiting"`
	Why      string  `json:"waiting_why"`
	LagBytes int64   `json:"lag_bytes"`
	LagSecs  float64 `json:"lag_seconds"`
	Position uint64  `json:"position"`
	Rejects  int     `json:"rejects"`
	Kinds    []struct {
		Kind       string `json:"kind"`
		Rows       int    `json:"rows"`
		Copied     int    `json:"copied"`
		Rejected   int    `json:"rejected"`
		Chunks     int    `json:"chunks"`
		ChunksDone int    `json:"chunks_done"`
	} `json:"kinds"`
}

// report is the part of a verification's report that the tests read.
type report struct {
	Equal    bool   `json:"equal"`
	Running  bool   `json:"running"`
	Error    string `json:"error"`
	Missing  int    `json:"missing"`
	Extra    int    `json:"extra"`
	Differs  int    `json:"different"`
	Compared int    `json:"compared"`
	Sampled  int    `json:"sampled"`
	Kinds    []struct {
		Kind     string `json:"kind"`
		Source   int    `json:"source"`
		Target   int    `json:"target"`
		Rejected int    `json:"rejected"`
	} `json:"kinds"`
	Different []struct {
		Kind   string   `json:"kind"`
		Key    string   `json:"key"`
		What   string   `json:"what"`
		Fields []string `json:"fields"`
	} `json:"differences"`
}

// ask calls the migration app at its own port; false: it does not answer (yet).
func (s *story) ask(method, path string, out any) (code int, ok bool) {
	require.NoError(s.t, s.shop.Reload())
	req, err := http.NewRequestWithContext(s.t.Context(), method, fmt.Sprintf("http://127.0.0.1:%d%s", s.shop.Of("migration")[0].Port, path), nil)
	require.NoError(s.t, err)
	req.Header.Set("dapr-api-token", s.token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, false
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode >= 500 {
		return resp.StatusCode, false
	}
	if out != nil && resp.StatusCode < 300 {
		require.NoError(s.t, json.Unmarshal(body, out), "%s", body)
	}
	return resp.StatusCode, true
}

// must asks until there is an answer, of a code.
func (s *story) must(code int, method, path string, out any) {
	s.t.Helper()
	s.until("an answer of "+path, 30*time.Second, func() bool {
		got, ok := s.ask(method, path, out)
		if ok {
			require.Equal(s.t, code, got, path)
		}
		return ok
	})
}

func (s *story) until(what string, limit time.Duration, done func() bool) {
	s.t.Helper()
	for end := time.Now().Add(limit); !done(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			var now status
			s.ask(http.MethodGet, "/v1/migration", &now)
			s.t.Fatalf("after %s there is not yet %s: %+v", limit, what, now)
		}
	}
}

func (s *story) start() { s.must(http.StatusAccepted, http.MethodPost, "/v1/migration/start", nil) }

// becomes waits for a phase.
func (s *story) becomes(phase string) (now status) {
	s.t.Helper()
	s.until(phase, 3*time.Minute, func() bool {
		now = status{}
		_, ok := s.ask(http.MethodGet, "/v1/migration", &now)
		return ok && now.Phase == phase
	})
	return now
}

// drained waits until all that was committed is stored.
func (s *story) drained() {
	s.t.Helper()
	var head int64
	require.NoError(s.t, s.owner.QueryRow(s.t.Context(), "SELECT (pg_current_wal_lsn() - '0/0')::bigint").Scan(&head))
	s.until("what was committed", time.Minute, func() bool {
		var now status
		_, ok := s.ask(http.MethodGet, "/v1/migration", &now)
		return ok && now.Phase == "following" && now.Position >= uint64(head)
	})
}

// verified runs a verification to its end.
func (s *story) verified() (r report) {
	s.t.Helper()
	s.must(http.StatusAccepted, http.MethodPost, "/v1/migration/verify", nil)
	s.until("a report", 2*time.Minute, func() bool {
		r = report{}
		code, ok := s.ask(http.MethodGet, "/v1/migration/verify", &r)
		return ok && code == http.StatusOK && !r.Running
	})
	return r
}

// equal is a verification that finds nothing, and something to compare.
func (s *story) equal() report {
	s.t.Helper()
	r := s.verified()
	require.True(s.t, r.Equal, "%+v", r)
	require.Empty(s.t, r.Error)
	require.Positive(s.t, r.Compared)
	return r
}

// address is where the shop's clients call.
func (s *story) address() string {
	if s.door != "" {
		return s.door
	}
	return s.shop.Gateway
}

// public calls the shop's gateway.
func (s *story) public(method, path, bearer string, in, out any) int {
	s.t.Helper()
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		require.NoError(s.t, err)
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.address()+path, body)
	require.NoError(s.t, err)
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(s.t, err)
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	require.NoError(s.t, err)
	if out != nil && resp.StatusCode < 300 {
		require.NoError(s.t, json.Unmarshal(b, out), "%s", b)
	}
	return resp.StatusCode
}

// signIn gives an access token; "": it is refused.
func (s *story) signIn(email, password string) string {
	s.t.Helper()
	var out struct {
		AccessToken string `json:"access_token"`
	}
	for {
		code := s.public(http.MethodPost, "/v1/auth/token", "", map[string]string{"grant_type": "password", "email": email, "password": password}, &out)
		if code != http.StatusTooManyRequests {
			return out.AccessToken
		}
		time.Sleep(time.Second)
	}
}

// kill ends a process of the shop at once; the runner starts it again.
func (s *story) kill(app string, sidecar bool) {
	s.t.Helper()
	s.signal(app, sidecar, syscall.SIGKILL)
}

func (s *story) signal(app string, sidecar bool, sig syscall.Signal) {
	s.t.Helper()
	s.signalAt(app, 0, sidecar, sig)
}

// signalAt is signal for one of the replicas of an app.
func (s *story) signalAt(app string, n int, sidecar bool, sig syscall.Signal) {
	s.t.Helper()
	s.until("a process of "+app, time.Minute, func() bool {
		require.NoError(s.t, s.shop.Reload())
		at := s.shop.Of(app)[n]
		pid := at.PID
		if sidecar {
			pid = at.SidecarPID
		}
		return pid > 0 && syscall.Kill(pid, sig) == nil
	})
}
