package ingress_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
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
	file, err := withLimits(dir)
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

// withLimits gives the shop's run file without what loosens the gateway's limits.
func withLimits(dir string) (string, error) {
	root, err := shop.Root()
	if err != nil {
		return "", err
	}
	b, err := os.ReadFile(filepath.Join(root, "dapr", "dapr.yaml"))
	if err != nil {
		return "", err
	}
	text := string(b)
	for _, c := range [][2]string{
		{`GATEWAY_LIMIT_FACTOR: "1000"`, `GATEWAY_LIMIT_FACTOR: "1"`},
		{"- ../components/local\n", "- " + filepath.Join(root, "components", "local") + "\n"},
		{"- . #", "- " + filepath.Join(root, "dapr") + " #"},
		{"./config.yaml", filepath.Join(root, "dapr", "config.yaml")},
		{"appDirPath: ..\n", "appDirPath: " + root + "\n"},
	} {
		if !strings.Contains(text, c[0]) {
			return "", fmt.Errorf("dapr.yaml has no %q", c[0])
		}
		text = strings.ReplaceAll(text, c[0], c[1])
	}
	file := filepath.Join(dir, "dapr.yaml")
	return file, os.WriteFile(file, []byte(text), 0o600)
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, err)
	return 1
}
