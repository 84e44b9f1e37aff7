package seed_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"tienda/cmd/tienda/internal/seed"
)

func TestLoad(t *testing.T) {
	data := fstest.MapFS{
		"products.ndjson": {Data: []byte("{\"a\":1}\n{\"a\":2}\n")},
		"users.ndjson":    {Data: []byte("{\"u\":1}\n")},
	}
	for name, c := range map[string]struct {
		status       int
		answer, want string
	}{
		"all taken":       {200, `{"accepted":2,"rejected":0,"errors":[]}`, ""},
		"a rejected line": {200, `{"accepted":1,"rejected":1,"errors":[{"line":2,"reason":"no price"}]}`, "catalog rejected 1 of 2 lines, first of them line 2: no price"},
		"a refusal":       {403, `{"title":"no"}`, "403 Forbidden"},
		"nonsense":        {200, `ok`, "its report"},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				got = append(got, r.Header.Get("dapr-app-id")+" "+r.URL.Path+" "+r.Header.Get("dapr-api-token")+" "+r.Header.Get("Content-Type")+" "+string(body))
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.answer)
			}))
			defer s.Close()
			err := seed.Load(t.Context(), data, seed.Target{Sidecar: s.URL, Token: "secret", Say: func(string, ...any) {}})
			if c.want != "" {
				require.ErrorContains(t, err, c.want)
				return
			}
			require.NoError(t, err)
			require.Equal(t, []string{
				"catalog /internal/v1/import/products secret application/x-ndjson {\"a\":1}\n{\"a\":2}\n",
				"users /internal/v1/import/users secret application/x-ndjson {\"u\":1}\n",
			}, got)
		})
	}
}

func TestAMissingFileIsAnError(t *testing.T) {
	require.ErrorContains(t, seed.Load(t.Context(), fstest.MapFS{}, seed.Target{}), "products.ndjson")
}
