// Package secretsfile makes the file behind the secret store of the local run.
// It stands in for what an operator puts into a real secret store.
package secretsfile

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// SealKey is the name of the secret under which users keeps its signing keys: 32
// random bytes in base64.
const SealKey = "users-key-encryption-key"

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
	if _, ok := secrets[SealKey]; ok {
		return nil
	}
	secrets[SealKey] = newKey()
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

func newKey() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails since Go 1.24
	return base64.StdEncoding.EncodeToString(b)
}
