package service

import (
	"github.com/prometheus/client_golang/prometheus"

	"tienda/services/orders/internal/checkout"
	"tienda/services/orders/internal/order"
)

// figures shows how checkouts go.
type figures struct{ checkouts *checkout.Service }

var (
	checkoutEnds    = prometheus.NewDesc("tienda_orders_checkout_ends_total", "Tries of this replica to settle an order, by how they ended: confirmed, refused, unpaid, left (for the recovery).", []string{"end"}, nil)
	ordersUnsettled = prometheus.NewDesc("tienda_orders_unsettled", "Orders of all replicas in the list of the recovery, by status, when this one last looked; 100 at most.", []string{"status"}, nil)
	ordersOwing     = prometheus.NewDesc("tienda_orders_owing", "Of those, that owe the payment provider something, or an exchange.", nil, nil)
)

// Describe implements prometheus.Collector.
func (f figures) Describe(out chan<- *prometheus.Desc) { prometheus.DescribeByCollect(f, out) }

// Collect implements prometheus.Collector.
func (f figures) Collect(out chan<- prometheus.Metric) {
	s := f.checkouts.Stats()
	for _, end := range []string{"confirmed", "refused", "unpaid", "left"} {
		out <- prometheus.MustNewConstMetric(checkoutEnds, prometheus.CounterValue, float64(s.Ends[end]), end)
	}
	// A status that is not there is a zero all the same while there are orders that wait for
	// the provider or the catalog.
	for _, status := range order.Statuses {
		out <- prometheus.MustNewConstMetric(ordersUnsettled, prometheus.GaugeValue, float64(s.Unsettled[status]), string(status))
	}
	out <- prometheus.MustNewConstMetric(ordersOwing, prometheus.GaugeValue, float64(s.Owing))
}
