// Command users is the app of accounts: sign-in, sessions, roles, profiles,
// addresses and preferences.
package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tienda/internal/app"
	"tienda/services/users/internal/account"
	"tienda/services/users/internal/api"
	"tienda/services/users/internal/password"
	"tienda/services/users/internal/session"
	"tienda/services/users/internal/statestore"
	"tienda/services/users/internal/token"
)

const (
	appID = "users"
	port  = 8081
	// Where the signing key is: a PKCS #8 PEM in the Dapr secret store.
	secretStore = "secrets"
	signingKey  = "users-signing-key"
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
	tokens := token.NewIssuer(time.Now)
	users := statestore.NewAccounts(d.DB)
	accounts := account.NewService(users, password.New(password.OWASP), time.Now)
	sessions := session.NewService(statestore.NewSessions(d.DB), time.Now)
	sender, err := newSender(d, users, sessions)
	if err != nil {
		return app.Built{}, err
	}
	return app.Built{
		Routes:  api.New(accounts, sessions, tokens, line).Routes(),
		Parts:   []app.Part{token.Loader(tokens, secret(d), d.Log), sender.Part},
		Ready:   []func(context.Context) error{tokens.Ready},
		Figures: []prometheus.Collector{mailFigures{sender}},
	}, nil
}

// secret reads the signing key from the secret store.
func secret(d app.Deps) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		values, err := d.Sidecar.GetSecret(ctx, secretStore, signingKey, nil)
		if err != nil {
			return "", err
		}
		if v := values[signingKey]; v != "" {
			return v, nil
		}
		return "", fmt.Errorf("secret store %q has no %q", secretStore, signingKey)
	}
}
