package arch

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"
)

var backticked = regexp.MustCompile("`([a-z]\\w*)`")

// The page of what the shop can do has every operation of the public contract, and
// none that is not there; the tests and pages that it names are there.
func TestTheShopPageNamesAllOperations(t *testing.T) {
	raw, err := os.ReadFile("../../docs/shop.md")
	require.NoError(t, err)
	page := string(raw)
	raw, err = os.ReadFile("../../contracts/openapi/public.yaml")
	require.NoError(t, err)
	var contract struct {
		Paths map[string]map[string]yaml.Node `yaml:"paths"`
	}
	require.NoError(t, yaml.Unmarshal(raw, &contract))
	public := map[string]bool{}
	for _, path := range contract.Paths {
		for _, node := range path {
			var op struct {
				ID string `yaml:"operationId"`
			}
			if node.Kind == yaml.MappingNode && node.Decode(&op) == nil && op.ID != "" {
				public[op.ID] = true
			}
		}
	}
	named := map[string]bool{}
	for row := range strings.Lines(page) {
		cells := strings.Split(row, "|")
		if len(cells) != 6 { // with what is before the first and after the last
			continue
		}
		for _, m := range backticked.FindAllStringSubmatch(cells[2], -1) {
			require.False(t, named[m[1]], "%s is named twice", m[1])
			named[m[1]] = true
		}
		if !strings.HasPrefix(cells[1], "-") && strings.TrimSpace(cells[1]) != "what" {
			require.Regexp(t, testLink, cells[3], "%s is shown by a test", cells[1])
		}
	}
	require.Equal(t, slices.Sorted(maps.Keys(public)), slices.Sorted(maps.Keys(named)))
	requireTestsThere(t, page)
	for _, l := range anyLink.FindAllStringSubmatch(page, -1) {
		require.FileExists(t, filepath.Join("../../docs", l[1]))
	}
}

// requireTestsThere: each test that a page of docs/ links to is in the file it names.
func requireTestsThere(t *testing.T, page string) {
	t.Helper()
	for _, l := range testLink.FindAllStringSubmatch(page, -1) {
		file := filepath.Join("../../docs", l[2])
		require.True(t, strings.HasSuffix(file, "_test.go"), "%s is no file of tests", l[2])
		code, err := os.ReadFile(file)
		require.NoError(t, err, l[1])
		require.Contains(t, string(code), "\nfunc "+l[1]+"(", "%s has no such test", l[2])
	}
}
