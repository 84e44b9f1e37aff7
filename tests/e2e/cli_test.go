package e2e

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"tienda/tests/shop"
)

// notByTheCLI are the tests that a shop of `dapr run -f dapr` is not put to, and why: all
// others are.
var notByTheCLI = map[string]string{
	"TestBacklogOfAKilledReplica":     "it starts a shop of its own",
	"TestReplicas":                    "it starts a shop of its own",
	"TestTokensOnEveryReplica":        "it starts a shop of its own",
	"TestRunsKeepDataAndLeaveNothing": "it is about the local runner: a folder that is started over",
	"TestListenersAreOnLoopback":      "the CLI has sidecars listen for each other at every address (docs/security.md)",
	"TestKilledPartsComeBack":         nobodyRestarts,
	"TestKilledBeforePublishing":      nobodyRestarts,
	"TestKilledMidCheckout":           nobodyRestarts,
	"TestKilledBeforeSending":         nobodyRestarts,
	"TestDeadServiceIs503":            nobodyRestarts,
	"TestCancelledCardIsFreed":        nobodyRestarts,
}

const nobodyRestarts = "it kills a process, and the CLI starts none again"

// byTheCLI runs the tests against a shop of the Dapr CLI, and looks whether its end leaves a
// process behind.
func byTheCLI(m *testing.M, cli, dir string) int {
	var err error
	if the, err = shop.ByCLI(context.Background(), cli, bin, filepath.Join(dir, "cli")); err != nil {
		return fail(err)
	}
	ended := false
	end := func() error {
		if ended {
			return nil
		}
		ended = true
		if left := the.EndCLI(); len(left) > 0 {
			return fmt.Errorf("Ctrl-C has left these behind:\n%s", strings.Join(left, "\n"))
		}
		return nil
	}
	defer func() { _ = end() }()
	fmt.Printf("dapr run -f dapr: the shop is up at %s after %.1f s\n", the.Gateway, the.Took.Seconds())
	if events, err = record(the.State); err != nil {
		return fail(err)
	}
	code := runWithout(m, "with the Dapr CLI", notByTheCLI)
	events.close()
	if err := end(); err != nil {
		return fail(err)
	}
	return code
}
