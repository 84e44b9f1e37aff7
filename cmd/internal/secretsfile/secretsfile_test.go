package secretsfile_test

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
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
	block, _ := pem.Decode([]byte(first[secretsfile.SigningKey]))
	require.NotNil(t, block)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	require.NoError(t, err)
	require.IsType(t, ed25519.PrivateKey{}, key)

	require.NoError(t, secretsfile.Ensure(path))
	require.Equal(t, first, read(t, path), "a second start keeps the key")
}

func TestEnsureKeepsOtherSecrets(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secrets.json")
	require.NoError(t, os.WriteFile(path, []byte(`{"mail-password":"m"}`), 0o600))
	require.NoError(t, secretsfile.Ensure(path))
	got := read(t, path)
	require.Equal(t, "m", got["mail-password"])
	require.NotEmpty(t, got[secretsfile.SigningKey])
	for _, name := range secretsfile.Symmetric {
		b, err := base64.StdEncoding.DecodeString(got[name])
		require.NoError(t, err)
		require.Len(t, b, 32)
	}
	require.NotEqual(t, got[secretsfile.Symmetric[0]], got[secretsfile.Symmetric[1]])
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
