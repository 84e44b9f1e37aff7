package api_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
	"tienda/internal/contract/contracttest"
	"tienda/internal/state"
)

func request(method, path string, as caller.Caller, body any) contracttest.Request {
	return contracttest.Request{Method: method, Path: path, As: as, Body: body}
}

// age makes every order a minute older, which is past the time after which a
// pending one is taken to be abandoned.
func (s *shop) age(t *testing.T) {
	t.Helper()
	for _, key := range s.store.Keys("order:") {
		s.rewrite(t, key, func(doc string) string {
			var d map[string]any
			require.NoError(t, json.Unmarshal([]byte(doc), &d))
			d["d"].(map[string]any)["created_at"] = time.Now().UTC().Add(-time.Minute)
			b, err := json.Marshal(d)
			require.NoError(t, err)
			return string(b)
		})
	}
}

// rewrite changes a stored document behind the service's back.
func (s *shop) rewrite(t *testing.T, key string, fn func(string) string) {
	t.Helper()
	items, err := s.store.Get(t.Context(), key)
	require.NoError(t, err)
	changed := fn(string(items[0].Value))
	require.NotEqual(t, strings.TrimSpace(string(items[0].Value)), changed)
	require.NoError(t, s.store.Commit(t.Context(), state.Op{Key: key, ETag: items[0].ETag, Value: []byte(changed)}))
}
