package main

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"time"

	"tienda/internal/app"
	"tienda/services/gateway/internal/client"
	"tienda/services/gateway/internal/edge"
	"tienda/services/gateway/internal/listen"
	"tienda/services/gateway/internal/route"
)

// config is the frame's and the gateway's own.
type config struct {
	app.Config
	routes  string         // GATEWAY_ROUTES: a file, taken again when it changes; else the table that is built in
	factor  int            // GATEWAY_LIMIT_FACTOR: by which the quotas of all limits are multiplied; 1 by default
	origins edge.Origins   // GATEWAY_CORS_ORIGINS; none by default
	issuer  string         // TIENDA_ISSUER, as the users app has it; http://127.0.0.1:8080 by default
	https   bool           // GATEWAY_PUBLIC_SCHEME is https: TLS ends before the gateway, which serves none; http by default
	proxies client.Proxies // GATEWAY_TRUSTED_PROXIES, whose GATEWAY_PROXY_HEADER names the client; none by default
	metrics string         // GATEWAY_METRICS_ADDRESS, else TIENDA_METRICS_ADDRESS: host:port where the figures are served; none by default
	// GATEWAY_LEGACY is where the monolith is that is moved in, with GATEWAY_MIGRATION=1;
	// told who asks with GATEWAY_LEGACY_IDENTITY=1. nil without.
	monolith *route.Upstream
	trust    bool          // GATEWAY_TRUST_TRACE=1: a client's traceparent is gone on with; else linked
	open     listen.Limits // GATEWAY_MAX_CONNECTIONS, GATEWAY_MAX_CONNECTIONS_PER_ADDRESS
}

// What is open at most by default: in all, memory for which is measured, and of
// an address, behind which may be the people of an office.
const (
	connections           = 12_000
	connectionsPerAddress = 256
	largestFactor         = 10_000
	readyOff              = 250 * time.Millisecond
)

func loadConfig(getenv func(string) string) (config, error) {
	// The gateway's callers are clients, who are no sidecars: it asks none of
	// them for the app token, and believes no identity headers from anyone.
	public := func(name string) string {
		if name == "TIENDA_ALLOW_NO_APP_TOKEN" {
			return "1"
		}
		return getenv(name)
	}
	base, err := app.LoadConfig(appID, port, public)
	if err != nil {
		return config{}, err
	}
	if getenv("TIENDA_READY_OFF") == "" {
		base.ReadyOffTime = readyOff
	}
	c := config{Config: base, routes: getenv("GATEWAY_ROUTES"), factor: 1, metrics: cmp.Or(getenv("GATEWAY_METRICS_ADDRESS"), base.MetricsAddress)}
	var errs []error
	fail := func(name string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
	}
	number := func(name string, def, most int) int {
		v := getenv(name)
		if v == "" {
			return def
		}
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 || n > most {
			fail(name, fmt.Errorf("%q is not within 1 and %d", v, most))
		}
		return n
	}
	c.factor = number("GATEWAY_LIMIT_FACTOR", 1, largestFactor)
	c.open.Total = number("GATEWAY_MAX_CONNECTIONS", connections, 1_000_000)
	c.open.PerAddress = number("GATEWAY_MAX_CONNECTIONS_PER_ADDRESS", connectionsPerAddress, 1_000_000)
	c.origins, err = edge.ParseOrigins(getenv("GATEWAY_CORS_ORIGINS"))
	fail("GATEWAY_CORS_ORIGINS", err)
	c.proxies, err = client.ParseProxies(getenv("GATEWAY_TRUSTED_PROXIES"), getenv("GATEWAY_PROXY_HEADER"))
	fail("GATEWAY_TRUSTED_PROXIES", err)
	c.open.Counted = func(a netip.Addr) (netip.Addr, bool) { return client.Counted(a), !c.proxies.Trusts(a) }
	if c.metrics != "" {
		_, _, err = net.SplitHostPort(c.metrics)
		fail("GATEWAY_METRICS_ADDRESS", err)
	}
	switch v := getenv("GATEWAY_TRUST_TRACE"); v {
	case "", "0":
	case "1":
		c.trust = true
	default:
		fail("GATEWAY_TRUST_TRACE", fmt.Errorf("%q is neither 0 nor 1", v))
	}
	c.issuer = cmp.Or(getenv("TIENDA_ISSUER"), "http://127.0.0.1:8080")
	switch scheme := getenv("GATEWAY_PUBLIC_SCHEME"); scheme {
	case "", "http":
	case "https":
		c.https = true
	default:
		fail("GATEWAY_PUBLIC_SCHEME", fmt.Errorf("%q is neither http nor https", scheme))
	}
	c.monolith, err = monolith(getenv)
	fail("GATEWAY_LEGACY", err)
	if _, err := route.Open(c.routes, defaultRoutes, c.factor, nil, nil); err != nil {
		fail("GATEWAY_ROUTES", err)
	}
	return c, errors.Join(errs...)
}

// monolith gives the shop that services are moved out of, if they are.
func monolith(getenv func(string) string) (*route.Upstream, error) {
	for _, name := range []string{"GATEWAY_MIGRATION", "GATEWAY_LEGACY_IDENTITY"} {
		if v := getenv(name); v != "" && v != "0" && v != "1" {
			return nil, fmt.Errorf("%s: %q is neither 0 nor 1", name, v)
		}
	}
	if getenv("GATEWAY_MIGRATION") != "1" {
		return nil, nil
	}
	return route.NewUpstream("legacy", getenv("GATEWAY_LEGACY"), getenv("GATEWAY_LEGACY_IDENTITY") == "1")
}
