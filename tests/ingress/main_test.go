package ingress_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"tienda/tests/ingress"
	"tienda/tests/shop"
)

// the is a shop with two gateways, door the way in before it; both are nil in a run whose
// INGRESS names no nginx. Unlike the end-to-end tests' shop it has the limits of a cluster.
var (
	the  *shop.Shop
	door *ingress.Door
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	if !ingress.Wanted() {
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "tienda-ingress-")
	if err != nil {
		return fail(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if door, err = ingress.Prepare(filepath.Join(dir, "ingress")); err != nil {
		return fail(err)
	}
	bin := filepath.Join(dir, "bin")
	if err := shop.Build(context.Background(), bin); err != nil {
		return fail(err)
	}
	file, err := shop.WithLimits(dir)
	if err != nil {
		return fail(err)
	}
	the, err = shop.Start(context.Background(), shop.Options{
		Bin: bin, Dir: filepath.Join(dir, "shop"), RunFile: file, Replicas: []string{"gateway=2"}, Env: door.Env(),
	})
	if err != nil {
		return fail(err)
	}
	defer the.Stop()
	if err := door.Open(context.Background(), the); err != nil {
		return fail(err)
	}
	defer door.Close()
	code := m.Run()
	if code != 0 {
		fmt.Println(door.Log())
	}
	return code
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, err)
	return 1
}
