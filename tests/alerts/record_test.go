//go:build alerts

package alerts

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"tienda/tests/shop"
)

const (
	interval = 3 * time.Second // between two scrapes
	patience = 2500 * time.Millisecond
)

// figure is a value; NaN: the scrape has none, which is null in JSON.
type figure float64

func (f figure) MarshalJSON() ([]byte, error) {
	if math.IsNaN(float64(f)) {
		return []byte("null"), nil
	}
	return strconv.AppendFloat(nil, float64(f), 'g', -1, 64), nil
}

func (f figure) there() bool { return !math.IsNaN(float64(f)) }

// series is what one figure was at each scrape.
type series struct {
	Labels map[string]string `json:"labels"`
	Values []figure          `json:"values"`
	grows  bool              // a counter, or a part of a histogram
}

// record is what was scraped.
type record struct {
	Times  []int64   `json:"times"` // in milliseconds
	Series []*series `json:"series"`
}

// target is an app that is scraped.
type target struct{ job, instance, url string }

// recorder scrapes the apps of a shop.
type recorder struct {
	targets []target
	ended   sync.WaitGroup

	mu     sync.Mutex
	record record
	known  map[string]*series
}

var jobs = []string{"gateway", "users", "catalog", "orders", "support"}

// watch scrapes a shop until ctx ends.
func watch(ctx context.Context, s *shop.Shop) (*recorder, error) {
	r := &recorder{known: map[string]*series{}}
	for _, app := range s.Apps {
		if !slices.Contains(jobs, app.AppID) {
			continue
		}
		at, err := s.Figures(app.Name)
		if err != nil {
			return nil, err
		}
		u, err := url.Parse(at)
		if err != nil {
			return nil, err
		}
		r.targets = append(r.targets, target{app.AppID, u.Host, at})
	}
	r.ended.Go(func() {
		t := time.NewTicker(interval)
		defer t.Stop()
		for {
			r.scrape(ctx)
			select {
			case <-ctx.Done():
				return
			case <-t.C:
			}
		}
	})
	return r, nil
}

// scrape asks all apps at once, as of the time when it begins.
func (r *recorder) scrape(ctx context.Context) {
	at := time.Now()
	found := make([][]sample, len(r.targets))
	var all sync.WaitGroup
	for i, t := range r.targets {
		all.Go(func() { found[i] = t.scrape(ctx) })
	}
	all.Wait()
	if ctx.Err() != nil {
		return // it is cut short
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	n := len(r.record.Times)
	r.record.Times = append(r.record.Times, at.UnixMilli())
	for _, s := range slices.Concat(found...) {
		key := s.key()
		if r.known[key] == nil {
			r.known[key] = &series{Labels: s.labels, grows: s.grows, Values: slices.Repeat([]figure{figure(math.NaN())}, n)}
			r.record.Series = append(r.record.Series, r.known[key])
		}
		r.known[key].Values = append(r.known[key].Values, figure(s.value))
	}
	for _, s := range r.record.Series {
		if len(s.Values) == n {
			s.Values = append(s.Values, figure(math.NaN()))
		}
	}
}

// scrapes gives how many there are.
func (r *recorder) scrapes() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.record.Times)
}

// last adds up what a figure is now, in all series with these labels.
func (r *recorder) last(name string, labels ...string) (sum float64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.record.Series {
		fits := s.Labels["__name__"] == name
		for i := 0; i+1 < len(labels); i += 2 {
			fits = fits && s.Labels[labels[i]] == labels[i+1]
		}
		if now := s.Values[len(s.Values)-1]; fits && now.there() {
			sum += float64(now)
		}
	}
	return sum
}

// until gives the record of the first n scrapes, and behind it the last so many of them
// again and again until they have lasted.
func (r *recorder) until(n, again int, lasted time.Duration) record {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := record{Times: slices.Clone(r.record.Times[:n])}
	first, last := n-1-again, n-1
	turns := 0
	if lasted > 0 {
		turn := r.record.Times[last] - r.record.Times[first]
		turns = int(lasted.Milliseconds()/turn) + 1
		for k := range turns {
			for _, at := range r.record.Times[first+1 : n] {
				out.Times = append(out.Times, at+int64(k+1)*turn)
			}
		}
	}
	for _, s := range r.record.Series {
		long := &series{Labels: s.Labels, grows: s.grows, Values: slices.Clone(s.Values[:n])}
		for k := range turns {
			long.Values = append(long.Values, s.turn(first, last, k+1)...)
		}
		out.Series = append(out.Series, long)
	}
	return out
}

// turn repeats the values after the first up to the last for the k-th time.
func (s *series) turn(first, last, k int) []figure {
	out := slices.Clone(s.Values[first+1 : last+1])
	if !s.grows {
		return out
	}
	from := s.Values[first]
	for i := first; i <= last && !from.there(); i++ {
		from = s.Values[i]
	}
	more := max(s.Values[last]-from, 0)
	for i := range out {
		out[i] += figure(k) * more
	}
	return out
}

// sample is one value of a scrape.
type sample struct {
	labels map[string]string
	value  float64
	grows  bool
}

func (s sample) key() string {
	b, _ := json.Marshal(s.labels) // sorted
	return string(b)
}

// scrape gives the shop's own figures of an app, and up.
func (t target) scrape(ctx context.Context) []sample {
	up := func(v float64) sample {
		return sample{labels: map[string]string{"__name__": "up", "job": t.job, "instance": t.instance}, value: v}
	}
	families, err := t.families(ctx)
	if err != nil {
		return []sample{up(0)}
	}
	all := []sample{up(1)}
	for name, f := range families {
		if !strings.HasPrefix(name, "tienda_") {
			continue
		}
		for _, m := range f.GetMetric() {
			all = append(all, t.samples(name, m)...)
		}
	}
	return all
}

func (t target) families(ctx context.Context) (map[string]*dto.MetricFamily, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, t.url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	var text bytes.Buffer
	if _, err := text.ReadFrom(resp.Body); err != nil {
		return nil, err
	}
	var parser expfmt.TextParser
	return parser.TextToMetricFamilies(&text)
}

// samples gives the series of a figure, as Prometheus names them.
func (t target) samples(name string, m *dto.Metric) (out []sample) {
	add := func(name string, value float64, grows bool, more ...string) {
		labels := map[string]string{"__name__": name, "job": t.job, "instance": t.instance}
		for _, l := range m.GetLabel() {
			labels[l.GetName()] = l.GetValue()
		}
		for i := 0; i+1 < len(more); i += 2 {
			labels[more[i]] = more[i+1]
		}
		out = append(out, sample{labels, value, grows})
	}
	switch {
	case m.GetHistogram() != nil:
		for _, b := range m.GetHistogram().GetBucket() {
			le := "+Inf"
			if !math.IsInf(b.GetUpperBound(), 1) {
				le = strconv.FormatFloat(b.GetUpperBound(), 'g', -1, 64)
			}
			add(name+"_bucket", float64(b.GetCumulativeCount()), true, "le", le)
		}
		add(name+"_sum", m.GetHistogram().GetSampleSum(), true)
		add(name+"_count", float64(m.GetHistogram().GetSampleCount()), true)
	case m.GetCounter() != nil:
		add(name, m.GetCounter().GetValue(), true)
	default:
		add(name, m.GetGauge().GetValue(), false)
	}
	return out
}
