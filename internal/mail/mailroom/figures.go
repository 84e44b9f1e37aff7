package mailroom

import (
	"github.com/prometheus/client_golang/prometheus"

	"tienda/internal/mail"
)

// Figures shows at /metrics how mail goes.
type Figures struct{ Sender *mail.Sender }

var (
	mailWaiting = prometheus.NewDesc("tienda_mail_waiting", "Letters that this replica has not tried to send yet.", nil, nil)
	mailListed  = prometheus.NewDesc("tienda_mail_listed", "Letters of all replicas that could not be sent at once, when this one last looked.", nil, nil)
	mailSent    = prometheus.NewDesc("tienda_mail_sent_total", "Letters that this replica has sent.", nil, nil)
	mailFailed  = prometheus.NewDesc("tienda_mail_failed_total", "Tries of this replica to send a letter that failed.", nil, nil)
	mailGivenUp = prometheus.NewDesc("tienda_mail_given_up_total", "Letters that could not be sent in time, given up by this replica.", nil, nil)
	mailDropped = prometheus.NewDesc("tienda_mail_dropped_total", "Letters that were not to be sent any more, seen by this replica.", nil, nil)
)

// Describe implements prometheus.Collector.
func (f Figures) Describe(out chan<- *prometheus.Desc) { prometheus.DescribeByCollect(f, out) }

// Collect implements prometheus.Collector.
func (f Figures) Collect(out chan<- prometheus.Metric) {
	s := f.Sender.Stats()
	out <- prometheus.MustNewConstMetric(mailWaiting, prometheus.GaugeValue, float64(s.Waiting))
	out <- prometheus.MustNewConstMetric(mailListed, prometheus.GaugeValue, float64(s.Listed))
	out <- prometheus.MustNewConstMetric(mailSent, prometheus.CounterValue, float64(s.Sent))
	out <- prometheus.MustNewConstMetric(mailFailed, prometheus.CounterValue, float64(s.Failed))
	out <- prometheus.MustNewConstMetric(mailGivenUp, prometheus.CounterValue, float64(s.GivenUp))
	out <- prometheus.MustNewConstMetric(mailDropped, prometheus.CounterValue, float64(s.Dropped))
}
