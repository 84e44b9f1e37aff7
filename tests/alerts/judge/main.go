// Command judge asks Prometheus' own rule engine which alerts a record of figures sets off.
// It reads the record from the standard input, evaluates the rule file that it is given at
// the time of each scrape, and writes what was pending and what fired then. It is a module
// of its own: the shop needs nothing of Prometheus' server.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/promslog"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/teststorage"
)

// Record is what was scraped.
type Record struct {
	Times  []int64  `json:"times"` // in milliseconds
	Series []Series `json:"series"`
}

// Series has a value for each time; null: a scrape without it.
type Series struct {
	Labels map[string]string `json:"labels"`
	Values []*float64        `json:"values"`
}

// Verdict is what the rules say of a record.
type Verdict struct {
	Rules  map[string]time.Duration `json:"rules"` // how long the condition of each alert has to hold
	Alerts []Alert                  `json:"alerts"`
}

// Alert is an alert at the time of a scrape.
type Alert struct {
	Scrape  int     `json:"scrape"`
	Name    string  `json:"name"`
	Firing  bool    `json:"firing"` // or else pending
	Labels  string  `json:"labels"`
	Value   float64 `json:"value"`
	Summary string  `json:"summary"`
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: judge rules.yaml < record.json")
		os.Exit(2)
	}
	if err := run(context.Background(), os.Args[1], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, file string, in io.Reader, out io.Writer) (err error) {
	var r Record
	if err := json.NewDecoder(in).Decode(&r); err != nil {
		return fmt.Errorf("the record: %w", err)
	}
	db, err := teststorage.NewWithError()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	syntax := parser.NewParser(parser.Options{})
	engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 50_000_000, Timeout: time.Minute, Parser: syntax})
	manager := rules.NewManager(&rules.ManagerOptions{
		QueryFunc: rules.EngineQueryFunc(engine, db), AppendableV2: db, Queryable: db, Context: ctx,
		NotifyFunc: func(context.Context, string, ...*rules.Alert) {}, Logger: promslog.NewNopLogger(), Parser: syntax,
	})
	loaded, failed := manager.LoadGroups(15*time.Second, labels.EmptyLabels(), "", nil, false, file)
	if len(failed) > 0 {
		return errors.Join(failed...)
	}
	v := Verdict{Rules: map[string]time.Duration{}}
	var groups []*rules.Group
	for _, g := range loaded {
		groups = append(groups, g)
	}
	slices.SortFunc(groups, func(a, b *rules.Group) int { return strings.Compare(a.Name(), b.Name()) })
	for _, a := range alerting(groups) {
		a.SetRestored(true) // it has no state of a run before
		v.Rules[a.Name()] = a.HoldDuration()
	}
	for n, at := range r.Times {
		if err := store(ctx, db, r.Series, n, at); err != nil {
			return err
		}
		for _, g := range groups {
			g.Eval(ctx, time.UnixMilli(at))
		}
		for _, a := range alerting(groups) {
			if err := a.LastError(); err != nil {
				return fmt.Errorf("%s: %w", a.Name(), err)
			}
			for _, now := range a.ActiveAlerts() {
				v.Alerts = append(v.Alerts, Alert{n, a.Name(), now.State == rules.StateFiring, now.Labels.String(), now.Value, now.Annotations.Get("summary")})
			}
		}
	}
	return json.NewEncoder(out).Encode(v)
}

func alerting(groups []*rules.Group) (out []*rules.AlertingRule) {
	for _, g := range groups {
		out = append(out, g.AlertingRules()...)
	}
	return out
}

// store puts a scrape into the database. What the scrape before had and this one has not
// is marked stale, as Prometheus does it.
func store(ctx context.Context, db storage.AppendableV2, all []Series, n int, at int64) error {
	app := db.AppenderV2(ctx)
	for _, s := range all {
		v := math.Float64frombits(value.StaleNaN)
		switch {
		case s.Values[n] != nil:
			v = *s.Values[n]
		case n == 0 || s.Values[n-1] == nil:
			continue
		}
		if _, err := app.Append(0, labels.FromMap(s.Labels), 0, at, v, nil, nil, storage.AppendV2Options{}); err != nil {
			return errors.Join(err, app.Rollback())
		}
	}
	return app.Commit()
}
