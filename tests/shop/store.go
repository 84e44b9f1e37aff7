package shop

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"tienda/internal/daprd"
	"tienda/internal/profile"
	"tienda/internal/sidecar"
)

// sidecarLimit is how long one sidecar, or a profile's server, may take to come up.
const sidecarLimit = 30 * time.Second

// Stores is the state store of orders on one profile: its component as the
// shop has it, over a file or a private server.
type Stores struct {
	Resources string // folder of the components

	server *profile.Server
	cmd    *exec.Cmd
	log    printed
}

// OpenStores makes the component in dir and starts the server of the profile,
// if it has one.
func OpenStores(ctx context.Context, name, dir string) (*Stores, error) {
	root, err := Root()
	if err != nil {
		return nil, err
	}
	s := &Stores{Resources: filepath.Join(dir, "components")}
	data := filepath.Join(dir, ".data", name)
	if err := errors.Join(os.MkdirAll(s.Resources, 0o750), os.MkdirAll(data, 0o750)); err != nil {
		return nil, err
	}
	if s.server, err = profile.Open(ctx, profile.Config{Name: name, Dir: data, Private: true}); err != nil {
		return nil, err
	}
	for _, file := range []string{"state-orders.yaml", "secrets-store.yaml"} {
		y, err := os.ReadFile(filepath.Join(root, "components", name, file)) //nolint:gosec // our own file
		if os.IsNotExist(err) && file != "state-orders.yaml" {
			continue // only some stores ask for a password
		}
		if err != nil {
			return nil, err
		}
		if s.server != nil {
			y = []byte(s.server.Render(string(y)))
		}
		if err := os.WriteFile(filepath.Join(s.Resources, file), y, 0o600); err != nil { //nolint:gosec // in a folder of the caller
			return nil, err
		}
	}
	return s, s.serve(ctx)
}

func (s *Stores) serve(ctx context.Context) error {
	if s.server == nil {
		return nil
	}
	s.cmd = s.server.Command()
	s.cmd.Stdout, s.cmd.Stderr = &s.log, &s.log
	if err := daprd.StartChild(s.cmd); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, sidecarLimit)
	defer cancel()
	for {
		err := s.server.Ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			s.Close()
			return fmt.Errorf("%s: %w\n%s", s.server.Name, err, s.log.String())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Close ends the server. Call it once its sidecars have ended.
func (s *Stores) Close() {
	if s.cmd != nil {
		_ = s.cmd.Process.Signal(s.server.StopSignal)
		_ = s.cmd.Wait()
	}
}

// Log gives what the server has printed; call it after Close.
func (s *Stores) Log() string { return s.log.String() }

// Sidecar is one sidecar without an app, and the connection to it.
type Sidecar struct {
	*sidecar.Sidecar
	process *daprd.Sidecar
	log     printed
}

// StartSidecar starts the sidecar of an app ID over components and waits for it.
func StartSidecar(ctx context.Context, appID, dir, resources string) (*Sidecar, error) {
	root, err := Root()
	if err != nil {
		return nil, err
	}
	b, err := daprd.Ensure(ctx, daprd.Options{SourceDir: filepath.Join(root, "dapr", "daprd"), Progress: os.Stderr, Getenv: os.Getenv})
	if err != nil {
		return nil, err
	}
	ports, err := daprd.FreePorts(3)
	if err != nil {
		return nil, err
	}
	s := &Sidecar{}
	s.process, err = daprd.Start(ctx, daprd.Config{
		Binary: b.Path, AppID: appID, HTTPPort: ports[0], GRPCPort: ports[1], InternalGRPCPort: ports[2],
		ResourcesPaths: []string{resources}, Dir: dir, Env: []string{"DAPR_API_TOKEN=test"}, Output: &s.log,
	})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, sidecarLimit)
	defer cancel()
	if err := s.process.WaitReady(ctx); err != nil {
		s.process.Stop(time.Second)
		return nil, fmt.Errorf("%w\n%s", err, s.log.String())
	}
	if s.Sidecar, err = sidecar.Connect(sidecar.Config{HTTPPort: ports[0], GRPCPort: ports[1], APIToken: "test"}); err != nil {
		s.process.Stop(time.Second)
		return nil, err
	}
	return s, nil
}

// Stop ends the connection and the sidecar.
func (s *Sidecar) Stop() {
	s.Close()
	s.process.Stop(5 * time.Second)
}

// Log gives what the sidecar has printed.
func (s *Sidecar) Log() string { return s.log.String() }

// PID is the process of the sidecar.
func (s *Sidecar) PID() int { return s.process.PID() }
