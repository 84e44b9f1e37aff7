// Command broker is the event broker of the local shop: a NATS server with
// JetStream on disk, as a library, so that nothing needs to be installed. It is
// the first app of dapr/dapr.yaml. It also makes what the sidecars of an empty
// data folder need to find: the folder of the state stores and the secrets.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"tienda/cmd/broker/internal/jetstream"
	"tienda/cmd/internal/secretsfile"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Getenv, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, getenv func(string) string, stdout io.Writer) error {
	or := func(v, fallback string) string {
		if v == "" {
			return fallback
		}
		return v
	}
	fs := flag.NewFlagSet("broker", flag.ContinueOnError)
	addr := fs.String("addr", or(getenv("TIENDA_BROKER_ADDR"), "127.0.0.1:4222"), "where to listen (TIENDA_BROKER_ADDR)")
	data := fs.String("data", or(getenv("TIENDA_DATA"), ".data"), "the data folder (TIENDA_DATA)")
	store := fs.String("store", getenv("TIENDA_BROKER_STORE"), "where to keep the events (TIENDA_BROKER_STORE; default nats in the data folder)")
	prepare := fs.Bool("prepare", false, "make the data folder, its secrets and streams, and end")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(*data, "local"), 0o700); err != nil {
		return fmt.Errorf("the data folder cannot be made: %w", err)
	}
	if err := secretsfile.EnsureAll(*data); err != nil {
		return err
	}
	b, err := jetstream.Start(ctx, jetstream.Config{Addr: *addr, Dir: or(*store, filepath.Join(*data, "nats"))})
	if err != nil {
		return err
	}
	defer b.Stop()
	if *prepare {
		fmt.Fprintln(stdout, "prepared", *data)
		return nil
	}
	ready := filepath.Join(*data, "broker.ready")
	if err := os.WriteFile(ready, []byte(b.URL()+"\n"), 0o600); err != nil {
		return fmt.Errorf("readiness cannot be said: %w", err)
	}
	defer func() { _ = os.Remove(ready) }()
	fmt.Fprintln(stdout, "broker ready on", b.URL())
	<-ctx.Done()
	return nil
}
