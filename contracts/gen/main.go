// Command gen makes contracts/openapi/public.yaml, the contract of what the
// gateway lets through: the operations of the services' contracts that the
// gateway's route table lists, with who may call each, and the answers that the
// gateway itself can give.
//
// Run it from the root of the repository: go run ./contracts/gen
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	dir := flag.String("dir", "contracts/openapi", "folder of the `contracts`")
	routes := flag.String("routes", "services/gateway/routes.yaml", "the gateway's route `table`")
	flag.Parse()
	if err := run(*dir, *routes); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(dir, routes string) error {
	out, err := generate(dir, routes)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "public.yaml"), out, 0o644) //nolint:gosec // a public document
}
