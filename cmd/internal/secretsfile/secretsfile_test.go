package secretsfile_test

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/cmd/internal/secretsfile"
)

func TestEnsure(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secrets.json")
	require.NoError(t, secretsfile.Ensure(path))
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	first := read(t, path)
	key, err := base64.StdEncoding.DecodeString(first[secretsfile.Names[secretsfile.Users][0]])
	require.NoError(t, err)
	require.Len(t, key, 32)

	require.NoError(t, secretsfile.Ensure(path))
	require.Equal(t, first, read(t, path), "a second start keeps the key")
}

func TestEnsureKeepsOtherSecrets(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secrets.json")
	require.NoError(t, os.WriteFile(path, []byte(`{"mail-password":"m"}`), 0o600))
	require.NoError(t, secretsfile.Ensure(path))
	got := read(t, path)
	require.Equal(t, "m", got["mail-password"])
	seen := map[string]bool{}
	for _, name := range secretsfile.Names[secretsfile.Users] {
		b, err := base64.StdEncoding.DecodeString(got[name])
		require.NoError(t, err)
		require.Len(t, b, 32)
		require.False(t, seen[got[name]], "two secrets are the same")
		seen[got[name]] = true
	}
}

// The secrets of one app are not in the file of another's.
func TestEnsureAll(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, secretsfile.EnsureAll(dir))
	for file, names := range secretsfile.Names {
		got := read(t, filepath.Join(dir, file))
		require.Len(t, got, len(names))
		for _, name := range names {
			require.Equal(t, name == secretsfile.MonolithDSN || name == secretsfile.MonolithWriteDSN, got[name] == "", name)
		}
	}
	path := filepath.Join(dir, secretsfile.Migration)
	require.NoError(t, os.WriteFile(path, []byte(`{"monolith-dsn":"host=old-shop"}`), 0o600))
	require.NoError(t, secretsfile.EnsureAll(dir))
	require.Equal(t, "host=old-shop", read(t, path)[secretsfile.MonolithDSN], "a start keeps what an operator has set")
}

func TestEnsureRefusesABrokenFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secrets.json")
	require.NoError(t, os.WriteFile(path, []byte(`{`), 0o600))
	require.ErrorContains(t, secretsfile.Ensure(path), "mend or remove it")
}

func read(t *testing.T, path string) map[string]string {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	var m map[string]string
	require.NoError(t, json.Unmarshal(b, &m))
	return m
}
