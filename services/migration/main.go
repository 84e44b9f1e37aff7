// Command migration is the app that moves a monolith's database into the services'
// stores. It lives as long as the move.
package main

import (
	"context"
	"errors"
	"io"

	"tienda/internal/app"
	"tienda/services/migration/service"
)

const defaultPort = 8085

func main() { app.Main(run) }

func run(ctx context.Context, getenv func(string) string, stdout io.Writer) error {
	return app.Service(ctx, service.AppID, defaultPort, getenv, stdout, service.Build(core))
}

// core makes what does the move.
func core(context.Context, service.Config, service.DSN, app.Deps) (service.Core, error) {
	return service.Core{}, errors.New("this program was built without what moves: leave MIGRATION_MAPPING empty")
}
