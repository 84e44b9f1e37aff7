package route

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"tienda/internal/caller"
)

// The bounds of what a table may state. The server gives up on an answer after
// a minute (package app), so a route must be done before.
const (
	largestBody    = 64 << 20
	longestTimeout = 50 * time.Second
	// The answer that is kept may have been a second old already, and guests are
	// promised less than two (package cache).
	longestCache = time.Second
)

type file struct {
	Defaults struct {
		MaxBody int64  `yaml:"max_body_bytes"`
		Timeout string `yaml:"timeout"`
		Read    string `yaml:"read_limit"`
		Write   string `yaml:"write_limit"`
	} `yaml:"defaults"`
	Limits    map[string]limitLine    `yaml:"limits"`
	Upstreams map[string]upstreamLine `yaml:"upstreams"`
	Languages []string                `yaml:"languages"`
	Routes    []line                  `yaml:"routes"`
}

type line struct {
	Path     string    `yaml:"path"`
	Methods  []string  `yaml:"methods"`
	App      string    `yaml:"app"`
	Access   yaml.Node `yaml:"access"`
	Scopes   []string  `yaml:"scopes"`
	MaxBody  int64     `yaml:"max_body_bytes"`
	Timeout  string    `yaml:"timeout"`
	Cache    string    `yaml:"cache"`
	Limit    string    `yaml:"limit"`
	Upstream string    `yaml:"upstream"`
	Service  string    `yaml:"service"`
	Stays    bool      `yaml:"stays"`
	Legacy   bool      `yaml:"legacy"`
	With     []string  `yaml:"with"`
	Ignore   []string  `yaml:"shadow_ignore"`
}

var (
	appID   = regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}$`)
	name    = regexp.MustCompile(`^\{[a-z][a-z0-9_]*\}$`)
	methods = []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}
	// closed are the paths that only sidecars and other apps may use, and the
	// sidecar's own API.
	closed = []string{"/internal", "/events", "/dapr", "/v1.0", "/v1.0-alpha1", "/v1.0-beta1"}
)

// Parse reads a table (YAML, see routes.yaml) and multiplies the quotas of its
// limits. The error names every fault of every line.
func Parse(raw []byte, factor int) (*Table, error) {
	var f file
	d := yaml.NewDecoder(bytes.NewReader(raw))
	d.KnownFields(true)
	if err := d.Decode(&f); err != nil {
		return nil, fmt.Errorf("routes: %w", err)
	}
	t := &Table{Rest: &Route{}}
	named, errs := limits(f.Limits, factor)
	servers, more := upstreams(f.Upstreams)
	errs = append(errs, more...)
	spoken, more := languages(f.Languages)
	errs = append(errs, more...)
	if l := named[allOfAddress]; l != nil {
		t.Rest.sort([]*Limit{l})
	}
	for i, l := range f.Routes {
		f.complete(&l)
		r, faults := l.route()
		r.Languages = spoken
		faults = append(faults, l.resolve(r, named, servers)...)
		if len(faults) == 0 {
			faults = t.add(r)
		}
		for _, fault := range faults {
			errs = append(errs, fmt.Errorf("routes: %d (%s): %s", i+1, l.Path, fault))
		}
	}
	if len(f.Routes) == 0 {
		errs = append(errs, errors.New("routes: there are none"))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return t, nil
}

// complete gives a line what the table states for all.
func (f *file) complete(l *line) {
	if l.MaxBody == 0 {
		l.MaxBody = f.Defaults.MaxBody
	}
	if l.Timeout == "" {
		l.Timeout = f.Defaults.Timeout
	}
	if l.Limit == "" {
		l.Limit = f.Defaults.Write
		if slices.Equal(l.Methods, []string{http.MethodGet}) {
			l.Limit = f.Defaults.Read
		}
	}
}

// resolve finds the limits and the upstream that a line names.
func (l line) resolve(r *Route, named map[string]*Limit, servers map[string]*Upstream) (faults []string) {
	var all []*Limit
	for _, name := range []string{allOfAddress, allOfUser} {
		if named[name] != nil {
			all = append(all, named[name])
		}
	}
	if l.Limit != "" {
		if named[l.Limit] == nil {
			faults = append(faults, fmt.Sprintf("limit: there is no %q", l.Limit))
		} else if !slices.Contains(all, named[l.Limit]) {
			all = append(all, named[l.Limit])
		}
	}
	if len(faults) == 0 {
		r.sort(all)
	}
	if l.Upstream != "" {
		if r.Upstream = servers[l.Upstream]; r.Upstream == nil {
			faults = append(faults, fmt.Sprintf("upstream: there is no %q", l.Upstream))
		} else if l.App == Own {
			faults = append(faults, "upstream: the gateway answers this itself")
		}
	}
	return faults
}

func (l line) route() (*Route, []string) {
	r := &Route{
		Path: l.Path, Methods: l.Methods, App: l.App, MaxBody: l.MaxBody,
		Service: cmp.Or(l.Service, l.App), Stays: l.Stays, Legacy: l.Legacy, With: l.With, Ignore: l.Ignore,
	}
	faults := append(pathFaults(l.Path), l.movingFaults()...)
	if len(l.Methods) == 0 {
		faults = append(faults, "methods: there are none")
	}
	for _, m := range l.Methods {
		if !slices.Contains(methods, m) {
			faults = append(faults, fmt.Sprintf("methods: %q is none of %v", m, methods))
		}
	}
	if !appID.MatchString(l.App) {
		faults = append(faults, fmt.Sprintf("app: %q is not an app ID", l.App))
	}
	var err error
	if r.Access, err = access(l.Access); err != nil {
		faults = append(faults, "access: "+err.Error())
	}
	for _, scope := range l.Scopes {
		if !slices.Contains(caller.Scopes, scope) {
			faults = append(faults, fmt.Sprintf("scopes: %q is none of the scopes %v", scope, caller.Scopes))
		}
	}
	r.Access.Scopes = l.Scopes
	if l.MaxBody < 1 || l.MaxBody > largestBody {
		faults = append(faults, fmt.Sprintf("max_body_bytes: %d is not within 1 and %d", l.MaxBody, int64(largestBody)))
	}
	if r.Timeout, err = time.ParseDuration(l.Timeout); err != nil || r.Timeout <= 0 || r.Timeout > longestTimeout {
		faults = append(faults, fmt.Sprintf("timeout: %q is not a duration up to %s", l.Timeout, longestTimeout))
	}
	if l.Cache != "" {
		if r.Cache, err = time.ParseDuration(l.Cache); err != nil || r.Cache <= 0 || r.Cache > longestCache {
			faults = append(faults, fmt.Sprintf("cache: %q is not a duration up to %s", l.Cache, longestCache))
		}
		if r.Access.SignedIn || !slices.Equal(l.Methods, []string{http.MethodGet}) {
			faults = append(faults, "cache: only for GET alone, and access public")
		}
	}
	return r, faults
}

func pathFaults(path string) []string {
	if !strings.HasPrefix(path, "/") || path == "/" {
		return []string{fmt.Sprintf("path: %q must begin with / and name something", path)}
	}
	var faults []string
	for segment := range strings.SplitSeq(path[1:], "/") {
		if strings.ContainsAny(segment, "{}") {
			if !name.MatchString(segment) {
				faults = append(faults, fmt.Sprintf("path: %q is not a parameter", segment))
			}
		} else if !plain("/" + segment) {
			faults = append(faults, fmt.Sprintf("path: %q is not a plain segment", segment))
		}
	}
	for _, c := range closed {
		if path == c || strings.HasPrefix(path, c+"/") {
			faults = append(faults, "path: "+c+" is not for the public")
		}
	}
	if strings.HasPrefix(path, "/{") {
		faults = append(faults, "path: the first segment must not be a parameter")
	}
	return faults
}

func access(n yaml.Node) (Access, error) {
	switch {
	case n.Kind == yaml.ScalarNode && n.Value == "public":
		return Access{}, nil
	case n.Kind == yaml.ScalarNode && n.Value == "user":
		return Access{SignedIn: true}, nil
	case n.Kind == yaml.SequenceNode && len(n.Content) > 0:
		a := Access{SignedIn: true}
		for _, e := range n.Content {
			if !slices.Contains(caller.Roles, caller.Role(e.Value)) {
				return a, fmt.Errorf("%q is none of the roles %v", e.Value, caller.Roles)
			}
			a.Roles = append(a.Roles, caller.Role(e.Value))
		}
		return a, nil
	}
	return Access{}, errors.New("must be public, user or a list of roles")
}

func (t *Table) add(r *Route) (faults []string) {
	n := t.root.at(r.Path)
	if n.methods == nil {
		n.methods = map[string]*Route{}
	}
	for _, m := range r.Methods {
		if n.methods[m] != nil {
			faults = append(faults, fmt.Sprintf("%s stands twice, here and as %s", m, n.methods[m].Path))
			continue
		}
		n.methods[m] = r
	}
	t.routes = append(t.routes, r)
	return faults
}
