// Command sandbox is the payment provider of the local shop. It is a sandbox: it
// moves no money, knows no cards, and is reached from this machine only. What it does
// with a card is in the card's token; what it has done is in its ledger, a file.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
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

const (
	readTimeout = 10 * time.Second
	stopTime    = time.Second
)

func run(ctx context.Context, args []string, getenv func(string) string, stdout io.Writer) error {
	or := func(v, fallback string) string {
		if v == "" {
			return fallback
		}
		return v
	}
	fs := flag.NewFlagSet("sandbox", flag.ContinueOnError)
	addr := fs.String("addr", or(getenv("TIENDA_SANDBOX_ADDR"), "127.0.0.1:4280"), "where to listen, on this machine (TIENDA_SANDBOX_ADDR)")
	path := fs.String("ledger", or(getenv("TIENDA_SANDBOX_LEDGER"), ".data/sandbox/ledger.ndjson"), "the file of what was done (TIENDA_SANDBOX_LEDGER)")
	url := fs.String("callbacks", or(getenv("TIENDA_SANDBOX_CALLBACKS"), "http://127.0.0.1:8080/v1/payments/callbacks/sandbox"), "where to call back (TIENDA_SANDBOX_CALLBACKS)")
	secret := fs.String("secrets", or(getenv("TIENDA_SANDBOX_SECRETS"), ".data/payment-secrets.json"), "the file with the secret that callbacks are signed with (TIENDA_SANDBOX_SECRETS)")
	delay := fs.Duration("delay", 6*time.Second, "how late what is delayed answers")
	if err := fs.Parse(args); err != nil {
		return err
	}
	host, _, err := net.SplitHostPort(*addr)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
		return fmt.Errorf("%q is not an address of this machine alone, such as 127.0.0.1:4280", *addr)
	}
	l, err := openLedger(*path, time.Now)
	if err != nil {
		return err
	}
	defer func() { _ = l.close() }()
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", *addr)
	if err != nil {
		return fmt.Errorf("cannot listen: %w", err)
	}
	var saying sync.Mutex
	say := func(format string, args ...any) {
		saying.Lock()
		defer saying.Unlock()
		fmt.Fprintf(stdout, format+"\n", args...)
	}
	calls := &caller{ledger: l, url: *url, secret: *secret, wake: make(chan struct{}, 1), say: say}
	api := &server{ledger: l, delay: *delay, asked: map[string]bool{}, changed: func() {
		select {
		case calls.wake <- struct{}{}:
		default:
		}
	}}
	s := &http.Server{Handler: api.handler(), ReadTimeout: readTimeout, WriteTimeout: *delay + readTimeout, ErrorLog: log.New(io.Discard, "", 0)}
	failed := make(chan error, 1)
	go func() { failed <- s.Serve(listener) }()
	running, stop := context.WithCancel(ctx)
	var calling sync.WaitGroup
	calling.Go(func() { calls.run(running) })
	defer calling.Wait()
	defer stop()
	say("sandbox payment provider ready on %s keeps its ledger in %s", listener.Addr(), *path)
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	if err := s.Shutdown(end); err != nil {
		if !errors.Is(err, context.DeadlineExceeded) {
			return err
		}
		_ = s.Close()
	}
	return nil
}
