// Command programs is Dapr's parts of a cluster in one: the sidecar, its injector, the
// operator and Sentry, by the name that it is started under. They share most of what they
// are made of, and are compiled and linked once. Each takes every flag of the original.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	injector "github.com/dapr/dapr/cmd/injector/app"
	operator "github.com/dapr/dapr/cmd/operator/app"
	sentry "github.com/dapr/dapr/cmd/sentry/app"
)

func main() {
	switch name := filepath.Base(os.Args[0]); name {
	case "daprd":
		if err := run(os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, "daprd:", err)
			os.Exit(1)
		}
	case "injector":
		injector.Run()
	case "operator":
		operator.Run()
	case "sentry":
		sentry.Run()
	default:
		fmt.Fprintf(os.Stderr, "error: %s is none of daprd, injector, operator, sentry\n", name)
		os.Exit(1)
	}
}
