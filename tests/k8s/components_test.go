//go:build k8s

package k8s

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"
)

// described is what the metadata.yaml of a component's folder says of it.
type described struct {
	Type, Name, Version string
	Metadata            []field
	Profiles            []struct{ Metadata []field } `yaml:"authenticationProfiles"`
	Builtin             []struct {
		Name     string
		Metadata []field
	} `yaml:"builtinAuthenticationProfiles"`
}

type field struct {
	Name, Type string
	Allowed    []string `yaml:"allowedValues"`
}

// readBySidecar are the keys that the sidecar, or the secret store's own code, reads and no
// metadata.yaml has.
var readBySidecar = map[string][]string{
	"state":        {"keyPrefix"},
	"pubsub":       {"consumerID", "publishingScopes", "subscriptionScopes", "allowedTopics", "protectedTopics"},
	"bindings":     {"direction"},
	"secretstores": {"defaultNamespace"},
}

// ofProfile are the keys of ways to sign in that components share by name.
var ofProfile = map[string][]string{
	"aws": {"region", "awsRegion", "accessKey", "awsAccessKey", "secretKey", "awsSecretKey", "sessionToken", "awsSessionToken"},
}

// catalog is the fields of every component that Dapr has, by type and version:
// "state.redis/v1".
func catalog(t *testing.T) map[string]map[string]field {
	t.Helper()
	all := map[string]map[string]field{}
	require.NoError(t, filepath.WalkDir(module(t, contribModule), func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.Name() != "metadata.yaml" {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var d described
		if err := yaml.Unmarshal(raw, &d); err != nil || d.Type == "" {
			return nil //nolint:nilerr // something else of that name
		}
		fields := map[string]field{}
		for _, k := range readBySidecar[d.Type] {
			fields[strings.ToLower(k)] = field{Name: k}
		}
		// A key may stand in several profiles, each with values of its own.
		add := func(of []field) {
			for _, f := range of {
				key := strings.ToLower(f.Name)
				if old, there := fields[key]; there && (len(old.Allowed) == 0 || len(f.Allowed) == 0) {
					f.Allowed = nil
				} else if there {
					f.Allowed = append(slices.Clone(old.Allowed), f.Allowed...)
				}
				fields[key] = f
			}
		}
		for _, p := range d.Profiles {
			add(p.Metadata)
		}
		for _, p := range d.Builtin {
			add(p.Metadata)
			for _, k := range ofProfile[p.Name] {
				add([]field{{Name: k}})
			}
		}
		add(d.Metadata)
		all[d.Type+"."+d.Name+"/"+d.Version] = fields
		return nil
	}))
	require.Greater(t, len(all), 100)
	return all
}

// componentFaults names what a sidecar would refuse at its start, or silently leave out.
func componentFaults(o object, known map[string]map[string]field) (faults []string) {
	fault := func(format string, args ...any) {
		faults = append(faults, fmt.Sprintf("%s: "+format, append([]any{o}, args...)...))
	}
	fields, there := known[o.Spec.Type+"/"+o.Spec.Version]
	if !there {
		fault("Dapr has no component %s in version %q", o.Spec.Type, o.Spec.Version)
		return faults
	}
	if len(o.Scopes) == 0 {
		fault("it has no scopes: every app gets it")
	}
	seen := map[string]bool{}
	for _, m := range o.Spec.Metadata {
		key := strings.ToLower(m.Name)
		f, there := fields[key]
		switch {
		case !there:
			fault("%s has no key %q", o.Spec.Type, m.Name)
		case seen[key]:
			fault("the key %q stands twice", m.Name)
		case m.Secret != nil && o.Auth.SecretStore != "kubernetes":
			fault("%q is a secret, and auth.secretStore is not kubernetes", m.Name)
		case (m.Value == nil) == (m.Secret == nil):
			fault("%q wants a value or a secret", m.Name)
		case m.Value != nil:
			if !fits(*m.Value, f) {
				fault("%q of %q is no %s", *m.Value, m.Name, kind(f))
			}
		}
		seen[key] = true
	}
	return faults
}

func fits(v string, f field) bool {
	var err error
	switch f.Type {
	case "number":
		_, err = strconv.ParseFloat(v, 64)
	case "bool":
		_, err = strconv.ParseBool(v)
	case "duration":
		_, err = time.ParseDuration(v)
	}
	return err == nil && (len(f.Allowed) == 0 || slices.Contains(f.Allowed, v))
}

func kind(f field) string {
	if len(f.Allowed) > 0 {
		return "one of " + strings.Join(f.Allowed, ", ")
	}
	return f.Type
}

// named gives the objects of a kind, by name.
func named(all []object, kind string) map[string]object {
	of := map[string]object{}
	for _, o := range all {
		if o.Kind == kind {
			of[o.Metadata.Name] = o
		}
	}
	return of
}

// scope gives the topics of an app in a component's publishingScopes or subscriptionScopes.
func scope(o object, key, app string) []string {
	for _, m := range o.Spec.Metadata {
		if m.Name != key || m.Value == nil {
			continue
		}
		for part := range strings.SplitSeq(*m.Value, ";") {
			if id, topics, _ := strings.Cut(part, "="); id == app {
				return strings.Split(topics, ",")
			}
		}
	}
	return nil
}

// referenceFaults names what refers to something that is not there.
func referenceFaults(all []object) (faults []string) {
	fault := func(o object, format string, args ...any) {
		faults = append(faults, fmt.Sprintf("%s: "+format, append([]any{o}, args...)...))
	}
	apps, components := named(all, "Deployment"), named(all, "Component")
	lists, accounts := named(all, "Configuration"), named(all, "ServiceAccount")
	seen := map[string]bool{}
	for _, o := range all {
		id := o.APIVersion + " " + o.Kind + " " + o.Metadata.Namespace + "/" + o.Metadata.Name
		if seen[id] {
			fault(o, "it stands twice")
		}
		seen[id] = true
		switch o.Kind {
		case "Component":
			for _, app := range o.Scopes {
				if _, there := apps[app]; !there && app != "migration" {
					fault(o, "its scope names %q, which is no app", app)
				}
			}
		case "Subscription":
			for _, f := range subscriptionFaults(o, components) {
				fault(o, "%s", f)
			}
		case "Resiliency":
			for _, f := range resiliencyFaults(o, apps, components) {
				fault(o, "%s", f)
			}
		case "Deployment":
			for _, f := range deploymentFaults(o, lists, accounts) {
				fault(o, "%s", f)
			}
		}
	}
	slices.Sort(faults)
	return faults
}

func subscriptionFaults(o object, components map[string]object) (faults []string) {
	c, there := components[o.Spec.PubSub]
	if !there {
		return []string{fmt.Sprintf("there is no component %q", o.Spec.PubSub)}
	}
	for _, app := range o.Scopes {
		if !slices.Contains(c.Scopes, app) {
			faults = append(faults, fmt.Sprintf("%s is not in the scopes of %s", app, c.Metadata.Name))
		}
		if !slices.Contains(scope(c, "subscriptionScopes", app), o.Spec.Topic) {
			faults = append(faults, fmt.Sprintf("%s may not hear the topic %q of %s", app, o.Spec.Topic, c.Metadata.Name))
		}
		if d := o.Spec.DeadLetter; d != "" && !slices.Contains(scope(c, "publishingScopes", app), d) {
			faults = append(faults, fmt.Sprintf("%s may not publish to its dead letters %q through %s", app, d, c.Metadata.Name))
		}
	}
	return faults
}

func resiliencyFaults(o object, apps, components map[string]object) (faults []string) {
	p := o.Spec.Policies
	uses := func(where string, u used) {
		for kind, ref := range map[string]struct {
			name  string
			known map[string]yaml.Node
		}{"timeout": {u.Timeout, p.Timeouts}, "retry": {u.Retry, p.Retries}, "circuitBreaker": {u.CircuitBreaker, p.CircuitBreakers}} {
			if _, there := ref.known[ref.name]; ref.name != "" && !there {
				faults = append(faults, fmt.Sprintf("%s uses the %s %q, which is not defined", where, kind, ref.name))
			}
		}
	}
	elsewhere := []string{"migration"} // not in every shop
	if o.Metadata.Namespace == "ingress-nginx" {
		elsewhere = []string{"gateway", "gateway.tienda"} // of an overlay of its own
	}
	for _, app := range slices.Sorted(maps.Keys(o.Spec.Targets.Apps)) {
		if _, there := apps[app]; !there && !slices.Contains(elsewhere, app) {
			faults = append(faults, fmt.Sprintf("the target %q is no app", app))
		}
		uses(app, o.Spec.Targets.Apps[app])
	}
	for _, name := range slices.Sorted(maps.Keys(o.Spec.Targets.Components)) {
		if _, there := components[name]; !there {
			faults = append(faults, fmt.Sprintf("the target %q is no component", name))
		}
		c := o.Spec.Targets.Components[name]
		uses(name, c.Inbound)
		uses(name, c.Outbound)
	}
	return faults
}

func deploymentFaults(o object, lists, accounts map[string]object) (faults []string) {
	said := o.Spec.Template.Metadata.Annotations
	if said["dapr.io/enabled"] != "true" {
		return []string{"it has no sidecar"}
	}
	if id := said["dapr.io/app-id"]; id != o.Metadata.Name {
		faults = append(faults, fmt.Sprintf("its app ID is %q", id))
	}
	if name := said["dapr.io/config"]; lists[name].Kind == "" {
		faults = append(faults, fmt.Sprintf("there is no Configuration %q", name))
	}
	if name := o.Spec.Template.Spec.ServiceAccount; accounts[name].Kind == "" {
		faults = append(faults, fmt.Sprintf("there is no ServiceAccount %q", name))
	}
	port := false
	for _, c := range o.Spec.Template.Spec.Containers {
		for _, p := range c.Ports {
			port = port || c.Name == "app" && strconv.Itoa(p.Port) == said["dapr.io/app-port"]
		}
	}
	if !port {
		faults = append(faults, fmt.Sprintf("the app listens on no port %s", said["dapr.io/app-port"]))
	}
	for _, key := range []string{"dapr.io/volume-mounts", "dapr.io/volume-mounts-rw"} {
		if said[key] == "" {
			continue
		}
		volume, _, _ := strings.Cut(said[key], ":")
		if !slices.ContainsFunc(o.Spec.Template.Spec.Volumes, func(v struct{ Name string }) bool { return v.Name == volume }) {
			faults = append(faults, fmt.Sprintf("the sidecar mounts %q, which is no volume", volume))
		}
	}
	return faults
}
