// Package shop starts the whole shop, by the local runner and with real
// sidecars on free ports, for the tests and the benchmark.
package shop

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"tienda/internal/daprd"
)

// StartLimit is how long a shop may take to come up, demo data included.
const StartLimit = 2 * time.Minute

// Options say what shop.
type Options struct {
	Bin      string   // folder of the programs that Build made
	Dir      string   // working folder; .data lies there
	Replicas []string // "catalog=2"
	Profile  string   // local, redis, postgres; "": that of PROFILE in the environment, else local
	NoSeed   bool     // leave it empty
	RunFile  string   // another than the shop's own, dapr/dapr.yaml
	Rolling  bool     // its replicas are stopped as in a cluster, and Roll replaces them
	View     bool     // with the local view; without it apps make no spans for it
	With     []string // run files of further apps, from the repository's root: "dapr/migration/dapr.yaml"
	Env      []string // "NAME=value", for all apps, beside the test's own
	Under    []string // a program and its arguments, which ends as the runner, that it is given with its own; nil: none
	// Where broker and store listen, and where the sidecars find them instead.
	Listen, Through map[string]string
	Log             io.Writer // what the runner prints; nil: dropped unless it fails
}

// App is one replica, as the runner's ready file has it.
type App struct {
	AppID       string `json:"app_id"`
	Name        string `json:"name"`
	PID         int    `json:"pid"`
	Port        int    `json:"port"`
	HTTPPort    int    `json:"sidecar_http_port"`
	GRPCPort    int    `json:"sidecar_grpc_port"`
	MetricsPort int    `json:"sidecar_metrics_port"`
	SidecarPID  int    `json:"sidecar_pid"`
}

// State is the runner's ready file.
type State struct {
	Gateway    string `json:"gateway"`
	Broker     string `json:"broker"`
	Profile    string `json:"profile"`
	Store      string `json:"store"`       // host:port of the profile's server; "" without one
	SecretFile string `json:"secret_file"` // of its password
	DataDir    string `json:"data_dir"`
	MailDir    string `json:"mail_dir"` // of the messages, as .eml files
	Sandbox    string `json:"sandbox"`  // URL of the payment provider
	View       string `json:"view"`     // URL of the local view, with its token
	TokensFile string `json:"tokens_file"`
	RunnerPID  int    `json:"runner_pid"`
	// Of a shop in a cluster:
	Door      string   `json:"door"`      // host:port where the host of Gateway is
	Authority string   `json:"authority"` // file of what has signed its certificate
	Clients   []string `json:"clients"`   // addresses that clients come from, by turns
	Kubectl   []string `json:"kubectl"`   // a command, with its first arguments, for the namespace of the shop
	Events    string   `json:"events"`    // host:port of the Redis that has the events, where the store is another
	Apps      []App    `json:"apps"`
}

// Shop is a running shop.
type Shop struct {
	State
	Took  time.Duration // from the start of the runner until it was ready
	Front string        // URL at which clients come in before the gateway, which Gateway then is; "": they do not

	ready string
	cmd   *exec.Cmd
	done  chan struct{}
	log   *printed
}

// Root finds the repository's root, where go.mod is.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "cmd", "tienda")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("not inside the repository")
		}
		dir = filepath.Dir(dir)
	}
}

// Build compiles the runner, the broker, the mailbox, the sandbox and the services into dir; with RACE=1
// in the environment, with the race detector. more are other packages, or flags
// of go build.
func Build(ctx context.Context, dir string, more ...string) error {
	root, err := Root()
	if err != nil {
		return err
	}
	args := []string{"build", "-o", dir + string(filepath.Separator)}
	if os.Getenv("RACE") == "1" {
		args = append(args, "-race")
	}
	args = append(args, more...)
	args = append(args, "./cmd/tienda", "./cmd/broker", "./cmd/mailbox", "./cmd/sandbox", "./services/...")
	cmd := exec.CommandContext(ctx, "go", args...) //nolint:gosec // fixed program
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build: %w\n%s", err, out)
	}
	return nil
}

// Start runs a shop and waits until it is ready.
func Start(ctx context.Context, o Options) (*Shop, error) {
	root, err := Root()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(o.Dir, 0o750); err != nil {
		return nil, err
	}
	s := &Shop{ready: filepath.Join(o.Dir, "ready.json"), done: make(chan struct{}), log: &printed{}}
	_ = os.Remove(s.ready)
	args := []string{"run", "-file", cmp.Or(o.RunFile, filepath.Join(root, "dapr")), "-free-ports", "-dir", o.Dir, "-bin", o.Bin, "-ready-file", s.ready}
	if o.Log == nil || o.Log == io.Discard { // nobody reads the lines: they are in the log files
		args = append(args, "-quiet")
	}
	for _, r := range o.Replicas {
		args = append(args, "-replicas", r)
	}
	for name, addr := range o.Listen {
		args = append(args, "-listen", name+"="+addr)
	}
	for name, addr := range o.Through {
		args = append(args, "-through", name+"="+addr)
	}
	if !o.View {
		args = append(args, "-view", "off")
	}
	if o.Profile != "" {
		args = append(args, "-profile", o.Profile)
	}
	if o.NoSeed {
		args = append(args, "-no-seed")
	}
	if o.Rolling {
		args = append(args, "-rolling")
	}
	for _, file := range o.With {
		args = append(args, "-with", filepath.Join(root, file))
	}
	whole := slices.Concat(o.Under, []string{filepath.Join(o.Bin, "tienda")}, args)
	s.cmd = exec.Command(whole[0], whole[1:]...) //nolint:gosec,noctx // ended by Stop
	s.cmd.Dir = root
	s.cmd.Env = append(os.Environ(), o.Env...)
	var out io.Writer = s.log
	if o.Log != nil {
		out = io.MultiWriter(s.log, o.Log)
	}
	s.cmd.Stdout, s.cmd.Stderr = out, out
	s.cmd.SysProcAttr = daprd.ChildAttr()
	began := time.Now()
	if err := daprd.StartChild(s.cmd); err != nil {
		return nil, err
	}
	go func() {
		_ = s.cmd.Wait()
		close(s.done)
	}()
	ctx, cancel := context.WithTimeout(ctx, StartLimit)
	defer cancel()
	for {
		if s.Reload() == nil {
			s.Took = time.Since(began)
			return s, nil
		}
		select {
		case <-s.done:
			return nil, fmt.Errorf("the shop did not start:\n%s", tail(s.log.String()))
		case <-ctx.Done():
			s.Stop()
			return nil, fmt.Errorf("the shop was not ready after %s:\n%s", StartLimit, tail(s.log.String()))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Attach gives a shop that somebody else runs, and whose ready file he keeps up to date.
func Attach(ready string) (*Shop, error) {
	s := &Shop{ready: ready, log: &printed{}}
	return s, s.Reload()
}

// Reload reads the ready file again: process IDs change with restarts.
func (s *Shop) Reload() error {
	now, err := s.Look()
	if err == nil {
		s.State = now
	}
	return err
}

// Look gives what the ready file has now, and leaves the State as it is: for several
// goroutines at once.
func (s *Shop) Look() (now State, err error) {
	b, err := os.ReadFile(s.ready)
	if err != nil {
		return now, err
	}
	err = json.Unmarshal(b, &now)
	now.Gateway = cmp.Or(s.Front, now.Gateway)
	return now, err
}

// Of gives the replicas of an app.
func (s *Shop) Of(appID string) []App {
	var out []App
	for _, a := range s.Apps {
		if a.AppID == appID {
			out = append(out, a)
		}
	}
	return out
}

// Tokens reads the tokens of the run, by name.
func (s *Shop) Tokens() (map[string]string, error) {
	b, err := os.ReadFile(s.TokensFile)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for line := range strings.Lines(string(b)) {
		if k, v, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			out[k] = v
		}
	}
	return out, nil
}

// PIDs lists every process of the shop, the runner's included.
func (s *Shop) PIDs() []int {
	out := []int{s.RunnerPID}
	for _, a := range s.Apps {
		for _, pid := range []int{a.PID, a.SidecarPID} {
			if pid != 0 {
				out = append(out, pid)
			}
		}
	}
	return out
}

// Roll begins to replace every replica of a rolling shop. The ready file says how far it is.
func (s *Shop) Roll() error { return syscall.Kill(s.RunnerPID, syscall.SIGUSR1) }

// Stop ends the shop as Ctrl-C does and waits for it.
func (s *Shop) Stop() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.done:
	case <-time.After(30 * time.Second):
		s.Kill()
	}
}

// Kill ends the runner as kill -9 does.
func (s *Shop) Kill() {
	_ = s.cmd.Process.Signal(syscall.SIGKILL)
	<-s.done
}

// Log gives what the runner has printed.
func (s *Shop) Log() string { return s.log.String() }

func tail(s string) string {
	const most = 4000
	if len(s) > most {
		return "…" + s[len(s)-most:]
	}
	return s
}
