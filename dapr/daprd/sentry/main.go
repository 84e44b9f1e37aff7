// Command sentry is Dapr's certificate authority, for tests of sidecars that have to know
// each other. It takes every flag of the original.
package main

import "github.com/dapr/dapr/cmd/sentry/app"

func main() { app.Run() }
