package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"text/tabwriter"
	"time"
)

// Report is a run of the benchmark.
type Report struct {
	Time        time.Time  `json:"time"`
	Cores       int        `json:"cores"`
	Go          string     `json:"go"`
	Connections int        `json:"connections"`
	MemoryMB    float64    `json:"memory_mb"` // resident, of all processes of the shop
	Idle        *Idle      `json:"idle,omitempty"`
	Catalog     *Catalog   `json:"catalog,omitempty"`
	Migration   *Migration `json:"migration,omitempty"`
	Results     []Result   `json:"results"`
}

func newReport(m *meter) *Report {
	return &Report{Time: time.Now().UTC(), Cores: runtime.NumCPU(), Go: runtime.Version(), Connections: m.connections}
}

func (r *Report) add(res Result, err error) error {
	if err == nil {
		r.Results = append(r.Results, res)
	}
	return err
}

// addAgainst adds a result next to its floor.
func (r *Report) addAgainst(floor string) func(Result, error) error {
	return func(res Result, err error) error {
		for _, f := range r.Results {
			if f.Name == floor {
				res.Floor, res.Ratio, res.CPURatio = floor, res.PerSecond/f.PerSecond, f.CPU/res.CPU
			}
		}
		return r.add(res, err)
	}
}

func (r *Report) find(name string) *Result {
	if r == nil {
		return nil
	}
	for i := range r.Results {
		if r.Results[i].Name == name {
			return &r.Results[i]
		}
	}
	return nil
}

// print writes the table; before is an earlier run or nil.
func (r *Report) print(w io.Writer, before *Report) {
	if r.Migration != nil {
		r.Migration.tell(w)
		return
	}
	fmt.Fprintf(w, "\n%d connections, %d cores, %s; CPU is the whole machine's, load generator included\n", r.Connections, r.Cores, r.Go)
	fmt.Fprintln(w, "calls: i invocations, r state reads, w state writes, p publishes, b bindings; ratio: throughput over the floor's, CPU: the floor's over this")
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(tw, "case\tper s\tp50 ms\tp99 ms\terrors\tCPU ms\tcalls\tratio\tCPU ratio\tCPU before\t")
	for _, x := range r.Results {
		ratio, cpu, old := "", "", ""
		if x.Floor != "" {
			ratio, cpu = fmt.Sprintf("%.2f", x.Ratio), fmt.Sprintf("%.2f", x.CPURatio)
		}
		if b := before.find(x.Name); b != nil {
			old = fmt.Sprintf("%.2f", b.CPU)
		}
		fmt.Fprintf(tw, "%s\t%.0f\t%.1f\t%.1f\t%d\t%.2f\t%s\t%s\t%s\t%s\t\n", x.Name, x.PerSecond, x.P50, x.P99, x.Errors, x.CPU, x.Calls, ratio, cpu, old)
	}
	_ = tw.Flush()
	r.printDoor(w)
	fmt.Fprintln(w, "CPU ms per operation, by process (-d: a sidecar):")
	for _, x := range r.Results {
		names := slices.SortedFunc(maps.Keys(x.By), func(a, b string) int { return cmp.Compare(x.By[b], x.By[a]) })
		line := "  " + x.Name + ":"
		for _, name := range names {
			line += fmt.Sprintf("  %s %.2f", name, x.By[name])
		}
		fmt.Fprintln(w, line)
	}
	if r.Catalog != nil {
		r.Catalog.tell(w)
		return
	}
	fmt.Fprintf(w, "resident memory of the shop: %.0f MB\n", r.MemoryMB)
	if r.Idle != nil {
		fmt.Fprintf(w, "resident memory of the gateway with %d idle connections: %.0f MB, and %.0f MB after a busy time beside them\n", r.Idle.Connections, r.Idle.MemoryMB, r.Idle.BusyMB)
	}
}

func load(file string) (*Report, error) {
	b, err := os.ReadFile(file) //nolint:gosec // named by the user
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var r Report
	if err := json.Unmarshal(b, &r); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return &r, nil
}

func (r *Report) save(file string) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
		return err
	}
	fmt.Println("results:", file)
	return os.WriteFile(file, append(b, '\n'), 0o600)
}
