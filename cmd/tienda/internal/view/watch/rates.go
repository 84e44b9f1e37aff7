package watch

import (
	"cmp"
	"math"
	"slices"
	"time"

	"tienda/cmd/tienda/internal/view/figures"
)

const (
	service = "tienda_http_request_seconds"
	gateway = "tienda_gateway_request_seconds"
)

// Route is what an app, all its replicas together, answered at a route. Rates are
// requests/s; times are milliseconds, nil where nothing was answered.
type Route struct {
	App     string   `json:"app"`
	Method  string   `json:"method"`
	Route   string   `json:"route"`
	Rate    float64  `json:"rate"`
	Refused float64  `json:"refused"` // 4xx
	Failing float64  `json:"failing"` // 5xx, and connections that were cut
	P50     *float64 `json:"p50_ms"`
	P95     *float64 `json:"p95_ms"`
	P99     *float64 `json:"p99_ms"`
}

// routes gives the routes at which something was answered, the busiest first.
func routes(replicas []Replica, grown map[string]reading, seconds float64) []Route {
	type key struct{ app, method, route string }
	found := map[key]*Route{}
	buckets := map[key][]figures.Bucket{}
	for _, r := range replicas {
		for _, s := range grown[r.Name].app {
			if s.Name != service && s.Name != gateway || s.Value == 0 {
				continue
			}
			k := key{r.App, s.Labels["method"], s.Labels["route"]}
			if found[k] == nil {
				found[k] = &Route{App: k.app, Method: k.method, Route: k.route}
			}
			rate := s.Value / seconds
			found[k].Rate += rate
			switch s.Labels["status"] {
			case "4xx":
				found[k].Refused += rate
			case "5xx", "none":
				found[k].Failing += rate
			}
			buckets[k] = figures.Add(buckets[k], s.Buckets)
		}
	}
	all := make([]Route, 0, len(found))
	for k, r := range found {
		r.P50, r.P95, r.P99 = ms(.5, buckets[k]), ms(.95, buckets[k]), ms(.99, buckets[k])
		all = append(all, *r)
	}
	slices.SortFunc(all, func(a, b Route) int {
		return cmp.Or(cmp.Compare(b.Rate, a.Rate), cmp.Compare(a.App, b.App), cmp.Compare(a.Route, b.Route), cmp.Compare(a.Method, b.Method))
	})
	return all
}

// ms gives a quantile of seconds in milliseconds.
func ms(share float64, buckets []figures.Bucket) *float64 {
	v := figures.Quantile(share, buckets) * 1000
	if math.IsNaN(v) {
		return nil
	}
	return &v
}

// point is what clients saw between two samples.
func point(replicas []Replica, grown map[string]reading, at time.Time, seconds float64) Point {
	p := Point{At: at}
	var all []figures.Bucket
	for _, r := range replicas {
		for _, s := range grown[r.Name].app {
			if s.Name != gateway {
				continue
			}
			p.Rate += s.Value / seconds
			switch s.Labels["status"] {
			case "4xx":
				p.Refused += s.Value / seconds
			case "5xx", "none":
				p.Failing += s.Value / seconds
			}
			all = figures.Add(all, s.Buckets)
		}
	}
	p.P95 = ms(.95, all)
	return p
}

// Part is what a replica has to do still. What it does not count is nil.
type Part struct {
	Name     string   `json:"name"`
	InFlight *float64 `json:"in_flight"`
	Backlog  *float64 `json:"outbox_backlog"`        // commits whose events are not all published
	Oldest   *float64 `json:"outbox_oldest_seconds"` // age of the oldest of them
	Letters  *float64 `json:"dead_letters_waiting"`  // of all replicas
	Mail     *float64 `json:"mail_waiting"`
}

func parts(replicas []Replica, s sample) []Part {
	all := []Part{}
	for _, r := range replicas {
		f := s.of[r.Name].app
		if f == nil {
			continue
		}
		value := func(name string) *float64 {
			if v, found := f.Sum(name); found {
				return &v
			}
			return nil
		}
		p := Part{Name: r.Name, InFlight: value("tienda_http_in_flight"), Backlog: value("tienda_outbox_backlog"), Oldest: value("tienda_outbox_oldest_seconds"),
			Letters: value("tienda_dead_letters_waiting"), Mail: value("tienda_mail_waiting")}
		if p.InFlight == nil {
			p.InFlight = value("tienda_gateway_in_flight")
		}
		all = append(all, p)
	}
	return all
}
