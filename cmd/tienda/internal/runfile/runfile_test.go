package runfile_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"tienda/cmd/tienda/internal/runfile"
)

func TestTheShopsOwnFile(t *testing.T) {
	apps, err := runfile.Load("../../../../dapr/dapr.yaml")
	require.NoError(t, err)
	root, err := filepath.Abs("../../../..")
	require.NoError(t, err)
	var ids []string
	for _, a := range apps {
		ids = append(ids, a.ID)
		require.Equal(t, root, a.Dir)
		require.Equal(t, []string{filepath.Join(root, "components/local"), filepath.Join(root, "dapr")}, a.ResourcesPaths)
		require.Equal(t, filepath.Join(root, "dapr/config.yaml"), a.ConfigFile)
	}
	require.Equal(t, []string{"broker", "mailbox", "sandbox", "gateway", "users", "catalog", "orders", "support"}, ids)
	require.Equal(t, 8080, apps[3].Port)
}

// The migration runs beside the shop: over the same components, at ports of its own.
func TestTheMigrationBesideTheShop(t *testing.T) {
	for profile, folder := range map[string]string{"": "local", "redis": "redis"} {
		apps, err := runfile.LoadTogether("../../../../dapr", "../../../../dapr/migration/dapr.yaml")
		require.NoError(t, err)
		require.NoError(t, runfile.UseProfile(apps, profile))
		shop, migration := apps[len(apps)-2], apps[len(apps)-1]
		require.Equal(t, []string{"support", "migration"}, []string{shop.ID, migration.ID})
		require.Equal(t, folder, filepath.Base(migration.ResourcesPaths[0]))
		require.Equal(t, shop.ResourcesPaths, migration.ResourcesPaths)
		require.Equal(t, shop.ConfigFile, migration.ConfigFile)
		require.Equal(t, shop.Dir, migration.Dir)
	}
}

func TestFilesThatDoNotGoTogether(t *testing.T) {
	dir := t.TempDir()
	file := func(name, apps string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte("version: 1\napps: ["+apps+"]"), 0o600))
		return path
	}
	a := file("a.yaml", "{appID: a, appDirPath: ., command: [x], appPort: 1}")
	for want, apps := range map[string]string{
		"app a stands twice":             "{appID: a, appDirPath: ., command: [x]}",
		"apps a and b both want port 1":  "{appID: b, appDirPath: ., command: [x], daprHTTPPort: 1}",
		"app c: command is missing":      "{appID: c, appDirPath: .}",
		"nowhere.yaml: no such file or ": "",
	} {
		other := filepath.Join(dir, "nowhere.yaml")
		if apps != "" {
			other = file("b.yaml", apps)
		}
		_, err := runfile.LoadTogether(a, other)
		require.ErrorContains(t, err, want)
	}
}

func TestProfiles(t *testing.T) {
	root, err := filepath.Abs("../../../..")
	require.NoError(t, err)
	for _, c := range []struct{ profile, folder string }{{"", "local"}, {"local", "local"}, {"redis", "redis"}, {"postgres", "postgres"}} {
		apps, err := runfile.Load("../../../../dapr/dapr.yaml")
		require.NoError(t, err)
		require.NoError(t, runfile.UseProfile(apps, c.profile))
		for _, a := range apps {
			require.Equal(t, []string{filepath.Join(root, "components", c.folder), filepath.Join(root, "dapr")}, a.ResourcesPaths)
		}
	}
	apps, err := runfile.Load("../../../../dapr/dapr.yaml")
	require.NoError(t, err)
	for _, none := range []string{"oracle", "..", "../dapr", "local/secrets.yaml"} {
		require.ErrorContains(t, runfile.UseProfile(apps, none), "there is no profile", none)
	}
}

// The profiles have the same components with the same scopes and the same
// rights, so that nothing but the kind of store and broker differs.
func TestProfilesHaveTheSameComponents(t *testing.T) {
	want := components(t, "local")
	require.Len(t, want, 17)
	for _, profile := range []string{"redis", "postgres"} {
		got := components(t, profile)
		delete(got, "store-secrets") // the password of a server that local does not have
		require.Equal(t, want, got, profile)
	}
}

// component is what must be the same in every profile.
type component struct {
	Scopes     []string
	Publishing string
	Subscribed string
}

func components(t *testing.T, profile string) map[string]component {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("../../../../components", profile, "*.yaml"))
	require.NoError(t, err)
	all := map[string]component{}
	for _, f := range files {
		b, err := os.ReadFile(f)
		require.NoError(t, err)
		var y struct {
			Metadata struct{ Name string }
			Spec     struct {
				Metadata []struct{ Name, Value string }
			}
			Scopes []string
		}
		require.NoError(t, yaml.Unmarshal(b, &y), f)
		c := component{Scopes: y.Scopes}
		for _, m := range y.Spec.Metadata {
			switch m.Name {
			case "publishingScopes":
				c.Publishing = m.Value
			case "subscriptionScopes":
				c.Subscribed = m.Value
			}
		}
		all[y.Metadata.Name] = c
	}
	return all
}

func TestInheritance(t *testing.T) {
	apps, err := load(t, `
version: 1
name: mini
common:
  resourcesPath: components
  configFilePath: config.yaml
  logLevel: warn
  env: {A: common, B: common}
apps:
  - appDirPath: one
    command: [go, run, .]
    env: {B: own}
    logLevel: debug
  - appID: second
    appDirPath: .
    appPort: 9001
    command: [x]
`)
	require.NoError(t, err)
	require.Equal(t, "one", apps[0].ID, "the CLI names an app after its folder")
	require.Equal(t, map[string]string{"A": "common", "B": "own"}, apps[0].Env)
	require.Equal(t, "debug", apps[0].LogLevel)
	require.Equal(t, "warn", apps[1].LogLevel)
	require.Equal(t, map[string]string{"A": "common", "B": "common"}, apps[1].Env)
	require.Len(t, apps[0].ResourcesPaths, 1)
	require.Equal(t, "components", filepath.Base(apps[0].ResourcesPaths[0]))
}

func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct{ file, want string }{
		"no version":       {"apps: [{appDirPath: ., command: [x]}]", "version 0"},
		"no apps":          {"version: 1", "no apps"},
		"no folder":        {"version: 1\napps: [{appID: a, command: [x]}]", "appDirPath"},
		"no command":       {"version: 1\napps: [{appID: a, appDirPath: .}]", "command is missing"},
		"unknown setting":  {"version: 1\napps: [{appID: a, appDirPath: ., command: [x], appSSL: true}]", "appSSL"},
		"grpc":             {"version: 1\napps: [{appID: a, appDirPath: ., command: [x], appProtocol: grpc}]", "http only"},
		"same app twice":   {"version: 1\napps: [{appID: a, appDirPath: ., command: [x]}, {appID: a, appDirPath: ., command: [x]}]", "twice"},
		"same port twice":  {"version: 1\napps: [{appID: a, appDirPath: ., command: [x], appPort: 1}, {appID: b, appDirPath: ., command: [x], appPort: 1}]", "both want port 1"},
		"not a port":       {"version: 1\napps: [{appID: a, appDirPath: ., command: [x], appPort: 70000}]", "not a port"},
		"missing resource": {"version: 1\napps: [{appID: a, appDirPath: ., command: [x], resourcesPaths: [nowhere]}]", "nowhere"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := load(t, c.file)
			require.ErrorContains(t, err, c.want)
		})
	}
}

func load(t *testing.T, content string) ([]runfile.App, error) {
	t.Helper()
	dir := t.TempDir()
	for _, d := range []string{"components", "one"} {
		require.NoError(t, os.Mkdir(filepath.Join(dir, d), 0o700))
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "config.yaml"), nil, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "dapr.yaml"), []byte(content), 0o600))
	return runfile.Load(dir)
}
