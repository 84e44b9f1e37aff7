// Command bench measures the shop against the bare sidecar, in one run on one
// machine: the cheapest possible service invocation, bare state and publish
// calls, then the shop through its gateway, each next to a floor that makes the
// same sidecar calls with nothing around them.
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"syscall"
	"time"

	"tienda/tests/shop"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	duration := f.Duration("duration", 8*time.Second, "how long each case runs")
	connections := f.Int("connections", 16, "concurrent clients")
	out := f.String("out", filepath.Join("bench-results", "latest.json"), "results file; an earlier one there is compared with")
	only := f.String("only", "", "run only the cases whose name matches this pattern, with their floors; of a move: rates, floors")
	products := f.Int("products", 0, "measure a catalog of so many products, such as 100000, in place of the shop; filling it takes minutes")
	moved := f.Int("migration", 0, "measure the move of a sample monolith with so many customers, such as 2000, in place of the shop")
	profile := f.String("profile", "local", "the profile of the large catalog, or of the move: local, redis, postgres")
	intake := f.String("intake", "", "with -migration: send its documents to their owners alone; the file that keeps them from one run to the next")
	data := f.String("data", "", "folder that keeps the store of the large catalog; one that is there is used again, and nothing imported")
	if err := f.Parse(args); err != nil {
		return err
	}
	pattern, err := regexp.Compile(*only)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "tienda-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	fmt.Println("== building")
	bin := filepath.Join(dir, "bin")
	if err := shop.Build(ctx, bin, "./tests/bench/floorapp"); err != nil {
		return err
	}
	m := &meter{connections: *connections, duration: *duration, only: pattern}
	before, err := load(*out)
	if err != nil {
		return err
	}

	if *products > 0 {
		r := newReport(m)
		if err := measureLarge(ctx, m, r, *products, *profile, bin, cmp.Or(*data, dir)); err != nil {
			return err
		}
		r.print(os.Stdout, before)
		return r.save(*out)
	}
	if *intake != "" {
		return measureIntake(ctx, m, *moved, *profile, bin, dir, *intake)
	}
	if *moved > 0 {
		r := newReport(m)
		if err := measureMigration(ctx, m, r, *moved, *profile, bin, dir); err != nil {
			return err
		}
		r.print(os.Stdout, before)
		return r.save(*out)
	}
	r, err := measureShop(ctx, m, bin, dir)
	if err != nil {
		return err
	}
	r.print(os.Stdout, before)
	return r.save(*out)
}

// measureShop measures the shop next to its floors, then the stores.
func measureShop(ctx context.Context, m *meter, bin, dir string) (*Report, error) {
	fmt.Println("== the floor: an empty handler, and bare calls, behind real sidecars")
	fl, err := startFloor(ctx, bin, filepath.Join(dir, "floor"))
	if err != nil {
		return nil, err
	}
	defer fl.stop()
	fmt.Println("== the shop")
	s, err := shop.Start(ctx, shop.Options{Bin: bin, Dir: filepath.Join(dir, "shop")})
	if err != nil {
		return nil, err
	}
	defer s.Stop()
	m.processes = processesOf(s)
	for i, name := range []string{"floor-b-d", "floor-a-d", "floor-front-d"} {
		m.processes[name] = fl.sidecars[i].PID()
	}
	for i, name := range []string{"floor-broker", "floor-b", "floor-a"} {
		m.processes[name] = fl.procs[i].Process.Pid
	}
	r, err := measureAll(ctx, m, fl, s)
	if err != nil {
		return nil, err
	}
	if err := measureIdle(ctx, m, r, s); err != nil {
		return nil, err
	}
	s.Stop() // the stores are measured by themselves
	fl.stop()
	if err := measureOutbox(ctx, m, r, bin, filepath.Join(dir, "outbox")); err != nil {
		return nil, err
	}
	if err := measureFlash(ctx, m, r, bin, filepath.Join(dir, "flash")); err != nil {
		return nil, err
	}
	fmt.Println("== the stores")
	if err := measureStores(ctx, m, r, filepath.Join(dir, "stores")); err != nil {
		return nil, err
	}
	return r, nil
}

// processesOf names the processes of a shop; -d is a sidecar.
func processesOf(s *shop.Shop) map[string]int {
	out := map[string]int{"runner": s.RunnerPID}
	for _, a := range s.Apps {
		out[a.Name] = a.PID
		if a.SidecarPID != 0 {
			out[a.Name+"-d"] = a.SidecarPID
		}
	}
	return out
}
