// Command support is the service of help tickets and returns.
package main

import (
	"context"
	"io"

	"tienda/internal/app"
	"tienda/services/support/service"
)

const defaultPort = 8084

func main() { app.Main(run) }

func run(ctx context.Context, getenv func(string) string, stdout io.Writer) error {
	return app.Service(ctx, service.AppID, defaultPort, getenv, stdout, service.Build)
}
