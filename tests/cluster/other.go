//go:build !linux

// Command cluster runs the shop in a Kubernetes cluster of one node, on Linux.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "cluster: NOT PASSED: a node needs Linux")
	os.Exit(1)
}
