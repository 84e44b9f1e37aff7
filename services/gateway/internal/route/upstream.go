package route

import (
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
		u, err := url.Parse(line.URL)
		switch {
		case !appID.MatchString(id):
			errs = append(errs, fmt.Errorf("upstreams: %q is not a name", id))
		case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
			errs = append(errs, fmt.Errorf("upstreams: %s: url: must be http://… or https://…", id))
		case u.User != nil || u.RawQuery != "" || u.Fragment != "":
			errs = append(errs, fmt.Errorf("upstreams: %s: url: must have no user, query or fragment", id))
		case u.Path != "" && (u.RawPath != "" || !plain(u.Path)):
			errs = append(errs, fmt.Errorf("upstreams: %s: url: %q is not a plain path without a / at its end", id, u.Path))
		default:
			out[id] = &Upstream{Name: id, Base: u, Identity: line.Identity}
		}
	}
	return out, errs
}
