package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

// build makes the programs of the apps whose command is `go run <package>`, in
// one go build, so that a restart is immediate and a signal reaches the app.
// Other commands are run as they stand.
func (s *shop) build(ctx context.Context) error {
	bin := filepath.Join(s.data, "bin")
	if s.o.Bin != "" {
		var err error
		if bin, err = filepath.Abs(s.o.Bin); err != nil {
			return fmt.Errorf("folder of built apps: %w", err)
		}
	}
	packages := map[string][]string{} // by the folder they are relative to
	for _, i := range s.apps {
		if i.server != nil {
			continue
		}
		i.args = i.app.Command
		if len(i.args) < 3 || i.args[0] != "go" || i.args[1] != "run" {
			continue
		}
		dir, pkg := i.app.Dir, i.args[2]
		if !slices.Contains(packages[dir], pkg) {
			packages[dir] = append(packages[dir], pkg)
		}
		i.args = append([]string{filepath.Join(bin, filepath.Base(pkg))}, i.args[3:]...)
	}
	if s.o.Bin != "" {
		return s.checkBin()
	}
	if _, err := exec.LookPath("go"); err != nil && len(packages) > 0 {
		return errors.New("go is not on PATH, it is needed to build the services: install it from https://go.dev/dl")
	}
	for dir, all := range packages {
		args := []string{"build", "-o", bin + string(filepath.Separator)}
		if s.o.Race {
			args = append(args, "-race")
		}
		cmd := exec.CommandContext(ctx, "go", append(args, all...)...) //nolint:gosec // the run file's own packages
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("the services cannot be built: %w\n%s", err, out)
		}
	}
	return nil
}

func (s *shop) checkBin() error {
	var errs []error
	for _, i := range s.apps {
		if i.server != nil {
			continue
		}
		if _, err := os.Stat(i.args[0]); filepath.IsAbs(i.args[0]) && err != nil {
			errs = append(errs, fmt.Errorf("%s is not built: %w", i.name, err))
		}
	}
	return errors.Join(errs...)
}
