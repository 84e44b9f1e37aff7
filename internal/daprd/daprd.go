// Package daprd finds or builds the Dapr sidecar and starts it, for the local
// run, the tests with real sidecars and the benchmark.
//
// A fitting daprd that is on the machine is used; otherwise the small module
// dapr/daprd is built once into a cache outside the tree, keyed by its sources,
// so that every later clone on the machine finds it there.
package daprd

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"time"
)

// Version is the Dapr version that dapr/daprd builds.
const Version = "1.18.3"

// series is the versions that fit: Dapr keeps its APIs within a minor version.
const series = "1.18."

// Options say where to look.
type Options struct {
	SourceDir string              // the module dapr/daprd
	Progress  io.Writer           // what is being done, a line each; nil: silent
	Getenv    func(string) string // DAPRD, PATH, HOME
}

// Binary is a sidecar program.
type Binary struct {
	Path    string
	Version string
	Origin  string // "DAPRD", "PATH", "~/.dapr/bin", "cache", "built"
}

// String tells a person what is used.
func (b Binary) String() string {
	return fmt.Sprintf("daprd %s (%s: %s)", b.Version, b.Origin, b.Path)
}

// Ensure gives a daprd of a fitting version: the one that DAPRD names, one on
// PATH or in ~/.dapr/bin, the cached build, or a new build (minutes). Its path
// is absolute: a sidecar runs in a folder of its own.
func Ensure(ctx context.Context, o Options) (Binary, error) {
	if o.Progress == nil {
		o.Progress = io.Discard
	}
	if named := o.Getenv("DAPRD"); named != "" {
		path, err := filepath.Abs(named)
		if err != nil {
			return Binary{}, fmt.Errorf("DAPRD=%s cannot be used: %w", named, err)
		}
		v, err := versionOf(ctx, path)
		if err != nil {
			return Binary{}, fmt.Errorf("DAPRD=%s cannot be used: %w", path, err)
		}
		if !Fits(v) {
			return Binary{}, fmt.Errorf("DAPRD=%s is version %s; Tienda needs %sx: unset DAPRD to have one built", path, v, series)
		}
		return Binary{path, v, "DAPRD"}, nil
	}
	for _, c := range []struct{ path, origin string }{
		{onPath(o.Getenv("PATH")), "PATH"},
		{ofCLI(o.Getenv("HOME")), "~/.dapr/bin"},
	} {
		if c.path == "" {
			continue
		}
		if v, err := versionOf(ctx, c.path); err == nil && Fits(v) {
			return Binary{c.path, v, c.origin}, nil
		}
	}
	return cached(ctx, o)
}

// Fits says whether a version is of the series that Tienda is tested with. A
// release candidate does not fit.
func Fits(version string) bool { return fitting.MatchString(version) }

var (
	number  = regexp.MustCompile(`\d+\.\d+\.\d+[-+.\w]*`)
	fitting = regexp.MustCompile(`^` + regexp.QuoteMeta(series) + `\d+$`)
)

func versionOf(ctx context.Context, path string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, "--version").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s --version: %w", path, err)
	}
	v := number.FindString(string(out))
	if v == "" {
		return "", fmt.Errorf("%s --version does not tell a version", path)
	}
	return v, nil
}

func onPath(path string) string {
	for _, dir := range filepath.SplitList(path) {
		p := filepath.Join(dir, "daprd")
		if s, err := os.Stat(p); filepath.IsAbs(dir) && err == nil && !s.IsDir() && s.Mode()&0o111 != 0 {
			return p
		}
	}
	return ""
}

// ofCLI is where `dapr init --slim` puts its daprd.
func ofCLI(home string) string {
	if home == "" {
		return ""
	}
	return filepath.Join(home, ".dapr", "bin", "daprd")
}
