package view_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/cmd/tienda/internal/view"
	"tienda/cmd/tienda/internal/view/letters"
	"tienda/cmd/tienda/internal/view/watch"
)

// gateway is one that an admin signs in at.
type gateway struct{ settled []string }

func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost && r.URL.Path != "/v1/auth/token" {
		g.settled = append(g.settled, r.URL.Path)
	}
	_, _ = w.Write([]byte(`{"access_token":"t","items":[]}`))
}

func serve(t *testing.T) (v *view.View, base, token string, g *gateway) {
	t.Helper()
	g = &gateway{}
	server := httptest.NewServer(g)
	t.Cleanup(server.Close)
	v, err := view.Listen(t.Context(), 0)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- v.Serve(ctx, view.Options{
			Replicas: func() []watch.Replica { return nil }, Gateway: server.URL, Admin: letters.Account{Email: "alba@example.com", Password: "pw"}, Profile: "local",
		})
	}()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
	})
	base, token, _ = strings.Cut(v.URL(), "/#token=")
	return v, base, token, g
}

func ask(t *testing.T, method, url, host string, headers ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, http.NoBody)
	require.NoError(t, err)
	if host != "" {
		req.Host = host
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp, string(body)
}

// What another page, another name of this host or another person of this machine sends
// is refused, and settles no dead letter.
func TestWhoMayUseTheView(t *testing.T) {
	_, base, token, g := serve(t)
	host := strings.TrimPrefix(base, "http://")
	port := host[strings.LastIndexByte(host, ':'):]
	const replay, header = "/api/dead-letters/catalog/7/replay", "Tienda-View-Token"
	for _, c := range []struct {
		what, method, path, host string
		headers                  []string
		want                     int
	}{
		{"the page", "GET", "/", "", nil, 200},
		{"by the other name of loopback", "GET", "/", "localhost" + port, nil, 200},
		{"a link of another page", "GET", "/", "", []string{"Sec-Fetch-Site", "cross-site"}, 200},
		{"its data", "GET", "/api/now", "", []string{header, token}, 200},
		{"a name that leads here", "GET", "/api/now", "evil.example" + port, []string{header, token}, 421},
		{"no port", "GET", "/", "localhost", nil, 421},
		{"no token", "GET", "/api/now", "", nil, 403},
		{"a token that is guessed", "GET", "/api/traces", "", []string{header, "GUESS"}, 403},
		{"data for another page", "GET", "/api/now", "", []string{header, token, "Sec-Fetch-Site", "same-site"}, 403},
		{"a replay by another page", "POST", replay, "", []string{header, token, "Sec-Fetch-Site", "cross-site"}, 403},
		{"a replay by a page of another port", "POST", replay, "", []string{header, token, "Origin", "http://localhost:3000"}, 403},
		{"a replay without a token", "POST", replay, "", []string{"Origin", base}, 403},
		{"a question before a request", "OPTIONS", replay, "", []string{"Origin", "http://evil.example", "Access-Control-Request-Headers", header}, 405},
		{"spans without their token", "POST", "/v1/traces", "", []string{"Content-Type", "application/x-protobuf", header, token}, 403},
		{"another path of the gateway", "POST", "/api/dead-letters/catalog/..%2F..%2Fusers/replay", "", []string{header, token}, 404},
		{"what is neither", "POST", "/api/dead-letters/catalog/7/delete", "", []string{header, token}, 404},
		{"what there is not", "GET", "/page/../view.go", "", nil, 404},
	} {
		resp, body := ask(t, c.method, base+c.path, c.host, c.headers...)
		require.Equal(t, c.want, resp.StatusCode, "%s: %s", c.what, body)
		require.Empty(t, resp.Header.Get("Access-Control-Allow-Origin"), c.what)
	}
	require.Empty(t, g.settled)
	resp, _ := ask(t, "POST", base+replay, "", header, token, "Origin", base, "Sec-Fetch-Site", "same-origin")
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.Equal(t, []string{"/v1/ops/dead-letters/catalog/7/replay"}, g.settled)
}

func TestThePageIsLockedDown(t *testing.T) {
	_, base, token, _ := serve(t)
	for path, kind := range map[string]string{"/": "text/html", "/page/page.js": "text/javascript", "/page/page.css": "text/css"} {
		resp, body := ask(t, "GET", base+path, "")
		require.Contains(t, resp.Header.Get("Content-Type"), kind)
		require.Contains(t, resp.Header.Get("Content-Security-Policy"), "default-src 'none'")
		require.NotContains(t, resp.Header.Get("Content-Security-Policy"), "unsafe")
		require.Equal(t, "DENY", resp.Header.Get("X-Frame-Options"))
		require.Empty(t, resp.Cookies())
		require.NotContains(t, body, token)
	}
}

func TestSpansAndIncidentsAreShown(t *testing.T) {
	v, base, token, _ := serve(t)
	for range 40 {
		v.Note("orders", "ended")
	}
	v.Note("orders", "runs again, pid 7")
	_, body := ask(t, "GET", base+"/api/now", "", "Tienda-View-Token", token)
	var now struct {
		Incidents []view.Incident
		Replicas  []any
		Traces    int `json:"traces_version"`
	}
	require.NoError(t, json.Unmarshal([]byte(body), &now))
	require.Len(t, now.Incidents, 30)
	require.Equal(t, "runs again, pid 7", now.Incidents[29].What)
	require.NotNil(t, now.Replicas)
	url, header := v.Collector()
	require.Equal(t, base, url)
	name, value, _ := strings.Cut(header, "=")
	require.NotEqual(t, token, value, "who sends spans sees nothing")
	resp, _ := ask(t, "POST", base+"/v1/traces", "", name, value, "Content-Type", "application/x-protobuf")
	require.Equal(t, http.StatusOK, resp.StatusCode)
	resp, _ = ask(t, "GET", base+"/api/traces/none", "", "Tienda-View-Token", token)
	require.Equal(t, http.StatusNotFound, resp.StatusCode)
}
