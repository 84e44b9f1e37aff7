package service

import (
	"context"
	"fmt"

	"tienda/internal/fault"
)

// Where the source's address and password are: a secret of a store that no other app can
// ask.
const (
	SecretStore = "secrets-migration" // the component
	SecretName  = "monolith-dsn"
)

// DSN gives the connection string of the source, as libpq has it. It is asked for when a
// connection is made, so that a changed password needs no restart of the app.
type DSN func(context.Context) (string, error)

// Secrets reads secrets: the sidecar.
type Secrets interface {
	GetSecret(ctx context.Context, store, key string, meta map[string]string) (map[string]string, error)
}

// secretDSN reads the DSN from the secret store. The errors are Unavailable and carry
// nothing of the secret.
func secretDSN(s Secrets) DSN {
	return func(ctx context.Context) (string, error) {
		values, err := s.GetSecret(ctx, SecretStore, SecretName, nil)
		if err != nil {
			return "", fault.New(fault.Unavailable, "secrets_unavailable", "The secret store does not answer. Try again.").
				Because(fmt.Errorf("secret %s of %s: %w", SecretName, SecretStore, err))
		}
		if values[SecretName] == "" {
			return "", fault.New(fault.Unavailable, "no_source", fmt.Sprintf("The secret %s of the secret store %s is empty: put the DSN of the monolith's database there.", SecretName, SecretStore))
		}
		return values[SecretName], nil
	}
}
