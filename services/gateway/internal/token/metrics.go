package token

import "github.com/prometheus/client_golang/prometheus"

var (
	revocationAge      = prometheus.NewDesc("tienda_gateway_revocations_age_seconds", "Age of what this replica knows of revoked sessions; 1 or 2 where all is well.", nil, nil)
	revocationSessions = prometheus.NewDesc("tienda_gateway_revoked_sessions", "Sessions that this replica knows to be revoked and whose tokens may not have expired.", nil, nil)
	revocationFailures = prometheus.NewDesc("tienda_gateway_revocations_failures_total", "Questions about revoked sessions that the users app did not answer.", nil, nil)
)

// Describe implements prometheus.Collector.
func (f *Feed) Describe(out chan<- *prometheus.Desc) { prometheus.DescribeByCollect(f, out) }

// Collect implements prometheus.Collector.
func (f *Feed) Collect(out chan<- prometheus.Metric) {
	f.mu.RLock()
	sessions, failures := f.revoked.size(), f.failures
	f.mu.RUnlock()
	out <- prometheus.MustNewConstMetric(revocationAge, prometheus.GaugeValue, f.Age().Seconds())
	out <- prometheus.MustNewConstMetric(revocationSessions, prometheus.GaugeValue, float64(sessions))
	out <- prometheus.MustNewConstMetric(revocationFailures, prometheus.CounterValue, float64(failures))
}
