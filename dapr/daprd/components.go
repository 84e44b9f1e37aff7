package main

import (
	"github.com/dapr/components-contrib/bindings/cron"
	bindinghttp "github.com/dapr/components-contrib/bindings/http"
	"github.com/dapr/components-contrib/bindings/localstorage"
	"github.com/dapr/components-contrib/bindings/smtp"
	"github.com/dapr/components-contrib/nameresolution/mdns"
	nrsqlite "github.com/dapr/components-contrib/nameresolution/sqlite"
	"github.com/dapr/components-contrib/pubsub/jetstream"
	pubsubredis "github.com/dapr/components-contrib/pubsub/redis"
	"github.com/dapr/components-contrib/secretstores/local/env"
	"github.com/dapr/components-contrib/secretstores/local/file"
	pgv1 "github.com/dapr/components-contrib/state/postgresql/v1"
	pgv2 "github.com/dapr/components-contrib/state/postgresql/v2"
	stateredis "github.com/dapr/components-contrib/state/redis"
	statesqlite "github.com/dapr/components-contrib/state/sqlite"
	versions "github.com/dapr/dapr/pkg/components"
	"github.com/dapr/dapr/pkg/components/bindings"
	"github.com/dapr/dapr/pkg/components/configuration"
	"github.com/dapr/dapr/pkg/components/conversation"
	"github.com/dapr/dapr/pkg/components/crypto"
	"github.com/dapr/dapr/pkg/components/lock"
	middleware "github.com/dapr/dapr/pkg/components/middleware/http"
	"github.com/dapr/dapr/pkg/components/nameresolution"
	"github.com/dapr/dapr/pkg/components/pubsub"
	"github.com/dapr/dapr/pkg/components/secretstores"
	"github.com/dapr/dapr/pkg/components/state"
	"github.com/dapr/dapr/pkg/runtime/registry"
	"github.com/dapr/kit/logger"
)

// components registers what the files under components/ and dapr/ may name,
// and hands out registries with nothing else in them.
func components() *registry.Options {
	log := logger.NewLogger("dapr.contrib")

	stores := state.NewRegistry()
	stores.Logger = log
	stores.RegisterComponent(statesqlite.NewSQLiteStateStore, "sqlite", "sqlite3")
	stores.RegisterComponent(stateredis.NewRedisStateStore, "redis")
	for _, name := range []string{"postgres", "postgresql"} {
		stores.RegisterComponentWithVersions(name, versions.Versioning{
			Preferred: versions.VersionConstructor{Version: "v2", Constructor: pgv2.NewPostgreSQLStateStore},
			Others:    []versions.VersionConstructor{{Version: "v1", Constructor: pgv1.NewPostgreSQLStateStore}},
			Default:   "v1",
		})
	}

	brokers := pubsub.NewRegistry()
	brokers.Logger = log
	brokers.RegisterComponent(jetstream.NewJetStream, "jetstream")
	brokers.RegisterComponent(pubsubredis.NewRedisStreams, "redis")

	secrets := secretstores.NewRegistry()
	secrets.Logger = log
	secrets.RegisterComponent(file.NewLocalSecretStore, "local.file")
	secrets.RegisterComponent(env.NewEnvSecretStore, "local.env")

	names := nameresolution.NewRegistry()
	names.Logger = log
	names.RegisterComponent(nrsqlite.NewResolver, "sqlite")
	names.RegisterComponent(mdns.NewResolver, "mdns")

	bound := bindings.NewRegistry()
	bound.Logger = log
	bound.RegisterOutputBinding(localstorage.NewLocalStorage, "localstorage")
	bound.RegisterOutputBinding(smtp.NewSMTP, "smtp")
	bound.RegisterOutputBinding(bindinghttp.NewHTTP, "http")
	bound.RegisterInputBinding(cron.NewCron, "cron")

	return registry.NewOptions().
		WithStateStores(stores).WithPubSubs(brokers).WithSecretStores(secrets).
		WithNameResolutions(names).WithBindings(bound).
		WithConfigurations(configuration.NewRegistry()).WithLocks(lock.NewRegistry()).
		WithCryptoProviders(crypto.NewRegistry()).WithHTTPMiddlewares(middleware.NewRegistry()).
		WithConversations(conversation.NewRegistry())
}
