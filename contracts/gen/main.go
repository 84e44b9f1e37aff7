// Command gen makes contracts/openapi/public.yaml, the contract of what the
// gateway lets through: the operations of the services' contracts that the
// gateway's route table lists, with who may call each, and the answers that the
// gateway itself can give. It also makes the access-control lists and network policies
// of k8s, from the same and from x-callers.
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
	manifests := flag.String("k8s", "k8s", "folder of the `manifests`")
	flag.Parse()
	if err := run(*dir, *routes, *manifests); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(dir, routes, manifests string) error {
	out, err := generate(dir, routes)
	if err != nil {
		return err
	}
	lists, err := access(dir, routes)
	if err != nil {
		return err
	}
	for app, list := range lists {
		if err := os.WriteFile(filepath.Join(manifests, accessFile(app)), list, 0o644); err != nil { //nolint:gosec // a public document
			return err
		}
	}
	return os.WriteFile(filepath.Join(dir, "public.yaml"), out, 0o644) //nolint:gosec // a public document
}
