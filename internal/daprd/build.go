package daprd

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// progressEvery is how often a build says that it is still going on.
const progressEvery = 15 * time.Second

// buildFlags decide the binary, as the sources do. No VCS stamp: it would need
// a git that trusts the clone's owner.
var buildFlags = []string{
	"-trimpath", "-buildvcs=false",
	"-ldflags", "-s -w -X github.com/dapr/dapr/pkg/buildinfo.version=" + Version + " -X github.com/dapr/kit/logger.DaprVersion=" + Version,
}

// buildEnv comes after the caller's environment: a user's GOFLAGS, workspace
// or target must not change what is built.
var buildEnv = []string{"GOFLAGS=-mod=readonly", "GOWORK=off", "CGO_ENABLED=0", "GOOS=" + runtime.GOOS, "GOARCH=" + runtime.GOARCH}

// cached gives the cached build of the sources in o.SourceDir, making it first
// where there is none.
func cached(ctx context.Context, o Options) (Binary, error) {
	job := compilation{what: "the Dapr sidecar " + Version, source: o.SourceDir, pkg: ".", takes: "5 minutes", flags: buildFlags, progress: o.Progress}
	key, err := job.key()
	if err != nil {
		return Binary{}, err
	}
	base, err := os.UserCacheDir()
	if err != nil {
		return Binary{}, fmt.Errorf("no cache folder for the sidecar: %w: set HOME or XDG_CACHE_HOME", err)
	}
	dir := filepath.Join(base, "tienda", "daprd", Version+"-"+key)
	path := filepath.Join(dir, "daprd")
	if v, err := versionOf(ctx, path); err == nil && Fits(v) {
		return Binary{path, v, "cache"}, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // a cache that others may read
		return Binary{}, unwritable(err)
	}
	if _, err := exec.LookPath("go"); err != nil {
		return Binary{}, errors.New("go is not on PATH, it is needed to build the sidecar: install it from https://go.dev/dl")
	}
	unlock, err := lock(ctx, dir, job.what, o.Progress)
	if err != nil {
		return Binary{}, err
	}
	defer unlock()
	if v, err := versionOf(ctx, path); err == nil && Fits(v) {
		return Binary{path, v, "cache"}, nil // another process built it meanwhile
	}
	if err := job.build(ctx, dir, path); err != nil {
		return Binary{}, err
	}
	v, err := versionOf(ctx, path)
	if err != nil {
		return Binary{}, fmt.Errorf("the sidecar that was built does not run: %w", err)
	}
	return Binary{path, v, "built"}, nil
}

func unwritable(err error) error {
	return fmt.Errorf("cannot write the sidecar's cache: %w: make the folder writable, set XDG_CACHE_HOME, or name a daprd with DAPRD=/path", err)
}

// compilation is a program that is built from a module of this repository.
type compilation struct {
	what        string // for people
	source, pkg string // the module's folder, and the package in it: "./apiserver"
	takes       string // how long it takes on 2 cores
	flags       []string
	progress    io.Writer
}

// build compiles into a name of its own and renames: what lies at path is
// always whole.
func (c compilation) build(ctx context.Context, dir, path string) error {
	tmp, err := os.CreateTemp(dir, "building-*")
	if err != nil {
		return unwritable(err)
	}
	_ = tmp.Close()
	defer func() { _ = os.Remove(tmp.Name()) }()
	_, _ = fmt.Fprintf(c.progress, "building %s once for this machine, into %s (about %s on 2 cores, plus the download)\n", c.what, dir, c.takes)
	start := time.Now()
	var out bytes.Buffer
	args := append([]string{"build"}, c.flags...)
	cmd := exec.CommandContext(ctx, "go", append(args, "-o", tmp.Name(), c.pkg)...) //nolint:gosec // fixed arguments
	cmd.Dir, cmd.Stdout, cmd.Stderr = c.source, &out, &out
	cmd.Env = append(os.Environ(), buildEnv...)
	// Interrupted, go stops its compilers and removes its work folder.
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	done := make(chan error, 1)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("build %s: %w", c.what, err)
	}
	go func() { done <- cmd.Wait() }()
	tick := time.NewTicker(progressEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			_, _ = fmt.Fprintf(c.progress, "building %s: %s so far\n", c.what, time.Since(start).Round(time.Second))
		case err := <-done:
			if ctx.Err() != nil {
				return fmt.Errorf("the build of %s was stopped after %s: %w", c.what, time.Since(start).Round(time.Second), ctx.Err())
			}
			if err != nil {
				return fmt.Errorf("build %s: %w\n%s", c.what, err, bytes.TrimSpace(out.Bytes()))
			}
			if err := os.Chmod(tmp.Name(), 0o755); err != nil { //nolint:gosec // a program
				return unwritable(err)
			}
			if err := os.Rename(tmp.Name(), path); err != nil {
				return unwritable(err)
			}
			_, _ = fmt.Fprintf(c.progress, "built %s in %s\n", c.what, time.Since(start).Round(time.Second))
			return nil
		}
	}
}

// key names a build by all that decides it: the module's files, the
// flags, the Go version and the platform.
func (c compilation) key() (string, error) {
	h := sha256.New()
	_, _ = fmt.Fprintln(h, runtime.Version(), strings.Join(c.flags, " "), strings.Join(buildEnv, " "))
	files, err := filepath.Glob(filepath.Join(c.source, c.pkg, "*.go"))
	if err != nil {
		return "", err
	}
	for _, f := range append(files, filepath.Join(c.source, "go.mod"), filepath.Join(c.source, "go.sum")) {
		b, err := os.ReadFile(f) //nolint:gosec // the module's own files
		if err != nil {
			return "", fmt.Errorf("the sources of %s: %w", c.what, err)
		}
		_, _ = fmt.Fprintln(h, filepath.Base(f), len(b))
		_, _ = h.Write(b)
	}
	return hex.EncodeToString(h.Sum(nil))[:12], nil
}
