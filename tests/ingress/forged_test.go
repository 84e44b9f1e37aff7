package ingress_test

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// What a client writes for a sidecar is not for him to write: no other app is called, nor
// any URL, in the name of the ingress.
func TestClientsDoNotSpeakToTheSidecar(t *testing.T) {
	c := from(t, "127.0.0.12")
	var asked atomic.Int64
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer inside.Close()
	basic := func(name string) string {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte("dapr-app-id:"+name))
	}
	want := c.call(t, "GET", "/v1/categories", "")
	require.Equal(t, http.StatusOK, want.status)
	for _, h := range [][]string{
		{"dapr-app-id", "users"}, {"dapr-app-id", "users.tienda"}, {"dapr-app-id", inside.URL}, {"Dapr-App-Id", "gateway"}, {"dapr_app_id", "users"},
		{"dapr-api-token", "x"}, {"dapr-caller-app-id", "orders"}, {"dapr-callee-app-id", "users"},
		{"Tienda-User", uuid.NewString()}, {"Tienda-Roles", "admin"}, {"X-Original-Forwarded-For", "10.0.0.1"},
	} {
		got := c.call(t, "GET", "/v1/categories", "", h...)
		require.Equal(t, http.StatusOK, got.status, "%v: %s", h, got.body)
		require.Equal(t, want.body, got.body, "%v", h)
		c.call(t, "GET", "/v1/me", "", h...).refused(t, http.StatusUnauthorized)
		c.call(t, "GET", "/v1/ops/audit", "", h...).refused(t, http.StatusUnauthorized)
	}
	require.Equal(t, http.StatusOK, raw(t, ask("GET", "/v1/categories", "Connection", "dapr-app-id", "dapr-app-id", "users")).status)
	for _, name := range []string{"users", "gateway", inside.URL} {
		for _, scheme := range []string{basic(name), "basic" + basic(name)[5:]} {
			require.Equal(t, "invalid_token", c.call(t, "GET", "/v1/categories", "", "Authorization", scheme).refused(t, http.StatusUnauthorized).Code)
		}
	}
	require.Zero(t, asked.Load(), "the sidecar has asked a URL of the client's")
}

// A connection stays one of HTTP requests.
func TestNoConnectionIsUpgraded(t *testing.T) {
	from(t, "") // skips
	for _, to := range []string{"h2c", "websocket", "TLS/1.2"} {
		a := raw(t, "GET /v1/categories HTTP/1.1\r\nHost: "+door.Host+"\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: "+to+"\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n")
		require.Equal(t, http.StatusOK, a.status, to)
	}
}

// Only what the gateway's table has can be reached, by no trick of the path.
func TestOnlyTheTableIsReached(t *testing.T) {
	c := from(t, "127.0.0.12")
	c.signUp(t)
	for _, path := range []string{
		"/internal/v1/quotes", "/internal/v1/revocations", "/internal/v1/sync/users", "/events/orders", "/dapr/subscribe", "/dapr/config", "/metrics", "/nginx_status",
		"/v1.0/metadata", "/v1.0/healthz", "/v1.0/state/users-state/x", "/v1.0/secrets/secrets/users-key-encryption-key", "/v1.0/shutdown",
		"/v1.0/invoke/users/method/v1/me", "/v1.0/invoke/users.tienda/method/internal/v1/revocations", "/v1.0/invoke/gateway.tienda/method/v1/categories",
		"/../users/method/internal/v1/revocations", "/%2e%2e/users/method/internal/v1/revocations", "/v1/../../../users.tienda/method/internal/v1/revocations",
		"/..%2fusers.tienda%2fmethod%2finternal%2fv1%2frevocations", "/%252e%252e/users.tienda/method/internal/v1/revocations", "/v1/%252e%252e%252finternal/v1/revocations",
		"/v1//..//internal/v1/revocations", "//internal/v1/revocations", "/.//internal/v1/revocations", "/v1/..;/internal/v1/revocations", "/v1/orders;/internal", "/v1/me;x=y",
		"/v1/categories%0a", "/v1/categories%0a/../../internal/v1/revocations", "/v1/categories%0d%0aDapr-App-Id:%20users", "/v1/categories%3f", "/v1/categories%23x", "/v1/categories%00",
		"/v1/categorie%2573", "/V1/categories", `/v1\..\internal`, "/v1/%5c..%5cinternal", "/v1/categories%c0%ae%c0%ae/",
		"http://127.0.0.1:3500/v1.0/metadata", "/method/v1/categories", "/openapi.yaml/..%2f..%2fmetadata",
	} {
		for _, method := range []string{"GET", "POST"} {
			a := raw(t, ask(method, path, "Authorization", "Bearer "+c.token, "Content-Length", "0"))
			require.Contains(t, []int{400, 404, 405, 421}, a.status, "%s %s: %s", method, path, a.body)
			require.NotContains(t, string(a.body), "ERR_", path)
		}
	}
	// nginx resolves a path before it matches, and a sidecar leaves a slash at its end out:
	// what the gateway sees is a route of its table.
	for _, path := range []string{"//v1/categories", "/v1/./categories", "/x/../v1/categories", "/v1/%63ategories", "/v1/categories/", "/v1/categories%2f"} {
		require.Equal(t, http.StatusOK, raw(t, ask("GET", path)).status, path)
	}
	require.Equal(t, http.StatusNotFound, raw(t, "GET /v1/categories HTTP/1.1\r\nHost: other.example\r\nConnection: close\r\n\r\n").status, "another host")
}

// Requests that hide another one.
func TestRequestsWithinRequests(t *testing.T) {
	const hidden = "GET /internal/v1/revocations HTTP/1.1\r\nHost: x\r\nDapr-App-Id: users\r\n\r\n"
	from(t, "") // skips
	for name, head := range map[string]string{
		"length and chunks":   "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"two lengths":         "Content-Length: 0\r\nContent-Length: 60\r\n\r\n",
		"a space before":      "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
		"chunks of two names": "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
	} {
		a := raw(t, "POST /v1/nothing HTTP/1.1\r\nHost: "+door.Host+"\r\n"+head+hidden)
		require.Contains(t, []int{400, 404, 501}, a.status, "%s: %s", name, a.body)
	}
}
