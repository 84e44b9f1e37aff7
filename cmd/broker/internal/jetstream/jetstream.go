// Package jetstream runs a NATS server with JetStream inside this process and
// makes the streams that the shop's events need.
package jetstream

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

const startTime = 20 * time.Second // a big store is checked at start

// Config says where the broker listens and keeps its messages.
type Config struct {
	Addr string // host:port; port 0 takes a free one
	Dir  string // made if missing
}

// Broker is a running server.
type Broker struct{ server *server.Server }

// Start starts the server and returns once every stream is there.
func Start(ctx context.Context, c Config) (*Broker, error) {
	opts, err := options(c)
	if err != nil {
		return nil, err
	}
	// The server itself would try the port again and again, saying nothing.
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.Addr)
	if err != nil {
		return nil, fmt.Errorf("the broker cannot listen on %s (TIENDA_BROKER_ADDR gives another address): %w", c.Addr, err)
	}
	_ = l.Close()
	s, err := server.NewServer(opts)
	if err != nil {
		return nil, fmt.Errorf("broker: %w", err)
	}
	s.Start()
	b := &Broker{server: s}
	if err := b.settle(ctx); err != nil {
		b.Stop()
		return nil, err
	}
	return b, nil
}

func options(c Config) (*server.Options, error) {
	host, port, err := net.SplitHostPort(c.Addr)
	if err != nil {
		return nil, fmt.Errorf("broker address: %w", err)
	}
	n, err := strconv.Atoi(port)
	if err != nil || n < 0 || n > 65535 {
		return nil, fmt.Errorf("broker address %q: not a port", c.Addr)
	}
	if n == 0 {
		n = server.RANDOM_PORT
	}
	return &server.Options{
		ServerName: "tienda", Host: host, Port: n,
		JetStream: true, StoreDir: c.Dir, NoSigs: true, NoLog: true,
		// A killed process loses nothing that was acknowledged, as the system
		// holds it; only a power cut can take what is younger than this.
		SyncInterval: 10 * time.Second,
	}, nil
}

func (b *Broker) settle(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	if !b.server.ReadyForConnections(startTime) {
		return errors.New("the broker did not start: is its data folder writable?")
	}
	nc, err := nats.Connect("", nats.InProcessServer(b.server))
	if err != nil {
		return fmt.Errorf("broker: %w", err)
	}
	defer nc.Close()
	return ensureStreams(ctx, nc)
}

// URL is the address for clients.
func (b *Broker) URL() string { return b.server.ClientURL() }

// Stop lets the clients finish and writes what is not yet on disk.
func (b *Broker) Stop() {
	b.server.Shutdown()
	b.server.WaitForShutdown()
}
