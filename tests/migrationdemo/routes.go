package main

import (
	_ "embed"
	"fmt"
	"os"
	"path/filepath"

	"tienda/tests/shop"
)

// legacyRoutes are the addresses of the legacy shop that the new one does not have.
//
//go:embed legacy.yaml
var legacyRoutes []byte

// routes writes the gateway's table with them into a folder, and gives its name.
func routes(dir string) (string, error) {
	root, err := shop.Root()
	if err != nil {
		return "", err
	}
	table, err := os.ReadFile(filepath.Join(root, "services", "gateway", "routes.yaml")) //nolint:gosec // of the repository
	if err != nil {
		return "", fmt.Errorf("routes: %w", err)
	}
	name := filepath.Join(dir, "routes.yaml")
	if err := os.WriteFile(name, append(table, legacyRoutes...), 0o600); err != nil { //nolint:gosec // a folder of this program
		return "", fmt.Errorf("routes: %w", err)
	}
	return name, nil
}
