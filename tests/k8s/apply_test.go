//go:build k8s

package k8s

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every overlay applies, as a whole and without a field that the server does not know; so
// does it over the one before. What is wrong in one of the ways of testdata is refused.
func TestTheServerTakesEveryOverlay(t *testing.T) {
	s := start(t)
	s.define(t)
	all := everyOverlay(t)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		t.Run(name, func(t *testing.T) {
			manifests := built(t, all[name])
			// kubectl applies namespaces first, as well.
			slices.SortStableFunc(manifests, func(a, b object) int { return first(a) - first(b) })
			for _, o := range manifests {
				require.NoError(t, s.apply(t.Context(), o))
			}
		})
	}
	for file, want := range refused {
		t.Run("refused "+file, func(t *testing.T) {
			raw, err := os.ReadFile(filepath.Join("refused", file+".yaml"))
			require.NoError(t, err)
			for _, o := range objects(t, raw) {
				err := s.apply(t.Context(), o)
				require.Error(t, err)
				require.Contains(t, strings.ToLower(err.Error()), strings.ToLower(want))
			}
		})
	}
	files, err := filepath.Glob("refused/*.yaml")
	require.NoError(t, err)
	require.Len(t, files, len(refused), "every file is tried")
}

func first(o object) int {
	if o.Kind == "Namespace" {
		return 0
	}
	return 1
}

// refused is what the server says to each file of the folder.
var refused = map[string]string{
	"unknown-field":         ".spec.maxUnavailble: field not declared in schema",
	"unknown-field-of-dapr": "field not declared in schema",
	"wrong-type":            "expected numeric",
	"selector-mismatch":     "`selector` does not match template `labels`",
	"bad-quantity":          "quantities must match the regular expression",
	"request-over-limit":    "must be less than or equal to memory limit",
	"min-over-max":          "must be greater than or equal to `minReplicas`",
	"two-budgets":           "minAvailable and maxUnavailable cannot be both set",
	"no-pubsub":             "spec.pubsubname: required value",
	"no-namespace":          "namespaces \"nowhere\" not found",
	"bad-port":              "must be between 1 and 65535",
	"bad-verb-of-a-list":    "field not declared in schema",
}
