// Command faults runs buyers against a shop whose processes are killed and
// paused and whose connections are cut, and has the history of it judged.
//
//	go run ./tests/faults -faults 200 -seed 7 -profile redis
//
// The seed decides the faults: their kinds, targets, times and lengths. What
// the processes were doing at each is theirs, so a seed that found something
// finds it again often, not always.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

var errViolations = errors.New("the shop has broken its word")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if errors.Is(err, errViolations) { // the report has said so, in its last line
		os.Exit(1)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "faults:", err)
		os.Exit(2)
	}
}

type options struct {
	faults, buyers int
	seed           uint64
	profile        string
	keep           bool
	dir            string // of this run
}

func run(ctx context.Context, args []string) error {
	var o options
	f := flag.NewFlagSet("faults", flag.ContinueOnError)
	f.IntVar(&o.faults, "faults", 200, "how many faults")
	f.IntVar(&o.buyers, "buyers", 32, "how many buyers at the same time")
	f.Uint64Var(&o.seed, "seed", 0, "decides the faults; 0: a fresh one")
	f.StringVar(&o.profile, "profile", "local", "local, redis or postgres")
	f.BoolVar(&o.keep, "keep", false, "keep the history and the logs of a run without violations, too")
	out := f.String("out", filepath.Join(".data", "faults"), "`folder` of histories and logs")
	if err := f.Parse(args); err != nil {
		return err
	}
	if o.seed == 0 {
		o.seed = rand.Uint64N(1_000_000)
	}
	dir, err := filepath.Abs(filepath.Join(*out, fmt.Sprintf("%s-%d", o.profile, o.seed)))
	if err != nil {
		return err
	}
	o.dir = dir
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	fmt.Printf("seed %d: %d faults, %d buyers, profile %s\n", o.seed, o.faults, o.buyers, o.profile)
	found, err := theRun(ctx, o)
	if err != nil {
		return fmt.Errorf("%w (logs: %s)", err, dir)
	}
	if found > 0 {
		return errViolations
	}
	if !o.keep {
		return os.RemoveAll(dir)
	}
	return nil
}
