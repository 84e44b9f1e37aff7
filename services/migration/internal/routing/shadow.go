package routing

import (
	"maps"
	"slices"
	"time"
)

// Shadow is what became of the reads of a route that both places were asked: since a
// replica's last poll, or in all.
type Shadow struct {
	Route   string `json:"route"`   // "GET /v1/products/{id}"
	Service string `json:"service"` // whose it is
	Same    int64  `json:"same"`
	Differ  int64  `json:"different"`
	Failed  int64  `json:"failed"`  // the shop had no answer in time
	Dropped int64  `json:"dropped"` // not asked: too many were under way
	// Differences are the last ones, oldest first; 20 at most.
	Differences []Difference `json:"differences"`
}

// Difference is how two answers to one request differ, without their values.
type Difference struct {
	At       time.Time `json:"at"`
	Monolith int       `json:"monolith_status"`
	Shop     int       `json:"shop_status"`
	Pointers []string  `json:"pointers"` // JSON pointers into the bodies (RFC 6901); "": the whole
}

const (
	mostDifferences = 20  // of a route
	mostRoutes      = 500 // that are counted
)

// count adds what a replica has counted. The caller holds the mutex.
func (d *Desk) count(s Shadow) {
	total := d.shadow[s.Route]
	if total == nil {
		if len(d.shadow) >= mostRoutes {
			return
		}
		total = &Shadow{Route: s.Route, Service: s.Service}
		d.shadow[s.Route] = total
	}
	total.Same += s.Same
	total.Differ += s.Differ
	total.Failed += s.Failed
	total.Dropped += s.Dropped
	all := slices.Concat(total.Differences, s.Differences)
	total.Differences = slices.Clone(all[max(0, len(all)-mostDifferences):])
}

// Differences gives what the shadow reads of all routes have found since a moment: it
// is kept in memory, and begins anew with the app.
func (d *Desk) Differences() (routes []Shadow, since time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	routes = make([]Shadow, 0, len(d.shadow))
	for _, name := range slices.Sorted(maps.Keys(d.shadow)) {
		s := *d.shadow[name]
		s.Differences = slices.Clone(s.Differences)
		routes = append(routes, s)
	}
	return routes, d.since
}

// Reset forgets what was found, so that what was mended shows.
func (d *Desk) Reset() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.shadow, d.since = map[string]*Shadow{}, d.now()
}
