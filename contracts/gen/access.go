package main

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/template"

	"gopkg.in/yaml.v3"
)

// Where the shop runs on Kubernetes. The trust domain is part of every certificate
// there, that of the ingress's sidecar included.
const (
	namespace        = "tienda"
	trustDomain      = "tienda"
	ingress          = "ingress" // the app ID of the ingress controller's sidecar
	ingressNamespace = "ingress-nginx"
)

// caller is an app that may call another, and what it may call.
type caller struct {
	App, Namespace string
	Operations     []operation // nil: all
}

type operation struct {
	Name  string // in Dapr's form
	Verbs []string
}

// called gives for each app who may call what of it: the routes of the gateway's table,
// and the operations between apps that the contracts name callers for.
func called(dir, routes string) (map[string][]caller, error) {
	t, err := readTable(routes)
	if err != nil {
		return nil, err
	}
	may := map[string]map[string]map[string][]string{} // callee, caller, path: verbs
	allow := func(callee, by, verb, path string) {
		if may[callee] == nil {
			may[callee] = map[string]map[string][]string{}
		}
		if may[callee][by] == nil {
			may[callee][by] = map[string][]string{}
		}
		may[callee][by][path] = append(may[callee][by][path], verb)
	}
	for _, r := range t.Routes {
		if r.App == gateway {
			continue
		}
		for _, verb := range r.Methods {
			allow(r.App, gateway, verb, r.Path)
		}
	}
	// What the gateway asks for itself is in no table.
	allow("users", gateway, "GET", "/.well-known/jwks.json")
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		app := strings.TrimSuffix(filepath.Base(file), ".yaml")
		doc, err := load(file)
		if err != nil {
			return nil, err
		}
		for path, item := range pairs(get(doc, "paths")) {
			for verb, op := range pairs(item) {
				by := get(op, "x-callers")
				if by == nil || !slices.Contains(verbs, verb) {
					continue
				}
				for _, c := range by.Content {
					allow(app, c.Value, strings.ToUpper(verb), path)
				}
			}
		}
	}
	out := map[string][]caller{gateway: {{App: ingress, Namespace: ingressNamespace}}}
	for callee, by := range may {
		for _, app := range slices.Sorted(maps.Keys(by)) {
			out[callee] = append(out[callee], caller{App: app, Namespace: namespace, Operations: operations(by[app])})
		}
	}
	return out, nil
}

// operations gives the operations of an access-control list that let the paths through,
// each with its verbs. A sidecar looks for an operation segment by segment, and takes the
// first on its way that has verbs: one that ends in a name stands for all that is beneath
// it, with its verbs; one that ends in "*" for that segment only. A "*" before the end
// matches nothing, "***" any one segment; it comes after the "*" that ends there, and
// after all names. tests/deploy tries it with the shop's own paths.
func operations(paths map[string][]string) []operation {
	var out []operation
	inOrder := func(a, b string) int { return strings.Compare(order(pattern(a)), order(pattern(b))) }
	for _, path := range slices.SortedFunc(maps.Keys(paths), inOrder) {
		name, all := pattern(path), paths[path]
		above := slices.IndexFunc(out, func(o operation) bool { return covers(o.Name, name) })
		if above < 0 {
			above = len(out)
			out = append(out, operation{Name: name})
		}
		out[above].Verbs = append(out[above].Verbs, all...)
	}
	for i := range out {
		slices.Sort(out[i].Verbs)
		out[i].Verbs = slices.Compact(out[i].Verbs)
	}
	return out
}

// covers says whether an operation is found on the way to another.
func covers(above, name string) bool {
	return above == name || !strings.HasSuffix(above, "/*") && strings.HasPrefix(name, above+"/")
}

// pattern gives a contract's path in Dapr's form.
func pattern(path string) string {
	parts := strings.Split(path, "/")
	for i, p := range parts {
		if strings.HasPrefix(p, "{") {
			parts[i] = "***"
		}
	}
	if parts[len(parts)-1] == "***" {
		parts[len(parts)-1] = "*"
	}
	return strings.Join(parts, "/")
}

// order sorts names before "*", and that before "***".
func order(pattern string) string { return strings.ReplaceAll(pattern, "*", "~") }

var lists = template.Must(template.New("access").Parse(`# Made by go run ./contracts/gen from x-callers of contracts/openapi and
# services/gateway/routes.yaml. Change those, not this.
#
# What the sidecar of {{.App}} lets others call. Who is not listed, or has no certificate, is
# refused. An operation stands for all that is beneath it; "***" is any one segment. The app
# itself is stricter: it knows each route.
apiVersion: dapr.io/v1alpha1
kind: Configuration
metadata:
  name: {{.App}}
  labels: {tienda.dev/app: {{.App}}}
spec:
  accessControl:
    defaultAction: deny
    trustDomain: {{.TrustDomain}}
    policies:
{{- range .Callers}}
      - appId: {{.App}}
        defaultAction: {{if .Operations}}deny{{else}}allow # it says itself what can be reached{{end}}
        trustDomain: {{$.TrustDomain}}
        namespace: {{.Namespace}}
{{- if .Operations}}
        operations:
{{- range .Operations}}
          - name: {{.Name}}
            httpVerb: [{{range $i, $v := .Verbs}}{{if $i}}, {{end}}{{$v}}{{end}}]
            action: allow
{{- end}}
{{- end}}
{{- end}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: calls-to-{{.App}}
spec:
  podSelector: {matchLabels: {tienda.dev/app: {{.App}}}}
  policyTypes: [Ingress]
  ingress:
    - from:
{{- range .Callers}}
{{- if eq .Namespace $.Namespace}}
        - podSelector: {matchLabels: {tienda.dev/app: {{.App}}}}
{{- else}}
        - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: {{.Namespace}}}}
          podSelector: {matchLabels: {app.kubernetes.io/name: ingress-nginx, app.kubernetes.io/component: controller}}
{{- end}}
{{- end}}
      ports:
        - {protocol: TCP, port: 50002} # between sidecars
{{- if .Calls}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: calls-of-{{.App}}
spec:
  podSelector: {matchLabels: {tienda.dev/app: {{.App}}}}
  policyTypes: [Egress]
  egress:
    - to:
{{- range .Calls}}
        - podSelector: {matchLabels: {tienda.dev/app: {{.}}}}
{{- end}}
      ports:
        - {protocol: TCP, port: 50002}
{{- end}}
`))

// access gives the manifest of each app's access-control list and network policies, by
// app ID.
func access(dir, routes string) (map[string][]byte, error) {
	may, err := called(dir, routes)
	if err != nil {
		return nil, err
	}
	calls := map[string][]string{}
	for _, callee := range slices.Sorted(maps.Keys(may)) {
		for _, c := range may[callee] {
			if c.Namespace == namespace {
				calls[c.App] = append(calls[c.App], callee)
			}
		}
	}
	for app := range calls {
		if may[app] == nil {
			return nil, fmt.Errorf("%s calls others and is called by nobody: it has no manifest", app)
		}
	}
	out := map[string][]byte{}
	for app := range may {
		var b bytes.Buffer
		if err := lists.Execute(&b, map[string]any{
			"App": app, "Callers": may[app], "Calls": calls[app], "TrustDomain": trustDomain, "Namespace": namespace,
		}); err != nil {
			return nil, err
		}
		out[app] = b.Bytes()
	}
	return out, nil
}

// accessFile is where the manifest of an app is, below the folder of the manifests.
func accessFile(app string) string {
	if app == "migration" { // not in every shop
		return filepath.Join("components", app, "access.yaml")
	}
	return filepath.Join("base", "access", app+".yaml")
}

func readTable(routes string) (table, error) {
	var t table
	raw, err := os.ReadFile(routes) //nolint:gosec // a file of this repository
	if err != nil {
		return t, err
	}
	if err := yaml.Unmarshal(raw, &t); err != nil {
		return t, fmt.Errorf("%s: %w", routes, err)
	}
	return t, nil
}
