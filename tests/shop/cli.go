package shop

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"gopkg.in/yaml.v3"

	"tienda/internal/daprd"
)

// ByCLI runs the shop by the Dapr CLI, whose program is named: `dapr run -f dapr` with the
// sidecar that the other tests have, and with tokens. It runs in a copy of the repository below
// dir, since the paths of the run file are relative; its ports are those of the run file and
// have to be free. The programs in bin load the demo data. Nobody starts again what ends.
func ByCLI(ctx context.Context, cli, bin, dir string) (*Shop, error) {
	root, err := Root()
	if err != nil {
		return nil, err
	}
	clone := filepath.Join(dir, "clone")
	data := filepath.Join(clone, ".data")
	logs := filepath.Join(data, "logs")
	if err := run(ctx, root, nil, "git", "checkout-index", "--all", "--prefix="+clone+"/"); err != nil {
		return nil, err
	}
	apps, err := ported(clone)
	if err != nil {
		return nil, err
	}
	sidecar, err := daprd.Ensure(ctx, daprd.Options{SourceDir: filepath.Join(root, "dapr", "daprd"), Getenv: os.Getenv})
	if err != nil {
		return nil, err
	}
	// As `dapr init --slim` leaves it, and the CLI's folder of logs where the runner's is.
	for _, link := range [][2]string{{sidecar.Path, filepath.Join(dir, "dapr", ".dapr", "bin", "daprd")}, {logs, filepath.Join(clone, ".dapr", "logs")}} {
		if err := errors.Join(os.MkdirAll(logs, 0o700), os.MkdirAll(filepath.Dir(link[1]), 0o700), os.Symlink(link[0], link[1])); err != nil {
			return nil, err
		}
	}
	tokens := []string{"DAPR_API_TOKEN=" + rand.Text(), "APP_API_TOKEN=" + rand.Text()}
	s := &Shop{ready: filepath.Join(dir, "ready.json"), done: make(chan struct{}), log: &printed{}}
	s.State = State{
		Gateway: "http://127.0.0.1:8080", Broker: "127.0.0.1:4222", Sandbox: "http://127.0.0.1:4280", Profile: "local",
		DataDir: data, MailDir: filepath.Join(data, "mail"), TokensFile: filepath.Join(data, "tokens"),
	}
	if err := os.WriteFile(s.TokensFile, []byte(strings.Join(tokens, "\n")+"\n"), 0o600); err != nil {
		return nil, err
	}
	env := append(os.Environ(), tokens...)
	if err := run(ctx, clone, env, "go", "run", "./cmd/broker", "-prepare"); err != nil {
		return nil, err
	}
	s.cmd = exec.Command(cli, "run", "-f", "dapr") //nolint:noctx // ended by EndCLI
	// The CLI's flag for it is not for run files.
	s.cmd.Dir, s.cmd.Env = clone, slices.Concat(env, []string{"DAPR_RUNTIME_PATH=" + filepath.Join(dir, "dapr")})
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C goes to a whole group
	began := time.Now()
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	s.RunnerPID = s.cmd.Process.Pid
	go func() {
		_ = s.cmd.Wait()
		close(s.done)
	}()
	if err := s.awaitCLI(ctx, apps); err != nil {
		s.EndCLI()
		return nil, fmt.Errorf("%w:\n%s", err, tail(s.log.String()))
	}
	s.Took = time.Since(began)
	if err := run(ctx, clone, env, filepath.Join(bin, "tienda"), "seed"); err != nil {
		s.EndCLI()
		return nil, err
	}
	return s, s.writeCLI(apps)
}

func run(ctx context.Context, dir string, env []string, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...) //nolint:gosec // our own commands
	cmd.Dir, cmd.Env = dir, env
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, out)
	}
	return nil
}

// ported gives the apps of the run file that have a port, with the ports of app and sidecar.
func ported(clone string) (apps []App, err error) {
	b, err := os.ReadFile(filepath.Join(clone, "dapr", "dapr.yaml")) //nolint:gosec // our own file
	if err != nil {
		return nil, err
	}
	var file struct {
		Apps []struct {
			ID   string `yaml:"appID"`
			Port int    `yaml:"appPort"`
			HTTP int    `yaml:"daprHTTPPort"`
			GRPC int    `yaml:"daprGRPCPort"`
		}
	}
	if err := yaml.Unmarshal(b, &file); err != nil {
		return nil, err
	}
	for _, a := range file.Apps {
		if a.Port != 0 {
			apps = append(apps, App{AppID: a.ID, Port: a.Port, HTTPPort: a.HTTP, GRPCPort: a.GRPC})
		}
	}
	return apps, nil
}

func (s *Shop) awaitCLI(ctx context.Context, apps []App) error {
	ctx, cancel := context.WithTimeout(ctx, StartLimit)
	defer cancel()
	for {
		ready := true
		for _, a := range apps {
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d/readyz", a.Port), nil)
			if err != nil {
				return err
			}
			resp, err := http.DefaultClient.Do(req)
			if err == nil {
				_ = resp.Body.Close()
			}
			ready = ready && err == nil && resp.StatusCode == http.StatusOK
		}
		if ready {
			return nil
		}
		select {
		case <-s.done:
			return errors.New("the Dapr CLI has ended")
		case <-ctx.Done():
			return fmt.Errorf("the shop was not ready after %s", StartLimit)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// writeCLI writes the ready file. The sidecars that the CLI gives to those without a port are
// not in it.
func (s *Shop) writeCLI(apps []App) error {
	now := s.State
	now.Apps = nil
	for _, a := range append(slices.Clone(apps), App{AppID: "broker", Port: 4222}, App{AppID: "mailbox"}, App{AppID: "sandbox", Port: 4280}) {
		a.Name = a.AppID
		now.Apps = append(now.Apps, a)
	}
	for pid, args := range s.group() {
		for i := range now.Apps {
			a := &now.Apps[i]
			switch {
			case filepath.Base(args[0]) == a.AppID:
				a.PID = pid
			case filepath.Base(args[0]) == "daprd" && a.HTTPPort != 0 && slices.Contains(args, a.AppID):
				a.SidecarPID = pid
			}
		}
	}
	js, err := json.Marshal(now)
	if err == nil {
		err = os.WriteFile(s.ready, js, 0o600)
	}
	return errors.Join(err, s.Reload())
}

// group gives the processes that have the tokens of this run in their environment, which are
// the CLI and all that it has started, with their arguments, by ID.
func (s *Shop) group() map[int][]string {
	all := map[int][]string{}
	tokens, err := s.Tokens()
	if err != nil {
		return all
	}
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		environ, _ := os.ReadFile(filepath.Join(dir, "environ")) //nolint:gosec // of the kernel
		line, _ := os.ReadFile(filepath.Join(dir, "cmdline"))    //nolint:gosec // of the kernel
		if args := strings.Split(string(line), "\x00"); bytes.Contains(environ, []byte("APP_API_TOKEN="+tokens["APP_API_TOKEN"])) && args[0] != "" {
			pid, _ := strconv.Atoi(filepath.Base(dir))
			all[pid] = args
		}
	}
	return all
}

// EndCLI presses Ctrl-C, waits for the CLI, and gives the command lines of what is left ten
// seconds later, which it kills.
func (s *Shop) EndCLI() (left []string) {
	_ = syscall.Kill(-s.RunnerPID, syscall.SIGINT)
	select {
	case <-s.done:
	case <-time.After(time.Minute):
		left = append(left, "the CLI itself, after a minute")
	}
	for range 100 {
		if len(s.group()) == 0 {
			return left
		}
		time.Sleep(100 * time.Millisecond)
	}
	for pid, args := range s.group() {
		left = append(left, strings.Join(args, " "))
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	return left
}
