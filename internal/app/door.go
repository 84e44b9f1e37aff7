package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"tienda/internal/fault"
	"tienda/internal/problem"
	"tienda/internal/sidecar"
)

// errLeaving answers who still comes while a replica is stopped. It says that nothing was
// done, so that callers ask another replica, whatever they wanted (package sidecar).
var errLeaving = fault.New(fault.Unavailable, "replica_leaving", "This replica is about to end. Another one has the answer.").Elsewhere()

// Door serves an app's requests, and lets its callers go at a stop. Their sidecars know of
// a stop only when this app's own sidecar has ended: no connection is closed before, and
// what still comes is told to ask another replica (docs/adr/0051).
type Door struct {
	cfg  Config
	log  *slog.Logger
	http *http.Server

	mu      sync.Mutex
	busy    int           // requests under way
	leaving chan struct{} // closed when nothing new is taken
	idle    chan struct{} // closed when, after that, nothing is under way
	ended   bool          // health is off: the sidecar is to end
}

// NewDoor gives a door to h.
func NewDoor(c Config, h http.Handler, log *slog.Logger) *Door {
	d := &Door{cfg: c, log: log, leaving: make(chan struct{}), idle: make(chan struct{})}
	d.http = &http.Server{
		Handler: d.guard(h), ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 60 * time.Second, WriteTimeout: 60 * time.Second,
		IdleTimeout: 120 * time.Second, MaxHeaderBytes: 32 << 10,
	}
	return d
}

// Server gives the Part that serves HTTP, for an app that nobody has to leave. On stop it
// finishes the requests in flight, for DrainTime at most.
func Server(c Config, h http.Handler, log *slog.Logger) Part {
	d := NewDoor(c, h, log)
	return func(ctx context.Context) error { return errors.Join(d.Part(ctx), d.Close(ctx, nil)) }
}

// Part serves until ctx ends. From then on, when ReadyOffTime has passed, new requests are
// sent elsewhere; it returns once those under way are done, after DrainTime at most. The
// door stays open until Close.
func (d *Door) Part(ctx context.Context) error {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort(d.cfg.Host, strconv.Itoa(d.cfg.Port)))
	if err != nil {
		return fmt.Errorf("cannot listen: %w", err)
	}
	d.log.Info("listening", "address", l.Addr().String(), "config", d.cfg)
	failed := make(chan error, 1)
	go func() { failed <- d.http.Serve(l) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	// Readiness is off from here on; who balances load needs a moment to see it.
	time.Sleep(d.cfg.ReadyOffTime)
	d.leave()
	select {
	case <-d.idle:
		return nil
	case <-time.After(d.cfg.DrainTime):
		return errors.New("requests were cut off: they took too long for a stop")
	}
}

// Close ends the door, after all work that needs the sidecar. With LingerTime it first takes
// health off and goes on sending elsewhere whoever comes, until the sidecar has seen it and
// ended: for a sidecar that was told to stop as well, and waits for its app.
func (d *Door) Close(ctx context.Context, side *sidecar.Sidecar) error {
	d.leave()
	d.mu.Lock()
	d.ended = true
	d.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), d.cfg.LingerTime)
	defer cancel()
	for d.cfg.LingerTime > 0 && side != nil && side.Ready(ctx) == nil {
		select {
		case <-ctx.Done():
			d.log.Warn("the sidecar has not ended before its app")
		case <-time.After(50 * time.Millisecond):
		}
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if err := d.http.Shutdown(last); err != nil {
		return d.http.Close()
	}
	return nil
}

func (d *Door) leave() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.isLeaving() {
		return
	}
	close(d.leaving)
	if d.busy == 0 {
		close(d.idle)
	}
}

func (d *Door) isLeaving() bool {
	select {
	case <-d.leaving:
		return true
	default:
		return false
	}
}

// guard counts requests, and sends those elsewhere that come too late. Probes are always let in.
func (d *Door) guard(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/healthz":
			if d.isOver() {
				problem.Write(w, fault.New(fault.Unavailable, "ended", "The replica has ended."), "")
				return
			}
			fallthrough
		case "/readyz", "/metrics":
			h.ServeHTTP(w, r)
			return
		}
		if !d.enter() {
			problem.Write(w, errLeaving, "")
			return
		}
		defer d.exit()
		h.ServeHTTP(w, r)
	})
}

func (d *Door) isOver() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ended
}

func (d *Door) enter() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.isLeaving() {
		return false
	}
	d.busy++
	return true
}

func (d *Door) exit() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.busy--; d.busy == 0 && d.isLeaving() {
		close(d.idle)
	}
}
