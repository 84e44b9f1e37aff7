package clients

import (
	"context"
	"fmt"
	"sync"
	"time"

	"tienda/internal/fault"
)

const (
	secretStore = "payment-secrets" // the component
	secretLife  = time.Minute       // after that a secret is read again
)

// SecretStore reads secrets: the sidecar.
type SecretStore interface {
	GetSecret(ctx context.Context, store, key string, meta map[string]string) (map[string]string, error)
}

// Secrets are those that payment providers sign their callbacks with. Safe for
// concurrent use.
type Secrets struct {
	sidecar  SecretStore
	provider string

	mu    sync.Mutex
	value []byte
	until time.Time
}

// NewSecrets gives the secret of a provider, behind a sidecar.
func NewSecrets(s SecretStore, provider string) *Secrets {
	return &Secrets{sidecar: s, provider: provider}
}

// Callback gives the secret of a provider, which must be the one that there is.
// Sidecar: 1 secret a minute at most.
func (s *Secrets) Callback(ctx context.Context, provider string) ([]byte, error) {
	if provider != s.provider {
		return nil, fault.Missing("payment provider")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Now().Before(s.until) {
		return s.value, nil
	}
	name := "payment-callbacks-" + provider
	values, err := s.sidecar.GetSecret(ctx, secretStore, name, nil)
	if err != nil || values[name] == "" {
		return nil, fault.New(fault.Unavailable, "secrets_unavailable", "The secret store does not answer. Try again.").
			Because(fmt.Errorf("secret %s: %w", name, err))
	}
	s.value, s.until = []byte(values[name]), time.Now().Add(secretLife)
	return s.value, nil
}
