package migration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/monolith/local/localtest"
)

// An account that was made in the shop is told of: the broker takes what was announced, and
// the migration reads the account from its owner, through real sidecars.
func TestAnOwnerTellsOfWhatWasMadeHere(t *testing.T) {
	localtest.Needs(t)
	s := &story{t: t}
	s.shop, s.token = open(t, "monolith", "", "TIENDA_REVERSE=1")
	person := map[string]string{"email": "ana@example.com", "password": "a good password", "name": "Ana"}
	var made struct {
		ID string `json:"id"`
	}
	require.Equal(t, http.StatusCreated, s.public(http.MethodPost, "/v1/users", "", person, &made))

	var outbox struct {
		Replica string `json:"replica"`
		Commits int    `json:"commits"`
	}
	s.until("an empty outbox", time.Minute, func() bool {
		s.asks(http.MethodGet, "users", "/internal/v1/sync/outbox", nil, &outbox)
		return outbox.Replica != "" && outbox.Commits == 0
	})
	var found struct {
		Documents []struct {
			ID       string
			Version  int64
			Source   any
			Document struct{ Email string }
		}
	}
	s.asks(http.MethodPost, "users", "/internal/v1/sync/users/read", map[string]any{"ids": []string{made.ID}, "all": true}, &found)
	require.Len(t, found.Documents, 1)
	require.Equal(t, person["email"], found.Documents[0].Document.Email)
	require.Nil(t, found.Documents[0].Source)
	require.Positive(t, found.Documents[0].Version)

	var all []string
	for cursor := ""; ; {
		var page struct {
			IDs        []string `json:"ids"`
			NextCursor string   `json:"next_cursor"`
		}
		s.asks(http.MethodGet, "users", "/internal/v1/sync/users?all=1"+cursor, nil, &page)
		all = append(all, page.IDs...)
		if page.NextCursor == "" {
			break
		}
		cursor = "&cursor=" + page.NextCursor
	}
	require.Contains(t, all, made.ID)
}

// asks calls an owner through the migration's sidecar.
func (s *story) asks(method, app, path string, in, out any) {
	s.t.Helper()
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		require.NoError(s.t, err)
		body = bytes.NewReader(b)
	}
	url := fmt.Sprintf("http://127.0.0.1:%d/v1.0/invoke/%s/method%s", s.shop.Of("migration")[0].HTTPPort, app, path)
	req, err := http.NewRequestWithContext(s.t.Context(), method, url, body)
	require.NoError(s.t, err)
	tokens, err := s.shop.Tokens()
	require.NoError(s.t, err)
	req.Header.Set("dapr-api-token", tokens["DAPR_API_TOKEN"])
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	require.NoError(s.t, err)
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	require.NoError(s.t, err)
	require.Equal(s.t, http.StatusOK, resp.StatusCode, "%s: %s", path, b)
	require.NoError(s.t, json.Unmarshal(b, out))
}
