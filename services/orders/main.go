// Command orders is the service of carts, checkout and orders.
package main

import (
	"context"
	"io"

	"tienda/internal/app"
	"tienda/services/orders/service"
)

const defaultPort = 8083

func main() { app.Main(run) }

func run(ctx context.Context, getenv func(string) string, stdout io.Writer) error {
	return app.Service(ctx, service.AppID, defaultPort, getenv, stdout, service.Build)
}
