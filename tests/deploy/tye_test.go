package deploy

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// tye is what Tye's schema has of what we use; anything else is refused.
type tye struct {
	Name       string
	Extensions []struct {
		Name       string
		LogLevel   string `yaml:"log-level"`
		Components string `yaml:"components-path"`
		Config     string
		MaxBody    string `yaml:"http-max-request-size"` // MiB
		Services   map[string]struct {
			Enabled *bool
			ID      string `yaml:"app-id"`
			HTTP    int    `yaml:"http-port"`
			GRPC    int    `yaml:"grpc-port"`
		}
	}
	Services []struct {
		Name, Executable, Args string
		Bindings               []struct {
			Protocol string
			Port     int
		}
		Env []struct{ Name, Value string }
	}
}

func TestTyeRunsTheSameShop(t *testing.T) {
	for tyeFile, daprFile := range map[string][]string{
		"tye.yaml":           {"dapr", "dapr.yaml"},
		"tye-migration.yaml": {"dapr", "migration", "dapr.yaml"},
	} {
		t.Run(tyeFile, func(t *testing.T) {
			require.Equal(t, fromRunFile(t, daprFile...), fromTye(t, tyeFile))
		})
	}
}

func fromRunFile(t *testing.T, path ...string) map[string]app {
	f := decode[runFile](t, false, path...)[0]
	at := filepath.Join(append([]string{root}, path[:len(path)-1]...)...)
	var resources []string
	for _, dir := range f.Common.Resources {
		resources = append(resources, filesIn(t, filepath.Join(at, dir))...)
	}
	apps := map[string]app{}
	for _, a := range f.Apps {
		env := maps.Clone(f.Common.Env)
		maps.Copy(env, a.Env)
		apps[a.ID] = app{
			Command: strings.Join(a.Command, " "), Port: a.Port, HTTP: a.HTTP, GRPC: a.GRPC, Env: env,
			Resources: sorted(resources), Config: real(t, filepath.Join(at, f.Common.Config)), LogLevel: f.Common.LogLevel, MaxBody: f.Common.MaxBody,
		}
	}
	return apps
}

func fromTye(t *testing.T, file string) map[string]app {
	f := decode[tye](t, true, file)[0]
	require.Len(t, f.Extensions, 1)
	dapr := f.Extensions[0]
	require.Equal(t, "dapr", dapr.Name)
	apps := map[string]app{}
	for _, s := range f.Services {
		require.Equal(t, "go", s.Executable)
		a := app{Command: s.Executable + " " + s.Args, Env: map[string]string{}}
		for _, v := range s.Env {
			a.Env[v.Name] = v.Value
		}
		// All apps of dapr.yaml have a sidecar's settings there, those without a port to no end.
		a.Resources = sorted(filesIn(t, filepath.Join(root, dapr.Components)))
		a.Config = real(t, filepath.Join(root, dapr.Components, dapr.Config+".yaml"))
		a.LogLevel, a.MaxBody = dapr.LogLevel, dapr.MaxBody+"Mi"
		side, named := dapr.Services[s.Name]
		require.True(t, named, "%s: whether it has a sidecar is said", s.Name)
		if side.Enabled != nil {
			require.False(t, *side.Enabled)
			require.Empty(t, s.Bindings)
		} else {
			require.Equal(t, s.Name, side.ID)
			require.Len(t, s.Bindings, 1)
			require.Equal(t, "http", s.Bindings[0].Protocol)
			a.Port, a.HTTP, a.GRPC = s.Bindings[0].Port, side.HTTP, side.GRPC
		}
		apps[s.Name] = a
	}
	require.Len(t, apps, len(dapr.Services), "an app of the extension that is no service")
	return apps
}

// filesIn gives the files of a folder, where they really are.
func filesIn(t *testing.T, dir string) (files []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".yaml") {
			files = append(files, real(t, filepath.Join(dir, e.Name())))
		}
	}
	require.NotEmpty(t, files, dir)
	return files
}

func real(t *testing.T, path string) string {
	t.Helper()
	path, err := filepath.EvalSymlinks(path)
	require.NoError(t, err)
	return filepath.ToSlash(path)
}

// runFiles lie in a folder of resources and are none.
var runFiles = []string{"dapr.yaml", "redis.yaml", "postgres.yaml"}

// sorted leaves the run files themselves out.
func sorted(files []string) string {
	files = slices.DeleteFunc(slices.Clone(files), func(f string) bool { return slices.Contains(runFiles, filepath.Base(f)) })
	slices.Sort(files)
	return strings.Join(files, "\n")
}
