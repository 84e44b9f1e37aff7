// Command migration is the app that moves a monolith's database into the services'
// stores. It lives as long as the move.
package main

import (
	"context"
	"io"

	"tienda/internal/app"
	"tienda/services/migration/service"
)

const defaultPort = 8085

func main() { app.Main(run) }

func run(ctx context.Context, getenv func(string) string, stdout io.Writer) error {
	return app.Service(ctx, service.AppID, defaultPort, getenv, stdout, service.Build(service.Engine))
}
