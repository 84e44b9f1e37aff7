package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tienda/monolith/generator"
	"tienda/monolith/local"
	"tienda/monolith/shop"
	"tienda/monolith/traffic"
)

const (
	headerTime = 5 * time.Second
	stopTime   = 15 * time.Second
	saveEvery  = time.Second // the ledger
	loopback   = "127.0.0.1"
)

// serve runs all until ctx ends or a part fails, and leaves no process behind.
func serve(ctx context.Context, o options, stdout io.Writer) (err error) {
	if err := os.MkdirAll(o.dir, 0o700); err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	pgLog, err := os.OpenFile(filepath.Join(o.dir, "postgres.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600) //nolint:gosec // in the folder that the caller names
	if err != nil {
		return fmt.Errorf("log of postgres: %w", err)
	}
	defer func() { err = errors.Join(err, pgLog.Close()) }()
	config := local.Config{Dir: o.dir, Log: pgLog}
	if o.databasePort != 0 {
		config.Addr = net.JoinHostPort(loopback, strconv.Itoa(o.databasePort))
	}
	database, err := local.Open(ctx, config)
	if err != nil {
		return fmt.Errorf("%w (PostgreSQL's own words are in %s)", err, pgLog.Name())
	}
	defer func() { err = errors.Join(err, database.Close()) }()
	report, customers, err := fill(ctx, database.OwnerDSN, o)
	if err != nil {
		return err
	}
	pool, err := pgxpool.New(ctx, database.OwnerDSN+" pool_max_conns=20")
	if err != nil {
		return fmt.Errorf("connections: %w", err)
	}
	defer pool.Close()
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort(loopback, strconv.Itoa(o.port)))
	if err != nil {
		return fmt.Errorf("the legacy shop cannot listen: %w", err)
	}
	log := slog.New(slog.NewTextHandler(stdout, nil))
	server := &http.Server{Handler: shop.New(shop.Options{DB: pool, Log: log}), ReadHeaderTimeout: headerTime}
	failed := make(chan error, 2)
	go func() { failed <- server.Serve(listener) }()

	place := where{
		PID: os.Getpid(), URL: "http://" + listener.Addr().String(), OwnerDSN: database.OwnerDSN, MigrationDSN: database.MigrationDSN,
		Ledger: filepath.Join(o.dir, "ledger.json"), Report: report,
	}
	writing, stopWriting := context.WithCancel(ctx)
	defer stopWriting()
	written := make(chan struct{})
	ledger := traffic.NewLedger(strings.ToLower(rand.Text()[:10]))
	go func() {
		defer close(written)
		if err := write(writing, o, place, customers, ledger); err != nil {
			failed <- err
		}
	}()
	if err := place.tell(stdout, o); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
	case err = <-failed:
	case <-database.Done():
		err = fmt.Errorf("PostgreSQL has ended by itself; its own words are in %s", pgLog.Name())
	}
	stopWriting()
	<-written
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	err = errors.Join(err, server.Shutdown(end))
	if err != nil {
		return err
	}
	return judge(end, pool, ledger, stdout)
}

// fill gives an empty database its rows, and counts those of one that has some; customers
// is the ID up to which there are customers to write as.
func fill(ctx context.Context, dsn string, o options) (report generator.Report, customers int64, err error) {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return report, 0, fmt.Errorf("monolith: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	filled, err := generator.Filled(ctx, conn)
	if err != nil {
		return report, 0, err
	}
	if filled {
		report.Rows, err = generator.Count(ctx, conn)
	} else {
		report, err = generator.Fill(ctx, conn, generator.Options{Size: o.size, Seed: o.seed, Odd: o.odd})
	}
	if err != nil {
		return report, 0, err
	}
	customers, err = generator.Customers(ctx, conn)
	return report, customers, err
}

// write has customers and staff write until ctx ends, and the ledger saved meanwhile.
func write(ctx context.Context, o options, place where, customers int64, ledger *traffic.Ledger) error {
	saved := make(chan error, 1)
	go func() {
		tick := time.NewTicker(saveEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				saved <- nil
				return
			case <-tick.C:
				if err := ledger.Save(place.Ledger); err != nil {
					saved <- err
					return
				}
			}
		}
	}()
	var err error
	if o.rate > 0 {
		e, err2 := ledger.Entries()
		if err2 != nil {
			return err2
		}
		err = traffic.Run(ctx, traffic.Options{URL: place.URL, Rate: o.rate, Seed: o.seed, Run: e.Run, Customers: customers}, ledger)
		if ctx.Err() != nil {
			err = nil
		}
	}
	if err == nil {
		<-ctx.Done()
	}
	return errors.Join(err, <-saved, ledger.Save(place.Ledger))
}

// judge says whether all that was acknowledged is there.
func judge(ctx context.Context, db traffic.Querier, ledger *traffic.Ledger, stdout io.Writer) error {
	e, err := ledger.Entries()
	if err != nil {
		return err
	}
	differences, err := traffic.Check(ctx, db, e)
	if err != nil {
		return err
	}
	for _, d := range differences {
		fmt.Fprintln(stdout, "  different:", d)
	}
	if n := len(differences); n > 0 {
		return fmt.Errorf("the ledger and the database differ in %d places", n)
	}
	fmt.Fprintf(stdout, "stopped; of %d writes, all that were acknowledged are in the database, once\n", ledger.Writes())
	return nil
}
