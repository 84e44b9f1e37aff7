package service

import (
	"github.com/prometheus/client_golang/prometheus"

	"tienda/services/support/internal/ticket"
)

// figures shows the tickets that had not ended when this replica last looked.
// Every replica shows the same: take the maximum, not the sum.
type figures struct{ tickets *ticket.Service }

var (
	ticketsWaiting = prometheus.NewDesc("tienda_tickets", "Tickets of all replicas that have not ended, by queue and status.", []string{"queue", "status"}, nil)
	ticketsOverdue = prometheus.NewDesc("tienda_tickets_overdue", "Those of them with a deadline that has passed, by queue.", []string{"queue"}, nil)
)

// Describe implements prometheus.Collector.
func (f figures) Describe(out chan<- *prometheus.Desc) {
	out <- ticketsWaiting
	out <- ticketsOverdue
}

// Collect implements prometheus.Collector.
func (f figures) Collect(out chan<- prometheus.Metric) {
	for _, c := range f.tickets.Counts() {
		for _, s := range []ticket.Status{ticket.StatusOpen, ticket.StatusAnswered, ticket.StatusOnHold} {
			out <- prometheus.MustNewConstMetric(ticketsWaiting, prometheus.GaugeValue, float64(c.ByStatus[s]), c.Queue, string(s))
		}
		out <- prometheus.MustNewConstMetric(ticketsOverdue, prometheus.GaugeValue, float64(c.Overdue), c.Queue)
	}
}
