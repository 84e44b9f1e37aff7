//go:build linux

// Command cluster runs the shop in a Kubernetes cluster of one node, with Dapr's control
// plane and the manifests of k8s/, and the end-to-end tests through its ingress. All of it
// lives in namespaces of its own and is gone when it ends. `make k8s-e2e` starts it, as
// root; docs/kubernetes.md says what of the cluster is real.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"tienda/tests/shop"
)

// The first argument of this program when it has started itself again.
const (
	asInit = "init" // process 1 of the namespaces
	inside = "inside"
)

type options struct {
	root  string // of the repository
	dir   string // of this run: images, logs, the disk of the node
	tests string // those of the suite to run, a regular expression; "": all that can
	keep  bool
	again bool   // with the images of the run before
	until string // the stage to end after
}

func main() {
	var err error
	switch {
	case len(os.Args) > 1 && os.Args[1] == asInit:
		os.Exit(beInit(os.Args[2:]))
	case len(os.Args) > 1 && os.Args[1] == inside:
		err = run(os.Args[2:], within)
	default:
		err = run(os.Args[1:], outside)
	}
	if err == nil {
		return
	}
	if !errors.Is(err, errSaid) {
		fmt.Fprintln(os.Stderr, "cluster: NOT PASSED:", err)
	}
	os.Exit(1)
}

func run(args []string, do func(context.Context, options) error) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	o, err := parse(args)
	if err != nil {
		return err
	}
	return do(ctx, o)
}

func parse(args []string) (o options, err error) {
	f := flag.NewFlagSet("cluster", flag.ContinueOnError)
	out := f.String("out", "", "the `folder` of images, logs and the node's disk; the default is .data/k8s-e2e")
	f.StringVar(&o.tests, "run", "", "the end-to-end tests to run, as of go test")
	f.StringVar(&o.until, "until", "", "end after this stage: node, dapr, shop, ingress")
	f.BoolVar(&o.again, "again", false, "take images and tests as the run before has built them")
	f.BoolVar(&o.keep, "keep", false, "leave the cluster up after the tests, until Ctrl-C")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("%q is not understood", f.Arg(0))
	}
	if o.root, err = shop.Root(); err != nil {
		return o, err
	}
	o.dir = *out
	if o.dir == "" {
		o.dir = filepath.Join(o.root, ".data", "k8s-e2e")
	}
	o.dir, err = filepath.Abs(o.dir)
	return o, err
}

// outside builds what the cluster is made of, and starts this program again as process 1 of
// namespaces of its own.
func outside(ctx context.Context, o options) error {
	if os.Geteuid() != 0 {
		return errors.New("a node is made by root alone: namespaces, mounts, control groups")
	}
	if err := clear(o.dir); err != nil {
		return err
	}
	began := time.Now()
	if !o.again {
		if err := prepare(ctx, o); err != nil {
			return err
		}
	}
	fmt.Printf("== programs and images are there, after %s\n", time.Since(began).Round(time.Second))
	return startInside(ctx)
}

// clear makes the folder of a run, without what the one before has left.
func clear(dir string) error {
	for _, sub := range []string{"node", "logs", "run"} {
		if err := os.RemoveAll(filepath.Join(dir, sub)); err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o750); err != nil {
			return err
		}
	}
	return nil
}
