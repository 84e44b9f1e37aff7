package checker_test

import (
	"encoding/base64"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/tests/migration/checker"
)

// A text is found wherever it begins, as it is and in base64 of what is around it.
func TestNeedlesAreFound(t *testing.T) {
	const text = "4111111111111111"
	n, err := checker.NewNeedles(text, "Clave-05-tienda", text)
	require.NoError(t, err)
	r := rand.New(rand.NewPCG(1, 1))
	noise := func(size int) string {
		b := make([]byte, size)
		for i := range b {
			b[i] = byte('a' + r.IntN(26))
		}
		return string(b)
	}
	for size := range 40 {
		around := noise(size) + text + noise(r.IntN(40))
		for _, in := range []string{
			around, base64.StdEncoding.EncodeToString([]byte(around)), base64.RawURLEncoding.EncodeToString([]byte(around)),
			noise(100) + `{"data":"` + base64.StdEncoding.EncodeToString([]byte(around)) + `"}`,
		} {
			require.Equal(t, []string{text}, n.In([]byte(in)), in)
		}
		nearly := noise(size) + text[1:] + noise(30)
		require.Empty(t, n.In([]byte(nearly)), nearly)
		require.Empty(t, n.In([]byte(base64.StdEncoding.EncodeToString([]byte(nearly)))), nearly)
	}
}

func TestFilesAreLookedInto(t *testing.T) {
	n, err := checker.NewNeedles("4111111111111111")
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "a", "b"), 0o700))
	for name, text := range map[string]string{"clean": strings.Repeat("x", 100), filepath.Join("a", "b", "found"): "card=4111111111111111."} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	hits, size, err := n.Files(dir)
	require.NoError(t, err)
	require.EqualValues(t, 122, size)
	require.Equal(t, map[string][]string{filepath.Join(dir, "a", "b", "found"): {"4111111111111111"}}, hits)
}

func TestTooShort(t *testing.T) {
	_, err := checker.NewNeedles("4111")
	require.Error(t, err)
}
