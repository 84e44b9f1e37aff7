package arch

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	testName = regexp.MustCompile(`\b(?:Test|Fuzz|Benchmark)[A-Z]\w*`)
	testLink = regexp.MustCompile(`\[((?:Test|Fuzz|Benchmark)[A-Z]\w*)\]\(([^)]+)\)`)
	anyLink  = regexp.MustCompile(`\]\(([^)#]+)`)
	filePath = regexp.MustCompile("`((?:services|internal|cmd|tests|demo|dapr|components|contracts|docs)/[^` ]+)`")
)

// The security page claims nothing that nobody shows: each test that it names is a
// link to a file that has it, and the files that it names are there.
func TestTheSecurityPageNamesWhatIsThere(t *testing.T) {
	raw, err := os.ReadFile("../../docs/security.md")
	require.NoError(t, err)
	page := string(raw)
	links := testLink.FindAllStringSubmatch(page, -1)
	require.Greater(t, len(links), 100)
	requireTestsThere(t, page)
	for _, name := range testName.FindAllString(testLink.ReplaceAllString(page, ""), -1) {
		t.Errorf("%s is named without a link to its file", name)
	}
	for _, l := range anyLink.FindAllStringSubmatch(page, -1) {
		if !strings.Contains(l[1], "://") {
			require.FileExists(t, filepath.Join("../../docs", l[1]))
		}
	}
	for _, p := range filePath.FindAllStringSubmatch(page, -1) {
		_, err := os.Stat(filepath.Join("../..", p[1]))
		require.NoError(t, err)
	}
}

// What must not be guessed comes from crypto/rand.
func TestChanceThatCanBeGuessedIsForShardsOnly(t *testing.T) {
	// The migration's verification picks with it which documents it looks at once more.
	require.Equal(t, []string{"services/migration/internal/verify/verify.go", "services/users/internal/statestore/shards.go"}, filesWith(t, `"math/rand`),
		"a new user of math/rand: nothing that must not be guessed may depend on it")
}

// Services say what they say on stdout, and keep what they keep in their store.
func TestServicesWriteNoFiles(t *testing.T) {
	for _, file := range filesWith(t, "os.Create", "os.OpenFile", "os.WriteFile", "os.CreateTemp") {
		runner := strings.HasPrefix(file, "internal/daprd/") || strings.HasPrefix(file, "internal/profile/")
		require.True(t, runner || file == "internal/app/profile.go", "%s writes a file", file) // a CPU profile, where it is asked for
	}
}
