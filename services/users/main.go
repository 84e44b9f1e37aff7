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
	"tienda/services/users/internal/device"
	"tienda/services/users/internal/keyring"
	"tienda/services/users/internal/password"
	"tienda/services/users/internal/session"
	"tienda/services/users/internal/signin"
	"tienda/services/users/internal/statestore"
	"tienda/services/users/internal/throttle"
	"tienda/services/users/internal/token"
	"tienda/services/users/internal/totp"
)

const (
	appID = "users"
	port  = 8081
	// Where the signing key is: a PKCS #8 PEM in the Dapr secret store.
	secretStore = "secrets"
	signingKey  = "users-signing-key"
	// What TOTP secrets are sealed with, and what device tokens are signed
	// with: base64 of 32 bytes each.
	totpKey   = "users-totp-key"
	deviceKey = "users-device-key"
	// issuer is the shop's name in people's authenticator apps.
	issuer = "Tienda"
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
	totpKeys, deviceKeys := keyring.New(totpKey), keyring.New(deviceKey)
	hasher := password.New(password.OWASP, password.Floor(password.DefaultFloor))
	accounts := account.NewService(statestore.NewAccounts(d.DB), hasher, time.Now)
	sessions := session.NewService(statestore.NewSessions(d.DB), time.Now)
	throttles := throttle.NewService(statestore.NewGuards(d.DB), time.Now)
	factors := totp.NewService(statestore.NewFactors(d.DB), totpKeys, signin.NewOwners(accounts, throttles), issuer, time.Now)
	signIns := signin.NewService(statestore.NewSignIns(d.DB), accounts, factors, device.NewTokens(deviceKeys, time.Now), time.Now)
	return app.Built{
		Routes: api.New(api.Parts{
			Accounts: accounts, Sessions: sessions, Tokens: tokens, SignIns: signIns, Factors: factors,
			Throttles: throttles, DeviceKeys: deviceKeys, ImportLine: line,
		}).Routes(),
		Parts: []app.Part{
			token.Loader(tokens, func(ctx context.Context) (string, error) { return secret(d)(ctx, signingKey) }, d.Log),
			keyring.Loader(totpKeys, secret(d), d.Log), keyring.Loader(deviceKeys, secret(d), d.Log),
		},
		Ready: []func(context.Context) error{tokens.Ready, totpKeys.Ready, deviceKeys.Ready},
	}, nil
}

// secret reads a secret from the secret store.
func secret(d app.Deps) func(ctx context.Context, name string) (string, error) {
	return func(ctx context.Context, name string) (string, error) {
		values, err := d.Sidecar.GetSecret(ctx, secretStore, name, nil)
		if err != nil {
			return "", err
		}
		if v := values[name]; v != "" {
			return v, nil
		}
		return "", fmt.Errorf("secret store %q has no %q", secretStore, name)
	}
}
