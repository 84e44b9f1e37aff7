package app

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"tienda/internal/state"
)

func newRegistry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// Watch adds what a DB counts, and its outbox, to the figures of /metrics.
func (h *Health) Watch(db *state.DB) { h.figures.MustRegister(figures{db}) }

func (h *Health) metrics(w http.ResponseWriter, r *http.Request) error {
	promhttp.HandlerFor(h.figures, promhttp.HandlerOpts{}).ServeHTTP(w, r)
	return nil
}

// figures collects what the state layer counts, once for each answer.
type figures struct{ db *state.DB }

var (
	outboxBacklog   = prometheus.NewDesc("tienda_outbox_backlog", "Commits of this replica whose events are not all published.", nil, nil)
	outboxOldest    = prometheus.NewDesc("tienda_outbox_oldest_seconds", "Age of the oldest commit whose events are not all published; 0: none.", nil, nil)
	outboxPublished = prometheus.NewDesc("tienda_outbox_published_total", "Events published by this replica, those that it adopted included.", nil, nil)
	outboxAdopted   = prometheus.NewDesc("tienda_outbox_adopted_total", "Events published for replicas that are gone.", nil, nil)
	outboxRetries   = prometheus.NewDesc("tienda_outbox_publish_retries_total", "Tries to publish that failed and were repeated.", nil, nil)
	stateConflicts  = prometheus.NewDesc("tienda_state_conflicts_total", "Updates that had to run again because another writer was faster.", nil, nil)
)

// Describe implements prometheus.Collector.
func (f figures) Describe(out chan<- *prometheus.Desc) { prometheus.DescribeByCollect(f, out) }

// Collect implements prometheus.Collector.
func (f figures) Collect(out chan<- prometheus.Metric) {
	s := f.db.OutboxStats()
	gauge := func(d *prometheus.Desc, v float64) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v)
	}
	count := func(d *prometheus.Desc, v int64) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v))
	}
	gauge(outboxBacklog, float64(s.Backlog))
	gauge(outboxOldest, s.Oldest.Seconds())
	count(outboxPublished, s.Published)
	count(outboxAdopted, s.Adopted)
	count(outboxRetries, s.Retries)
	count(stateConflicts, f.db.Conflicts())
}
