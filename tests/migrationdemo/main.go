// Command migrationdemo plays the whole story of a move off a monolith on this machine: a
// legacy shop on PostgreSQL that keeps selling through the new shop's gateway is copied,
// followed and verified; then each service is cut over under load, one is rolled back and
// cut over again, and all are finished. In the end what customers were told is looked for
// in both shops. It ends with an error where anything is lost or there twice.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tienda/monolith/generator"
	"tienda/monolith/local"
	legacy "tienda/monolith/shop"
	"tienda/monolith/traffic"
	"tienda/tests/shop"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	size := flag.Int("size", 100, "how many customers the monolith has")
	rate := flag.Float64("rate", 20, "writes a second")
	flag.Parse()
	err := run(ctx, *size, *rate)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// theRun names the writes of the customers.
const theRun = "demo"

// demo is a monolith and the shop that it is moved to.
type demo struct {
	began  time.Time
	size   int
	source *local.Database
	owner  *pgxpool.Pool
	ledger *traffic.Ledger
	shop   *shop.Shop
	token  string // of the apps
}

func run(ctx context.Context, size int, rate float64) error {
	dir, err := os.MkdirTemp("", "tienda-demo-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	d := &demo{began: time.Now(), size: size, ledger: traffic.NewLedger(theRun)}
	defer d.close()
	if err := d.start(ctx, dir); err != nil {
		return err
	}
	selling, quiet := context.WithCancel(ctx)
	defer quiet()
	sold := make(chan error, 1)
	go func() {
		sold <- traffic.Run(selling, traffic.Options{URL: d.shop.Gateway, Rate: rate, Seed: 1, Run: theRun, Customers: int64(size)}, d.ledger)
	}()
	m := &merchant{demo: d, prices: map[string]int64{}, maybe: map[string]map[int64]bool{}}
	if err := d.play(ctx, m, selling); err != nil {
		return err
	}
	quiet()
	if err := <-sold; err != nil {
		return err
	}
	m.wait()
	return d.check(ctx, m)
}

// say prints a line of the story.
func (d *demo) say(format string, args ...any) {
	fmt.Printf("%6.1f s  %s\n", time.Since(d.began).Seconds(), fmt.Sprintf(format, args...))
}

// start brings both shops up.
func (d *demo) start(ctx context.Context, dir string) (err error) {
	d.say("PostgreSQL and the legacy shop")
	d.source, err = local.Open(ctx, local.Config{Dir: filepath.Join(dir, "monolith"), Settings: []string{"fsync=off"}})
	if err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, d.source.OwnerDSN)
	if err != nil {
		return fmt.Errorf("monolith: %w", err)
	}
	if _, err = generator.Fill(ctx, conn, generator.Options{Size: d.size, Seed: 1}); err != nil {
		return err
	}
	if err := conn.Close(ctx); err != nil {
		return fmt.Errorf("monolith: %w", err)
	}
	if d.owner, err = pgxpool.New(ctx, d.source.OwnerDSN); err != nil {
		return fmt.Errorf("monolith: %w", err)
	}
	at, err := d.serve(ctx)
	if err != nil {
		return err
	}
	table, err := routes(dir)
	if err != nil {
		return err
	}
	secrets, err := json.Marshal(map[string]string{"monolith-dsn": d.source.MigrationDSN, "monolith-write-dsn": d.source.ReverseDSN})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(dir, ".data"), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, ".data", "migration-secrets.json"), secrets, 0o600); err != nil {
		return err
	}
	d.say("the programs of the shop are built")
	bin := filepath.Join(dir, "bin")
	if err := shop.Build(ctx, bin); err != nil {
		return err
	}
	d.say("the new shop, empty, with the migration beside it")
	d.shop, err = shop.Start(ctx, shop.Options{
		Bin: bin, Dir: dir, NoSeed: true, With: []string{"dapr/migration/dapr.yaml"},
		Env: []string{"MIGRATION_MAPPING=monolith", "TIENDA_REVERSE=1", "GATEWAY_MIGRATION=1", "GATEWAY_LEGACY=" + at, "GATEWAY_ROUTES=" + table},
	})
	if err != nil {
		return err
	}
	tokens, err := d.shop.Tokens()
	if err != nil {
		return err
	}
	d.token = tokens["APP_API_TOKEN"]
	d.say("its gateway, which sends everybody to the legacy shop: %s", d.shop.Gateway)
	return nil
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
