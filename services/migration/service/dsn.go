package service

import (
	"context"
	"fmt"

	"tienda/internal/fault"
)

// What the migration keeps in a secret store that no other app can ask.
const (
	SecretStore = "secrets-migration"   // the component
	SecretName  = "monolith-dsn"        // where the source is, and what lets the migration in
	SecretKey   = "password-digest-key" // what digests of password hashes are made under; the same for the whole move
)

// DSN gives the connection string of the source, as libpq has it. It is asked for when a
// connection is made, so that a changed password needs no restart of the app.
type DSN func(context.Context) (string, error)

// Secrets reads secrets: the sidecar.
type Secrets interface {
	GetSecret(ctx context.Context, store, key string, meta map[string]string) (map[string]string, error)
}

// secretDSN reads the DSN from the secret store.
func secretDSN(s Secrets) DSN {
	return func(ctx context.Context) (string, error) {
		return secret(ctx, s, SecretName, "put the DSN of the monolith's database there.")
	}
}

// secret reads a secret. The errors are Unavailable and carry nothing of it.
func secret(ctx context.Context, s Secrets, name, advice string) (string, error) {
	values, err := s.GetSecret(ctx, SecretStore, name, nil)
	if err != nil {
		return "", fault.New(fault.Unavailable, "secrets_unavailable", "The secret store does not answer. Try again.").
			Because(fmt.Errorf("secret %s of %s: %w", name, SecretStore, err))
	}
	if values[name] == "" {
		return "", fault.New(fault.Unavailable, "no_source", fmt.Sprintf("The secret %s of the secret store %s is empty: %s", name, SecretStore, advice))
	}
	return values[name], nil
}
