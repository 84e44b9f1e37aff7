package app

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"tienda/internal/deadletter"
	"tienda/internal/state"
)

func newRegistry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// Watch adds what a DB counts, its outbox and the app's dead letters to the
// figures of /metrics.
func (h *Health) Watch(db *state.DB, letters *deadletter.Letters) {
	h.figures.MustRegister(figures{db, letters})
}

func (h *Health) metrics(w http.ResponseWriter, r *http.Request) error {
	promhttp.HandlerFor(h.figures, promhttp.HandlerOpts{}).ServeHTTP(w, r)
	return nil
}

// figures collects what is counted, once for each answer.
type figures struct {
	db      *state.DB
	letters *deadletter.Letters
}

var (
	outboxBacklog    = prometheus.NewDesc("tienda_outbox_backlog", "Commits of this replica whose events are not all published.", nil, nil)
	outboxOldest     = prometheus.NewDesc("tienda_outbox_oldest_seconds", "Age of the oldest commit whose events are not all published; 0: none.", nil, nil)
	outboxPublished  = prometheus.NewDesc("tienda_outbox_published_total", "Events published by this replica, those that it adopted included.", nil, nil)
	outboxAdopted    = prometheus.NewDesc("tienda_outbox_adopted_total", "Events published for replicas that are gone.", nil, nil)
	outboxRetries    = prometheus.NewDesc("tienda_outbox_publish_retries_total", "Tries to publish that failed and were repeated.", nil, nil)
	lettersKept      = prometheus.NewDesc("tienda_dead_letters_kept_total", "Events that became dead letters, kept by this replica.", nil, nil)
	lettersReplayed  = prometheus.NewDesc("tienda_dead_letters_replayed_total", "Dead letters that this replica has replayed with success.", nil, nil)
	lettersDiscarded = prometheus.NewDesc("tienda_dead_letters_discarded_total", "Dead letters that this replica has discarded.", nil, nil)
	stateConflicts   = prometheus.NewDesc("tienda_state_conflicts_total", "Updates that had to run again because another writer was faster.", nil, nil)
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
	l := f.letters.Stats()
	count(lettersKept, l.Kept)
	count(lettersReplayed, l.Replayed)
	count(lettersDiscarded, l.Discarded)
}
