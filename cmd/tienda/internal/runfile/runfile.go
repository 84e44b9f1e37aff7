// Package runfile reads a Dapr Multi-App Run file, the same that `dapr run -f`
// takes: https://docs.dapr.io/developing-applications/local-development/multi-app-dapr-run/multi-app-template/.
// It follows the rules of the Dapr CLI for relative paths and for what an app
// inherits, and refuses what the runner would silently do differently.
package runfile

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"gopkg.in/yaml.v3"
)

// Shared are the settings that stand under common or in an app; an app's own
// value goes before the common one.
type Shared struct {
	ConfigFile     string            `yaml:"configFilePath"`
	ResourcesPath  string            `yaml:"resourcesPath"`
	ResourcesPaths []string          `yaml:"resourcesPaths"`
	AppProtocol    string            `yaml:"appProtocol"` // http, the only one here
	LogLevel       string            `yaml:"logLevel"`
	MaxBodySize    string            `yaml:"maxBodySize"`    // a quantity: 4Mi
	ReadBufferSize string            `yaml:"readBufferSize"` // a quantity: 4Ki
	Env            map[string]string `yaml:"env"`

	// With it a sidecar holds events back while its app does not answer.
	Health          bool   `yaml:"enableAppHealthCheck"`
	HealthPath      string `yaml:"appHealthCheckPath"`
	HealthInterval  int    `yaml:"appHealthProbeInterval"` // seconds
	HealthTimeout   int    `yaml:"appHealthProbeTimeout"`  // milliseconds
	HealthThreshold int    `yaml:"appHealthThreshold"`     // failed probes

	// For the Dapr CLI only: the runner needs no control plane and logs in its
	// own way.
	Placement  *string `yaml:"placementHostAddress"`
	Scheduler  *string `yaml:"schedulerHostAddress"`
	AppLog     string  `yaml:"appLogDestination"`
	SidecarLog string  `yaml:"daprdLogDestination"`
}

// App is one app with its sidecar. Paths are absolute after Load.
type App struct {
	Shared       `yaml:",inline"`
	ID           string   `yaml:"appID"`
	Dir          string   `yaml:"appDirPath"`
	Port         int      `yaml:"appPort"` // 0: the app takes no calls
	HTTPPort     int      `yaml:"daprHTTPPort"`
	GRPCPort     int      `yaml:"daprGRPCPort"`
	InternalPort int      `yaml:"daprInternalGRPCPort"`
	MetricsPort  int      `yaml:"metricsPort"`
	Command      []string `yaml:"command"`
}

// File is a whole run file.
type File struct {
	Version int    `yaml:"version"`
	Name    string `yaml:"name"`
	Common  Shared `yaml:"common"`
	Apps    []App  `yaml:"apps"`
}

// Load reads and checks the file at path, or dapr.yaml in it if path is a
// folder, and gives its apps in order with everything they inherit.
func Load(path string) ([]App, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, "dapr.yaml")
	}
	b, err := os.ReadFile(path) //nolint:gosec // the file that the user named
	if err != nil {
		return nil, fmt.Errorf("run file: %w", err)
	}
	var f File
	d := yaml.NewDecoder(bytes.NewReader(b))
	d.KnownFields(true)
	if err := d.Decode(&f); err != nil {
		return nil, fmt.Errorf("run file %s: %w", path, err)
	}
	base, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("run file: %w", err)
	}
	if err := f.resolve(base); err != nil {
		return nil, fmt.Errorf("run file %s: %w", path, err)
	}
	return f.Apps, nil
}

func (f *File) resolve(base string) error {
	if f.Version != 1 {
		return fmt.Errorf("version %d is not known, 1 is", f.Version)
	}
	if len(f.Apps) == 0 {
		return errors.New("it names no apps")
	}
	f.Common.absolute(base)
	var errs []error
	seen := map[string]bool{}
	ports := map[int]string{}
	for i := range f.Apps {
		a := &f.Apps[i]
		if a.Dir == "" {
			errs = append(errs, fmt.Errorf("app %d: appDirPath is missing", i+1))
			continue
		}
		a.Dir = absolute(base, a.Dir)
		if a.ID == "" {
			a.ID = filepath.Base(a.Dir)
		}
		a.absolute(a.Dir)
		a.inherit(f.Common)
		errs = append(errs, a.unique(seen), a.check(ports))
	}
	return errors.Join(errs...)
}

// unique notes the app as seen, and fails where it was before.
func (a *App) unique(seen map[string]bool) error {
	if seen[a.ID] {
		return fmt.Errorf("app %s stands twice", a.ID)
	}
	seen[a.ID] = true
	return nil
}

func (a *App) check(ports map[int]string) error {
	var errs []error
	if len(a.Command) == 0 {
		errs = append(errs, fmt.Errorf("app %s: command is missing", a.ID))
	}
	if a.AppProtocol != "" && a.AppProtocol != "http" {
		errs = append(errs, fmt.Errorf("app %s: appProtocol %q: the runner knows http only", a.ID, a.AppProtocol))
	}
	for _, p := range append(slices.Clone(a.ResourcesPaths), a.ConfigFile) {
		if _, err := os.Stat(p); p != "" && err != nil {
			errs = append(errs, fmt.Errorf("app %s: %w", a.ID, err))
		}
	}
	for _, p := range []int{a.Port, a.HTTPPort, a.GRPCPort, a.InternalPort, a.MetricsPort} {
		if p == 0 {
			continue
		}
		if p < 0 || p > 65535 {
			errs = append(errs, fmt.Errorf("app %s: %d is not a port", a.ID, p))
		}
		if other, taken := ports[p]; taken {
			errs = append(errs, fmt.Errorf("apps %s and %s both want port %d", other, a.ID, p))
		}
		ports[p] = a.ID
	}
	return errors.Join(errs...)
}

// absolute makes the paths absolute and merges the two ways to name resources.
func (s *Shared) absolute(base string) {
	if s.ResourcesPath != "" {
		s.ResourcesPaths = append(s.ResourcesPaths, s.ResourcesPath)
		s.ResourcesPath = ""
	}
	for i, p := range s.ResourcesPaths {
		s.ResourcesPaths[i] = absolute(base, p)
	}
	if s.ConfigFile != "" {
		s.ConfigFile = absolute(base, s.ConfigFile)
	}
}

func (s *Shared) inherit(c Shared) {
	for own, common := range map[*string]string{
		&s.ConfigFile: c.ConfigFile, &s.AppProtocol: c.AppProtocol, &s.LogLevel: c.LogLevel,
		&s.MaxBodySize: c.MaxBodySize, &s.ReadBufferSize: c.ReadBufferSize,
	} {
		if *own == "" {
			*own = common
		}
	}
	s.Health = s.Health || c.Health
	if s.HealthPath == "" {
		s.HealthPath = c.HealthPath
	}
	for own, common := range map[*int]int{
		&s.HealthInterval: c.HealthInterval, &s.HealthTimeout: c.HealthTimeout, &s.HealthThreshold: c.HealthThreshold,
	} {
		if *own == 0 {
			*own = common
		}
	}
	if len(s.ResourcesPaths) == 0 {
		s.ResourcesPaths = slices.Clone(c.ResourcesPaths)
	}
	env := maps.Clone(c.Env)
	if env == nil {
		env = map[string]string{}
	}
	maps.Copy(env, s.Env)
	s.Env = env
}

func absolute(base, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(base, path)
}
