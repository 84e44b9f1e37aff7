package main

import (
	"fmt"
	"math"
	"strings"
)

// The plot's size, and the frame within it, in pixels.
const (
	width, height            = 760, 420
	left, right, top, bottom = 70, 730, 50, 360
)

// style serves light and dark pages: a picture that a page shows asks the
// reader's system itself.
const style = `
  svg{--ink:#1f2328;--faint:#d0d7de;--page:#ffffff;--a:#0969da;--b:#8250df;--c:#bc4c00;--d:#a40e26}
  @media (prefers-color-scheme: dark){svg{--ink:#e6edf3;--faint:#3d444d;--page:#0d1117;--a:#58a6ff;--b:#bc8cff;--c:#f0883e;--d:#ff7b72}}
  text{font:12px system-ui,sans-serif;fill:var(--ink)} .page{fill:var(--page)} .grid{stroke:var(--faint)} .axis{stroke:var(--ink)}
  polyline{fill:none;stroke-width:2} .knee{stroke:var(--ink);stroke-dasharray:5 4}
  .p0{stroke:var(--a)} .p1{stroke:var(--b)} .p2{stroke:var(--c)} .p3{stroke:var(--d)}
  circle{fill:var(--page);stroke-width:2}
`

// scale turns a rate and a latency into a point: rates from 0 to the largest,
// latencies by their logarithm between two powers of ten.
type scale struct {
	rate   float64
	lo, hi float64 // exponents of ten, of ms
}

func (s scale) x(rate float64) float64 { return left + (right-left)*rate/s.rate }

func (s scale) y(ms float64) float64 {
	e := math.Log10(math.Max(ms, math.Pow(10, s.lo)))
	return bottom - (bottom-top)*(e-s.lo)/(s.hi-s.lo)
}

// percentiles are the lines of the plot.
var percentiles = []struct {
	name string
	of   func(Latency) float64
}{
	{"p50", func(l Latency) float64 { return l.P50 }},
	{"p90", func(l Latency) float64 { return l.P90 }},
	{"p99", func(l Latency) float64 { return l.P99 }},
	{"p99.9", func(l Latency) float64 { return l.P999 }},
}

// plot draws latency over the rate that was asked, as SVG, with the knee. It is
// made by hand, since a library's (gonum/plot) has fixed colours and brings nine
// modules, fonts among them.
func plot(r *Report) string {
	s := scaleOf(r.Steps)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-label="Latency over load"><style>%s</style>`+"\n", width, height, style)
	fmt.Fprintf(&b, `<rect class="page" width="%d" height="%d"/>`+"\n", width, height)
	fmt.Fprintf(&b, `<text x="%d" y="24">Latency over load: %s, mix %s, %s arrivals, %s</text>`+"\n", left, escape(r.Shop), escape(r.Mix), escape(r.Arrivals), r.Time.Format("2006-01-02"))
	for e := s.lo; e <= s.hi; e++ {
		y := s.y(math.Pow(10, e))
		fmt.Fprintf(&b, `<line class="grid" x1="%d" x2="%d" y1="%.1f" y2="%.1f"/><text x="%d" y="%.1f" text-anchor="end">%s</text>`+"\n", left, right, y, y, left-8, y+4, unit(e))
	}
	for _, step := range r.Steps {
		x := s.x(step.Asked)
		fmt.Fprintf(&b, `<line class="axis" x1="%.1f" x2="%.1f" y1="%d" y2="%d"/><text x="%.1f" y="%d" text-anchor="middle">%.0f</text>`+"\n", x, x, bottom, bottom+5, x, bottom+19, step.Asked)
	}
	fmt.Fprintf(&b, `<line class="axis" x1="%d" x2="%d" y1="%d" y2="%d"/><text x="%d" y="%d" text-anchor="middle">asked, arrivals a second</text>`+"\n", left, right, bottom, bottom, (left+right)/2, bottom+42)
	if r.Knee > 0 && !r.Stood {
		x := s.x(r.Knee)
		fmt.Fprintf(&b, `<line class="knee" x1="%.1f" x2="%.1f" y1="%d" y2="%d"/><text x="%.1f" y="%d" text-anchor="end">knee: %.0f/s</text>`+"\n", x, x, top, bottom, x-6, top+12, r.Knee)
	}
	for i, p := range percentiles {
		var points, dots strings.Builder
		for _, step := range r.Steps {
			x, y := s.x(step.Asked), s.y(p.of(step.Rows[0].Latency))
			fmt.Fprintf(&points, "%.1f,%.1f ", x, y)
			fmt.Fprintf(&dots, `<circle class="p%d" cx="%.1f" cy="%.1f" r="3"/>`, i, x, y)
		}
		fmt.Fprintf(&b, `<polyline class="p%d" points="%s"/>%s`+"\n", i, strings.TrimSpace(points.String()), dots.String())
		fmt.Fprintf(&b, `<line class="p%d" x1="%d" x2="%d" y1="40" y2="40" stroke-width="2"/><text x="%d" y="44">%s</text>`+"\n", i, left+90*i, left+90*i+24, left+90*i+30, p.name)
	}
	return b.String() + "</svg>\n"
}

// scaleOf takes in all points.
func scaleOf(steps []Step) scale {
	s := scale{rate: 1, lo: math.Inf(1), hi: math.Inf(-1)}
	for _, step := range steps {
		s.rate = max(s.rate, step.Asked)
		for _, p := range percentiles {
			if ms := p.of(step.Rows[0].Latency); ms > 0 {
				s.lo, s.hi = min(s.lo, math.Floor(math.Log10(ms))), max(s.hi, math.Ceil(math.Log10(ms)))
			}
		}
	}
	if s.lo > s.hi { // nothing was measured
		s.lo, s.hi = 0, 1
	}
	s.hi = max(s.hi, s.lo+1)
	return s
}

// unit names a power of ten of ms.
func unit(e float64) string {
	if e >= 3 {
		return fmt.Sprintf("%.0f s", math.Pow(10, e-3))
	}
	return fmt.Sprintf("%g ms", math.Pow(10, e))
}

func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;").Replace(s)
}
