// Package secretsfile makes the file behind the secret store of the local run.
// It stands in for what an operator puts into a real secret store.
package secretsfile

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// SigningKey is the name of the secret with which users signs access tokens: a
// PKCS #8 PEM of an Ed25519 key.
const SigningKey = "users-signing-key"

// Ensure adds the secrets that the file lacks, each fresh and random; those it
// has stay as they are. The file is readable by its owner only.
func Ensure(path string) error {
	secrets := map[string]any{}
	switch b, err := os.ReadFile(path); { //nolint:gosec // in the folder that the user chose
	case err == nil:
		if err := json.Unmarshal(b, &secrets); err != nil {
			return fmt.Errorf("%s is not a JSON object; mend or remove it: %w", path, err)
		}
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("secrets: %w", err)
	}
	if _, ok := secrets[SigningKey]; ok {
		return nil
	}
	key, err := newKey()
	if err != nil {
		return fmt.Errorf("secrets: %w", err)
	}
	secrets[SigningKey] = key
	b, err := json.MarshalIndent(secrets, "", "  ")
	if err != nil {
		return fmt.Errorf("secrets: %w", err)
	}
	// A half-written file would be read by a sidecar that starts just now.
	tmp := path + ".new"
	if err := os.WriteFile(tmp, append(b, '\n'), 0o600); err != nil {
		return fmt.Errorf("secrets: %w", err)
	}
	if err := os.Rename(tmp, path); err != nil {
		return fmt.Errorf("secrets: %w", err)
	}
	return nil
}

func newKey() (string, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return "", err
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return "", err
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), nil
}
