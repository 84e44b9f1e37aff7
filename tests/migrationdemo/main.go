// Command migrationdemo plays the whole story of a move off a monolith on this machine: a
// legacy shop on PostgreSQL that keeps selling through the new shop's gateway is copied,
// followed and verified; then each service is cut over under load, rolled back and cut over
// again, and all are finished. Its customers go on wherever the service is that they need.
// In the end what they were told on either side is looked for in both shops. It ends with an
// error where anything is lost, there twice or changed, or where writes were held too long.
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"tienda/monolith/local"
	legacy "tienda/monolith/shop"
	"tienda/monolith/traffic"
	"tienda/tests/migrationdemo/customers"
	"tienda/tests/shop"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	o := options{}
	flag.IntVar(&o.size, "size", 60, "how many customers the monolith has")
	flag.Float64Var(&o.rate, "rate", 20, "what customers want, a second")
	flag.DurationVar(&o.pause, "pause", 2*time.Second, "how long writes may be held by a change of hands")
	flag.DurationVar(&o.between, "between", 3*time.Second, "how long people go on between two changes of hands")
	flag.Parse()
	err := run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// theRun names the writes of the customers at the legacy shop.
const theRun = "demo"

type options struct {
	size    int
	rate    float64
	pause   time.Duration // at most
	between time.Duration // changes of hands
}

// demo is a monolith and the shop that it is moved to.
type demo struct {
	options
	began  time.Time
	source *local.Database
	owner  *pgxpool.Pool
	ledger *traffic.Ledger // of the legacy shop
	door   *customers.Door
	stock  map[string]int64 // before anybody bought anything
	shop   *shop.Shop
	token  string // of the apps
	board  board
}

func run(ctx context.Context, o options) error {
	dir, err := os.MkdirTemp("", "tienda-demo-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	d := &demo{options: o, began: time.Now(), ledger: traffic.NewLedger(theRun)}
	defer d.close()
	if err := d.start(ctx, dir); err != nil {
		return err
	}
	if err := d.meet(ctx); err != nil {
		return err
	}
	selling, quiet := context.WithCancel(ctx)
	defer quiet()
	sold := make(chan error, 1)
	go func() {
		sold <- traffic.Run(selling, traffic.Options{
			URL: d.shop.Gateway, Client: &http.Client{Transport: d.door}, Rate: o.rate, Lanes: 8, Seed: 1, Run: theRun, Customers: int64(o.size),
		}, d.ledger)
	}()
	m := &merchant{demo: d, prices: map[string]int64{}, maybe: map[string]map[int64]bool{}}
	if err := d.play(ctx, m, selling); err != nil {
		return err
	}
	if err := m.settle(ctx); err != nil {
		return err
	}
	quiet()
	if err := <-sold; err != nil {
		return err
	}
	m.wait()
	d.step("what went on until the end", 0)
	faults, err := d.check(ctx, m)
	if err != nil {
		return err
	}
	if err := d.finish(ctx); err != nil {
		return err
	}
	return d.sum(faults)
}

// say prints a line of the story.
func (d *demo) say(format string, args ...any) {
	fmt.Printf("%6.1f s  %s\n", time.Since(d.began).Seconds(), fmt.Sprintf(format, args...))
}

// serve runs the legacy shop, and gives its address.
func (d *demo) serve(ctx context.Context) (string, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("legacy shop: %w", err)
	}
	server := &http.Server{Handler: legacy.New(legacy.Options{DB: d.owner, Log: slog.New(slog.DiscardHandler)}), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(listener) }() // it ends with this process
	return "http://" + listener.Addr().String(), nil
}

func (d *demo) close() {
	if d.shop != nil {
		d.shop.Stop()
	}
	if d.owner != nil {
		d.owner.Close()
	}
	if d.source != nil {
		_ = d.source.Close() // the folder is thrown away
	}
}
