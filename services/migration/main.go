// Command migration is the app that moves a monolith's database into the services'
// stores. It lives as long as the move.
//
//	migration              the app, beside its sidecar
//	migration preflight    whether a move can begin, without a sidecar
//	migration draft        a first mapping of what the database has, likewise
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"tienda/internal/app"
	"tienda/services/migration/internal/draft"
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
	err := commands{preflight: preflight, draft: write}.run(ctx, args, getenv, stdout)
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
	return service.Findings(ctx, database(dsn, c), m, schemas), nil
}

// write writes a first mapping of what the database has, under a name.
func write(ctx context.Context, dsn, name string, c service.Config, out io.Writer) error {
	schemas, err := service.Contracts()
	if err != nil {
		return err
	}
	db, err := postgres.Open(ctx, database(dsn, c))
	if err != nil {
		return err
	}
	defer db.Close()
	schema, err := db.Schema(ctx)
	if err != nil {
		return fmt.Errorf("schema of the source: %w", err)
	}
	_, err = io.WriteString(out, draft.Write(name, schema, schemas))
	return err
}

func database(dsn string, c service.Config) postgres.Config {
	return postgres.Config{DSN: dsn, Slot: c.Slot, Publication: c.Publication}
}
