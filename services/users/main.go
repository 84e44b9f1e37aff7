// Command users is the app of accounts: sign-in, sessions, roles, profiles,
// addresses and preferences.
package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tienda/internal/app"
	"tienda/internal/mail/mailroom"
	"tienda/internal/origin/intake"
	"tienda/services/users/internal/account"
	"tienda/services/users/internal/api"
	"tienda/services/users/internal/audit"
	"tienda/services/users/internal/device"
	"tienda/services/users/internal/directory"
	"tienda/services/users/internal/keyring"
	"tienda/services/users/internal/machine"
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
	// Where the key is that the signing keys are sealed with (token.NewSealer).
	secretStore = "secrets"
	sealKey     = "users-key-encryption-key"
	// What TOTP secrets are sealed with, and what device tokens are signed
	// with: base64 of 32 bytes each.
	totpKey   = "users-totp-key"
	deviceKey = "users-device-key"
	// issuer is the shop's name in people's authenticator apps.
	issuer = "Tienda"

	refreshPause  = time.Second // how far the list of accounts may be behind
	recoveryPause = 5 * time.Second
	flushPause    = time.Second
	lastFlush     = 3 * time.Second
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
	moved, err := d.Contract.Schema("SyncUser")
	if err != nil {
		return app.Built{}, err
	}
	cfg, err := token.LoadConfig(d.Getenv)
	if err != nil {
		return app.Built{}, fmt.Errorf("configuration: %w", err)
	}
	tokens := token.NewIssuer(cfg, statestore.NewKeys(d.DB), time.Now)
	totpKeys, deviceKeys := keyring.New(totpKey), keyring.New(deviceKey)
	store := statestore.NewAccounts(d.DB)
	d.DB.OnUnfinished(store.NoteUnfinished)
	throttles := throttle.NewService(statestore.NewGuards(d.DB), time.Now)
	hasher := password.New(password.OWASP, password.Floor(password.DefaultFloor))
	accounts := account.NewService(store, hasher, throttles, time.Now)
	sessionStore := statestore.NewSessions(d.DB, time.Now)
	sessions := session.NewService(sessionStore, time.Now)
	factors := totp.NewService(statestore.NewFactors(d.DB), totpKeys, signin.NewOwners(accounts, throttles), issuer, time.Now)
	signIns := signin.NewService(statestore.NewSignIns(sessionStore), accounts, factors, device.NewTokens(deviceKeys, time.Now), time.Now)
	trail := audit.NewService(statestore.NewAudit(d.DB), time.Now)
	accounts.OnFailure(trail.Failed)
	sender, err := newSender(d, store, sessions)
	if err != nil {
		return app.Built{}, err
	}
	movedIn := store.Moved(moved.Check, hasher.Wrap, time.Now)
	if d.Config.Reverse {
		movedIn.Announce(appID)
	}
	all := directory.New(statestore.NewDirectory(d.DB))
	return app.Built{
		Routes: api.New(api.Parts{
			Accounts: accounts, Sessions: sessions, Tokens: tokens,
			Machines: machine.NewService(statestore.NewMachines(d.DB, time.Now), time.Now),
			Revoked:  statestore.NewRevocations(d.DB, time.Now), SignIns: signIns, Factors: factors,
			Throttles: throttles, DeviceKeys: deviceKeys, Directory: all, Trail: trail, ImportLine: line,
			MoveIn: append(movedIn.Routes(), intake.OutboxRoute(d.DB)),
		}).Routes(),
		Parts: []app.Part{
			token.Keeper(tokens, func(ctx context.Context) (string, error) { return secret(d)(ctx, sealKey) }, d.Log),
			keyring.Loader(totpKeys, secret(d), d.Log), keyring.Loader(deviceKeys, secret(d), d.Log),
			app.Every(refreshPause, d.Log, "refresh of the list of accounts", all.Refresh),
			app.Every(recoveryPause, d.Log, "changes of accounts that were left midway", store.Recover),
			failures(trail, d.Log),
			sender.Part,
		},
		Ready:   []func(context.Context) error{tokens.Ready, totpKeys.Ready, deviceKeys.Ready},
		Figures: []prometheus.Collector{mailroom.Figures{Sender: sender}},
	}, nil
}

// failures writes the sums of failed sign-ins, the last of them at the stop.
func failures(trail *audit.Service, log *slog.Logger) app.Part {
	every := app.Every(flushPause, log, "sums of failed sign-ins", func(ctx context.Context) error { return trail.Flush(ctx, false) })
	return func(ctx context.Context) error {
		if err := every(ctx); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastFlush)
		defer cancel()
		if err := trail.Flush(ctx, true); err != nil {
			log.Warn("the last sums of failed sign-ins are lost", "error", err)
		}
		return nil
	}
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
