//go:build !race

package simulation

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const raceDetector = false

// seedsByDefault is how many seeds `make test` runs.
const seedsByDefault = 100

// A run is a function of its seed: the same one twice is the same to the last
// step, and to the microsecond.
func TestSameSeedSameRun(t *testing.T) {
	var first []result
	for seed := range uint64(25) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) { first = append(first, simulate(t, seed, sabotage{}, true)) })
	}
	traces := map[uint64]bool{}
	for seed, was := range first {
		t.Run(strconv.Itoa(seed)+" again", func(t *testing.T) {
			r := simulate(t, uint64(seed), sabotage{}, true)
			if was.trace != r.trace {
				t.Fatal(difference(was.lines, r.lines))
			}
		})
		traces[was.trace] = true
	}
	require.Len(t, traces, len(first), "each seed is a run of its own")
}

// difference shows where two traces part.
func difference(a, b []string) string {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] && !strings.Contains(a[i], "level=") && !strings.Contains(b[i], "level=") {
			return fmt.Sprintf("line %d:\n%s\nthen one had\n%s\nthe other\n%s", i, strings.Join(a[max(0, i-5):i], "\n"), a[i], b[i])
		}
	}
	return "one is longer than the other"
}
