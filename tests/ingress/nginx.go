package ingress

import (
	_ "embed"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/template"
)

// machine is what only this machine knows.
type machine struct {
	Dir, Certificate, Key string
	Root                  bool   // nginx is started by root
	Listen, Upstream      string // addresses of nginx and of the sidecar
	HTTP, HTTPS, Sidecar  int    // ports
	HeadersModule         string // of headers-more
}

// settings are what nginx.conf is made of: what the manifests say, and where they are
// silent, the defaults of ingress-nginx 1.15.
type settings struct {
	machine
	*site
	Rewrite                             string
	Regex, ForceTLS                     bool
	RPS, Burst, Connections             int
	Zone, Variable                      string
	BodySize                            string
	ConnectTime, ReadTime, SendTime     int // seconds
	NextUpstream                        string
	Connection                          string
	Protocols                           string
	RequestStatus, ConnectionStatus     int
	HeaderBuffer, HeaderBuffers, Buffer string
	HTTPSnippet, LocationSnippet        string
	ServerSnippet                       string
}

// derive reads each annotation and each key of the ConfigMap as ingress-nginx does, or
// fails: one that is not known here would not be in the configuration that is tried.
func derive(s *site, m machine) (*settings, error) {
	d := &settings{
		machine: m, site: s,
		Zone: "ingress-nginx_shop_0", ConnectTime: 5, ReadTime: 60, SendTime: 60, BodySize: "1m", NextUpstream: "error timeout",
		Connection: "$connection_upgrade", Protocols: "TLSv1.2 TLSv1.3", RequestStatus: 503, ConnectionStatus: 503,
		HeaderBuffer: "1k", HeaderBuffers: "4 8k", Buffer: "4k",
	}
	d.Variable = "limit_" + strings.ReplaceAll(base64.URLEncoding.EncodeToString([]byte(d.Zone)), "=", "")
	var errs []string
	number := func(name, v string) int {
		n, err := strconv.Atoi(v)
		if err != nil {
			errs = append(errs, fmt.Sprintf("%s: %q is no number", name, v))
		}
		return n
	}
	multiplier := 5
	for _, name := range slices.Sorted(maps.Keys(s.annotations)) {
		switch v := s.annotations[name]; name {
		case "use-regex":
			d.Regex = v == "true"
		case "rewrite-target":
			d.Rewrite, d.Regex = v, true // a rewrite makes it one
		case "force-ssl-redirect":
			d.ForceTLS = v == "true"
		case "limit-rps":
			d.RPS = number(name, v)
		case "limit-burst-multiplier":
			multiplier = number(name, v)
		case "limit-connections":
			d.Connections = number(name, v)
		case "proxy-body-size":
			d.BodySize = v
		case "proxy-connect-timeout":
			d.ConnectTime = number(name, v)
		case "proxy-read-timeout":
			d.ReadTime = number(name, v)
		case "proxy-send-timeout":
			d.SendTime = number(name, v)
		case "proxy-next-upstream":
			d.NextUpstream = v
		case "proxy-buffer-size":
			d.Buffer = v
		case "connection-proxy-header":
			d.Connection = v
		default:
			errs = append(errs, "the annotation "+name+" is not known here")
		}
	}
	d.Burst = d.RPS * multiplier
	for _, name := range slices.Sorted(maps.Keys(s.config)) {
		switch v := s.config[name]; name {
		case "ssl-protocols":
			d.Protocols = v
		case "limit-req-status-code":
			d.RequestStatus = number(name, v)
		case "limit-conn-status-code":
			d.ConnectionStatus = number(name, v)
		case "client-header-buffer-size":
			d.HeaderBuffer = v
		case "large-client-header-buffers":
			d.HeaderBuffers = v
		case "http-snippet":
			d.HTTPSnippet = v
		case "location-snippet":
			d.LocationSnippet = v
		case "server-snippet":
			d.ServerSnippet = v
		case "annotations-risk-level": // what its webhook lets through
		case "use-forwarded-headers", "compute-full-forwarded-for", "hsts", "server-tokens":
			if v != "false" {
				errs = append(errs, name+": only false is known here")
			}
		default:
			errs = append(errs, "the key "+name+" of the ConfigMap is not known here")
		}
	}
	if !d.Regex || d.Rewrite == "" {
		errs = append(errs, "ingress.yaml: a path that is rewritten is what is known here")
	}
	if len(errs) > 0 {
		return nil, fmt.Errorf("k8s/ingress: %s", strings.Join(errs, "; "))
	}
	return d, nil
}

//go:embed nginx.conf.tmpl
var text string

// quoted writes a path of an Ingress into a quoted string of nginx, as ingress-nginx does.
func quoted(path string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(path)
}

var page = template.Must(template.New("nginx.conf").Funcs(template.FuncMap{"quoted": quoted, "quote": strconv.Quote}).Parse(text))

// configuration gives nginx.conf.
func (d *settings) configuration() (string, error) {
	var b strings.Builder
	err := page.Execute(&b, d)
	return b.String(), err
}
