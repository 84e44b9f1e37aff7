// Package metrics has the figures of an app, in Prometheus' format: those of its
// requests, and what its parts count. It serves them on a listener of their own: what
// the port for requests does not have it cannot show.
package metrics

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/mux"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Buckets are seconds: from an answer out of the cache to the longest timeout.
var Buckets = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}

// Metrics counts what is answered, and collects what others count.
type Metrics struct {
	registry *prometheus.Registry
	seconds  *prometheus.HistogramVec
	inFlight atomic.Int64

	mu    sync.Mutex // held while series grows
	known atomic.Pointer[map[series]prometheus.Observer]
}

// series is one line of the histogram. There are as many as the table has
// routes and methods, times the classes of status.
type series struct {
	route, method string
	class         int
}

// New gives the figures of an app: of Go's runtime, of the process, and of requests, as
// "<prefix>_request_seconds" and "<prefix>_in_flight".
func New(prefix string) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: prefix + "_request_seconds", Help: "Time to answer, by route pattern.", Buckets: Buckets,
		}, []string{"route", "method", "status"}),
	}
	m.known.Store(&map[series]prometheus.Observer{})
	m.registry.MustRegister(m.seconds, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.Gauge(prefix+"_in_flight", "Requests that are being answered.", func() float64 { return float64(m.inFlight.Load()) })
	return m
}

// Begin counts a request that has come.
func (m *Metrics) Begin() { m.inFlight.Add(1) }

var (
	methods = []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions}
	classes = [6]string{"none", "1xx", "2xx", "3xx", "4xx", "5xx"}
)

// End counts a request that was answered. A status of 0 is that of a connection
// which was cut.
func (m *Metrics) End(route, method string, status int, took time.Duration) {
	m.inFlight.Add(-1)
	if !slices.Contains(methods, method) {
		method = "other"
	}
	s := series{route, method, max(0, min(status/100, len(classes)-1))}
	o := (*m.known.Load())[s]
	if o == nil {
		o = m.grow(s)
	}
	o.Observe(took.Seconds())
}

// grow adds a series to a copy: looking one up needs no lock that way.
func (m *Metrics) grow(s series) prometheus.Observer {
	m.mu.Lock()
	defer m.mu.Unlock()
	next := map[series]prometheus.Observer{}
	for k, v := range *m.known.Load() {
		next[k] = v
	}
	next[s] = m.seconds.WithLabelValues(s.route, s.method, classes[s.class])
	m.known.Store(&next)
	return next[s]
}

// Events adds a figure that only grows, of which there is one for each value of a label,
// and gives what counts it.
func (m *Metrics) Events(name, help, label string) func(value string) {
	v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{label})
	m.registry.MustRegister(v)
	return func(value string) { v.WithLabelValues(value).Inc() }
}

// Register adds what somebody else collects.
func (m *Metrics) Register(all ...prometheus.Collector) { m.registry.MustRegister(all...) }

// Gauge adds a figure that goes up and down.
func (m *Metrics) Gauge(name, help string, value func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
}

// Counter adds a figure that only grows.
func (m *Metrics) Counter(name, help string, value func() float64, labels ...string) {
	o := prometheus.CounterOpts{Name: name, Help: help, ConstLabels: prometheus.Labels{}}
	for i := 0; i+1 < len(labels); i += 2 {
		o.ConstLabels[labels[i]] = labels[i+1]
	}
	m.registry.MustRegister(prometheus.NewCounterFunc(o, value))
}

// Gauges adds figures of which there is one for each value of a label.
func (m *Metrics) Gauges(name, help, label string, values func() map[string]float64) {
	m.registry.MustRegister(gauges{prometheus.NewDesc(name, help, []string{label}, nil), values})
}

type gauges struct {
	desc   *prometheus.Desc
	values func() map[string]float64
}

// Describe implements prometheus.Collector.
func (g gauges) Describe(out chan<- *prometheus.Desc) { out <- g.desc }

// Collect implements prometheus.Collector.
func (g gauges) Collect(out chan<- prometheus.Metric) {
	for label, v := range g.values() {
		out <- prometheus.MustNewConstMetric(g.desc, prometheus.GaugeValue, v, label)
	}
}

// Handler serves the figures at /metrics.
func (m *Metrics) Handler() http.Handler {
	r := mux.NewRouter()
	r.HandleFunc("/metrics", m.ServeHTTP).Methods(http.MethodGet)
	return r
}

// ServeHTTP answers with the figures.
func (m *Metrics) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}).ServeHTTP(w, r)
}

// Serve serves the figures at an address until ctx ends. An address that is
// taken is an error: the operator has asked for it.
func (m *Metrics) Serve(ctx context.Context, address string, log *slog.Logger) error {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	log.InfoContext(ctx, "figures are served", "metrics", "http://"+l.Addr().String()+"/metrics")
	s := &http.Server{Handler: m.Handler(), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, MaxHeaderBytes: 8 << 10}
	stop := context.AfterFunc(ctx, func() { _ = s.Close() })
	defer stop()
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("metrics: %w", err)
	}
	return nil
}
