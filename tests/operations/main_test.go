// Package operations tries what is done to a shop in service: its replicas are replaced
// under load, its state is copied to another store, saved and brought back. The pages of
// docs/runbooks name the tests that try them.
package operations

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"tienda/tests/shop"
)

// bin is the folder of the shop's programs.
var bin string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "tienda-operations-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	bin = filepath.Join(dir, "bin")
	if err := shop.Build(context.Background(), bin); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}
