// Package service wires the migration together: what is around its core. Its main runs
// what it builds beside a real sidecar.
package service

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tienda/internal/app"
	"tienda/services/migration/internal/api"
	"tienda/services/migration/internal/events"
	"tienda/services/migration/internal/progress"
	"tienda/services/migration/internal/routing"
	"tienda/services/migration/internal/statestore"
)

// AppID is the service's app ID.
const AppID = api.App

// againEvery is the pause between two tries of MIGRATION_AUTOSTART.
const againEvery = 5 * time.Second

// Core is what does the move.
type Core struct {
	Control progress.Control
	Parts   []app.Part                    // background work; begins once the sidecar is ready
	Ready   []func(context.Context) error // checks of readiness
	Hearer  events.Hearer                 // of changed documents; nil: nobody hears of them
}

// NewCore makes the core. The sidecar is not ready yet: what needs it, as dsn does, waits
// for a Part or a call.
type NewCore func(ctx context.Context, c Config, dsn DSN, d app.Deps) (Core, error)

// Build gives what builds the service around a core. Without a mapping there is nothing
// to move: the app runs, and says what it lacks.
func Build(core NewCore) func(context.Context, app.Deps) (app.Built, error) {
	return func(ctx context.Context, d app.Deps) (app.Built, error) {
		if d.Config.AppToken == "" {
			return app.Built{}, errors.New("configuration: APP_API_TOKEN is not set: every route of the migration asks for it, and TIENDA_ALLOW_NO_APP_TOKEN does not change that")
		}
		cfg, err := LoadConfig(d.Getenv)
		if err != nil {
			return app.Built{}, fmt.Errorf("configuration: %w", err)
		}
		made := Core{Control: without{time.Now()}}
		if cfg.Mapping != "" {
			if made, err = core(ctx, cfg, secretDSN(d.Sidecar), d); err != nil {
				return app.Built{}, err
			}
		}
		if made.Hearer == nil {
			made.Hearer = events.Nobody{}
		}
		d.Log.Info("migration", "config", cfg)
		built := app.Built{
			Routes: api.Routes(made.Control, routing.New(statestore.NewRouting(d.DB), time.Now), made.Hearer), Parts: made.Parts, Ready: made.Ready,
			Figures: []prometheus.Collector{figures{made.Control, d.Log}},
		}
		if cfg.Autostart && cfg.Mapping != "" {
			built.Parts = append(built.Parts, autostart(made.Control, againEvery, d.Log))
		}
		return built, nil
	}
}
