package main

// The sidecar, here and in dapr/cluster, which has this file by a link: its components() says
// what it knows.

import (
	"context"
	"errors"
	"fmt"

	"go.opencensus.io/stats/view"

	"github.com/dapr/dapr/cmd/daprd/options"
	"github.com/dapr/dapr/pkg/buildinfo"
	"github.com/dapr/dapr/pkg/healthz"
	"github.com/dapr/dapr/pkg/metrics"
	"github.com/dapr/dapr/pkg/modes"
	"github.com/dapr/dapr/pkg/runtime"
	"github.com/dapr/dapr/pkg/runtime/registry"
	"github.com/dapr/dapr/pkg/security"
	"github.com/dapr/kit/concurrency"
	"github.com/dapr/kit/logger"
	"github.com/dapr/kit/signals"
)

func run(args []string) error {
	opts, err := options.New(args)
	if err != nil {
		return fmt.Errorf("flags: %w", err)
	}
	switch {
	case opts.RuntimeVersion:
		fmt.Println(buildinfo.Version())
		return nil
	case opts.BuildInfo:
		fmt.Printf("Version: %s\nGit Commit: %s\nGit Version: %s\n", buildinfo.Version(), buildinfo.Commit(), buildinfo.GitVersion())
		return nil
	case opts.WaitCommand:
		runtime.WaitUntilDaprOutboundReady(opts.DaprHTTPPort)
		return nil
	}
	// Registering makes the components' logger, and only loggers that exist take
	// the level, the format and the app ID of the flags.
	reg := components()
	opts.Logger.SetAppID(opts.AppID)
	if err := logger.ApplyOptionsToLoggers(&opts.Logger); err != nil {
		return fmt.Errorf("log options: %w", err)
	}
	log := logger.NewLogger("dapr.runtime")
	log.Infof("Starting Dapr Runtime -- version %s -- commit %s", buildinfo.Version(), buildinfo.Commit())
	defer log.Info("Daprd shutdown gracefully")

	ctx := signals.Context()
	reload := signals.OnHUP(ctx)
	for {
		select {
		case <-ctx.Done():
			return nil
		case turn, ok := <-reload:
			if !ok {
				return nil
			}
			if err := serve(turn, opts, reg, log); err != nil && !errors.Is(err, context.Canceled) {
				return err
			}
			// Not told to stop or to reload: the runtime ended by itself.
			if turn.Err() == nil {
				return nil
			}
		}
	}
}

func serve(ctx context.Context, o *options.Options, reg *registry.Options, log logger.Logger) error {
	health := healthz.New()
	provider, err := security.New(ctx, security.Options{
		SentryAddress: o.SentryAddress, ControlPlaneTrustDomain: o.ControlPlaneTrustDomain,
		ControlPlaneNamespace: o.ControlPlaneNamespace, TrustAnchors: o.TrustAnchors, AppID: o.AppID,
		MTLSEnabled: o.EnableMTLS, Mode: modes.DaprMode(o.Mode), Healthz: health, JwtAudiences: o.SentryRequestJwtAudiences,
	})
	if err != nil {
		return err
	}
	return concurrency.NewRunnerManager(provider.Run, func(ctx context.Context) error {
		sec, err := provider.Handler(ctx)
		if err != nil {
			return err
		}
		rt, err := runtime.FromConfig(ctx, config(o, reg, sec, health, log))
		if err != nil {
			return err
		}
		return rt.Run(ctx)
	}).Run(ctx)
}

func config(o *options.Options, reg *registry.Options, sec security.Handler, health healthz.Healthz, log logger.Logger) *runtime.Config {
	return &runtime.Config{
		AppID: o.AppID, ActorsService: o.ActorsService, ActorsDisseminationTimeout: o.ActorsDisseminationTimeout,
		HotReloadReconcileInterval: o.HotReloadReconcileInterval, RemindersService: o.RemindersService,
		SchedulerAddress: o.SchedulerAddress, SchedulerStreams: o.SchedulerJobStreams,
		AllowedOrigins: o.AllowedOrigins, ResourcesPath: o.ResourcesPath, ControlPlaneAddress: o.ControlPlaneAddress,
		AppProtocol: o.AppProtocol, Mode: o.Mode, DaprHTTPPort: o.DaprHTTPPort,
		DaprInternalGRPCPort: o.DaprInternalGRPCPort, DaprInternalGRPCListenAddress: o.DaprInternalGRPCListenAddress,
		DaprAPIGRPCPort: o.DaprAPIGRPCPort, DaprAPIListenAddresses: o.DaprAPIListenAddresses,
		DaprPublicPort: o.DaprPublicPort, DaprPublicListenAddress: o.DaprPublicListenAddress,
		ApplicationPort: o.AppPort, ProfilePort: o.ProfilePort, EnableProfiling: o.EnableProfiling,
		AppMaxConcurrency: o.AppMaxConcurrency, EnableMTLS: o.EnableMTLS, SentryAddress: o.SentryAddress,
		MaxRequestSize: o.MaxRequestSize, ReadBufferSize: o.ReadBufferSize, UnixDomainSocket: o.UnixDomainSocket,
		DaprGracefulShutdownSeconds: o.DaprGracefulShutdownSeconds, DaprBlockShutdownDuration: o.DaprBlockShutdownDuration,
		DisableBuiltinK8sSecretStore: o.DisableBuiltinK8sSecretStore,
		EnableAppHealthCheck:         o.EnableAppHealthCheck, AppHealthCheckPath: o.AppHealthCheckPath,
		AppHealthProbeInterval: o.AppHealthProbeInterval, AppHealthProbeTimeout: o.AppHealthProbeTimeout,
		AppHealthThreshold: o.AppHealthThreshold, AppChannelAddress: o.AppChannelAddress,
		EnableAPILogging: o.EnableAPILogging, Config: o.Config, DisableInitEndpoints: o.DisableInitEndpoints,
		AppBindingOptionsTimeout: o.AppBindingOptionsTimeout,
		Metrics: metrics.Options{
			Enabled: o.Metrics.Enabled(), Log: log, Port: o.Metrics.Port(), Namespace: metrics.DefaultMetricNamespace,
			Healthz: health, ListenAddress: o.Metrics.ListenAddress(), Meter: view.NewMeter(),
		},
		AppSSL: o.AppSSL, ComponentsPath: o.ComponentsPath, Registry: reg, Security: sec, Healthz: health,
	}
}
