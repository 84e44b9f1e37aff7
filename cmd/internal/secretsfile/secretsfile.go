// Package secretsfile makes the file behind the secret store of the local run.
// It stands in for what an operator puts into a real secret store.
package secretsfile

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
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

// Symmetric are the names of the secrets that are 32 random bytes in base64:
// users seals TOTP secrets with the first and signs device tokens with the
// second. A new key goes before the old one, with a space between them.
var Symmetric = []string{"users-totp-key", "users-device-key"}

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
	missing := false
	if _, ok := secrets[SigningKey]; !ok {
		key, err := newKey()
		if err != nil {
			return fmt.Errorf("secrets: %w", err)
		}
		secrets[SigningKey], missing = key, true
	}
	for _, name := range Symmetric {
		if _, ok := secrets[name]; !ok {
			b := make([]byte, 32)
			_, _ = rand.Read(b) // never fails since Go 1.24
			secrets[name], missing = base64.StdEncoding.EncodeToString(b), true
		}
	}
	if !missing {
		return nil
	}
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
