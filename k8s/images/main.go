// Command images builds the container images of the shop: for each app a static program on
// an empty base, for amd64 and arm64, with a list of what it is made of. It needs Go and git,
// and no container engine: ko compiles, and what comes out are files.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout io.Writer) error {
	fs := flag.NewFlagSet("images", flag.ContinueOnError)
	root := fs.String("root", "../..", "the `folder` of the shop's sources")
	out := fs.String("out", "../../bin/images", "the `folder` where the images go")
	version := fs.String("version", "", "the `version`, and the tag; without it the tag is latest")
	source := fs.String("source", "", "the `URL` of the sources, for the labels")
	push := fs.String("push", "", "a registry and path that get the images as well: `registry.example/tienda`")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if fs.NArg() > 0 {
		return fmt.Errorf("%q is not understood", fs.Arg(0))
	}
	from, err := commit(ctx, *root)
	if err != nil {
		return err
	}
	from.version, from.source = *version, *source
	made, err := build(ctx, *root, filepath.Join(*out, "layout"), from, apps, os.Stderr)
	if err != nil {
		return err
	}
	archive := filepath.Join(*out, "tienda.tar")
	if err := made.archive(archive, runtime.GOARCH); err != nil {
		return err
	}
	if err := made.report(stdout); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(stdout, "\n%s: all of them, an OCI layout\n%s: those for %s, for kind load image-archive, docker load, ctr images import\n",
		filepath.Join(*out, "layout"), archive, runtime.GOARCH); err != nil {
		return err
	}
	if *push == "" {
		return nil
	}
	return made.push(ctx, *push, stdout)
}

// commit says which sources are built: the commit's hash, with "-dirty" where files differ
// from it, and its time, so that the same commit makes the same images.
func commit(ctx context.Context, root string) (origin, error) {
	git := func(args ...string) (string, error) {
		// A clone may be another user's, as it is in a container of a CI.
		cmd := exec.CommandContext(ctx, "git", append([]string{"-c", "safe.directory=*"}, args...)...) //nolint:gosec // fixed arguments
		cmd.Dir = root
		var said bytes.Buffer
		cmd.Stderr = &said
		out, err := cmd.Output()
		if err != nil {
			return "", fmt.Errorf("git %s: %w: %s", args[0], err, bytes.TrimSpace(said.Bytes()))
		}
		return strings.TrimSpace(string(out)), nil
	}
	head, err := git("log", "-1", "--format=%H %ct")
	if err != nil {
		return origin{}, fmt.Errorf("images are labelled with their commit: %w", err)
	}
	changed, err := git("status", "--porcelain")
	if err != nil {
		return origin{}, err
	}
	hash, seconds, _ := strings.Cut(head, " ")
	at, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return origin{}, errors.New("git log says no time of the commit")
	}
	if changed != "" {
		hash += "-dirty"
	}
	return origin{revision: hash, at: time.Unix(at, 0).UTC()}, nil
}
