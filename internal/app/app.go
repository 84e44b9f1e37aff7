// Package app is the frame of every service: its configuration from the
// environment that Dapr gives an app, its log, its HTTP server with limits,
// and a shutdown that finishes what was begun.
package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"tienda/internal/sidecar"
	"tienda/internal/trace"
)

// Config is what every service reads from its environment.
type Config struct {
	AppID           string
	Host            string // APP_HOST: the address to listen on; loopback unless the app is a public door
	Port            int    // APP_PORT
	DaprHTTPPort    int    // DAPR_HTTP_PORT
	DaprGRPCPort    int    // DAPR_GRPC_PORT
	APIToken        string // DAPR_API_TOKEN: this app to its sidecar
	AppToken        string // APP_API_TOKEN: the sidecar to this app
	AllowNoAppToken bool   // TIENDA_ALLOW_NO_APP_TOKEN=1: take calls of an unproven sidecar
	Reverse         bool   // TIENDA_REVERSE=1: announce every change of documents that a monolith is told of
	MetricsAddress  string // TIENDA_METRICS_ADDRESS: host:port where the figures are served as well; "": nowhere
	LogLevel        slog.Level
	ReadyOffTime    time.Duration // TIENDA_READY_OFF: between readiness off and no new requests
	DrainTime       time.Duration // TIENDA_DRAIN: how long requests, and then events, may take at a stop
	LingerTime      time.Duration // TIENDA_LINGER: how long an app that has stopped may wait for its sidecar to end
}

// LoadConfig reads and checks the configuration of an app.
func LoadConfig(appID string, port int, getenv func(string) string) (Config, error) {
	c := Config{AppID: appID, Host: "127.0.0.1", Port: port, DaprHTTPPort: 3500, DaprGRPCPort: 50001, DrainTime: 10 * time.Second}
	var errs []error
	number := func(name string, into *int) {
		if v := getenv(name); v != "" {
			n, err := strconv.Atoi(v)
			if err != nil || n < 1 || n > 65535 {
				errs = append(errs, fmt.Errorf("%s=%q is not a port", name, v))
				return
			}
			*into = n
		}
	}
	number("APP_PORT", &c.Port)
	number("DAPR_HTTP_PORT", &c.DaprHTTPPort)
	number("DAPR_GRPC_PORT", &c.DaprGRPCPort)
	if v := getenv("APP_HOST"); v != "" {
		c.Host = v
	}
	c.APIToken, c.AppToken = getenv("DAPR_API_TOKEN"), getenv("APP_API_TOKEN")
	c.AllowNoAppToken = getenv("TIENDA_ALLOW_NO_APP_TOKEN") == "1"
	c.Reverse = getenv("TIENDA_REVERSE") == "1"
	if c.MetricsAddress = getenv("TIENDA_METRICS_ADDRESS"); c.MetricsAddress != "" {
		if _, _, err := net.SplitHostPort(c.MetricsAddress); err != nil {
			errs = append(errs, fmt.Errorf("TIENDA_METRICS_ADDRESS: %w", err))
		}
	}
	if v := getenv("LOG_LEVEL"); v != "" {
		if err := c.LogLevel.UnmarshalText([]byte(v)); err != nil {
			errs = append(errs, fmt.Errorf("LOG_LEVEL=%q is not a level", v))
		}
	}
	duration := func(name string, into *time.Duration) {
		if v := getenv(name); v != "" {
			d, err := time.ParseDuration(v)
			if err != nil || d < 0 {
				errs = append(errs, fmt.Errorf("%s=%q is not a duration", name, v))
				return
			}
			*into = d
		}
	}
	duration("TIENDA_DRAIN", &c.DrainTime)
	duration("TIENDA_READY_OFF", &c.ReadyOffTime)
	duration("TIENDA_LINGER", &c.LingerTime)
	if c.AppToken == "" && !c.AllowNoAppToken {
		errs = append(errs, errors.New("APP_API_TOKEN is not set: without it anything on this machine could pose as the sidecar (TIENDA_ALLOW_NO_APP_TOKEN=1 allows that)"))
	}
	return c, errors.Join(errs...)
}

// LogValue masks the secrets.
func (c Config) LogValue() slog.Value {
	return slog.GroupValue(slog.String("host", c.Host), slog.Int("port", c.Port), slog.Int("dapr_http", c.DaprHTTPPort),
		slog.Int("dapr_grpc", c.DaprGRPCPort), slog.Bool("api_token", c.APIToken != ""), slog.Bool("app_token", c.AppToken != ""))
}

// Log gives the app's logger: JSON lines with the app ID and, where a line is of a request,
// the request's ID and trace.
func (c Config) Log(w io.Writer) *slog.Logger {
	return slog.New(trace.Logging(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: c.LogLevel}))).With("app", c.AppID)
}

// Sidecar prepares the connection to the app's sidecar.
func (c Config) Sidecar() (*sidecar.Sidecar, error) {
	return sidecar.Connect(sidecar.Config{HTTPPort: c.DaprHTTPPort, GRPCPort: c.DaprGRPCPort, APIToken: c.APIToken})
}

// Main runs an app until it ends or the process is told to stop, and exits.
// It is all that a service's main does.
func Main(run func(ctx context.Context, getenv func(string) string, stdout io.Writer) error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	profiled := profile(os.Getenv("TIENDA_CPUPROFILE"))
	err := run(ctx, os.Getenv, os.Stdout)
	stop()
	profiled()
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// Part is a long-lived piece of an app. It returns nil once ctx is done and it
// has finished, an error if it cannot go on.
type Part func(ctx context.Context) error

// Run runs the parts; the first failure stops the others, and all are awaited.
func Run(ctx context.Context, parts ...Part) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, p := range parts {
		g.Go(func() error { return p(ctx) })
	}
	return g.Wait()
}
