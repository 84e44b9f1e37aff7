package main

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// gateway is the app whose every operation is public, listed or not, and whose components
// describe the answers that it gives in the place of an app.
const gateway = "gateway"

const heading = `# Made by go run ./contracts/gen from the services' contracts and
# services/gateway/routes.yaml. Change those, not this.
`

const frame = `openapi: 3.1.0
info:
  title: Tienda
  version: '1'
  license: {name: Apache-2.0, identifier: Apache-2.0}
  description: >-
    The shop as its clients see it. x-access says who may call: public (a token is optional, and a bad one is
    refused), user, or the roles of which one is needed (an admin has them all). x-scopes names the scopes of which a
    service account needs one; where there are none, its token is refused (403 scope_missing). Every answer carries
    X-Request-Id, and those of limited routes RateLimit and RateLimit-Policy (see the answer 429).
servers: [{url: 'http://127.0.0.1:8080', description: the gateway of a local shop}]
paths: {}
components:
  securitySchemes:
    bearer: {type: http, scheme: bearer, bearerFormat: JWT, description: The access token of POST /v1/auth/token}
`

// table is the part of the route table that the contract depends on.
type table struct {
	Routes []line `yaml:"routes"`
}

type line struct {
	Path    string    `yaml:"path"`
	Methods []string  `yaml:"methods"`
	App     string    `yaml:"app"`
	Access  yaml.Node `yaml:"access"`
	Scopes  []string  `yaml:"scopes"`
	Cache   string    `yaml:"cache"` // "": the gateway shares no answers
}

// generate gives the public contract.
func generate(dir, routes string) ([]byte, error) {
	t, err := readTable(routes)
	if err != nil {
		return nil, err
	}
	apps := []string{gateway}
	for _, r := range t.Routes {
		if !slices.Contains(apps, r.App) {
			apps = append(apps, r.App)
		}
	}
	m := merger{docs: map[string]*yaml.Node{}, apps: apps}
	for _, app := range apps {
		if m.docs[app], err = load(filepath.Join(dir, app+".yaml")); err != nil {
			return nil, err
		}
	}
	listed := map[string]line{}
	for _, r := range t.Routes {
		for _, method := range r.Methods {
			listed[r.App+" "+method+" "+r.Path] = r
		}
	}
	public := parse(frame)
	paths, err := m.paths(listed)
	if err != nil {
		return nil, err
	}
	*get(public, "paths") = *paths
	m.components(paths, get(public, "components"))
	var out bytes.Buffer
	out.WriteString(heading)
	e := yaml.NewEncoder(&out)
	e.SetIndent(2)
	err = e.Encode(public)
	return out.Bytes(), err
}

// paths gives the public operations of all apps, with references of the form
// "#/app/kind/name" until components gives them their names.
func (m *merger) paths(listed map[string]line) (*yaml.Node, error) {
	out := mapping()
	ids := map[string]string{}
	for _, app := range m.apps {
		for path, item := range pairs(get(m.docs[app], "paths")) {
			public := mapping()
			for key, v := range pairs(item) {
				v = clone(v)
				if !slices.Contains(verbs, key) {
					set(public, key, v)
					continue
				}
				op := app + " " + strings.ToUpper(key) + " " + path
				route, there := listed[op]
				if app != gateway && !there {
					continue
				}
				delete(listed, op)
				if id := get(v, "operationId").Value; ids[id] != "" {
					return nil, fmt.Errorf("operationId %s stands at %s and at %s", id, ids[id], op)
				} else {
					ids[id] = op
				}
				qualify(v, app)
				if there {
					complete(v, key, route)
				}
				set(public, key, v)
			}
			if slices.ContainsFunc(verbs, func(v string) bool { return get(public, v) != nil }) {
				qualify(get(public, "parameters"), app)
				set(out, path, public)
			}
		}
	}
	for op := range listed {
		return nil, fmt.Errorf("the route %s is in no contract", op)
	}
	return out, nil
}

var verbs = []string{"get", "put", "post", "patch", "delete"}

// complete adds to an operation what the gateway does: who may call, and the
// answers that it gives in the app's place.
func complete(op *yaml.Node, verb string, route line) {
	access := &route.Access
	who, security := clone(access), `[{bearer: []}]`
	answers := map[string]string{"400": "BadRequest", "401": "SignIn", "403": "Forbidden", "429": "TooMany", "500": "Failed", "503": "Unavailable", "504": "TimedOut"}
	if access.Value == "public" {
		security = `[{}, {bearer: []}]`
	}
	if verb != "get" {
		answers["413"] = "TooLarge"
	}
	if strings.Contains(route.Path, "{") {
		answers["404"] = "NotFound"
	}
	responses := get(op, "responses")
	if route.Cache != "" {
		answers["304"] = "NotModified"
		params := child(op, "parameters", sequence)
		params.Content = append(params.Content, own("parameters/IfNoneMatch"))
		put(child(get(responses, "200"), "headers", mapping), "ETag", own("headers/ShownETag"))
	}
	for status, name := range answers {
		if get(responses, status) == nil {
			set(responses, status, own("responses/"+name))
		}
	}
	sortKeys(responses)
	set(op, "security", parse(security))
	set(op, "x-access", who)
	if len(route.Scopes) > 0 {
		scopes := sequence()
		for _, s := range route.Scopes {
			scopes.Content = append(scopes.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s})
		}
		set(op, "x-scopes", scopes)
	}
}

// own refers to a component of the gateway's contract.
func own(component string) *yaml.Node { return parse("{$ref: '#/" + gateway + "/" + component + "'}") }

// qualify turns the references of a node of an app's contract from
// "#/components/kind/name" to "#/app/kind/name".
func qualify(n *yaml.Node, app string) {
	for ref := range refs(n) {
		ref.Value = strings.Replace(ref.Value, "#/components/", "#/"+app+"/", 1)
	}
}
