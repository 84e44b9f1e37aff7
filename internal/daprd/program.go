package daprd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

// Program is a program of a module of its own, as the sidecar is, that tests need: what
// it requires is no business of this module.
type Program struct {
	Name      string // of the binary
	What      string // it is, for people
	SourceDir string // the module
	Package   string // in it: "./apiserver"
	Takes     string // how long a build takes on 2 cores
}

// Ensure gives the path of the program, built once into the user's cache and keyed by its
// sources, as the sidecar's is. What it does is said to progress, a line each.
func (p Program) Ensure(ctx context.Context, progress io.Writer) (string, error) {
	flags := []string{"-trimpath", "-buildvcs=false", "-ldflags", "-s -w"}
	job := compilation{what: p.What, source: p.SourceDir, pkg: p.Package, takes: p.Takes, flags: flags, progress: progress}
	key, err := job.key()
	if err != nil {
		return "", err
	}
	base, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no cache folder for %s: %w: set HOME or XDG_CACHE_HOME", p.What, err)
	}
	dir := filepath.Join(base, "tienda", p.Name, key)
	path := filepath.Join(dir, p.Name)
	if there(path) {
		return path, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // a cache that others may read
		return "", unwritable(err)
	}
	if _, err := exec.LookPath("go"); err != nil {
		return "", errors.New("go is not on PATH: install it from https://go.dev/dl")
	}
	unlock, err := lock(ctx, dir, p.What, progress)
	if err != nil {
		return "", err
	}
	defer unlock()
	if there(path) {
		return path, nil // another process built it meanwhile
	}
	return path, job.build(ctx, dir, path)
}

func there(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
