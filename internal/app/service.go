package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tienda/contracts"
	"tienda/internal/contract"
	"tienda/internal/deadletter"
	"tienda/internal/httpapi"
	"tienda/internal/sidecar"
	"tienda/internal/state"
	"tienda/internal/trace"
)

// Deps is what the frame gives a service to build itself from.
type Deps struct {
	Config   Config
	Log      *slog.Logger
	Sidecar  *sidecar.Sidecar
	DB       *state.DB // over the component "<app ID>-state", events to the topic named like the app
	Contract *contract.Contract
	Getenv   func(string) string
}

// Built is what a service is made of.
type Built struct {
	Routes  []httpapi.Route
	Parts   []Part                        // background work; begins once the sidecar is ready
	Ready   []func(context.Context) error // checks of readiness besides the sidecar's
	Figures []prometheus.Collector        // for /metrics, besides those of every service
}

// Service runs a service: it reads the configuration, connects to the
// sidecar, serves the routes (and those of its dead letters, if it hears
// events), publishes events, and stops in order: readiness off, requests
// finished, background work ended, events flushed, callers and sidecar gone.
func Service(ctx context.Context, appID string, port int, getenv func(string) string, stdout io.Writer, build func(context.Context, Deps) (Built, error)) error {
	cfg, err := LoadConfig(appID, port, getenv)
	if err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	log := cfg.Log(stdout)
	tracer, err := trace.Open(ctx, appID, getenv, log)
	if err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	defer CloseTraces(ctx, tracer, log)
	side, err := cfg.Sidecar()
	if err != nil {
		return err
	}
	defer side.Close()
	c, err := contract.Load(contracts.FS, appID)
	if err != nil {
		return err
	}
	db, err := open(side, appID, log)
	if err != nil {
		return err
	}
	db.Trace(tracer)
	built, err := build(ctx, Deps{Config: cfg, Log: log, Sidecar: side, DB: db, Contract: c, Getenv: getenv})
	if err != nil {
		return err
	}
	health := NewHealth(append([]func(context.Context) error{side.Ready, answered(db)}, built.Ready...)...)
	letters := deadletter.New(appID, db, log)
	health.Watch(db, letters)
	health.figures.Register(built.Figures...)
	health.figures.Gauges("tienda_sidecar_breaker", "Breaker of an app that this one calls: 0 closed, 0.5 half open, 1 open.", "app", side.Breakers)
	h, err := letters.Handler(httpapi.Options{
		Contract: c, Routes: append(health.Routes(), built.Routes...), AppToken: cfg.AppToken, Log: log, Tracer: tracer, Observe: health.figures,
	})
	if err != nil {
		return err
	}
	door := NewDoor(cfg, h, log)
	front := []Part{door.Part, health.Part}
	if cfg.MetricsAddress != "" {
		front = append(front, func(ctx context.Context) error { return health.figures.Serve(ctx, cfg.MetricsAddress, log) })
	}
	for _, p := range built.Parts {
		front = append(front, afterSidecar(side, p))
	}
	outbox := func(ctx context.Context) error { return db.Start(ctx, cfg.DrainTime) }
	err = Outlive(afterSidecar(side, outbox), func(ctx context.Context) error { return Run(ctx, front...) })(ctx)
	if err != nil && ctx.Err() == nil {
		return err // it ends by itself: nobody has told its sidecar to end as well
	}
	return errors.Join(err, door.Close(ctx, side))
}

// CloseTraces sends the spans that are left at the end of an app.
func CloseTraces(ctx context.Context, tracer *trace.Tracer, log *slog.Logger) {
	if err := tracer.Close(ctx); err != nil {
		log.Warn("the last traces could not be sent", "error", err)
	}
}

// noDocument is a key that nobody writes.
const noDocument = "ready"

// answered gives the check that the store has answered: one read, until it has once. From
// then on it is not asked any more: all replicas have the same store, and to take them all
// away while it is gone would give callers nobody in place of a 503.
func answered(db *state.DB) func(context.Context) error {
	var once atomic.Bool
	return func(ctx context.Context) error {
		if once.Load() {
			return nil
		}
		if err := db.View(ctx, func(tx *state.Tx) error { return tx.Load(noDocument) }); err != nil {
			return fmt.Errorf("the store has not answered yet: %w", err)
		}
		once.Store(true)
		return nil
	}
}

// afterSidecar holds a part back until the sidecar is ready.
func afterSidecar(side *sidecar.Sidecar, p Part) Part {
	return func(ctx context.Context) error {
		if err := side.WaitReady(ctx); err != nil {
			if ctx.Err() != nil {
				return nil //nolint:nilerr // told to stop before the sidecar came
			}
			return err
		}
		return p(ctx)
	}
}

// Outlive runs back and front together; on stop, back goes on until front has
// ended. If back fails, front is stopped.
func Outlive(back, front Part) Part {
	return func(ctx context.Context) error {
		ctx, stopFront := context.WithCancel(ctx)
		defer stopFront()
		backCtx, stopBack := context.WithCancel(context.WithoutCancel(ctx))
		defer stopBack()
		done := make(chan error, 1)
		go func() {
			err := back(backCtx)
			if err != nil {
				stopFront()
			}
			done <- err
		}()
		err := front(ctx)
		stopBack()
		return errors.Join(err, <-done)
	}
}

// turnLimit bounds one turn of background work.
const turnLimit = 30 * time.Second

// Every runs work now and then every interval until the part is stopped. A
// turn may take 30 s. An error is logged and the next turn tried; the work must
// be safe to repeat.
func Every(interval time.Duration, log *slog.Logger, what string, work func(context.Context) error) Part {
	return func(ctx context.Context) error {
		t := time.NewTicker(interval)
		defer t.Stop()
		for {
			turn, cancel := context.WithTimeout(ctx, turnLimit)
			err := work(turn)
			cancel()
			if err != nil && ctx.Err() == nil {
				log.Warn("background work failed, will be tried again", "work", what, "error", err)
			}
			select {
			case <-ctx.Done():
				return nil
			case <-t.C:
				if ctx.Err() != nil {
					return nil
				}
			}
		}
	}
}
