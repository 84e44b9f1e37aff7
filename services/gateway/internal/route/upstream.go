package route

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
)

// Upstream is where a route's requests go in place of its app: a server that is
// no app of the sidecar's, such as a shop that services are moved out of.
type Upstream struct {
	Name     string
	Base     *url.URL // its path is put before that of the request
	Identity bool     // it is told who asks; else only that somebody does
}

type upstreamLine struct {
	URL      string `yaml:"url"`
	Identity bool   `yaml:"identity"`
}

func upstreams(lines map[string]upstreamLine) (map[string]*Upstream, []error) {
	out := map[string]*Upstream{}
	var errs []error
	for _, id := range slices.Sorted(maps.Keys(lines)) {
		line := lines[id]
		if !appID.MatchString(id) {
			errs = append(errs, fmt.Errorf("upstreams: %q is not a name", id))
			continue
		}
		u, err := NewUpstream(id, line.URL, line.Identity)
		if err != nil {
			errs = append(errs, fmt.Errorf("upstreams: %s: url: %w", id, err))
			continue
		}
		out[id] = u
	}
	return out, errs
}

// NewUpstream gives the server at an http or https URL.
func NewUpstream(name, at string, identity bool) (*Upstream, error) {
	u, err := url.Parse(at)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return nil, errors.New("must be http://… or https://…")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("must have no user, query or fragment")
	case u.Path != "" && (u.RawPath != "" || !plain(u.Path)):
		return nil, fmt.Errorf("%q is not a plain path without a / at its end", u.Path)
	}
	return &Upstream{Name: name, Base: u, Identity: identity}, nil
}
