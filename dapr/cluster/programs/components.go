package main

import (
	bindinghttp "github.com/dapr/components-contrib/bindings/http"
	"github.com/dapr/components-contrib/bindings/localstorage"
	"github.com/dapr/components-contrib/bindings/smtp"
	nrkubernetes "github.com/dapr/components-contrib/nameresolution/kubernetes"
	pubsubredis "github.com/dapr/components-contrib/pubsub/redis"
	"github.com/dapr/components-contrib/secretstores/kubernetes"
	pgv1 "github.com/dapr/components-contrib/state/postgresql/v1"
	pgv2 "github.com/dapr/components-contrib/state/postgresql/v2"
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

// components registers what the overlay of one node may name: the official image has every
// component there is, which takes twice the time to compile.
func components() *registry.Options {
	log := logger.NewLogger("dapr.contrib")

	stores := state.NewRegistry()
	stores.Logger = log
	for _, name := range []string{"postgres", "postgresql"} {
		stores.RegisterComponentWithVersions(name, versions.Versioning{
			Preferred: versions.VersionConstructor{Version: "v2", Constructor: pgv2.NewPostgreSQLStateStore},
			Others:    []versions.VersionConstructor{{Version: "v1", Constructor: pgv1.NewPostgreSQLStateStore}},
			Default:   "v1",
		})
	}
	brokers := pubsub.NewRegistry()
	brokers.Logger = log
	brokers.RegisterComponent(pubsubredis.NewRedisStreams, "redis")

	secrets := secretstores.NewRegistry()
	secrets.Logger = log
	secrets.RegisterComponent(kubernetes.NewKubernetesSecretStore, "kubernetes")

	names := nameresolution.NewRegistry()
	names.Logger = log
	names.RegisterComponent(nrkubernetes.NewResolver, "kubernetes")

	bound := bindings.NewRegistry()
	bound.Logger = log
	bound.RegisterOutputBinding(localstorage.NewLocalStorage, "localstorage")
	bound.RegisterOutputBinding(smtp.NewSMTP, "smtp")
	bound.RegisterOutputBinding(bindinghttp.NewHTTP, "http")

	return registry.NewOptions().
		WithStateStores(stores).WithPubSubs(brokers).WithSecretStores(secrets).
		WithNameResolutions(names).WithBindings(bound).
		WithConfigurations(configuration.NewRegistry()).WithLocks(lock.NewRegistry()).
		WithCryptoProviders(crypto.NewRegistry()).WithHTTPMiddlewares(middleware.NewRegistry()).
		WithConversations(conversation.NewRegistry())
}
