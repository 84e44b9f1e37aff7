// Package migration moves whole databases of monoliths into real shops, with real sidecars,
// and holds what comes out to a checker that shares no code with the migration.
package migration

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/tests/migration/checker"
	"tienda/tests/shop"
)

// settleTime is how long lists of the shop may take to show what was stored.
const settleTime = 20 * time.Second

// wholeMove is a shop with the migration beside it, empty until the source is moved in.
type wholeMove struct {
	*shop.Shop
	appToken, sidecarToken string
	home                   string // the migration's own URL
	sidecar                string // that of its sidecar
}

// openMove starts one that moves what a DSN leads to. It ends with the test.
func openMove(t *testing.T, mapping, dsn string) *wholeMove {
	t.Helper()
	bin, dir := filepath.Join(t.TempDir(), "bin"), t.TempDir()
	require.NoError(t, shop.Build(t.Context(), bin))
	secrets, err := json.Marshal(map[string]string{"monolith-dsn": dsn})
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(filepath.Join(dir, ".data"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".data", "migration-secrets.json"), secrets, 0o600))
	s, err := shop.Start(t.Context(), shop.Options{
		Bin: bin, Dir: dir, Profile: os.Getenv("PROFILE"), NoSeed: true,
		With: []string{filepath.Join("dapr", "migration", "dapr.yaml")}, Env: []string{"MIGRATION_MAPPING=" + mapping},
	})
	require.NoError(t, err)
	t.Cleanup(s.Stop)
	tokens, err := s.Tokens()
	require.NoError(t, err)
	app := s.Of("migration")
	require.Len(t, app, 1)
	return &wholeMove{
		Shop: s, appToken: tokens["APP_API_TOKEN"], sidecarToken: tokens["DAPR_API_TOKEN"],
		home: "http://127.0.0.1:" + strconv.Itoa(app[0].Port), sidecar: "http://127.0.0.1:" + strconv.Itoa(app[0].HTTPPort),
	}
}

// ask sends a request, with body as JSON unless it is nil, and reads the answer, which has
// to be a success. app is whom a sidecar is to ask.
func ask(t *testing.T, method, url, app, token string, body, answer any) {
	t.Helper()
	var sent []byte
	if body != nil {
		var err error
		sent, err = json.Marshal(body)
		require.NoError(t, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(sent))
	require.NoError(t, err)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("dapr-api-token", token)
	if app != "" {
		req.Header.Set("dapr-app-id", app)
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Less(t, resp.StatusCode, 300, "%s %s: %s", method, url, b)
	if answer != nil {
		require.NoError(t, json.Unmarshal(b, answer))
	}
}

// moveStatus is what GET /v1/migration answers.
type moveStatus struct {
	Phase, Reason, Waiting string
	Position, Head         uint64
	Rejects                int
	Kinds                  []struct {
		Kind                   string
		Rows, Copied, Rejected int64
	}
}

// moveReport is what GET /v1/migration/verify answers.
type moveReport struct {
	Equal, Running            bool
	Missing, Extra, Different int64
	Compared                  int64
	Error                     string
	Kinds                     []struct {
		Kind                               string
		Source, Target, Excluded, Rejected int64
		UnequalBuckets                     int `json:"unequal_buckets"`
	}
	Differences []struct {
		Kind, Key, What string
		Fields          []string
	}
}

func (m *wholeMove) status(t *testing.T) (s moveStatus) {
	t.Helper()
	ask(t, http.MethodGet, m.home+"/v1/migration", "", m.appToken, nil, &s)
	return s
}

// all starts the move and waits until everything is stored. It gives how long that took.
func (m *wholeMove) all(t *testing.T, limit time.Duration) (moveStatus, time.Duration) {
	t.Helper()
	began := time.Now()
	ask(t, http.MethodPost, m.home+"/v1/migration/start", "", m.appToken, nil, nil)
	for {
		s := m.status(t)
		require.Contains(t, []string{"copying", "following"}, s.Phase, s.Reason)
		if s.Phase == "following" && s.Head > 0 && s.Position >= s.Head {
			return s, time.Since(began)
		}
		require.Less(t, time.Since(began), limit, "the move is not done: %+v", s)
		time.Sleep(100 * time.Millisecond)
	}
}

// verify has a verification done and gives its report.
func (m *wholeMove) verify(t *testing.T) (r moveReport) {
	t.Helper()
	ask(t, http.MethodPost, m.home+"/v1/migration/verify", "", m.appToken, nil, nil)
	for end := time.Now().Add(5 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		r = moveReport{}
		ask(t, http.MethodGet, m.home+"/v1/migration/verify", "", m.appToken, nil, &r)
		if !r.Running {
			require.Empty(t, r.Error)
			return r
		}
		require.True(t, time.Now().Before(end), "the verification does not end")
	}
}

// equal demands that a verification finds nothing, and the checker neither.
func (m *wholeMove) equal(t *testing.T, is checker.Source, db checker.Querier, s *checker.Shop) moveReport {
	t.Helper()
	m.settled(t, is, db, s, nil)
	r := m.verify(t)
	require.True(t, r.Equal, "%+v", r)
	for _, k := range r.Kinds {
		require.Zero(t, k.UnequalBuckets, k.Kind)
		require.Equal(t, k.Source-k.Rejected, k.Target, k.Kind)
	}
	return r
}

// settled demands that the checker comes to find these lines and no other: lists of the
// shop show what was stored a moment later.
func (m *wholeMove) settled(t *testing.T, is checker.Source, db checker.Querier, s *checker.Shop, want []string) {
	t.Helper()
	for end := time.Now().Add(settleTime); ; time.Sleep(time.Second) {
		got, err := checker.Check(t.Context(), db, is, s)
		require.NoError(t, err)
		if fmt.Sprint(got) == fmt.Sprint(want) || time.Now().After(end) {
			require.Equal(t, want, got)
			return
		}
	}
}
