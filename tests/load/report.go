package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Report is a run.
type Report struct {
	Time     time.Time `json:"time"`
	Shop     string    `json:"shop"` // its profile, or its address
	Mix      string    `json:"mix"`
	Arrivals string    `json:"arrivals"`
	Keys     string    `json:"keys"`
	Seed     uint64    `json:"seed"`
	Products int       `json:"products"`
	Replicas int       `json:"replicas,omitempty"`
	History  int       `json:"history,omitempty"` // orders of the customer whose list is read
	Cores    int       `json:"cores"`             // of the machine that this program ran on
	Limit    float64   `json:"limit_ms"`          // of the knee: within which 99 % are answered
	Knee     float64   `json:"knee_per_second"`   // asked at the knee; 0: the first step was too much
	Idle     *Cost     `json:"idle,omitempty"`    // cores that nobody's requests take
	Stood    bool      `json:"all_steps_stood"`   // the knee is beyond the last step
	Apart    []Step    `json:"apart,omitempty"`   // each kind by itself
	Steps    []Step    `json:"steps"`
	// Orders are those there are in the end, and Events those of the topic orders.
	Orders     int `json:"orders,omitempty"`
	Events     int `json:"events,omitempty"`
	EventBytes int `json:"event_bytes,omitempty"`

	Checked string   `json:"checked"`
	Wrong   []string `json:"violations"`
}

// Step is one rate.
type Step struct {
	Mix      string  `json:"mix"`
	Asked    float64 `json:"asked_per_second"`
	Offered  float64 `json:"offered_per_second"`  // what was drawn for the time
	Achieved float64 `json:"achieved_per_second"` // good answers within the step's time
	Seconds  float64 `json:"seconds"`
	Requests int     `json:"requests"` // sent, those that an arrival makes besides included
	LateP99  float64 `json:"late_p99_ms"`
	Load     string  `json:"load_averages"`
	Rows     []Row   `json:"rows"` // the first is of all kinds
	BytesIn  int64   `json:"bytes_in"`
	BytesOut int64   `json:"bytes_out"` // bodies of the answers, and of the requests
	Cost     *Cost   `json:"cost,omitempty"`
}

// Cost is what processes of this machine have used.
type Cost struct {
	// Roles are an app, with "-d" its sidecar, and the servers.
	Seconds  map[string]float64 `json:"cpu_seconds,omitempty"`
	PerEach  map[string]float64 `json:"cpu_ms_per_arrival,omitempty"` // what the idle shop takes taken off
	Cores    map[string]float64 `json:"cores,omitempty"`
	Gone     []string           `json:"lost_processes,omitempty"`             // roles whose process has ended: their figures are too low
	Loopback float64            `json:"loopback_bytes_per_arrival,omitempty"` // of the whole machine
}

// cost gives what n arrivals cost, when the shop would have taken idle cores
// meanwhile in any case.
func cost(used usage, idle *Cost, took time.Duration, n int) *Cost {
	c := &Cost{Gone: used.gone, Seconds: map[string]float64{}, PerEach: map[string]float64{}, Cores: map[string]float64{}, Loopback: used.bytes / float64(max(n, 1))}
	for role, s := range used.seconds {
		c.Seconds[role] = round(s)
		c.Cores[role] = round(s / took.Seconds())
		off := 0.0
		if idle != nil && role != loadGenerator {
			off = idle.Cores[role] * took.Seconds()
		}
		c.PerEach[role] = round(max(0, s-off) * 1000 / float64(max(n, 1)))
	}
	return c
}

func round(x float64) float64 { return float64(int64(x*10_000+0.5)) / 10_000 }

// shop adds up what the shop takes of each arrival: without this program, and
// without what stands in for others: the mailbox and the payment provider.
func (c *Cost) shop() (sum float64) {
	for role, ms := range c.PerEach {
		if role != loadGenerator && role != "mailbox" && role != "sandbox" {
			sum += ms
		}
	}
	return sum
}

// print writes the tables.
func (r *Report) print(w io.Writer) {
	fmt.Fprintf(w, "\n%s, mix %s, %s arrivals, %s keys, %d products, seed %d\n", r.Shop, r.Mix, r.Arrivals, r.Keys, r.Products, r.Seed)
	fmt.Fprintln(w, "latency in ms, from when a request was due; late: how far behind that it was sent (p99)")
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(tw, "asked/s\tachieved/s\tkind\tcount\tp50\tp90\tp99\tp99.9\tconfirmed p99\tlate\tCPU ms each\tload\t")
	for _, s := range slices.Concat(r.Apart, r.Steps) {
		for _, row := range s.Rows {
			asked, achieved, late, cpu, load, settled := "", "", "", "", "", ""
			if row.Kind == "" {
				asked, achieved, late, load = fmt.Sprintf("%.0f", s.Asked), fmt.Sprintf("%.1f", s.Achieved), fmt.Sprintf("%.0f", s.LateP99), s.Load
				if s.Cost != nil {
					cpu = fmt.Sprintf("%.2f", s.Cost.shop())
				}
			}
			if row.Settled != nil {
				settled = fmt.Sprintf("%.0f", row.Settled.P99)
			}
			fmt.Fprintf(tw, "%s\t%s\t%s\t%d\t%.1f\t%.1f\t%.1f\t%.1f\t%s\t%s\t%s\t%s\t\n", asked, achieved, cmp.Or(row.Kind, "all"), row.Count, row.P50, row.P90, row.P99, row.P999, settled, late, cpu, load)
		}
	}
	_ = tw.Flush()
	r.printClasses(w)
	r.printCost(w)
	switch {
	case r.Stood:
		fmt.Fprintf(w, "knee: beyond %.0f/s, the last step (99 %% within %.0f ms)\n", r.Knee, r.Limit)
	case r.Knee > 0:
		fmt.Fprintf(w, "knee: %.0f/s (99 %% within %.0f ms)\n", r.Knee, r.Limit)
	default:
		fmt.Fprintf(w, "knee: below the first step (99 %% within %.0f ms)\n", r.Limit)
	}
	if r.Orders > 0 {
		fmt.Fprintf(w, "orders: %d, with %.1f events each of %.0f bytes\n", r.Orders, float64(r.Events)/float64(r.Orders), float64(r.EventBytes)/float64(max(r.Events, 1)))
	}
	fmt.Fprintf(w, "checked: %s\n", r.Checked)
}

func (r *Report) printClasses(w io.Writer) {
	for _, s := range slices.Concat(r.Apart, r.Steps) {
		var parts []string
		for _, c := range classes {
			if n := s.Rows[0].Classes[c]; n > 0 {
				parts = append(parts, fmt.Sprintf("%d %s", n, c))
			}
		}
		line := fmt.Sprintf("  %.0f/s %s: %s", s.Asked, s.Mix, strings.Join(parts, ", "))
		if d := s.Rows[0].Detail; d != "" {
			line += " (first failure: " + d + ")"
		}
		fmt.Fprintln(w, line)
	}
}

func (r *Report) printCost(w io.Writer) {
	for _, s := range slices.Concat(r.Apart, r.Steps) {
		if s.Cost == nil {
			continue
		}
		names := slices.SortedFunc(maps.Keys(s.Cost.PerEach), func(a, b string) int { return cmp.Compare(s.Cost.PerEach[b], s.Cost.PerEach[a]) })
		line := fmt.Sprintf("  %.0f/s %s, CPU ms an arrival (-d: a sidecar):", s.Asked, s.Mix)
		for _, name := range names {
			if ms := s.Cost.PerEach[name]; ms >= 0.005 {
				line += fmt.Sprintf("  %s %.2f", name, ms)
			}
		}
		if len(s.Cost.Gone) > 0 {
			line += "  LOST, and too low: " + strings.Join(s.Cost.Gone, ", ")
		}
		fmt.Fprintf(w, "%s  (loopback %.1f kB)\n", line, s.Cost.Loopback/1000)
	}
}

// save writes the results, and their plot beside them.
func (r *Report) save(file string) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
		return err
	}
	if err := os.WriteFile(file, append(b, '\n'), 0o600); err != nil { //nolint:gosec // named by the user
		return err
	}
	picture := strings.TrimSuffix(file, filepath.Ext(file)) + ".svg"
	fmt.Println("results:", file, picture)
	return os.WriteFile(picture, []byte(plot(r)), 0o600)
}
