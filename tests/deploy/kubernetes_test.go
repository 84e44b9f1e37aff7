package deploy

import (
	"fmt"
	"maps"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// services are the apps that other apps call, and that Kubernetes runs.
var services = []string{"catalog", "gateway", "migration", "orders", "support", "users"}

// manifest is the part of any manifest, or of a component file of a profile, that has to
// agree with others.
type manifest struct {
	Kind     string
	Metadata struct{ Name string }
	Spec     map[string]any
	Scopes   []string
}

func (m manifest) at(path ...string) any {
	var v any = m.Spec
	for _, key := range path {
		next, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = next[key]
	}
	return v
}

// container gives the container of that name of a Deployment.
func (m manifest) container(name string) map[string]any {
	list, _ := m.at("template", "spec", "containers").([]any)
	for _, c := range list {
		if c := c.(map[string]any); c["name"] == name {
			return c
		}
	}
	return nil
}

// values gives the env of the container of the app, without what comes from elsewhere.
func (m manifest) values() map[string]string {
	env := map[string]string{}
	list, _ := m.container("app")["env"].([]any)
	for _, e := range list {
		if e := e.(map[string]any); e["value"] != nil {
			env[e["name"].(string)] = e["value"].(string)
		}
	}
	return env
}

func (m manifest) annotations() map[string]any {
	a, _ := m.at("template", "metadata", "annotations").(map[string]any)
	return a
}

// deployment gives the Deployment of an app, before what all have in common.
func deployment(t *testing.T, app string) manifest {
	t.Helper()
	file := []string{"k8s", "base", app + ".yaml"}
	if app == "migration" {
		file = []string{"k8s", "components", "migration", "migration.yaml"}
	}
	for _, m := range decode[manifest](t, false, file...) {
		if m.Kind == "Deployment" {
			return m
		}
	}
	t.Fatalf("%s has no Deployment", app)
	return manifest{}
}

func TestKubernetesRunsTheSameApps(t *testing.T) {
	local := fromRunFile(t, "dapr", "dapr.yaml")
	maps.Copy(local, fromRunFile(t, "dapr", "migration", "dapr.yaml"))
	var called []string
	for id, a := range local {
		if a.Port != 0 {
			called = append(called, id)
		}
	}
	require.ElementsMatch(t, services, called)
	common := decode[manifest](t, false, "k8s", "common", "service.yaml")[0]
	for _, id := range services {
		d := deployment(t, id)
		require.Equal(t, id, d.Metadata.Name)
		require.Equal(t, "tienda/"+id, d.container("app")["image"])
		port := strconv.Itoa(local[id].Port)
		require.Equal(t, id, d.annotations()["dapr.io/app-id"])
		require.Equal(t, port, d.annotations()["dapr.io/app-port"])
		require.Equal(t, port, d.values()["APP_PORT"])
		all := maps.Clone(common.values())
		maps.Copy(all, d.values())
		for _, name := range []string{"GOGC", "GOMEMLIMIT"} {
			if want, there := local[id].Env[name]; there {
				require.Equal(t, want, all[name], "%s of %s", name, id)
			}
		}
		require.NotContains(t, all, "TIENDA_ALLOW_NO_APP_TOKEN", "a cluster has tokens")
		require.NotContains(t, all, "GATEWAY_LIMIT_FACTOR", "and clients with addresses of their own")
	}
}

// Where an app serves its figures is a port of its container, and the policy lets whoever
// monitors reach that one and the sidecar's, and none for requests.
func TestFiguresAreReached(t *testing.T) {
	common := decode[manifest](t, false, "k8s", "common", "service.yaml")[0]
	for _, id := range services {
		env := maps.Clone(common.values())
		maps.Copy(env, deployment(t, id).values())
		require.NotContains(t, env, "GATEWAY_METRICS_ADDRESS", "%s has its figures where all have them", id)
		host, port, err := net.SplitHostPort(env["TIENDA_METRICS_ADDRESS"])
		require.NoError(t, err, id)
		require.Equal(t, "0.0.0.0", host, id)
		ports := map[string]string{}
		for _, m := range []manifest{common, deployment(t, id)} {
			list, _ := m.container("app")["ports"].([]any)
			for _, p := range list {
				p := p.(map[string]any)
				ports[p["name"].(string)] = fmt.Sprint(p["containerPort"])
			}
		}
		require.Equal(t, map[string]string{"http": env["APP_PORT"], "figures": port}, ports, id)
		require.ElementsMatch(t, []string{port, "9090"}, let(t, "figures"), id)
	}
}

// let gives the ports that a policy of the network lets in.
func let(t *testing.T, policy string) (ports []string) {
	t.Helper()
	for _, m := range decode[manifest](t, false, "k8s", "base", "network.yaml") {
		if m.Metadata.Name != policy {
			continue
		}
		rules, _ := m.at("ingress").([]any)
		for _, r := range rules {
			list, _ := r.(map[string]any)["ports"].([]any)
			for _, p := range list {
				p := p.(map[string]any)
				require.NotContains(t, p, "endPort", policy)
				ports = append(ports, fmt.Sprint(p["port"]))
			}
		}
	}
	return ports
}

func TestSidecarsHaveTheSameSettings(t *testing.T) {
	local := decode[runFile](t, false, "dapr", "dapr.yaml")[0].Common
	said := decode[manifest](t, false, "k8s", "common", "service.yaml")[0].annotations()
	for key, want := range map[string]string{
		"max-body-size": local.MaxBody, "read-buffer-size": local.Buffer, "log-level": local.LogLevel,
		"enable-app-health-check": strconv.FormatBool(local.Health), "app-health-check-path": local.Path,
		"app-health-probe-interval": local.Interval, "app-health-probe-timeout": local.Timeout, "app-health-threshold": local.Threshold,
	} {
		require.NotEmpty(t, want, key)
		require.Equal(t, want, said["dapr.io/"+key], key)
	}
	there := decode[manifest](t, false, "dapr", "config.yaml")[0]
	here := decode[manifest](t, false, "k8s", "common", "configuration.yaml")[0]
	for _, part := range []string{"metrics", "tracing", "features"} {
		require.NotNil(t, there.at(part))
		require.Equal(t, there.at(part), here.at(part), part)
	}
}

func TestResiliencyAndSubscriptionsAreTheSame(t *testing.T) {
	for from, to := range map[string][]string{
		"resiliency.yaml":              {"k8s", "base", "resiliency.yaml"},
		"subscriptions.yaml":           {"k8s", "base", "subscriptions.yaml"},
		"subscriptions-migration.yaml": {"k8s", "components", "migration", "subscriptions.yaml"},
	} {
		require.Equal(t, decode[manifest](t, false, "dapr", from), decode[manifest](t, false, to...), from)
	}
}

// Every target of the policies is an app, or a component, that there is.
func TestEveryTargetIsThere(t *testing.T) {
	r := decode[manifest](t, false, "dapr", "resiliency.yaml")[0]
	apps := slices.Sorted(maps.Keys(r.at("targets", "apps").(map[string]any)))
	require.Equal(t, services, apps)
	local := profile(t, "local")
	for name := range r.at("targets", "components").(map[string]any) {
		require.Contains(t, local, name)
	}
}

func TestTheRouteTableNamesAppsThatRun(t *testing.T) {
	table := decode[struct{ Routes []struct{ App string } }](t, false, "services", "gateway", "routes.yaml")[0]
	run := fromRunFile(t, "dapr", "dapr.yaml")
	require.NotEmpty(t, table.Routes)
	for _, r := range table.Routes {
		require.Contains(t, services, r.App)
		require.NotZero(t, run[r.App].Port, r.App)
	}
}

// component is what has to be the same wherever a component is described.
type component struct {
	Block      string // state, pubsub, bindings, secretstores
	Scopes     string
	Publishing string
	Subscribed string
}

func componentsOf(all []manifest, into map[string]component) {
	for _, m := range all {
		if m.Kind != "Component" {
			continue
		}
		c := component{Scopes: strings.Join(slices.Sorted(slices.Values(m.Scopes)), ",")}
		c.Block, _, _ = strings.Cut(m.at("type").(string), ".")
		c.Publishing, c.Subscribed = setting(m, "publishingScopes"), setting(m, "subscriptionScopes")
		into[m.Metadata.Name] = c
	}
}

// setting gives a value of a component's metadata, "" where there is none.
func setting(m manifest, name string) string {
	list, _ := m.at("metadata").([]any)
	for _, e := range list {
		if e := e.(map[string]any); e["name"] == name {
			v, _ := e["value"].(string)
			return v
		}
	}
	return ""
}

func profile(t *testing.T, name string) map[string]component {
	t.Helper()
	all := map[string]component{}
	for _, f := range filesIn(t, filepath.Join(root, "components", name)) {
		componentsOf(decode[manifest](t, false, strings.TrimPrefix(f, root+"/")), all)
	}
	delete(all, "store-secrets") // the password of a server of one machine
	return all
}

// Whatever stores, broker and providers a cluster has, its components are those of every
// profile: the same names, scopes and topics.
func TestKubernetesHasTheSameComponents(t *testing.T) {
	want := profile(t, "redis")
	for _, state := range []string{"redis", "postgres"} {
		for _, events := range []string{"redis", "kafka"} {
			for _, providers := range []string{"local-providers", "managed"} {
				got := map[string]component{}
				for _, file := range [][]string{
					{"base", "secrets.yaml"},
					{"components", "migration", "secrets.yaml"},
					{"components", "state-" + state, "state.yaml"},
					{"components", "migration-on-" + state, "state.yaml"},
					{"components", "events-" + events, "events.yaml"},
					{"components", providers, "providers.yaml"},
				} {
					componentsOf(decode[manifest](t, false, append([]string{"k8s"}, file...)...), got)
				}
				require.Equal(t, want, got, "%s, %s, %s", state, events, providers)
			}
		}
	}
}

// Components over the same server have the same settings, but for where it is.
func TestSettingsOfRedisAndPostgresAreTheSame(t *testing.T) {
	place := []string{"redisHost", "redisPassword", "connectionString", "password"}
	settings := func(m manifest) map[string]string {
		all := map[string]string{}
		list, _ := m.at("metadata").([]any)
		for _, e := range list {
			if name := e.(map[string]any)["name"].(string); !slices.Contains(place, name) {
				all[name] = setting(m, name)
			}
		}
		return all
	}
	for _, c := range []struct{ profile, pattern, file string }{
		{"redis", "events-*.yaml", "events-redis/events.yaml"},
		{"redis", "state-*.yaml", "state-redis/state.yaml"},
		{"postgres", "state-*.yaml", "state-postgres/state.yaml"},
	} {
		here := map[string]map[string]string{}
		for _, m := range decode[manifest](t, false, "k8s", "components", c.file) {
			here[m.Metadata.Name] = settings(m)
		}
		files, err := filepath.Glob(filepath.Join(root, "components", c.profile, c.pattern))
		require.NoError(t, err)
		require.NotEmpty(t, files)
		for _, f := range files {
			m := decode[manifest](t, false, strings.TrimPrefix(filepath.ToSlash(f), root+"/"))[0]
			if m.Metadata.Name == "migration-state" {
				continue
			}
			require.Equal(t, settings(m), here[m.Metadata.Name], "%s %s", c.file, m.Metadata.Name)
			delete(here, m.Metadata.Name)
		}
		require.Empty(t, here, c.file)
	}
}

// No manifest holds a secret: what looks like one is a reference.
func TestNoSecretIsInTheManifests(t *testing.T) {
	require.NoError(t, filepath.WalkDir(filepath.Join(root, "k8s"), func(path string, e os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".yaml") {
			return err
		}
		raw, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NotContains(t, string(raw), "\nkind: Secret\n", path)
		require.NotContains(t, string(raw), "secretGenerator", path)
		return nil
	}))
}

// With the component telemetry an app and its sidecar send their traces to the same
// collector, the policy lets them out to it and to no more, and a sidecar begins none.
func TestTracesReachTheCollector(t *testing.T) {
	read := func(file string) manifest {
		return decode[manifest](t, false, "k8s", "components", "telemetry", file)[0]
	}
	collector, err := url.Parse(read("service.yaml").values()["OTEL_EXPORTER_OTLP_ENDPOINT"])
	require.NoError(t, err)
	require.Equal(t, "http", collector.Scheme)
	traces := read("configuration.yaml")
	require.Equal(t, collector.Host, traces.at("tracing", "otel", "endpointAddress"))
	require.Equal(t, false, traces.at("tracing", "otel", "isSecure"))
	require.Equal(t, "http", traces.at("tracing", "otel", "protocol"), "as the apps speak where nothing says otherwise")
	require.NotContains(t, read("service.yaml").values(), "OTEL_EXPORTER_OTLP_PROTOCOL")
	rate, err := strconv.ParseFloat(traces.at("tracing", "samplingRate").(string), 64)
	require.NoError(t, err)
	require.Positive(t, rate, "none at all would leave out deliveries")
	require.Less(t, rate, 1e-6)

	host := strings.Split(collector.Hostname(), ".")
	require.Equal(t, []string{"svc", "cluster", "local"}, host[2:])
	port, err := strconv.Atoi(collector.Port())
	require.NoError(t, err)
	out, _ := read("network.yaml").at("egress").([]any)
	require.Equal(t, []any{map[string]any{
		"to":    []any{map[string]any{"namespaceSelector": map[string]any{"matchLabels": map[string]any{"kubernetes.io/metadata.name": host[1]}}}},
		"ports": []any{map[string]any{"protocol": "TCP", "port": port}},
	}}, out)
	everybody := []any{map[string]any{"key": "tienda.dev/app", "operator": "Exists"}}
	require.Equal(t, everybody, read("network.yaml").at("podSelector", "matchExpressions"))
}
