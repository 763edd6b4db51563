// Command daprd is Dapr's sidecar, with its own runtime and flags, and with the few components that tests use: a state store and a
// name resolver in files of SQLite, and a secret store in a file. Dapr's own program has some hundred others, and takes as much
// longer to build.
package main

import (
	"context"
	"os"

	"github.com/dapr/components-contrib/nameresolution"
	sqlitenames "github.com/dapr/components-contrib/nameresolution/sqlite"
	"github.com/dapr/components-contrib/secretstores"
	filesecrets "github.com/dapr/components-contrib/secretstores/local/file"
	"github.com/dapr/components-contrib/state"
	sqlitestate "github.com/dapr/components-contrib/state/sqlite"
	"github.com/dapr/dapr/cmd/daprd/options"
	names "github.com/dapr/dapr/pkg/components/nameresolution"
	secrets "github.com/dapr/dapr/pkg/components/secretstores"
	states "github.com/dapr/dapr/pkg/components/state"
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

var log = logger.NewLogger("daprd")

func main() {
	flags, err := options.New(os.Args[1:])
	if err != nil {
		log.Fatal(err)
	}
	flags.Logger.SetAppID(flags.AppID)
	if err := logger.ApplyOptionsToLoggers(&flags.Logger); err != nil {
		log.Fatal(err)
	}
	ctx := signals.Context()
	health := healthz.New()
	provider, err := security.New(ctx, security.Options{
		ControlPlaneTrustDomain: flags.ControlPlaneTrustDomain,
		ControlPlaneNamespace:   flags.ControlPlaneNamespace,
		AppID:                   flags.AppID,
		Mode:                    modes.DaprMode(flags.Mode),
		Healthz:                 health,
	})
	if err != nil {
		log.Fatal(err)
	}
	serve := func(ctx context.Context) error {
		handler, err := provider.Handler(ctx)
		if err != nil {
			return err
		}
		sidecar, err := runtime.FromConfig(ctx, config(flags, handler, health))
		if err != nil {
			return err
		}
		return sidecar.Run(ctx)
	}
	if err := concurrency.NewRunnerManager(provider.Run, serve).Run(ctx); err != nil {
		log.Fatal(err)
	}
}

func config(flags *options.Options, handler security.Handler, health healthz.Healthz) *runtime.Config {
	return &runtime.Config{
		AppID:                         flags.AppID,
		AllowedOrigins:                flags.AllowedOrigins,
		ResourcesPath:                 flags.ResourcesPath,
		AppProtocol:                   flags.AppProtocol,
		Mode:                          flags.Mode,
		DaprHTTPPort:                  flags.DaprHTTPPort,
		DaprInternalGRPCPort:          flags.DaprInternalGRPCPort,
		DaprInternalGRPCListenAddress: flags.DaprInternalGRPCListenAddress,
		DaprAPIGRPCPort:               flags.DaprAPIGRPCPort,
		DaprAPIListenAddresses:        flags.DaprAPIListenAddresses,
		ApplicationPort:               flags.AppPort,
		ProfilePort:                   flags.ProfilePort,
		AppMaxConcurrency:             flags.AppMaxConcurrency,
		MaxRequestSize:                flags.MaxRequestSize,
		ReadBufferSize:                flags.ReadBufferSize,
		DaprGracefulShutdownSeconds:   flags.DaprGracefulShutdownSeconds,
		EnableAppHealthCheck:          flags.EnableAppHealthCheck,
		AppHealthCheckPath:            flags.AppHealthCheckPath,
		AppHealthProbeInterval:        flags.AppHealthProbeInterval,
		AppHealthProbeTimeout:         flags.AppHealthProbeTimeout,
		AppHealthThreshold:            flags.AppHealthThreshold,
		AppChannelAddress:             flags.AppChannelAddress,
		EnableAPILogging:              flags.EnableAPILogging,
		Config:                        flags.Config,
		Metrics: metrics.Options{
			Enabled: flags.Metrics.Enabled(), Log: log, Port: flags.Metrics.Port(),
			Namespace: metrics.DefaultMetricNamespace, Healthz: health,
		},
		Registry: components(),
		Security: handler,
		Healthz:  health,
	}
}

func components() *registry.Options {
	names.DefaultRegistry.Logger, secrets.DefaultRegistry.Logger, states.DefaultRegistry.Logger = log, log, log
	names.DefaultRegistry.RegisterComponent(func(log logger.Logger) nameresolution.Resolver {
		return sqlitenames.NewResolver(log)
	}, "sqlite")
	secrets.DefaultRegistry.RegisterComponent(func(log logger.Logger) secretstores.SecretStore {
		return filesecrets.NewLocalSecretStore(log)
	}, "local.file")
	states.DefaultRegistry.RegisterComponent(func(log logger.Logger) state.Store {
		return sqlitestate.NewSQLiteStateStore(log)
	}, "sqlite")
	return registry.NewOptions()
}
