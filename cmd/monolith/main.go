// Command monolith runs the sample monolith on this machine: PostgreSQL, the legacy
// shop over it, and customers who keep buying.
//
//	monolith serve    start it all, and keep it running until Ctrl-C
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends this at once, and PostgreSQL with it on Linux
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if errors.Is(err, flag.ErrHelp) {
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// options are what serve was asked for.
type options struct {
	dir          string
	port         int // of the shop; 0: a free one
	databasePort int // 0: a free one
	size, odd    int
	seed         uint64
	rate         float64 // writes a second; 0: nobody writes
	readyFile    string
}

func run(ctx context.Context, args []string, stdout io.Writer) error {
	if len(args) == 0 || args[0] != "serve" {
		return errors.New("what to do? monolith serve")
	}
	var o options
	fs := flag.NewFlagSet("monolith serve", flag.ContinueOnError)
	fs.StringVar(&o.dir, "data", filepath.Join(".data", "monolith"), "the `folder` of the database, of its log and of the ledger")
	fs.IntVar(&o.port, "port", 8090, "the legacy shop's `port`; 0: a free one")
	fs.IntVar(&o.databasePort, "database-port", 15432, "PostgreSQL's `port`; 0: a free one")
	fs.IntVar(&o.size, "size", 500, "how many customers a new database gets; about 4 times as many orders, twice as many SKUs")
	fs.Uint64Var(&o.seed, "seed", 1, "what the rows and the writes follow from")
	fs.IntVar(&o.odd, "odd", 0, "so many rows of each sort that cannot be moved")
	fs.Float64Var(&o.rate, "rate", 5, "writes a second; 0: nobody writes")
	fs.StringVar(&o.readyFile, "ready-file", "", "write where everything is to this `file` once all is ready")
	if err := fs.Parse(args[1:]); err != nil {
		return err
	}
	switch {
	case fs.NArg() > 0:
		return fmt.Errorf("%q is not understood", fs.Arg(0))
	case o.port < 0 || o.port > 65535 || o.databasePort < 0 || o.databasePort > 65535:
		return errors.New("a port is from 0 to 65535")
	case o.rate < 0:
		return errors.New("a rate is not below 0")
	}
	return serve(ctx, o, stdout)
}
