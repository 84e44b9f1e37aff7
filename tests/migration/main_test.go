// Package migration moves whole databases into a shop that runs, with the real runner,
// real sidecars and a real PostgreSQL: what is moved is looked at through the public door.
// The tests need PostgreSQL: without it in PROFILES they do nothing. PROFILE chooses the
// components of the shop.
package migration

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"tienda/monolith/local/localtest"
	"tienda/tests/shop"
)

// bin holds the programs of the shop.
var bin string

func TestMain(m *testing.M) {
	if !localtest.Wanted() {
		os.Exit(m.Run())
	}
	dir, err := os.MkdirTemp("", "tienda-migration-")
	if err == nil {
		bin = filepath.Join(dir, "bin")
		err = shop.Build(context.Background(), bin)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}
