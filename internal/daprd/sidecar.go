package daprd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"
)

// Config says how a sidecar runs. All of its ports are on loopback only.
type Config struct {
	Binary           string
	AppID            string
	AppPort          int // 0: no app
	HTTPPort         int
	GRPCPort         int
	InternalGRPCPort int
	MetricsPort      int      // 0: no metrics
	ResourcesPaths   []string // folders of components, subscriptions, resiliency
	ConfigFile       string   // a Configuration; "": names by mDNS, which listens beyond loopback
	Dir              string   // working folder: relative paths in components are resolved here
	Env              []string // added to the environment: DAPR_API_TOKEN, APP_API_TOKEN
	LogLevel         string   // default "warn"
	MaxBodySize      string   // default "64Mi": the largest import body
	Flags            []string // added to those that follow from the above
	Output           io.Writer
}

// Command gives the sidecar's command, not started. It leads a process group
// of its own and, on Linux, dies with the process that started it.
func Command(ctx context.Context, c Config) *exec.Cmd {
	args := []string{
		"--app-id", c.AppID, "--mode", "standalone",
		"--dapr-http-port", strconv.Itoa(c.HTTPPort),
		"--dapr-grpc-port", strconv.Itoa(c.GRPCPort),
		"--dapr-listen-addresses", "127.0.0.1",
		"--dapr-internal-grpc-listen-address", "127.0.0.1",
		"--log-level", or(c.LogLevel, "warn"),
		"--max-body-size", or(c.MaxBodySize, "64Mi"),
		// The local shop has no actors, workflows or jobs.
		"--placement-host-address", "", "--scheduler-host-address", "",
	}
	if c.InternalGRPCPort != 0 {
		args = append(args, "--dapr-internal-grpc-port", strconv.Itoa(c.InternalGRPCPort))
	}
	if c.AppPort != 0 {
		args = append(args, "--app-port", strconv.Itoa(c.AppPort), "--app-channel-address", "127.0.0.1")
	}
	if c.MetricsPort != 0 {
		args = append(args, "--metrics-port", strconv.Itoa(c.MetricsPort), "--metrics-listen-address", "127.0.0.1")
	} else {
		args = append(args, "--enable-metrics=false")
	}
	for _, p := range c.ResourcesPaths {
		args = append(args, "--resources-path", p)
	}
	if c.ConfigFile != "" {
		args = append(args, "--config", c.ConfigFile)
	}
	args = append(args, c.Flags...)
	cmd := exec.CommandContext(ctx, c.Binary, args...) //nolint:gosec // the program that Ensure found
	cmd.Dir, cmd.Stdout, cmd.Stderr = c.Dir, c.Output, c.Output
	// Fewer collections: 8 % less CPU for tens of MB (docs/adr/0003).
	cmd.Env = append(os.Environ(), "GOGC=400", "DAPR_HOST_IP=127.0.0.1")
	cmd.Env = append(cmd.Env, c.Env...)
	cmd.SysProcAttr = childAttr()
	return cmd
}

func or(s, def string) string {
	if s == "" {
		return def
	}
	return s
}

// Sidecar is a running daprd.
type Sidecar struct {
	Config Config
	cmd    *exec.Cmd
	done   chan struct{}
	err    error
}

// Start runs a sidecar until Stop, also past the end of ctx; WaitReady says
// when it can be used.
func Start(ctx context.Context, c Config) (*Sidecar, error) {
	s := &Sidecar{Config: c, cmd: Command(context.WithoutCancel(ctx), c), done: make(chan struct{})}
	if err := StartChild(s.cmd); err != nil {
		return nil, fmt.Errorf("start the sidecar of %s: %w", c.AppID, err)
	}
	go func() {
		s.err = s.cmd.Wait()
		close(s.done)
	}()
	return s, nil
}

// PID gives the process ID.
func (s *Sidecar) PID() int { return s.cmd.Process.Pid }

// WaitReady polls until the sidecar and its components are up, it died, or
// ctx ends. It does not wait for the app.
func (s *Sidecar) WaitReady(ctx context.Context) error {
	url := "http://127.0.0.1:" + strconv.Itoa(s.Config.HTTPPort) + "/v1.0/healthz/outbound"
	for {
		if Healthy(ctx, url) {
			return nil
		}
		select {
		case <-s.done:
			return fmt.Errorf("the sidecar of %s ended before it was ready, see its log: %w", s.Config.AppID, s.end())
		case <-ctx.Done():
			return fmt.Errorf("the sidecar of %s is not ready: %w", s.Config.AppID, ctx.Err())
		case <-time.After(25 * time.Millisecond):
		}
	}
}

// end is how a sidecar that is done ended; a plain exit is an error here too.
func (s *Sidecar) end() error {
	if s.err != nil {
		return s.err
	}
	return errors.New("exit status 0")
}

// Stop asks the sidecar to end, and ends it after the grace time. It returns
// when the process is gone.
func (s *Sidecar) Stop(grace time.Duration) {
	select {
	case <-s.done: // its process ID may be another's by now
		return
	default:
	}
	_ = syscall.Kill(-s.PID(), syscall.SIGTERM)
	select {
	case <-s.done:
	case <-time.After(grace):
		_ = syscall.Kill(-s.PID(), syscall.SIGKILL)
		<-s.done
	}
}

// Healthy says whether a health address answers with a 2xx within a second.
func Healthy(ctx context.Context, url string) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode/100 == 2
}
