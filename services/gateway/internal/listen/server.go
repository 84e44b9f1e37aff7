package listen

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// How slow a client may be. A header takes headerTime from its first byte to
// its last; a body has a deadline of its own, by its size (package forward); an
// answer must be taken within writeTime.
const (
	headerTime  = 5 * time.Second
	readTime    = 60 * time.Second
	writeTime   = 60 * time.Second
	idleTime    = 120 * time.Second
	headerBytes = 16 << 10 // and the 4 KiB that net/http adds; over it a client gets a 431
)

// Config says how to serve.
type Config struct {
	Address  string
	Limits   Limits
	ReadyOff time.Duration // from readiness off until no connection is taken any more
	Drain    time.Duration // then, for requests under way

	headerTime time.Duration // 0: as stated above
}

// Server serves clients.
type Server struct {
	cfg      Config
	http     *http.Server
	log      *slog.Logger
	leaving  atomic.Bool
	listener atomic.Pointer[listener]
}

// New gives a server of h.
func New(cfg Config, h http.Handler, log *slog.Logger) *Server {
	s := &Server{cfg: cfg, log: log}
	s.http = &http.Server{
		Handler: s.drained(h), ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		ReadHeaderTimeout: cmp.Or(cfg.headerTime, headerTime), ReadTimeout: readTime, WriteTimeout: writeTime, IdleTimeout: idleTime, MaxHeaderBytes: headerBytes,
	}
	return s
}

// drained has clients leave their connections with the answers that they get
// while the gateway stops: none is cut while a client writes to it.
func (s *Server) drained(h http.Handler) http.Handler {
	closing := []string{"close"}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.leaving.Load() {
			w.Header()["Connection"] = closing
		}
		h.ServeHTTP(w, r)
	})
}

// Stats says how the connections stand.
func (s *Server) Stats() Stats {
	if l := s.listener.Load(); l != nil {
		return l.stats()
	}
	return Stats{}
}

// Part serves until ctx ends, and then lets the clients go: first they are asked
// to come on other connections, which who balances load makes to others, since
// readiness is off; then no connection is taken any more, and requests under way
// are finished.
func (s *Server) Part(ctx context.Context) error {
	inner, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.cfg.Address)
	if err != nil {
		return fmt.Errorf("cannot listen: %w", err)
	}
	l := limited(inner, s.cfg.Limits)
	s.listener.Store(l)
	s.log.InfoContext(ctx, "listening", "address", l.Addr().String())
	failed := make(chan error, 1)
	go func() { failed <- s.http.Serve(l) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	s.leaving.Store(true)
	time.Sleep(s.cfg.ReadyOff)
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.Drain)
	defer cancel()
	if err := s.http.Shutdown(drain); err != nil {
		return errors.Join(fmt.Errorf("requests were cut off: %w", err), s.http.Close())
	}
	return nil
}
