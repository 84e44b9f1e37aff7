package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	legacy "tienda/monolith/shop"
	"tienda/monolith/traffic"
)

const (
	stepTime     = 8 * time.Second
	stepEvery    = 100 * time.Millisecond // the lag is looked at
	lagMost      = 1.0                    // seconds
	drainMost    = 30 * time.Second       // until a step that was too much is caught up with
	buyersAtOnce = 8                      // who write at the legacy shop at the same time
)

// stepRates are writes a second at the monolith.
var stepRates = []float64{5, 20, 50, 100, 200, 400}

// Step is how far the services were behind at a rate of writes.
type Step struct {
	Asked   float64 `json:"asked"`           // writes a second
	Writes  float64 `json:"writes"`          // that the legacy shop acknowledged, a second
	Changes float64 `json:"changes"`         // documents that were written anew, a second
	Median  float64 `json:"lag_median_s"`    //
	Most    float64 `json:"lag_most_s"`      //
	Drained float64 `json:"drained_after_s"` // after the last write
}

func (s Step) String() string {
	return fmt.Sprintf("%.0f writes/s asked, %.1f made, %.1f documents/s: lag %.2f s, at most %.2f s; caught up %.2f s after the last",
		s.Asked, s.Writes, s.Changes, s.Median, s.Most, s.Drained)
}

// holds says that the services kept up: never a second behind, nor in the end.
func (s Step) holds() bool { return s.Most < lagMost && s.Drained < lagMost && s.Writes > 0.9*s.Asked }

// sustained gives the most writes a second that were kept up with, before the first that were not.
func sustained(steps []Step) (rate float64) {
	for _, s := range steps {
		if !s.holds() {
			break
		}
		rate = s.Writes
	}
	return rate
}

// follow has customers write at growing rates until the services no longer keep up.
func (v *moving) follow(ctx context.Context) error {
	pool, err := pgxpool.New(ctx, v.database.OwnerDSN+" pool_max_conns=20")
	if err != nil {
		return fmt.Errorf("monolith: %w", err)
	}
	defer pool.Close()
	server := httptest.NewServer(legacy.New(legacy.Options{DB: pool, Log: slog.New(slog.DiscardHandler)}))
	defer server.Close()
	for i, rate := range stepRates {
		s, err := v.step(ctx, server.URL, i, rate)
		if err != nil {
			return err
		}
		fmt.Println("   " + s.String())
		v.Steps = append(v.Steps, s)
		if !s.holds() {
			break
		}
	}
	v.Rate = math.Round(sustained(v.Steps))
	return nil
}

func (v *moving) step(ctx context.Context, url string, n int, rate float64) (Step, error) {
	before, err := v.status(ctx)
	if err != nil {
		return Step{}, err
	}
	ledger := traffic.NewLedger(fmt.Sprintf("bench%d", n))
	writing, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() {
		ended <- traffic.Run(writing, traffic.Options{
			URL: url, Client: &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: buyersAtOnce}},
			Rate: rate, Lanes: buyersAtOnce, Seed: moveSeed, Run: fmt.Sprintf("bench%d", n), Customers: int64(v.Customers),
		}, ledger)
	}()
	for ledger.Writes() == 0 { // it reads the catalog first
		if err := pause(ctx, 10*time.Millisecond); err != nil {
			return Step{}, err
		}
	}
	began, s := time.Now(), Step{Asked: rate}
	var lags []float64
	for time.Since(began) < stepTime {
		if err := pause(ctx, stepEvery); err != nil {
			return s, err
		}
		at, err := v.status(ctx)
		if err != nil {
			return s, err
		}
		lags = append(lags, at.LagSecs)
	}
	stop()
	if err := <-ended; err != nil {
		return s, err
	}
	took := time.Since(began).Seconds()
	s.Writes = float64(ledger.Writes()) / took
	slices.Sort(lags)
	s.Median, s.Most = lags[len(lags)/2], lags[len(lags)-1]
	if s.Drained, err = v.drain(ctx); err != nil {
		return s, err
	}
	after, err := v.status(ctx)
	s.Changes = float64(after.Changes-before.Changes) / took
	return s, err
}

// drain waits until nothing is left to be stored, and says how many seconds that took. A
// lag of zero has to be seen for a while: what was written last may not have come yet.
func (v *moving) drain(ctx context.Context) (float64, error) {
	began, last := time.Now(), time.Now()
	for time.Since(last) < 5*stepEvery {
		if time.Since(began) > drainMost {
			return 0, errors.New("the move does not catch up")
		}
		if err := pause(ctx, stepEvery/4); err != nil {
			return 0, err
		}
		s, err := v.status(ctx)
		if err != nil {
			return 0, err
		}
		if s.LagSecs > 0 {
			last = time.Now()
		}
	}
	return last.Sub(began).Seconds(), nil
}
