// Command migration is the app that moves a monolith's database into the services'
// stores. It lives as long as the move.
//
//	migration              the app, beside its sidecar
//	migration preflight    whether a move can begin, without a sidecar
package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"os"

	"tienda/internal/app"
	"tienda/services/migration/internal/postgres"
	"tienda/services/migration/internal/progress"
	"tienda/services/migration/service"
)

const defaultPort = 8085

func main() {
	app.Main(func(ctx context.Context, getenv func(string) string, stdout io.Writer) error {
		return run(ctx, os.Args[1:], getenv, stdout)
	})
}

func run(ctx context.Context, args []string, getenv func(string) string, stdout io.Writer) error {
	if len(args) == 0 {
		return app.Service(ctx, service.AppID, defaultPort, getenv, stdout, service.Build(service.Engine))
	}
	err := commands{preflight: preflight}.run(ctx, args, getenv, stdout)
	if errors.Is(err, flag.ErrHelp) {
		return nil // it was printed
	}
	return err
}

// preflight holds the source and a mapping to what a move needs.
func preflight(ctx context.Context, dsn string, c service.Config) ([]progress.Finding, error) {
	m, schemas, err := service.LoadMapping(c.Mapping)
	if err != nil {
		return nil, err
	}
	return service.Findings(ctx, postgres.Config{DSN: dsn, Slot: c.Slot, Publication: c.Publication}, m, schemas), nil
}
