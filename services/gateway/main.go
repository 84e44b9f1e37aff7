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
	"time"

	"tienda/contracts"
	"tienda/internal/app"
	"tienda/internal/contract"
	"tienda/internal/deadletter"
	"tienda/internal/httpapi"
	"tienda/internal/metrics"
	"tienda/internal/sidecar"
	"tienda/internal/trace"
	"tienda/services/gateway/internal/cache"
	"tienda/services/gateway/internal/edge"
	"tienda/services/gateway/internal/forward"
	"tienda/services/gateway/internal/limit"
	"tienda/services/gateway/internal/logbuf"
	"tienda/services/gateway/internal/ops"
	"tienda/services/gateway/internal/route"
	"tienda/services/gateway/internal/strangler"
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
	tracer, err := trace.Open(ctx, appID, getenv, log)
	if err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	defer app.CloseTraces(ctx, tracer, log)
	side, err := cfg.Sidecar()
	if err != nil {
		return err
	}
	defer side.Close()
	keys := token.NewKeys(published(side), time.Now, log)
	table, err := route.Open(cfg.routes, defaultRoutes, cfg.factor, cfg.monolith, log)
	if err != nil {
		return err
	}
	feed := token.NewFeed(news(side), keys, time.Now, log)
	moving := newSwitch(cfg, side, log)
	health := app.NewHealth(keys.Ready, feed.Ready, moving.Ready, atMost(probeEvery, side.Ready))
	d, err := build(cfg, side, keys, feed, table, moving, health, tracer, log)
	if err != nil {
		return err
	}
	log.Info("configured", "config", cfg.Config)
	return app.Run(ctx, append(d.parts(cfg, side, table, log), health.Part, keys.Part, feed.Part)...)
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

// newSwitch gives what sends requests to a monolith while it is moved in; nil: there is
// none.
func newSwitch(cfg config, side *sidecar.Sidecar, log *slog.Logger) *strangler.Switch {
	if cfg.monolith == nil {
		return nil
	}
	return strangler.New(func(ctx context.Context, r strangler.Report) (p strangler.Plan, err error) {
		err = side.Invoke(ctx, sidecar.Call{App: "migration", Method: http.MethodPost, Path: "/internal/v1/routing", In: r, Out: &p})
		return p, err
	}, log)
}

// door is what the gateway is made of.
type door struct {
	handler http.Handler
	limits  *limit.Limiter
	apps    *forward.Forwarder
	cache   *cache.Cache
	moving  *strangler.Switch // nil: no monolith is moved in
	figures *metrics.Metrics
}

// observer counts what the edge answers.
type observer struct {
	*metrics.Metrics
	limited func(limit string)
}

// Limited implements edge.Observer.
func (o observer) Limited(limit string) { o.limited(limit) }

func build(cfg config, side *sidecar.Sidecar, keys *token.Keys, feed *token.Feed, table *route.Live, moving *strangler.Switch, health *app.Health, tracer *trace.Tracer, log *slog.Logger) (*door, error) {
	c, err := contract.Load(contracts.FS, appID)
	if err != nil {
		return nil, err
	}
	routes, err := edge.OwnRoutes(contracts.FS)
	if err != nil {
		return nil, err
	}
	routes = append(routes, ops.DeadLetters(side, func() []string { return hearing(table.Table()) }))
	own, err := httpapi.New(httpapi.Options{Contract: c, Routes: append(health.Probes(), routes...), Log: log})
	if err != nil {
		return nil, err
	}
	base, err := url.Parse(side.Base())
	if err != nil {
		return nil, err
	}
	d := &door{
		limits:  limit.New(limit.DefaultSize, time.Now),
		apps:    forward.New(forward.Config{Base: base, APIToken: cfg.APIToken, Transport: sidecar.Transport(), Upstreams: forward.UpstreamTransport(), HTTPS: cfg.https}),
		figures: metrics.New("tienda_gateway"),
	}
	d.cache = cache.New(d.apps, cache.DefaultSize, time.Now)
	var next edge.Forwarder = d.cache
	if d.moving = moving; moving != nil {
		moving.Before(d.cache, d.apps, d.cache.Forget)
		next = moving
	}
	d.handler = edge.New(edge.Options{
		Table: table.Table, Tokens: token.NewVerifier(cfg.issuer, keys, feed.Revoked), Limits: d.limits, Forward: next, Origins: cfg.origins,
		Proxies: cfg.proxies, HTTPS: cfg.https, Own: own, Observe: observer{d.figures, d.figures.Events("tienda_gateway_limited_total", "Requests refused with 429, by limit.", "limit")}, Log: log,
		Tracer: tracer, Trust: cfg.trust,
	})
	d.figures.Register(feed)
	return d, nil
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
