// Command gateway is the public door of the shop: it checks who is calling and
// forwards, by app ID through its sidecar, what its route table lists.
package main

import (
	"context"
	_ "embed"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"time"

	"tienda/contracts"
	"tienda/internal/app"
	"tienda/internal/contract"
	"tienda/internal/deadletter"
	"tienda/internal/httpapi"
	"tienda/internal/sidecar"
	"tienda/services/gateway/internal/cache"
	"tienda/services/gateway/internal/edge"
	"tienda/services/gateway/internal/forward"
	"tienda/services/gateway/internal/logbuf"
	"tienda/services/gateway/internal/ops"
	"tienda/services/gateway/internal/route"
	"tienda/services/gateway/internal/token"
)

const (
	appID = "gateway"
	port  = 8080
)

//go:embed routes.yaml
var defaultRoutes []byte

func main() { app.Main(run) }

func run(ctx context.Context, getenv func(string) string, stdout io.Writer) error {
	cfg, err := loadConfig(getenv)
	if err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	lines := logbuf.New(stdout)
	defer func() { _ = lines.Close() }() // nowhere to report it to
	log := slog.New(lines.Handler(cfg.Log(lines).Handler()))
	side, err := cfg.Sidecar()
	if err != nil {
		return err
	}
	defer side.Close()
	keys := token.NewKeys(published(side), time.Now, log)
	feed := token.NewFeed(news(side), keys, time.Now, log)
	health := app.NewHealth(keys.Ready, feed.Ready, side.Ready)
	h, err := handler(cfg, side, keys, feed, health, log)
	if err != nil {
		return err
	}
	return app.Run(ctx, app.Server(cfg.Config, h, log), health.Part, keys.Part, feed.Part)
}

// config is the frame's and the gateway's own.
type config struct {
	app.Config
	routes  *route.Table // GATEWAY_ROUTES: a file; else the table that is built in
	origins edge.Origins // GATEWAY_CORS_ORIGINS; none by default
	issuer  string       // TIENDA_ISSUER, as the users app has it; http://127.0.0.1:8080 by default
	https   bool         // GATEWAY_PUBLIC_SCHEME is https: TLS ends before the gateway, which serves none; http by default
}

func loadConfig(getenv func(string) string) (config, error) {
	// The gateway's callers are clients, who are no sidecars: it asks none of
	// them for the app token, and believes no identity headers from anyone.
	public := func(name string) string {
		if name == "TIENDA_ALLOW_NO_APP_TOKEN" {
			return "1"
		}
		return getenv(name)
	}
	base, err := app.LoadConfig(appID, port, public)
	if err != nil {
		return config{}, err
	}
	c := config{Config: base}
	raw := defaultRoutes
	if file := getenv("GATEWAY_ROUTES"); file != "" {
		if raw, err = os.ReadFile(file); err != nil { //nolint:gosec // the operator names the file
			return config{}, fmt.Errorf("GATEWAY_ROUTES: %w", err)
		}
	}
	if c.routes, err = route.Parse(raw); err != nil {
		return config{}, err
	}
	if c.origins, err = edge.ParseOrigins(getenv("GATEWAY_CORS_ORIGINS")); err != nil {
		return config{}, fmt.Errorf("GATEWAY_CORS_ORIGINS: %w", err)
	}
	if c.issuer = getenv("TIENDA_ISSUER"); c.issuer == "" {
		c.issuer = "http://127.0.0.1:8080"
	}
	switch scheme := getenv("GATEWAY_PUBLIC_SCHEME"); scheme {
	case "", "http":
	case "https":
		c.https = true
	default:
		return config{}, fmt.Errorf("GATEWAY_PUBLIC_SCHEME: %q is neither http nor https", scheme)
	}
	return c, nil
}

// published reads the keys of access tokens from the users app.
func published(side *sidecar.Sidecar) token.Fetch {
	return func(ctx context.Context) (set token.JWKS, err error) {
		err = side.Invoke(ctx, sidecar.Call{App: "users", Method: http.MethodGet, Path: "/.well-known/jwks.json", Out: &set})
		return set, err
	}
}

// news asks the users app which sessions were revoked and which keys there are.
func news(side *sidecar.Sidecar) token.Ask {
	return func(ctx context.Context, since string) (n token.News, err error) {
		path := "/internal/v1/revocations"
		if since != "" {
			path += "?since=" + url.QueryEscape(since)
		}
		err = side.Invoke(ctx, sidecar.Call{App: "users", Method: http.MethodGet, Path: path, Out: &n})
		return n, err
	}
}

func handler(cfg config, side *sidecar.Sidecar, keys *token.Keys, feed *token.Feed, health *app.Health, log *slog.Logger) (http.Handler, error) {
	c, err := contract.Load(contracts.FS, appID)
	if err != nil {
		return nil, err
	}
	routes, err := edge.OwnRoutes(contracts.FS)
	if err != nil {
		return nil, err
	}
	routes = append(routes, ops.DeadLetters(side, hearing(cfg.routes)))
	own, err := httpapi.New(httpapi.Options{Contract: c, Routes: append(health.Probes(), routes...), Log: log})
	if err != nil {
		return nil, err
	}
	base, err := url.Parse(side.Base())
	if err != nil {
		return nil, err
	}
	apps := forward.New(forward.Config{Base: base, APIToken: cfg.APIToken, Transport: sidecar.Transport(), HTTPS: cfg.https})
	return edge.New(edge.Options{
		Table: cfg.routes, Tokens: token.NewVerifier(cfg.issuer, keys, feed.Revoked), Origins: cfg.origins, Own: own, Log: log,
		Forward: cache.New(apps, cache.DefaultSize, time.Now),
	}), nil
}

// hearing gives the apps whose dead letters the table has a route for.
func hearing(t *route.Table) (apps []string) {
	for _, r := range t.Routes() {
		if r.Path == deadletter.Path(r.App) {
			apps = append(apps, r.App)
		}
	}
	return apps
}
