// Command statecopy copies the whole state of an app: from one state store to another, into
// a file, or out of one. It reads and writes with Dapr's own components, as a sidecar does,
// and without one: the state API of a sidecar lists no keys (docs/adr/0052).
//
//	statecopy -app orders -from FOLDER -to FOLDER   copies, and compares what is there then
//	statecopy -app orders -from FOLDER -file FILE   saves into a new file
//	statecopy -app orders -to FOLDER -file FILE     restores, and compares
//	... -compare                                    only compares
//
// A FOLDER has component files, as a sidecar's --resources-path: of them the state store
// APP-state is opened, and the secret stores of files and of the environment that it refers
// to. Nobody may write while state is copied: stop the app's replicas before. A copy that
// broke off is begun again; what is there already is not written again. Documents keep their
// keys, their bytes and, to a second or two, the time that they expire; ETags are new.
//
// It prints one line with the number of documents, the bytes of keys and values, and a hash
// that does not depend on their order. It fails, and writes nothing, where the target has
// documents that the source does not have.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout io.Writer) (err error) {
	fs := flag.NewFlagSet("statecopy", flag.ContinueOnError)
	app := fs.String("app", "", "the `app` ID")
	from := fs.String("from", "", "the `folder` of the components that the state is read with")
	to := fs.String("to", "", "the `folder` of those that it is written with")
	path := fs.String("file", "", "the `file` in the place of one of them")
	compareOnly := fs.Bool("compare", false, "write nothing")
	if err := fs.Parse(args); err != nil {
		return err
	}
	given := 0
	for _, v := range []string{*from, *to, *path} {
		if v != "" {
			given++
		}
	}
	if *app == "" || given != 2 || fs.NArg() > 0 {
		return errors.New("-app and two of -from, -to and -file are needed")
	}
	if *to == "" {
		return save(ctx, *app, *from, *path, *compareOnly, stdout)
	}
	var source place = &file{path: *path, app: *app}
	if *from != "" {
		source = &store{folder: *from, app: *app}
	}
	target := &store{folder: *to, app: *app}
	if err := errors.Join(source.open(ctx), target.open(ctx)); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, source.close(), target.close()) }()
	return copyAll(ctx, source, target, *compareOnly, stdout)
}

// save writes a file from a store, or compares the two.
func save(ctx context.Context, app, from, path string, compareOnly bool, stdout io.Writer) (err error) {
	source := &store{folder: from, app: app}
	if err := source.open(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, source.close()) }()
	target := &file{path: path, app: app}
	if !compareOnly {
		if err := target.write(ctx, source); err != nil {
			return err
		}
	}
	if err := target.open(ctx); err != nil {
		return err
	}
	return compare(ctx, source, target, time.Now(), stdout)
}
