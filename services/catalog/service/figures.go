package service

import (
	"github.com/prometheus/client_golang/prometheus"

	"tienda/services/catalog/internal/inventory"
	"tienda/services/catalog/internal/search"
)

// figures shows how reservations go, and how fresh what is shown is.
type figures struct {
	stock *inventory.Service
	shown *search.Model
}

var (
	reservations = prometheus.NewDesc("tienda_catalog_reservations_total", "Reservations asked of this replica, by how they ended: reserved, the code of the refusal, failed.", []string{"outcome"}, nil)
	modelAge     = prometheus.NewDesc("tienda_catalog_model_age_seconds", "Age of what this replica shows of products; about 1 where all is well, absent until it has read them all once.", nil, nil)
)

// Describe implements prometheus.Collector.
func (f figures) Describe(out chan<- *prometheus.Desc) { prometheus.DescribeByCollect(f, out) }

// Collect implements prometheus.Collector.
func (f figures) Collect(out chan<- prometheus.Metric) {
	for outcome, n := range f.stock.Outcomes() {
		out <- prometheus.MustNewConstMetric(reservations, prometheus.CounterValue, float64(n), outcome)
	}
	if age, known := f.shown.Age(); known {
		out <- prometheus.MustNewConstMetric(modelAge, prometheus.GaugeValue, age.Seconds())
	}
}
