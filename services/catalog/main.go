// Command catalog is the service of products, categories and stock.
package main

import (
	"context"
	"io"

	"tienda/internal/app"
	"tienda/services/catalog/service"
)

const defaultPort = 8082

func main() { app.Main(run) }

func run(ctx context.Context, getenv func(string) string, stdout io.Writer) error {
	return app.Service(ctx, service.AppID, defaultPort, getenv, stdout, service.Build)
}
