package service

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tienda/services/migration/internal/api"
	"tienda/services/migration/internal/progress"
)

// askLimit bounds what a scrape waits for.
const askLimit = 2 * time.Second

// figures shows the status to Prometheus. Every replica shows the same: take the
// maximum, not the sum.
type figures struct {
	control progress.Control
	cutover api.Cutover
	log     *slog.Logger
}

var (
	phases = []progress.Phase{progress.Idle, progress.Copying, progress.Following, progress.Stopped, progress.Failed}

	known       = prometheus.NewDesc("tienda_migration_known", "1: the figures of the move are there; 0: its status could not be read.", nil, nil)
	phaseNow    = prometheus.NewDesc("tienda_migration_phase", "1 for the phase that the move is in, 0 for the others.", []string{"phase"}, nil)
	lagBytes    = prometheus.NewDesc("tienda_migration_lag_bytes", "Log of the source that is not stored by the services yet.", nil, nil)
	lagSeconds  = prometheus.NewDesc("tienda_migration_lag_seconds", "How long ago the oldest change was committed that is not stored yet.", nil, nil)
	logLeft     = prometheus.NewDesc("tienda_migration_log_left_bytes", "Log that may be written before the source gives the stream up; -1: no limit.", nil, nil)
	rowsAll     = prometheus.NewDesc("tienda_migration_rows", "Root rows in the snapshot, by kind of document.", []string{"kind"}, nil)
	rowsCopied  = prometheus.NewDesc("tienda_migration_rows_copied", "Those of them that were copied, by kind.", []string{"kind"}, nil)
	rowsChanged = prometheus.NewDesc("tienda_migration_documents_changed", "Documents that were written anew since the copy, by kind.", []string{"kind"}, nil)
	strayed     = prometheus.NewDesc("tienda_migration_stray", "Writes at the monolith of what the shop is in charge of, since it is, by kind.", []string{"kind"}, nil)
	rejected    = prometheus.NewDesc("tienda_migration_rejects", "Documents in the list of rejects.", nil, nil)
	rejectLimit = prometheus.NewDesc("tienda_migration_reject_limit", "Rejects that stop the move.", nil, nil)
	stageNow    = prometheus.NewDesc("tienda_migration_cutover_stage", "1 for the stage that the cut-over of a service is in.", []string{"service", "stage"}, nil)
	writePause  = prometheus.NewDesc("tienda_migration_cutover_pause_seconds", "How long writes of a service were held by its last change of hands.", []string{"service"}, nil)
	unequal     = prometheus.NewDesc("tienda_migration_unequal", "Documents that the last verification found missing, extra or different.", []string{"what"}, nil)
)

// Describe implements prometheus.Collector.
func (f figures) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{known, phaseNow, lagBytes, lagSeconds, logLeft, rowsAll, rowsCopied, rowsChanged, strayed, rejected, rejectLimit, unequal, stageNow, writePause} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (f figures) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), askLimit)
	defer cancel()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	for _, c := range f.cutover.States() {
		gauge(stageNow, 1, c.Service, string(c.Stage))
		gauge(writePause, c.Pause.Seconds(), c.Service)
	}
	s, err := f.control.Status(ctx)
	if err != nil {
		f.log.WarnContext(ctx, "no figures of the move", "error", err)
		gauge(known, 0)
		return
	}
	gauge(known, 1)
	for _, p := range phases {
		gauge(phaseNow, one(p == s.Phase), string(p))
	}
	gauge(lagBytes, float64(s.LagBytes))
	gauge(lagSeconds, s.LagSecs)
	gauge(logLeft, float64(s.LogLeft))
	for _, k := range s.Kinds {
		gauge(rowsAll, float64(k.Rows), k.Kind)
		gauge(rowsCopied, float64(k.Copied), k.Kind)
		gauge(rowsChanged, float64(k.Changed), k.Kind)
		gauge(strayed, float64(k.Stray), k.Kind)
	}
	gauge(rejected, float64(s.Rejects))
	gauge(rejectLimit, float64(s.Limit))
	if v := s.Verified; v != nil && !v.Running {
		gauge(unequal, float64(v.Missing), string(progress.Missing))
		gauge(unequal, float64(v.Extra), string(progress.Extra))
		gauge(unequal, float64(v.Differs), string(progress.Different))
	}
}

func one(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
