package watch

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"tienda/cmd/tienda/internal/view/figures"
	"tienda/cmd/tienda/internal/view/topology"
)

// The states of a process.
const (
	up      = "up"
	unready = "not ready"
	down    = "down"
)

// Health is how one replica is.
type Health struct {
	App     string `json:"app"`
	Name    string `json:"name"`
	State   string `json:"state"` // up, not ready or down
	Why     string `json:"why,omitempty"`
	PID     int    `json:"pid,omitempty"`
	Port    int    `json:"port,omitempty"`
	Sidecar *Side  `json:"sidecar,omitempty"` // nil: it has none
}

// Side is how a sidecar is.
type Side struct {
	State string `json:"state"`
	Why   string `json:"why,omitempty"`
	PID   int    `json:"pid,omitempty"`
	Port  int    `json:"port"`
}

const mostFigures = 8 << 20 // bytes of an answer

// ask asks all processes at once.
func (w *Watcher) ask(ctx context.Context) ([]Health, sample) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	all := w.replicas()
	health, of := make([]Health, len(all)), make([]reading, len(all))
	var wg sync.WaitGroup
	for i, r := range all {
		health[i] = Health{App: r.App, Name: r.Name, PID: r.PID, Port: r.Port}
		wg.Go(func() { health[i].State, health[i].Why = w.app(ctx, r) })
		if r.Figures != "" {
			wg.Go(func() { of[i].app = w.figures(ctx, r.Figures) })
		}
		if !r.Sidecar {
			continue
		}
		health[i].Sidecar = &Side{PID: r.SidecarPID, Port: r.SidecarHTTP}
		wg.Go(func() {
			s := health[i].Sidecar
			s.State, s.Why = w.probe(ctx, r.SidecarPID, at(r.SidecarHTTP)+"/v1.0/healthz")
		})
		wg.Go(func() { of[i].sidecar = w.figures(ctx, at(r.SidecarMetrics)+"/") })
	}
	wg.Wait()
	s := sample{time.Now(), map[string]reading{}}
	for i, r := range all {
		s.of[r.Name] = of[i]
	}
	return health, s
}

func at(port int) string { return "http://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

func (w *Watcher) app(ctx context.Context, r Replica) (state, why string) {
	if r.Sidecar {
		return w.probe(ctx, r.PID, at(r.Port)+"/readyz")
	}
	if r.PID == 0 {
		return down, "no process"
	}
	if r.Listens == "" {
		return up, ""
	}
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", r.Listens)
	if err != nil {
		return down, "no answer"
	}
	_ = c.Close()
	return up, ""
}

// probe asks a process how it is.
func (w *Watcher) probe(ctx context.Context, pid int, url string) (state, why string) {
	if pid == 0 {
		return down, "no process"
	}
	resp, err := w.get(ctx, url)
	if err != nil {
		return down, "no answer"
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, mostFigures))
	if resp.StatusCode/100 != 2 {
		return unready, fmt.Sprintf("it answers with %d", resp.StatusCode)
	}
	return up, ""
}

// figures reads what a process counts; nil where it does not answer.
func (w *Watcher) figures(ctx context.Context, url string) figures.Figures {
	resp, err := w.get(ctx, url)
	if err != nil {
		return nil
	}
	defer func() { _ = resp.Body.Close() }()
	f, err := figures.Read(io.LimitReader(resp.Body, mostFigures), wanted)
	if err != nil || resp.StatusCode != http.StatusOK {
		return nil
	}
	maps.DeleteFunc(f, func(_ string, s figures.Series) bool { return slices.Contains(probes, s.Labels["route"]) })
	return f
}

// probes are what sidecars and the view ask of an app: no traffic of the shop's.
var probes = []string{"/healthz", "/readyz"}

func (w *Watcher) get(ctx context.Context, url string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	return w.client.Do(req)
}

// wanted are the figures of docs/metrics.md, and those of the sidecars that edges are
// measured by.
func wanted(name string) bool {
	return strings.HasPrefix(name, "tienda_") || topology.Wanted(name)
}
