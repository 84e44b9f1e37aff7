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
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// Of the files: each is behind a secret store of its own, so that no app can ask for
// another's secrets.
const (
	Users     = "secrets.json"
	Payments  = "payment-secrets.json"
	Migration = "migration-secrets.json"
)

// Names are those of the secrets of a file, each 32 random bytes in base64: users seals its
// signing keys with the first, TOTP secrets with the second, and signs device
// tokens with the third. A new key for the last two goes before the old one, with
// a space between them. The sandbox of payments signs its callbacks with the secret in
// Payments, and orders checks them. The migration makes digests of password hashes under
// the key in Migration; the other secrets there are no keys: they stay empty until an operator
// says where the monolith's database is, and by which role it may be written to.
var Names = map[string][]string{
	Users:     {"users-key-encryption-key", "users-totp-key", "users-device-key"},
	Payments:  {"payment-callbacks-sandbox"},
	Migration: {MonolithDSN, MonolithWriteDSN, "password-digest-key"},
}

// MonolithDSN is the connection string of the database that the shop moves out of.
const MonolithDSN = "monolith-dsn"

// MonolithWriteDSN is that of a role that may write to it, for the time that services are
// cut over and the move is not finished.
const MonolithWriteDSN = "monolith-write-dsn"

// EnsureAll is Ensure for every file in a folder.
func EnsureAll(dir string) error {
	for _, name := range slices.Sorted(maps.Keys(Names)) {
		if err := Ensure(filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// Ensure adds the secrets that the file lacks, each fresh and random, or empty where only
// an operator knows it; those it has stay as they are. The file is readable by its owner only.
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
	for _, name := range Names[filepath.Base(path)] {
		if _, ok := secrets[name]; !ok {
			secrets[name], missing = first(name), true
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

// first is what a secret is until somebody sets another.
func first(name string) string {
	if name == MonolithDSN || name == MonolithWriteDSN {
		return ""
	}
	return newKey()
}

func newKey() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails since Go 1.24
	return base64.StdEncoding.EncodeToString(b)
}
