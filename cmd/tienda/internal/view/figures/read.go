// Package figures reads what apps and sidecars count, in Prometheus' text format, and
// makes of two readings what has happened between them: rates and quantiles.
package figures

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
)

// Series is one counter, gauge or histogram with its labels.
type Series struct {
	Name   string
	Labels map[string]string
	Value  float64 // of a counter or gauge; of a histogram, how many were observed
	Grows  bool    // no gauge

	Buckets []Bucket // of a histogram, by rising bound; nil: none
}

// Bucket is how many observations were at most Bound, in the histogram's unit.
type Bucket struct{ Bound, Count float64 }

// Figures are the series of one process at one time, by name and labels.
type Figures map[string]Series

// Read reads the figures that wanted names. The lines of others, which in a sidecar are
// nearly all, are dropped before they are parsed.
func Read(r io.Reader, wanted func(name string) bool) (Figures, error) {
	var kept bytes.Buffer
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	keep := false
	for lines.Scan() {
		line := lines.Bytes()
		if rest, ok := bytes.CutPrefix(line, []byte("# ")); ok {
			// "# TYPE name kind" and "# HELP name text" stand before the series.
			_, rest, _ = bytes.Cut(rest, []byte(" "))
			name, _, _ := bytes.Cut(rest, []byte(" "))
			keep = wanted(string(name))
		}
		if keep {
			kept.Write(line)
			kept.WriteByte('\n')
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("figures: %w", err)
	}
	var parser expfmt.TextParser
	families, err := parser.TextToMetricFamilies(&kept)
	if err != nil {
		return nil, fmt.Errorf("figures: %w", err)
	}
	all := Figures{}
	for name, f := range families {
		for _, m := range f.GetMetric() {
			s := series(name, f.GetType(), m)
			all[s.key()] = s
		}
	}
	return all, nil
}

func series(name string, kind dto.MetricType, m *dto.Metric) Series {
	s := Series{Name: name, Labels: map[string]string{}, Grows: kind != dto.MetricType_GAUGE}
	for _, l := range m.GetLabel() {
		s.Labels[l.GetName()] = l.GetValue()
	}
	switch kind {
	case dto.MetricType_HISTOGRAM:
		s.Value = float64(m.GetHistogram().GetSampleCount())
		for _, b := range m.GetHistogram().GetBucket() {
			s.Buckets = append(s.Buckets, Bucket{b.GetUpperBound(), float64(b.GetCumulativeCount())})
		}
	case dto.MetricType_COUNTER:
		s.Value = m.GetCounter().GetValue()
	case dto.MetricType_GAUGE:
		s.Value = m.GetGauge().GetValue()
	default:
		s.Value = m.GetUntyped().GetValue()
	}
	return s
}

func (s Series) key() string {
	var b strings.Builder
	b.WriteString(s.Name)
	for _, name := range slices.Sorted(maps.Keys(s.Labels)) {
		b.WriteString("\x00" + name + "\x00" + s.Labels[name])
	}
	return b.String()
}
