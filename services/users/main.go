// Command users is the app of accounts: sign-in, sessions, roles, profiles,
// addresses and preferences.
package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"tienda/internal/app"
	"tienda/services/users/internal/account"
	"tienda/services/users/internal/api"
	"tienda/services/users/internal/machine"
	"tienda/services/users/internal/password"
	"tienda/services/users/internal/session"
	"tienda/services/users/internal/statestore"
	"tienda/services/users/internal/token"
)

const (
	appID = "users"
	port  = 8081
	// Where the key is that the signing keys are sealed with (token.NewSealer).
	secretStore = "secrets"
	sealKey     = "users-key-encryption-key"
)

func main() { app.Main(run) }

func run(ctx context.Context, getenv func(string) string, stdout io.Writer) error {
	return app.Service(ctx, appID, port, getenv, stdout, build)
}

func build(_ context.Context, d app.Deps) (app.Built, error) {
	line, err := d.Contract.Schema("ImportUser")
	if err != nil {
		return app.Built{}, err
	}
	cfg, err := token.LoadConfig(d.Getenv)
	if err != nil {
		return app.Built{}, fmt.Errorf("configuration: %w", err)
	}
	tokens := token.NewIssuer(cfg, statestore.NewKeys(d.DB), time.Now)
	accounts := account.NewService(statestore.NewAccounts(d.DB), password.New(password.OWASP), time.Now)
	sessions := session.NewService(statestore.NewSessions(d.DB, time.Now), time.Now)
	machines := machine.NewService(statestore.NewMachines(d.DB, time.Now), time.Now)
	revoked := statestore.NewRevocations(d.DB, time.Now)
	return app.Built{
		Routes: api.New(accounts, sessions, tokens, machines, revoked, line).Routes(),
		Parts:  []app.Part{token.Keeper(tokens, secret(d), d.Log)},
		Ready:  []func(context.Context) error{tokens.Ready},
	}, nil
}

// secret reads the key-encryption key from the secret store.
func secret(d app.Deps) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		values, err := d.Sidecar.GetSecret(ctx, secretStore, sealKey, nil)
		if err != nil {
			return "", err
		}
		if v := values[sealKey]; v != "" {
			return v, nil
		}
		return "", fmt.Errorf("secret store %q has no %q", secretStore, sealKey)
	}
}
