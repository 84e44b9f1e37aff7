package main

import (
	"context"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"syscall"
	"time"

	"tienda/internal/app"
	"tienda/internal/sidecar"
	"tienda/internal/state"
	"tienda/services/gateway/internal/limit"
	"tienda/services/gateway/internal/listen"
	"tienda/services/gateway/internal/route"
)

// stateStore has what the gateway shares with its replicas.
const stateStore = appID + "-state"

// probeEvery bounds how often probes ask the sidecar: anybody may send them.
const probeEvery = 250 * time.Millisecond

// parts are what runs until the gateway is told to stop.
func (d *door) parts(cfg config, side *sidecar.Sidecar, table *route.Live, log *slog.Logger) []app.Part {
	server := listen.New(listen.Config{
		Address: net.JoinHostPort(cfg.Host, strconv.Itoa(cfg.Port)), Limits: cfg.open,
		ReadyOff: cfg.ReadyOffTime, Drain: cfg.DrainTime,
	}, d.handler, log)
	exchange := limit.NewExchange(d.limits, state.Dapr(side, stateStore), log)
	serve := app.Part(server.Part)
	if d.moving != nil {
		serve = d.moving.Around(server.Part)
	}
	parts := []app.Part{serve, exchange.Part, watch(table)}
	if cfg.metrics != "" {
		d.measure(table, server)
		parts = append(parts, func(ctx context.Context) error { return d.figures.Serve(ctx, cfg.metrics, log) })
	}
	return parts
}

// watch takes the route table again when its file changes, and on a SIGHUP.
func watch(table *route.Live) app.Part {
	return func(ctx context.Context) error {
		now := make(chan os.Signal, 1)
		signal.Notify(now, syscall.SIGHUP)
		defer signal.Stop(now)
		return table.Watch(ctx, now)
	}
}

// measure adds to the figures what the parts of the gateway count.
func (d *door) measure(table *route.Live, server *listen.Server) {
	m := d.figures
	m.Counter("tienda_gateway_cache_total", "Requests, by what the response cache did.", func() float64 { return float64(d.cache.Stats().Hits) }, "result", "hit")
	m.Counter("tienda_gateway_cache_total", "Requests, by what the response cache did.", func() float64 { return float64(d.cache.Stats().Misses) }, "result", "miss")
	m.Counter("tienda_gateway_cache_total", "Requests, by what the response cache did.", func() float64 { return float64(d.cache.Stats().Passed) }, "result", "pass")
	m.Gauge("tienda_gateway_cache_bytes", "Size of the answers that are kept.", func() float64 { return float64(d.cache.Stats().Bytes) })
	m.Gauges("tienda_gateway_breaker", "Breaker of an app: 0 closed, 0.5 half open, 1 open.", "app", d.apps.Breakers)
	m.Gauge("tienda_gateway_connections", "Open connections of clients.", func() float64 { return float64(server.Stats().Open) })
	m.Counter("tienda_gateway_connections_refused_total", "Connections closed because there were too many.", func() float64 { return float64(server.Stats().Refused) })
	m.Gauge("tienda_gateway_limit_buckets", "Clients that are counted.", func() float64 { return float64(d.limits.Len()) })
	m.Counter("tienda_gateway_limit_heard_total", "Counts of other replicas that were taken in.", func() float64 { return float64(d.limits.Heard()) })
	m.Counter("tienda_gateway_routes_loaded_total", "Route tables taken.", func() float64 { return float64(table.Stats().Loads) })
	m.Counter("tienda_gateway_routes_refused_total", "Route tables that could not be used.", func() float64 { return float64(table.Stats().Refused) })
	m.Gauge("tienda_gateway_routes_stale", "1 while the file of the route table cannot be used.", func() float64 {
		if table.Stats().Bad {
			return 1
		}
		return 0
	})
	if d.moving != nil {
		d.measureMoving()
	}
}

// measureMoving adds what is counted while a monolith is moved in.
func (d *door) measureMoving() {
	m, figures := d.figures, d.moving.Figures
	m.Gauge("tienda_gateway_routing_version", "Version of the routing that requests follow.", func() float64 { return float64(figures().Version) })
	m.Gauge("tienda_gateway_routing_applied", "Newest version with no write under way elsewhere.", func() float64 { return float64(figures().Applied) })
	m.Gauge("tienda_gateway_writes", "Writes under way, or without a known outcome.", func() float64 { return float64(figures().Writes) })
	m.Gauge("tienda_gateway_held", "Writes to fenced services that wait.", func() float64 { return float64(figures().Held) })
	m.Counter("tienda_gateway_held_total", "Writes that have waited.", func() float64 { return float64(figures().Waited) })
	m.Counter("tienda_gateway_held_refused_total", "Writes that were refused with 503 moving.", func() float64 { return float64(figures().Refused) })
	m.Counter("tienda_gateway_routing_polls_total", "Questions to the migration.", func() float64 { return float64(figures().Polls) })
	m.Counter("tienda_gateway_routing_polls_failed_total", "Questions to the migration without an answer.", func() float64 { return float64(figures().Failed) })
	const name, help = "tienda_gateway_shadow_total", "Reads that shop and monolith were asked."
	m.Counter(name, help, func() float64 { return float64(figures().Same) }, "result", "same")
	m.Counter(name, help, func() float64 { return float64(figures().Differ) }, "result", "different")
	m.Counter(name, help, func() float64 { return float64(figures().NoAnswer) }, "result", "failed")
	m.Counter(name, help, func() float64 { return float64(figures().Dropped) }, "result", "dropped")
}

// atMost asks check once each interval, and answers in between what it said.
func atMost(every time.Duration, check func(context.Context) error) func(context.Context) error {
	var mu sync.Mutex
	var asked time.Time
	var said error
	return func(ctx context.Context) error {
		mu.Lock()
		defer mu.Unlock()
		if now := time.Now(); now.Sub(asked) >= every {
			if said = check(ctx); ctx.Err() == nil {
				asked = now
			}
		}
		return said
	}
}
