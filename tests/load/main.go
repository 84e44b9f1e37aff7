// Command load sends a shop the load of many customers who do not wait for each
// other, at steps of rising rates, and reports latency over load, failures by
// kind, and on this machine what each process has used.
//
//	go run ./tests/load -rates 20,40,80 -profile redis
//	go run ./tests/load -url https://shop.example -rates 50,100 -mix shop
//
// Without -url it starts a shop of its own, fills it, and in the end holds all of
// it to what customers were told. With it, it buys what the shop lists, with
// orders that are real: use a shop that is there to be tried. docs/scale.md has
// the method and what was measured.
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
	"strconv"
	"strings"
	"syscall"
	"time"
)

var errViolations = errors.New("the shop has broken its word")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Getenv)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

type options struct {
	url, profile    string
	mixName, out    string
	bin             string
	mix             mix
	rates           []float64
	duration, limit time.Duration
	poisson, zipf   bool
	apart           bool
	seed            uint64
	products        int
	replicas        int
	customers       int
	accounts        int
	cards           int
	history         int
	staff           staffLogin

	idle time.Duration // over which an idle shop is measured
	warm time.Duration // a step that is not counted
	tail time.Duration // after a step, for what goes on behind the answers: events, mail
}

// staffLogin is an account with all roles, in a shop that was there before.
type staffLogin struct{ email, password string }

func run(ctx context.Context, args []string, getenv func(string) string) error {
	o, err := parse(args, getenv)
	if err != nil {
		return err
	}
	r, err := measure(ctx, o)
	if err != nil {
		return err
	}
	r.print(os.Stdout)
	if err := r.save(o.out); err != nil {
		return err
	}
	if len(r.Wrong) > 0 {
		return errViolations
	}
	return nil
}

func parse(args []string, getenv func(string) string) (options, error) {
	o := options{idle: 5 * time.Second, warm: 3 * time.Second, tail: 2 * time.Second}
	f := flag.NewFlagSet("load", flag.ContinueOnError)
	f.StringVar(&o.url, "url", "", "the gateway of a shop that is there; without it one is started here")
	f.StringVar(&o.profile, "profile", "local", "of the shop that is started: local, redis, postgres")
	f.StringVar(&o.mixName, "mix", "shop", "shop, marketplace, or weights such as browse=80,cart=15,checkout=5 (orders, session, dashboard, price, product, delivery)")
	rates := f.String("rates", "10,20,40,80", "arrivals a second, one step each")
	f.DurationVar(&o.duration, "duration", 15*time.Second, "of a step")
	f.DurationVar(&o.limit, "limit", time.Second, "within which 99 % are answered, up to the knee")
	f.StringVar(&o.out, "out", filepath.Join("bench-results", "load.json"), "results; the plot lies beside it, as .svg")
	f.StringVar(&o.bin, "bin", "", "`folder` of the shop's programs, which are built if they are not there; for many runs of the same")
	arrivals := f.String("arrivals", "poisson", "poisson, or constant: evenly spaced")
	keys := f.String("keys", "uniform", "which products are wanted: uniform, or zipf (exponent 0.99)")
	f.Uint64Var(&o.seed, "seed", 0, "decides arrivals and choices; 0: a fresh one")
	f.IntVar(&o.products, "products", 200, "that are put on sale in a shop of its own; with -url as many as are taken of those listed")
	f.IntVar(&o.replicas, "replicas", 1, "of catalog and orders, in a shop of its own")
	f.IntVar(&o.customers, "customers", 200, "who look around, with a browser's memory of pages")
	f.IntVar(&o.accounts, "accounts", -1, "of those, who are registered and signed in; -1: 20, and 5 with -url, whose sign-ups are limited by address")
	f.BoolVar(&o.apart, "apart", false, "each kind of the mix by itself first, at the first rate: what each costs")
	f.IntVar(&o.cards, "cards", 0, "percent of the checkouts that are paid by the sandbox's card")
	f.IntVar(&o.history, "history", 0, "how many orders the customer has whose list the kind orders reads")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	var err error
	if o.mix, err = parseMix(o.mixName); err != nil {
		return o, err
	}
	for part := range strings.SplitSeq(*rates, ",") {
		rate, err := strconv.ParseFloat(strings.TrimSpace(part), 64)
		if err != nil || rate <= 0 || rate > 100_000 {
			return o, fmt.Errorf("rates: %q is none", part)
		}
		o.rates = append(o.rates, rate)
	}
	o.poisson, o.zipf = *arrivals == "poisson", *keys == "zipf"
	switch {
	case !o.poisson && *arrivals != "constant":
		return o, fmt.Errorf("arrivals: %q is neither poisson nor constant", *arrivals)
	case !o.zipf && *keys != "uniform":
		return o, fmt.Errorf("keys: %q is neither uniform nor zipf", *keys)
	case o.products < fullCart || o.customers < 1 || o.replicas < 1 || o.duration <= 0:
		return o, errors.New("products, customers, replicas or duration: too small")
	}
	if o.accounts < 0 {
		o.accounts = 20
		if o.url != "" {
			o.accounts = 5
		}
	}
	o.accounts = min(o.accounts, o.customers)
	if o.seed == 0 {
		o.seed = rand.Uint64N(1_000_000)
	}
	o.staff = staffLogin{getenv("LOAD_STAFF_EMAIL"), getenv("LOAD_STAFF_PASSWORD")}
	if o.url != "" && o.mix.needsStaff() && o.staff.email == "" {
		return o, errors.New("this mix has staff in it: LOAD_STAFF_EMAIL and LOAD_STAFF_PASSWORD name an account with all roles")
	}
	if o.mix[Orders] > 0 && o.history < 1 {
		o.history = 1
	}
	return o, nil
}
