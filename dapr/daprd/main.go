// Command daprd is the Dapr sidecar with only the components that Tienda's
// YAML names: about half of the build time of a sidecar with all of them.
//
// The wiring follows github.com/dapr/dapr/cmd/daprd/app (Apache-2.0, The Dapr
// Authors); it takes every flag of the original.
package main

import (
	"fmt"
	"os"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "daprd:", err)
		os.Exit(1)
	}
}
