package main

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tienda/internal/app"
	"tienda/services/users/internal/account"
	"tienda/services/users/internal/clients"
	"tienda/services/users/internal/mail"
	"tienda/services/users/internal/session"
	"tienda/services/users/internal/statestore"
)

// shopURL is where the pages are that links in letters lead to; the gateway of a
// local shop where nothing is set.
const shopURL = "USERS_SHOP_URL"

// newSender wires what sends the letters that are committed with accounts.
func newSender(d app.Deps, accounts *statestore.Accounts, sessions *session.Service) (*mail.Sender, error) {
	url := d.Getenv(shopURL)
	if url == "" {
		url = "http://127.0.0.1:8080"
	}
	shop, err := account.ShopURL(url)
	if err != nil {
		return nil, fmt.Errorf("configuration: %s: %w", shopURL, err)
	}
	s := mail.NewSender(accounts.Mail(), account.NewComposer(accounts, sessions, shop, time.Now),
		clients.NewMailer(d.Sidecar), time.Now, d.Log)
	accounts.Mail().Start(s.Wake)
	return s, nil
}

// mailFigures shows at /metrics how mail goes.
type mailFigures struct{ sender *mail.Sender }

var (
	mailWaiting = prometheus.NewDesc("tienda_mail_waiting", "Letters that this replica has not tried to send yet.", nil, nil)
	mailListed  = prometheus.NewDesc("tienda_mail_listed", "Letters of all replicas that could not be sent at once, when this one last looked.", nil, nil)
	mailSent    = prometheus.NewDesc("tienda_mail_sent_total", "Letters that this replica has sent.", nil, nil)
	mailFailed  = prometheus.NewDesc("tienda_mail_failed_total", "Tries of this replica to send a letter that failed.", nil, nil)
	mailGivenUp = prometheus.NewDesc("tienda_mail_given_up_total", "Letters that could not be sent in time, given up by this replica.", nil, nil)
	mailDropped = prometheus.NewDesc("tienda_mail_dropped_total", "Letters that were not to be sent any more, seen by this replica.", nil, nil)
)

// Describe implements prometheus.Collector.
func (f mailFigures) Describe(out chan<- *prometheus.Desc) { prometheus.DescribeByCollect(f, out) }

// Collect implements prometheus.Collector.
func (f mailFigures) Collect(out chan<- prometheus.Metric) {
	s := f.sender.Stats()
	out <- prometheus.MustNewConstMetric(mailWaiting, prometheus.GaugeValue, float64(s.Waiting))
	out <- prometheus.MustNewConstMetric(mailListed, prometheus.GaugeValue, float64(s.Listed))
	out <- prometheus.MustNewConstMetric(mailSent, prometheus.CounterValue, float64(s.Sent))
	out <- prometheus.MustNewConstMetric(mailFailed, prometheus.CounterValue, float64(s.Failed))
	out <- prometheus.MustNewConstMetric(mailGivenUp, prometheus.CounterValue, float64(s.GivenUp))
	out <- prometheus.MustNewConstMetric(mailDropped, prometheus.CounterValue, float64(s.Dropped))
}
