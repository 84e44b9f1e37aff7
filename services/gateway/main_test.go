package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tienda/contracts"
	"tienda/internal/app"
	"tienda/internal/contract"
	"tienda/internal/contract/contracttest"
	"tienda/internal/sidecar"
	"tienda/services/gateway/internal/route"
	"tienda/services/gateway/internal/token"
)

// shop is the gateway over a sidecar that plays all the apps.
type shop struct {
	handler http.Handler
	key     ed25519.PrivateKey
	public  *contract.Contract
	table   *route.Live
}

func start(t *testing.T, apps http.HandlerFunc, env map[string]string) *shop {
	t.Helper()
	pub, key, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	fake := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/v1.0/healthz/outbound":
			w.WriteHeader(http.StatusNoContent)
		case r.URL.Path == "/.well-known/jwks.json" && r.Header.Get("Dapr-App-Id") == "users":
			w.Header().Set("Content-Type", "application/json")
			_, _ = fmt.Fprintf(w, `{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k","alg":"EdDSA","use":"sig","x":%q}]}`, base64.RawURLEncoding.EncodeToString(pub))
		case r.URL.Path == "/internal/v1/revocations" && r.Header.Get("Dapr-App-Id") == "users":
			_, _ = io.WriteString(w, `{"now":"2026-11-23T12:00:00Z","sessions":["`+endedSession+`"],"keys":["k"]}`)
		default:
			apps(w, r)
		}
	}))
	t.Cleanup(fake.Close)
	base, err := url.Parse(fake.URL)
	require.NoError(t, err)
	cfg, err := loadConfig(func(name string) string {
		if name == "DAPR_HTTP_PORT" {
			return base.Port()
		}
		return env[name]
	})
	require.NoError(t, err)
	side, err := cfg.Sidecar()
	require.NoError(t, err)
	t.Cleanup(side.Close)
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	keys := token.NewKeys(published(side), time.Now, log)
	feed := token.NewFeed(news(side), keys, time.Now, log)
	table, err := route.Open(cfg.routes, defaultRoutes, cfg.factor, cfg.monolith, log)
	require.NoError(t, err)
	moving := newSwitch(cfg, side, log)
	d, err := build(cfg, side, keys, feed, table, moving, app.NewHealth(keys.Ready, feed.Ready, moving.Ready, side.Ready), nil, log)
	require.NoError(t, err)
	s := &shop{handler: d.handler, key: key, table: table}
	s.public, err = contract.Load(contracts.FS, "public")
	require.NoError(t, err)

	require.Equal(t, http.StatusServiceUnavailable, s.do(t, "GET", "/readyz", "").Code, "not before the keys are read")
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	parts := []app.Part{keys.Part, feed.Part}
	if moving != nil {
		parts = append(parts, moving.Around(func(ctx context.Context) error { <-ctx.Done(); return nil }))
	}
	go func() { done <- app.Run(ctx, parts...) }()
	t.Cleanup(func() { stop(); require.NoError(t, <-done) })
	require.Eventually(t, func() bool { return s.do(t, "GET", "/readyz", "").Code == http.StatusOK }, 5*time.Second, 5*time.Millisecond)
	return s
}

// do makes a call and holds the answer to the public contract.
func (s *shop) do(t *testing.T, method, path, body string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	var in io.Reader
	if body != "" {
		in = strings.NewReader(body)
	}
	r := httptest.NewRequest(method, path, in)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	if op := contracttest.Find(s.public, method, r.URL.Path); op != nil {
		require.NoError(t, op.CheckResponse(w.Code, w.Header().Get("Content-Type"), w.Body.Bytes()))
	}
	return w
}

func (s *shop) token(t *testing.T, role string) string {
	return s.sign(t, jwt.MapClaims{"sub": uuid.NewString(), "client_id": "tienda", "sid": uuid.NewString(), "roles": []string{role}})
}

// sign gives a token with claims and what every token has.
func (s *shop) sign(t *testing.T, claims jwt.MapClaims) string {
	t.Helper()
	for name, v := range map[string]any{"iss": "http://127.0.0.1:8080", "aud": "tienda", "jti": uuid.NewString(),
		"iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix()} {
		claims[name] = v
	}
	tok := jwt.NewWithClaims(jwt.SigningMethodEdDSA, claims)
	tok.Header["kid"], tok.Header["typ"] = "k", "at+jwt"
	signed, err := tok.SignedString(s.key)
	require.NoError(t, err)
	return "Bearer " + signed
}

// endedSession is one that the users app says is revoked.
const endedSession = "0198b4a2-7d7b-7c6e-9f57-0d6f1f3b8a11"

// What the token of an ended session, and that of a service account, may do.
func TestWhoseTokensAreTaken(t *testing.T) {
	s := start(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusNotFound)
		_, _ = fmt.Fprintf(w, `{"type":"about:blank","title":"x","status":404,"code":"sent_on","detail":%q}`, r.Header.Get("Tienda-Scopes")+r.Header.Get("Tienda-Roles"))
	}, nil)
	ended := s.sign(t, jwt.MapClaims{"sub": uuid.NewString(), "client_id": "tienda", "sid": endedSession, "roles": []string{"admin"}})
	id := uuid.NewString()
	machine := s.sign(t, jwt.MapClaims{"sub": id, "client_id": id, "sid": uuid.NewString(), "scope": "orders:fulfil"})
	order := uuid.NewString()
	for _, c := range []struct {
		name, token, method, path string
		status                    int
		code                      string
	}{
		{"ended", ended, "GET", "/v1/me", 401, "session_ended"},
		{"ended, on a public route", ended, "GET", "/v1/products", 401, "session_ended"},
		{"machine with the scope", machine, "POST", "/v1/orders/" + order + "/ship", 404, "sent_on"},
		{"machine with the scope, on a public route that names it", machine, "GET", "/v1/orders/" + order, 404, "sent_on"},
		{"machine with another scope", machine, "PATCH", "/v1/inventory/A-1", 403, "scope_missing"},
		{"machine on a user's route", machine, "GET", "/v1/me", 403, "scope_missing"},
		{"machine on a staff route", machine, "GET", "/v1/ops/signing-keys", 403, "scope_missing"},
		{"machine on the gateway's own", machine, "GET", "/v1/ops/dead-letters", 403, "scope_missing"},
		{"machine as a customer", machine, "POST", "/v1/orders", 403, "scope_missing"},
		{"machine with a cart", machine, "GET", "/v1/cart", 403, "scope_missing"},
	} {
		w := s.do(t, c.method, c.path, "", "Authorization", c.token)
		require.Equal(t, c.status, w.Code, "%s: %s", c.name, w.Body)
		require.Contains(t, w.Body.String(), `"`+c.code+`"`, c.name)
		if c.code == "sent_on" {
			require.Contains(t, w.Body.String(), `"detail":"orders:fulfil"`)
		}
	}
}

func TestWhatTheGatewayAnswersItself(t *testing.T) {
	s := start(t, func(http.ResponseWriter, *http.Request) { t.Error("sent on") }, nil)
	own, err := contract.Load(contracts.FS, "gateway")
	require.NoError(t, err)
	for _, op := range own.Operations() {
		status := http.StatusOK
		if strings.HasPrefix(op.Path, "/v1/ops/") {
			status = http.StatusUnauthorized
		}
		w := s.do(t, op.Method, op.Path, "", "Tienda-User", uuid.NewString(), "Tienda-Roles", "admin")
		require.Equal(t, status, w.Code, op.Path)
		require.NoError(t, op.CheckResponse(w.Code, w.Header().Get("Content-Type"), w.Body.Bytes()))
	}
	document, err := contracts.FS.ReadFile("openapi/public.yaml")
	require.NoError(t, err)
	require.True(t, bytes.Equal(document, s.do(t, "GET", "/openapi.yaml", "").Body.Bytes()))
	require.Equal(t, http.StatusNotFound, s.do(t, "GET", "/internal/v1/users/1", "").Code)
}

// TestEveryRefusalIsInThePublicContract tries each operation as nobody, with a
// forged token, without the role, with an oversized body, and with every app
// away; do holds each answer to the contract.
func TestEveryRefusalIsInThePublicContract(t *testing.T) {
	away := func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = io.WriteString(w, `{"errorCode":"ERR_DIRECT_INVOKE","message":"away"}`)
	}
	// Little time each: the retries have tests of their own.
	s := start(t, away, map[string]string{"GATEWAY_ROUTES": quickTable(t), "GATEWAY_LIMIT_FACTOR": "100"})
	admin, customer := s.token(t, "admin"), s.token(t, "customer")
	for _, op := range s.public.Operations() {
		path := strings.NewReplacer("{id}", uuid.NewString(), "{receipt}", uuid.NewString(), "{message}", uuid.NewString(), "{shipment}", uuid.NewString(), "{attachment}", uuid.NewString(), "{sku}", "A-1", "{slug}", "shirts", "{code}", "TEN", "{provider}", "sandbox", "{kind}", "stock").Replace(op.Path)
		if path == "/" || path == "/openapi.yaml" || path == "/healthz" || path == "/readyz" || strings.HasPrefix(path, "/.well-known/") {
			continue
		}
		require.Equal(t, http.StatusUnauthorized, s.do(t, op.Method, path, "", "Authorization", "Bearer x.y.z").Code)
		require.Contains(t, []int{401, 503, 504}, s.do(t, op.Method, path, "").Code)
		require.Contains(t, []int{403, 503, 504}, s.do(t, op.Method, path, "", "Authorization", customer).Code)
		if path == "/v1/ops/dead-letters" { // says which apps are away
			require.Equal(t, http.StatusOK, s.do(t, op.Method, path, "", "Authorization", admin).Code)
			continue
		}
		require.Contains(t, []int{503, 504}, s.do(t, op.Method, path, "", "Authorization", admin).Code)
		if op.Method != http.MethodGet {
			large := strings.Repeat("x", int(op.MaxBody)+1)
			require.Equal(t, http.StatusRequestEntityTooLarge, s.do(t, op.Method, path, large, "Authorization", admin).Code)
		}
		require.Equal(t, http.StatusBadRequest, s.do(t, op.Method, path, "", "Authorization", admin, "Idempotency-Key", strings.Repeat("x", 2000)).Code)
	}
}

// Who signs in too often is told so, in the words of the contract.
func TestSigningInIsLimitedByDefault(t *testing.T) {
	var asked atomic.Int32
	s := start(t, func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, `{"type":"about:blank","title":"Unauthorized","status":401,"code":"wrong_credentials"}`)
	}, nil)
	refused := 0
	for range 100 {
		w := s.do(t, "POST", "/v1/auth/token", `{}`, "Content-Type", "application/json") // holds it to the contract
		if w.Code == http.StatusTooManyRequests {
			refused++
			require.NotEmpty(t, w.Header().Get("Retry-After"))
			require.Contains(t, w.Header().Get("RateLimit"), `"signin";r=0;t=`)
			require.Equal(t, `"address";q=1200;w=10, "signin";q=30;w=60`, w.Header().Get("RateLimit-Policy"))
		}
	}
	require.InDelta(t, 30, asked.Load(), 5)
	require.EqualValues(t, 100, int(asked.Load())+refused)
	require.NotEqual(t, http.StatusTooManyRequests, s.do(t, "GET", "/v1/categories", "").Code, "reading goes on")
}

// Probes may come from anybody, and cost the sidecar little.
func TestProbesAskTheSidecarSeldom(t *testing.T) {
	var asked int
	check := atMost(time.Hour, func(context.Context) error { asked++; return nil })
	for range 10 {
		require.NoError(t, check(t.Context()))
	}
	require.Equal(t, 1, asked)
}

// TestGuestsShareAnswers goes through the whole gateway: its table, its edge and
// its forwarder.
func TestGuestsShareAnswers(t *testing.T) {
	var asked atomic.Int32
	s := start(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"items":[]}`)
	}, nil)
	first := s.do(t, "GET", "/v1/categories", "", "X-Request-Id", "request-1", "Origin", "http://a", "Cookie", "tienda_cart=x")
	began := time.Now()
	second := s.do(t, "GET", "/v1/categories", "", "X-Request-Id", "request-2")
	staff := s.do(t, "GET", "/v1/categories", "", "Authorization", s.token(t, "catalog_manager"))
	unchanged := s.do(t, "GET", "/v1/categories", "", "If-None-Match", first.Header().Get("ETag"))
	if time.Since(began) < 500*time.Millisecond { // else this machine is too slow to tell
		require.EqualValues(t, 2, asked.Load(), "one guest and the manager")
	}
	require.Equal(t, http.StatusOK, second.Code)
	require.Equal(t, first.Body.String(), second.Body.String())
	require.Equal(t, "request-2", second.Header().Get("X-Request-Id"))
	require.Equal(t, "nosniff", second.Header().Get("X-Content-Type-Options"))
	require.Equal(t, "Origin", first.Header().Get("Vary"))
	require.Empty(t, second.Header().Get("Vary"))
	require.Equal(t, "no-store", staff.Header().Get("Cache-Control"))
	require.Equal(t, http.StatusNotModified, unchanged.Code)
	require.Empty(t, unchanged.Body.String())
	require.Equal(t, http.StatusUnauthorized, s.do(t, "GET", "/v1/categories", "", "Authorization", "Bearer x").Code, "a bad token is refused, whatever is kept")
}

// quickTable is the table with timeouts that leave no time for many retries.
func quickTable(t *testing.T) string {
	t.Helper()
	quick := strings.NewReplacer("timeout: 10s", "timeout: 20ms", "timeout: 5s", "timeout: 20ms", "timeout: 20s", "timeout: 20ms").Replace(string(defaultRoutes))
	file := t.TempDir() + "/routes.yaml"
	require.NoError(t, os.WriteFile(file, []byte(quick), 0o600))
	return file
}

func TestConfigurationIsChecked(t *testing.T) {
	env := map[string]string{}
	getenv := func(name string) string { return env[name] }
	cfg, err := loadConfig(getenv)
	require.NoError(t, err, "no app token is needed: clients have none")
	require.Equal(t, "127.0.0.1", cfg.Host, "loopback unless APP_HOST says otherwise")

	bad := t.TempDir() + "/routes.yaml"
	require.NoError(t, os.WriteFile(bad, []byte("routes: [{path: /internal/x, methods: [GET], app: users, access: public}]"), 0o600))
	for _, c := range []struct{ name, value, want string }{
		{"APP_PORT", "0", "APP_PORT"},
		{"GATEWAY_ROUTES", bad + ".missing", "GATEWAY_ROUTES"},
		{"GATEWAY_ROUTES", bad, "/internal is not for the public"},
		{"GATEWAY_CORS_ORIGINS", "*", "GATEWAY_CORS_ORIGINS"},
		{"GATEWAY_PUBLIC_SCHEME", "HTTPS", "GATEWAY_PUBLIC_SCHEME"},
		{"GATEWAY_LIMIT_FACTOR", "0", "GATEWAY_LIMIT_FACTOR"},
		{"GATEWAY_MAX_CONNECTIONS", "many", "GATEWAY_MAX_CONNECTIONS"},
		{"GATEWAY_MAX_CONNECTIONS_PER_ADDRESS", "-1", "GATEWAY_MAX_CONNECTIONS_PER_ADDRESS"},
		{"GATEWAY_TRUSTED_PROXIES", "10.0.0.0/33", "GATEWAY_TRUSTED_PROXIES"},
		{"GATEWAY_PROXY_HEADER", "X-Real-Ip", "X-Real-Ip"},
		{"GATEWAY_METRICS_ADDRESS", "9464", "GATEWAY_METRICS_ADDRESS"},
		{"GATEWAY_MIGRATION", "yes", "GATEWAY_MIGRATION"},
		{"GATEWAY_MIGRATION", "1", "GATEWAY_LEGACY"},
		{"GATEWAY_LEGACY_IDENTITY", "on", "GATEWAY_LEGACY_IDENTITY"},
	} {
		env = map[string]string{c.name: c.value}
		_, err := loadConfig(getenv)
		require.ErrorContains(t, err, c.want)
	}
}

// Behind a proxy that ends TLS, orders is told to mark its cookie Secure.
func TestPublicScheme(t *testing.T) {
	for scheme, want := range map[string]string{"": "", "http": "", "https": "https"} {
		var got atomic.Value
		s := start(t, func(w http.ResponseWriter, r *http.Request) {
			got.Store(r.Header.Get("X-Forwarded-Proto"))
			w.WriteHeader(http.StatusNoContent)
		}, map[string]string{"GATEWAY_PUBLIC_SCHEME": scheme})
		require.Equal(t, http.StatusNoContent, s.do(t, "DELETE", "/v1/cart", "", "X-Forwarded-Proto", "https").Code)
		require.Equal(t, want, got.Load(), "scheme %q", scheme)
	}
}

// TestRun starts the whole app on a port of its own and stops it.
func TestRun(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	port := l.Addr().(*net.TCPAddr).Port
	require.NoError(t, l.Close())
	var log bytes.Buffer // read after the end
	done := make(chan error, 1)
	go func() {
		done <- run(ctx, func(name string) string { return map[string]string{"APP_PORT": strconv.Itoa(port)}[name] }, &log)
	}()
	client := http.Client{Transport: sidecar.Transport()}
	require.Eventually(t, func() bool {
		resp, err := client.Get("http://127.0.0.1:" + strconv.Itoa(port) + "/healthz")
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	}, 5*time.Second, 10*time.Millisecond)
	stop()
	require.NoError(t, <-done)
	require.Contains(t, log.String(), `"msg":"listening"`)
	require.NotContains(t, log.String(), "/healthz")
}
