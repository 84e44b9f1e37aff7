package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"tienda/cmd/tienda/internal/runfile"
	"tienda/cmd/tienda/internal/supervise"
	"tienda/internal/daprd"
)

const (
	readyTime = 90 * time.Second      // for everything, on a slow machine
	pollEvery = 50 * time.Millisecond // between two looks

	// How long a stop may take: apps finish their requests, then the sidecars
	// hand over what they hold, then the broker and the store write.
	drainApps, drainSidecars, drainServers = 4 * time.Second, 2500 * time.Millisecond, 2 * time.Second
)

// start starts everything and returns when all of it is ready: first the store
// and the broker, which a sidecar must find, then apps and sidecars at the same
// time.
func (s *shop) start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	for _, i := range s.apps {
		if i.hasSidecar() {
			continue
		}
		if err := s.startApp(i); err != nil {
			return err
		}
		if err := s.wait(ctx, i.name, s.readiness(ctx, i)); err != nil {
			return err
		}
	}
	first := true
	for _, i := range s.apps {
		if !i.hasSidecar() {
			continue
		}
		if err := s.startApp(i); err != nil {
			return err
		}
		if err := s.startSidecar(i); err != nil { //nolint:contextcheck // it must outlive ctx, so that it can be stopped in order
			return err
		}
		// The first sidecar makes the database of the names. Two that make it at
		// once can find it locked, and then run on without any names.
		if first {
			if err := s.wait(ctx, i.sidecarName(), func() bool { return daprd.Healthy(ctx, outbound(i)) }); err != nil {
				return err
			}
			first = false
		}
	}
	g, ctx := errgroup.WithContext(ctx)
	for _, i := range s.apps {
		if !i.hasSidecar() {
			continue
		}
		g.Go(func() error { return s.waitFor(ctx, i) })
	}
	return g.Wait()
}

// outbound is where a sidecar says that its components are up.
func outbound(i *instance) string { return "http://" + loopback(i.http) + "/v1.0/healthz/outbound" }

// waitFor looks at the sidecar's components first: before, the app cannot be
// ready, and it would log that it was asked too early.
func (s *shop) waitFor(ctx context.Context, i *instance) error {
	for _, look := range []struct {
		who, url string
	}{
		{i.sidecarName(), outbound(i)},
		{i.name, "http://" + loopback(i.port) + "/readyz"},
		{i.sidecarName(), "http://" + loopback(i.http) + "/v1.0/healthz"},
	} {
		if err := s.wait(ctx, look.who, func() bool { return daprd.Healthy(ctx, look.url) }); err != nil {
			return err
		}
	}
	return nil
}

// readiness says how to see that an app without a sidecar is ready.
func (s *shop) readiness(ctx context.Context, i *instance) func() bool {
	switch {
	case i.server != nil:
		return func() bool { return i.server.Ready(ctx) == nil }
	case i.app.ID == broker:
		return func() bool {
			_, err := os.Stat(filepath.Join(s.data, "broker.ready"))
			return err == nil
		}
	case i.app.ID == mailbox:
		return func() bool { return answers(ctx, s.mailAddr) }
	case i.app.ID == sandbox:
		return func() bool { return answers(ctx, s.payAddr) }
	}
	return func() bool { return true }
}

func (s *shop) wait(ctx context.Context, name string, ready func() bool) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for !ready() {
		select {
		case err := <-s.failed:
			return err
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return fmt.Errorf("%s is not ready after %s: %s", name, readyTime, s.why(name))
			}
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}

func (s *shop) startApp(i *instance) error {
	var err error
	if i.server != nil {
		i.proc, err = s.supervisor.Keep(supervise.Spec{Name: i.name, Log: i.log, Command: i.server.Command, Stop: i.server.StopSignal})
		return err
	}
	env := s.appEnv(i)
	i.proc, err = s.supervisor.Keep(supervise.Spec{Name: i.name, Log: i.log, Command: func() *exec.Cmd {
		cmd := exec.Command(i.args[0], i.args[1:]...) //nolint:gosec,noctx // the run file's own command; it must outlive ctx, so that it can be stopped in order
		cmd.Dir, cmd.Env = s.o.Dir, env
		return cmd
	}})
	return err
}

func (s *shop) startSidecar(i *instance) error {
	var err error
	resources := make([]string, 0, len(i.app.ResourcesPaths))
	for _, dir := range i.app.ResourcesPaths {
		resources = append(resources, s.resources[dir])
	}
	i.sidecar, err = s.supervisor.Keep(supervise.Spec{Name: i.sidecarName(), Log: i.sidecarLog, Command: func() *exec.Cmd {
		cmd := daprd.Command(context.Background(), daprd.Config{
			Binary: s.daprd, AppID: i.app.ID, AppPort: i.port, HTTPPort: i.http, GRPCPort: i.grpc,
			InternalGRPCPort: i.internal, MetricsPort: i.metrics, ResourcesPaths: resources,
			ConfigFile: s.configs[i.app.ConfigFile], Dir: s.o.Dir, Env: append(s.tokens.env(), s.sidecarViewEnv()...),
			LogLevel: i.app.LogLevel, MaxBodySize: i.app.MaxBodySize,
		})
		if i.app.ReadBufferSize != "" {
			cmd.Args = append(cmd.Args, "--read-buffer-size", i.app.ReadBufferSize)
		}
		cmd.Args = append(cmd.Args, s.sidecarStop()...)
		cmd.Args = append(cmd.Args, healthArgs(i.app)...)
		return cmd
	}})
	return err
}

// appEnv is what the Dapr CLI gives an app, and the tokens. APP_HOST reaches
// only the gateway: nothing else may listen beyond this machine.
func (s *shop) appEnv(i *instance) []string {
	// Links in mail lead to the gateway unless the environment or the run file
	// says where the shop's pages are.
	var env []string
	if s.issuer != "" { // where clients reach the shop; the environment may say otherwise
		env = append(env, "TIENDA_ISSUER=http://"+s.issuer, "USERS_SHOP_URL=http://"+s.issuer)
	}
	for _, kv := range os.Environ() {
		name, _, _ := strings.Cut(kv, "=")
		if strings.HasPrefix(name, "DAPR_") || (strings.HasPrefix(name, "APP_") && (name != "APP_HOST" || i.app.ID != gateway)) {
			continue
		}
		env = append(env, kv)
	}
	for k, v := range i.app.Env {
		env = append(env, k+"="+v)
	}
	env = append(env, "APP_ID="+i.app.ID, "APP_PROTOCOL=http", "TIENDA_REPLICA="+i.name)
	if !s.o.Rolling {
		env = append(env, "TIENDA_DRAIN=3s")
	}
	if i.app.ID == broker {
		env = append(env, "TIENDA_BROKER_ADDR="+s.brokerURL, "TIENDA_DATA="+s.data, "TIENDA_BROKER_STORE="+filepath.Join(s.own, "nats"))
	}
	if i.app.ID == mailbox {
		env = append(env, "TIENDA_MAILBOX_ADDR="+s.mailAddr, "TIENDA_MAILBOX_DIR="+s.mailDir())
	}
	if i.app.ID == sandbox {
		env = append(env, s.sandboxEnv()...)
	}
	if i.hasSidecar() {
		env = append(env, fmt.Sprintf("APP_PORT=%d", i.port), fmt.Sprintf("DAPR_HTTP_PORT=%d", i.http),
			fmt.Sprintf("DAPR_GRPC_PORT=%d", i.grpc), fmt.Sprintf("DAPR_METRICS_PORT=%d", i.metrics))
		env = append(env, s.tokens.env()...)
	}
	return append(env, s.viewEnv(i)...)
}

// stop ends what runs: apps first, so that they can still use their sidecars.
func (s *shop) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	var apps, sidecars, others []*supervise.Process
	for _, i := range s.apps {
		switch {
		case i.proc == nil:
		case i.hasSidecar():
			apps = append(apps, i.proc)
		default:
			others = append(others, i.proc)
		}
		if i.sidecar != nil {
			sidecars = append(sidecars, i.sidecar)
		}
	}
	if len(apps)+len(others) > 0 {
		s.o.Screen.Say("stopping")
	}
	if s.o.Rolling {
		supervise.StopAll(terminationGrace, append(apps, sidecars...)...)
	} else {
		supervise.StopAll(drainApps, apps...)
		supervise.StopAll(drainSidecars, sidecars...)
	}
	supervise.StopAll(drainServers, others...)
}

// healthArgs are the sidecar's flags of the app's health checks.
func healthArgs(a runfile.App) []string {
	if !a.Health {
		return nil
	}
	args := []string{"--enable-app-health-check"}
	if a.HealthPath != "" {
		args = append(args, "--app-health-check-path", a.HealthPath)
	}
	for flag, v := range map[string]int{
		"--app-health-probe-interval": a.HealthInterval, "--app-health-probe-timeout": a.HealthTimeout, "--app-health-threshold": a.HealthThreshold,
	} {
		if v != 0 {
			args = append(args, flag, strconv.Itoa(v))
		}
	}
	return args
}
