// Package watch looks at the processes of a shop: whether they are well, and what they
// count. It looks only when it is asked, and once in a while at most.
package watch

import (
	"context"
	"net/http"
	"sync"
	"time"

	"tienda/cmd/tienda/internal/view/figures"
	"tienda/cmd/tienda/internal/view/topology"
)

const (
	every    = 1500 * time.Millisecond // looks are this far apart at least
	patience = 2 * time.Second         // for one answer
	window   = 12 * time.Second        // rates are of this long at most
	kept     = 10 * time.Minute        // of history
)

// Replica is one process of the shop, with its sidecar. Ports and process IDs of what it
// does not have are 0.
type Replica struct {
	App, Name      string
	PID, Port      int
	Listens        string // host:port, of what has no sidecar; "": nothing is known
	Figures        string // URL of its figures; "": it has none
	Sidecar        bool
	SidecarPID     int
	SidecarHTTP    int
	SidecarMetrics int
}

// reading is what a replica and its sidecar counted at one time; nil: no answer.
type reading struct{ app, sidecar figures.Figures }

type sample struct {
	at time.Time
	of map[string]reading // by the replica's name
}

// Watcher looks at the replicas of a shop.
type Watcher struct {
	replicas func() []Replica
	declared topology.Declared
	client   *http.Client

	mu      sync.Mutex
	samples []sample // the oldest first, those within window
	history []Point
	now     Now
}

// New gives a watcher of what replicas says at each look.
func New(replicas func() []Replica, declared topology.Declared) *Watcher {
	transport := &http.Transport{IdleConnTimeout: 20 * time.Second, MaxIdleConnsPerHost: 1}
	return &Watcher{replicas: replicas, declared: declared, client: &http.Client{Transport: transport, Timeout: patience}}
}

// Point is what the whole shop did at one time, as its clients saw it.
type Point struct {
	At      time.Time `json:"at"`
	Rate    float64   `json:"rate"`    // requests/s
	Refused float64   `json:"refused"` // 4xx/s
	Failing float64   `json:"failing"` // 5xx/s
	P95     *float64  `json:"p95_ms"`  // nil: there were no requests
}

// Now is how a shop is.
type Now struct {
	At       time.Time      `json:"at"`
	Seconds  float64        `json:"seconds"` // that rates are of; 0: nothing is measured yet
	Replicas []Health       `json:"replicas"`
	Routes   []Route        `json:"routes"`
	Graph    topology.Graph `json:"graph"`
	Parts    []Part         `json:"parts"`
	History  []Point        `json:"history"`
}

// Look gives how the shop is, not older than 1.5 s. It asks each replica for its health
// and its figures, and each sidecar, all at once; an answer is waited for 2 s.
func (w *Watcher) Look(ctx context.Context) Now {
	w.mu.Lock()
	defer w.mu.Unlock()
	if time.Since(w.now.At) < every {
		return w.now
	}
	// What was begun is of use for others, too, when this one is gone.
	health, s := w.ask(context.WithoutCancel(ctx))
	w.take(health, s)
	return w.now
}

// take makes of a new sample and those before it how the shop is.
func (w *Watcher) take(health []Health, s sample) {
	previous := w.samples
	w.samples = nil
	for _, old := range append(previous, s) {
		if s.at.Sub(old.at) <= window {
			w.samples = append(w.samples, old)
		}
	}
	first := w.samples[0]
	w.now = Now{At: s.at, Seconds: s.at.Sub(first.at).Seconds(), Replicas: health, Routes: []Route{}, Parts: parts(w.replicas(), s)}
	grown := between(first, s)
	w.now.Routes = routes(w.replicas(), grown, w.now.Seconds)
	w.now.Graph = w.graph(grown, s)
	if n := len(w.samples); n > 1 {
		before := w.samples[n-2]
		w.history = append(w.history, point(w.replicas(), between(before, s), s.at, s.at.Sub(before.at).Seconds()))
	}
	for len(w.history) > 0 && s.at.Sub(w.history[0].At) > kept {
		w.history = w.history[1:]
	}
	w.now.History = append([]Point{}, w.history...)
}

// between gives what has grown in each replica that answered both times.
func between(first, last sample) map[string]reading {
	grown := map[string]reading{}
	if first.at.Equal(last.at) {
		return grown
	}
	for name, now := range last.of {
		was := first.of[name]
		var r reading
		if was.app != nil && now.app != nil {
			r.app = figures.Between(was.app, now.app)
		}
		if was.sidecar != nil && now.sidecar != nil {
			r.sidecar = figures.Between(was.sidecar, now.sidecar)
		}
		grown[name] = r
	}
	return grown
}

func (w *Watcher) graph(grown map[string]reading, last sample) topology.Graph {
	var apps []string
	for _, r := range w.replicas() {
		if r.Sidecar {
			apps = append(apps, r.App)
		}
	}
	var rates, ever []figures.Figures
	for _, r := range grown {
		rates = append(rates, r.app, r.sidecar)
	}
	for _, r := range last.of {
		ever = append(ever, r.app, r.sidecar)
	}
	return w.declared.Measure(apps, rates, ever, time.Duration(max(w.now.Seconds, 1)*float64(time.Second)))
}
