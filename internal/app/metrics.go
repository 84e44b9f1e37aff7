package app

import (
	"context"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tienda/internal/deadletter"
	"tienda/internal/state"
)

// Watch adds what a DB counts, its outbox and the app's dead letters to the
// figures of /metrics.
func (h *Health) Watch(db *state.DB, letters *deadletter.Letters) {
	h.figures.Register(figures{db, letters})
}

func (h *Health) metrics(w http.ResponseWriter, r *http.Request) error {
	h.figures.ServeHTTP(w, r)
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
	lettersKept      = prometheus.NewDesc("tienda_dead_letters_kept_total", "Events that became dead letters, kept by this replica, by the topic that they were heard on.", []string{"topic"}, nil)
	lettersWaiting   = prometheus.NewDesc("tienda_dead_letters_waiting", "Dead letters of all replicas that are neither replayed nor discarded; absent where the store does not answer.", nil, nil)
	lettersReplayed  = prometheus.NewDesc("tienda_dead_letters_replayed_total", "Dead letters that this replica has replayed with success.", nil, nil)
	lettersDiscarded = prometheus.NewDesc("tienda_dead_letters_discarded_total", "Dead letters that this replica has discarded.", nil, nil)
	stateConflicts   = prometheus.NewDesc("tienda_state_conflicts_total", "Updates that had to run again because another writer was faster.", nil, nil)
)

// Describe implements prometheus.Collector.
func (f figures) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		outboxBacklog, outboxOldest, outboxPublished, outboxAdopted, outboxRetries,
		lettersKept, lettersWaiting, lettersReplayed, lettersDiscarded, stateConflicts,
	} {
		out <- d
	}
}

// lookLimit bounds counting the dead letters for an answer.
const lookLimit = time.Second

// Collect implements prometheus.Collector. State: 1 get in an app that hears events.
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
	for topic, n := range l.Kept {
		out <- prometheus.MustNewConstMetric(lettersKept, prometheus.CounterValue, float64(n), topic)
	}
	count(lettersReplayed, l.Replayed)
	count(lettersDiscarded, l.Discarded)
	if !f.letters.Heard() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), lookLimit)
	defer cancel()
	if c, err := f.letters.Counts(ctx); err == nil {
		gauge(lettersWaiting, float64(c.Waiting))
	}
}
