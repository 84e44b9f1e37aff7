//go:build alerts

// Package alerts sets off each alert of observability/prometheus/rules.yaml in a shop of
// real services and sidecars, by the damage that it is there for, and holds a shop that is
// well to setting off none.
//
// All apps are scraped at their listeners for figures while a few customers go about, as
// Prometheus does it: with job and instance, up, and series that are stale when an app does
// not answer. Prometheus' own rule engine (judge) then evaluates the rule file as it is over
// this record. What a rule with a for of 2 minutes at most has to see is all recorded. The
// others want 5 to 15 minutes: for them, the last scrapes of the damaged shop are repeated
// behind the record, gauges with the values that they had one after the other, counters
// growing on as they did. So a figure that comes and goes keeps coming and going; what is
// made up is that nothing else happens meanwhile.
package alerts

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"tienda/tests/shop"
)

// bin is the folder of the shop's programs, and of the judge; rules the rule file.
var bin, rules string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	root, err := shop.Root()
	if err != nil {
		return fail(err)
	}
	rules = filepath.Join(root, "observability", "prometheus", "rules.yaml")
	dir, err := os.MkdirTemp("", "tienda-alerts-")
	if err != nil {
		return fail(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	bin = filepath.Join(dir, "bin")
	if err := shop.Build(context.Background(), bin); err != nil {
		return fail(err)
	}
	build := exec.Command("go", "build", "-o", filepath.Join(bin, "judge"), ".")
	build.Dir = filepath.Join(root, "tests", "alerts", "judge")
	if out, err := build.CombinedOutput(); err != nil {
		return fail(fmt.Errorf("judge: %w\n%s", err, out))
	}
	return m.Run()
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// ask runs the judge.
func ask(ctx context.Context, in io.Reader) ([]byte, error) {
	var out, said bytes.Buffer
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "judge"), rules)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, &out, &said
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("judge: %w\n%s", err, said.String())
	}
	return out.Bytes(), nil
}
