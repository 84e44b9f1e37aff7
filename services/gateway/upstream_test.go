package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// A route is sent to a monolith, and back to its app, while the gateway runs; the
// monolith answers as the app would, through the cache as well, and learns who
// asks only if the table says so.
func TestARouteMovesToAMonolithAndBack(t *testing.T) {
	var user, address atomic.Value
	old := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user.Store(r.Header.Get("Tienda-User"))
		address.Store(r.Header.Get("Tienda-Address") + r.Header.Get("X-Forwarded-For") + r.Header.Get("Dapr-App-Id") + r.Header.Get("Dapr-Api-Token"))
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Powered-By", "monolith")
		if r.URL.Path == "/shop/v1/products" {
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = io.WriteString(w, `{"trace":"at Shop.java:17"}`)
			return
		}
		_, _ = io.WriteString(w, `{"items":[]}`)
	}))
	defer old.Close()
	file := t.TempDir() + "/routes.yaml"
	writeFile(t, file, defaultRoutes)
	var apps atomic.Int32
	s := start(t, func(w http.ResponseWriter, _ *http.Request) {
		apps.Add(1)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"items":[]}`)
	}, map[string]string{"GATEWAY_ROUTES": file, "DAPR_API_TOKEN": "secret"})
	token := s.token(t, "customer")
	ask := func(path string, header ...string) int {
		w := s.do(t, "GET", path, "", header...)
		require.Empty(t, w.Header().Get("X-Powered-By"))
		require.NotContains(t, w.Body.String(), "Shop.java")
		return w.Code
	}
	moved := func(identity string) {
		b := bytes.ReplaceAll(defaultRoutes, []byte("app: catalog,"), []byte("app: catalog, upstream: old,"))
		b = bytes.ReplaceAll(b, []byte("\nlimits:"), []byte("\nupstreams: {old: {url: '"+old.URL+"/shop'"+identity+"}}\nlimits:"))
		writeFile(t, file, b)
		require.NoError(t, s.table.Reload())
	}
	require.Equal(t, http.StatusOK, ask("/v1/categories", "Authorization", token))
	require.EqualValues(t, 1, apps.Load())

	moved("")
	require.Equal(t, http.StatusOK, ask("/v1/categories", "Authorization", token))
	require.Empty(t, user.Load())
	require.Equal(t, http.StatusOK, ask("/v1/categories?x=1"), "by way of the cache")
	require.Equal(t, http.StatusInternalServerError, ask("/v1/products", "Authorization", token))
	moved(", identity: true")
	require.Equal(t, http.StatusOK, ask("/v1/categories", "Authorization", token))
	require.NotEmpty(t, user.Load())
	require.Empty(t, address.Load())
	require.EqualValues(t, 1, apps.Load(), "the app was not asked meanwhile")

	writeFile(t, file, defaultRoutes)
	require.NoError(t, s.table.Reload())
	require.Equal(t, http.StatusOK, ask("/v1/categories", "Authorization", token))
	require.EqualValues(t, 2, apps.Load())
}
